#include "s3gw/core/form_data.h"

#include <algorithm>

#include "s3gw/core/config/shape.h"
#include "s3gw/core/header_text.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kLine = "\r\n";
constexpr std::size_t kMaxBoundaryBytes = 70;
constexpr std::size_t kMaxPartHeaders = 32;

std::unexpected<S3Error> malformed() {
  return s3_error(S3Code::kMalformedPOSTRequest);
}

/// A parameter `; name="value"` or `; name=value`, cut off the front of `rest`. Within quotes `\"`
/// is a quote and any other backslash itself: old browsers send whole paths.
struct Parameter {
  std::string name;  ///< In lower case.
  std::string value;
};
std::optional<Parameter> cut_parameter(std::string_view& rest) {
  rest = trimmed(rest);
  if (!rest.starts_with(';')) return std::nullopt;
  rest = trimmed(rest.substr(1));
  const std::size_t equals = rest.find('=');
  if (equals == rest.npos) return std::nullopt;
  Parameter parameter;
  for (const char c : trimmed(rest.substr(0, equals))) parameter.name += ascii_lower(c);
  rest = trimmed(rest.substr(equals + 1));
  if (!rest.starts_with('"')) {
    const std::string_view token = rest.substr(0, rest.find_first_of("; \t"));
    parameter.value = token;
    rest.remove_prefix(token.size());
    return parameter;
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return parameter;
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && rest[i + 1] == '"') ++i;
    parameter.value += rest[i];
  }
  return std::nullopt;
}

/// The header of a part.
struct PartHead {
  std::string name;
  std::optional<std::string> filename;
};

/// Reads `form-data; name="…"; filename="…"`.
S3Result<PartHead> read_disposition(std::string_view value) {
  const std::string_view type = trimmed(value.substr(0, value.find(';')));
  value.remove_prefix(std::min(value.find(';'), value.size()));
  PartHead part;
  bool named = false;
  while (const auto parameter = cut_parameter(value)) {
    if (parameter->name == "name" && !std::exchange(named, true)) part.name = parameter->value;
    if (parameter->name == "filename") part.filename = parameter->value;
  }
  if (!equals_lower(type, "form-data") || !named || !trimmed(value).empty()) return malformed();
  return part;
}

/// Walks through a form; an end of the bytes where there should be more is malformed only when
/// there are no more.
class FormReader {
 public:
  FormReader(std::string_view bytes, std::string_view boundary, bool whole)
      : bytes_(bytes), delimiter_(file_delimiter(boundary)), whole_(whole) {}

  S3Result<FormHead> read() {
    if (bytes_.starts_with(kLine)) at_ = kLine.size();
    const std::string_view first = std::string_view(delimiter_).substr(kLine.size());
    if (!bytes_.substr(at_).starts_with(first)) return malformed();
    at_ += first.size();
    FormHead form;
    for (;;) {
      if (rest().starts_with("--")) return no_file();
      KELP_S3_TRY(PartHead part, read_part_head());
      if (equals_lower(part.name, "file")) {
        if (at_ > kMaxFormBytes) return too_long();
        form.filename = std::move(part.filename);
        form.file_begins = at_;
        return form;
      }
      const std::size_t end = bytes_.find(delimiter_, at_);
      if (end == bytes_.npos) return cut_short();
      form.fields.push_back({std::move(part.name), std::string(bytes_.substr(at_, end - at_))});
      at_ = end + delimiter_.size();
    }
  }

 private:
  [[nodiscard]] std::string_view rest() const { return bytes_.substr(at_); }

  static std::unexpected<S3Error> too_long() {
    return std::unexpected(S3Error{S3Code::kMaxPostPreDataLengthExceeded,
                                   {},
                                   {{"MaxPostPreDataLengthBytes", std::to_string(kMaxFormBytes)}}});
  }
  [[nodiscard]] std::unexpected<S3Error> cut_short() const {
    if (!whole_ || bytes_.size() > kMaxFormBytes) return too_long();
    return malformed();
  }
  static std::unexpected<S3Error> no_file() {
    return bad_argument("POST requires exactly one file upload per request.", "file", "0");
  }

  S3Result<std::string_view> read_line() {
    const std::size_t end = bytes_.find(kLine, at_);
    if (end == bytes_.npos) return cut_short();
    const std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + kLine.size();
    return line;
  }

  S3Result<PartHead> read_part_head() {
    KELP_S3_TRY(const std::string_view padding, read_line());
    if (!trimmed(padding).empty()) return malformed();
    std::optional<PartHead> part;
    for (std::size_t lines = 0;; ++lines) {
      KELP_S3_TRY(std::string_view line, read_line());
      if (line.empty()) break;
      if (lines == kMaxPartHeaders || !line.contains(':')) return malformed();
      if (!equals_lower(trimmed(cut(line, ':')), "content-disposition")) continue;
      if (part) return malformed();
      KELP_S3_TRY(part, read_disposition(line));
    }
    if (!part) return malformed();
    return *std::move(part);
  }

  std::string_view bytes_;
  std::string delimiter_;
  bool whole_;
  std::size_t at_ = 0;
};

}  // namespace

S3Result<std::string> form_boundary(std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (!equals_lower(type, "multipart/form-data")) {
    return std::unexpected(
        S3Error{S3Code::kPreconditionFailed,
                {},
                {{"Condition", "Bucket POST must be of the enclosure-type multipart/form-data"}}});
  }
  content_type.remove_prefix(std::min(content_type.find(';'), content_type.size()));
  while (const auto parameter = cut_parameter(content_type)) {
    if (parameter->name != "boundary") continue;
    const std::string& boundary = parameter->value;
    const bool good = !boundary.empty() && boundary.size() <= kMaxBoundaryBytes &&
                      std::ranges::all_of(boundary, [](char c) { return c >= ' ' && c <= '~'; });
    if (!good || boundary.ends_with(' ')) break;
    return boundary;
  }
  return malformed();
}

S3Result<FormHead> parse_form_head(std::string_view bytes, std::string_view boundary, bool whole) {
  return FormReader(bytes, boundary, whole).read();
}

std::string file_delimiter(std::string_view boundary) {
  return std::string(kLine) + "--" + std::string(boundary);
}

FileBytes scan_file(std::string_view bytes, std::string_view delimiter) {
  const std::size_t end = bytes.find(delimiter);
  if (end != bytes.npos) return {.data = end, .ended = true};
  std::size_t begun = std::min(bytes.size(), delimiter.size() - 1);
  while (!bytes.ends_with(delimiter.substr(0, begun))) --begun;
  return {.data = bytes.size() - begun, .ended = false};
}

}  // namespace kelp::s3
