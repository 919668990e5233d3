#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "webdav/failure.h"

namespace kelp::webdav {

/// The boundary of a multipart/form-data Content-Type. 415 for another type, 400 without one.
[[nodiscard]] Outcome<std::string> form_boundary(std::string_view content_type);

/// Takes a form (RFC 7578) apart while it arrives: push() bytes, then next() until it needs more.
/// Pure; keeps what it was given until it is cut, a head of at most 8 KiB.
class FormCutter {
 public:
  explicit FormCutter(const std::string& boundary);

  /// It needs more bytes.
  struct NeedMore {};
  /// A field begins. `filename` is empty for one that is no file.
  struct Field {
    std::string name;
    std::string filename;
    std::string content_type;
  };
  /// Bytes of the field; valid until the next call of anything.
  struct Data {
    std::string_view bytes;
  };
  /// The field is complete.
  struct FieldEnd {};
  /// The form is complete; what follows means nothing.
  struct End {};
  using Step = std::variant<NeedMore, Field, Data, FieldEnd, End>;

  void push(std::string_view bytes);
  /// 400 for what is no form.
  [[nodiscard]] Outcome<Step> next();

 private:
  enum class State : unsigned char { kPreamble, kBehindBoundary, kHead, kData, kEnd };
  Outcome<Step> behind_boundary();
  Outcome<Step> head();
  Step data();
  void consume(std::size_t bytes) { at_ += bytes; }
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(at_); }

  std::string delimiter_;  ///< CRLF, two hyphens, the boundary.
  State state_ = State::kPreamble;
  std::string buffer_;
  std::size_t at_ = 0;  ///< What stands before it is done with.
};

}  // namespace kelp::webdav
