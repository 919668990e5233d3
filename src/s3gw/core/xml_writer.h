#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace kelp::s3 {

inline constexpr std::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
inline constexpr std::string_view kXmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Appends `text` as XML character data: & < > " and carriage return become references, and so do
/// the other control bytes, which XML 1.0 cannot carry (AWS does the same; a client that must read
/// such keys asks for encoding-type=url).
void append_escaped(std::string& out, std::string_view text);

/// Writes XML to the end of a string. Elements must be closed by their writer; nothing is checked.
class XmlWriter {
 public:
  /// `out` must outlive the writer.
  explicit XmlWriter(std::string& out) : out_(out) {}

  /// The declaration and the opening tag of the root, in S3's namespace.
  void begin(std::string_view root);
  /// As begin(), without a namespace: error answers.
  void begin_plain(std::string_view root);
  void open(std::string_view tag);
  void close(std::string_view tag);
  /// What is XML already.
  void raw(std::string_view xml) { out_ += xml; }
  /// `<tag>text</tag>`, escaped.
  void element(std::string_view tag, std::string_view text);
  void element(std::string_view tag, std::uint64_t number);
  void element(std::string_view tag, bool flag);
  void element(std::string_view tag, WallTime time);
  /// A literal would otherwise turn into a bool.
  void element(std::string_view tag, const char* text) { element(tag, std::string_view(text)); }
  /// `<tag>"text"</tag>` for ETags; `text` is not escaped.
  void etag(std::string_view text);

 private:
  std::string& out_;
};

}  // namespace kelp::s3
