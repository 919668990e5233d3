#include "s3gw/core/xml_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

constexpr std::array<bool, 256> make_special() {
  std::array<bool, 256> special{};
  for (int c = 0; c < 32; ++c) special[static_cast<std::size_t>(c)] = c != '\t' && c != '\n';
  special['&'] = special['<'] = special['>'] = special['"'] = true;
  return special;
}
constexpr auto kSpecial = make_special();

void append_reference(std::string& out, unsigned char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    default:
      constexpr std::string_view kDigits = "0123456789abcdef";
      out += "&#x";
      if (c >= 16) out += kDigits[c >> 4];
      out += kDigits[c & 15];
      out += ';';
  }
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!kSpecial[c]) continue;
    out.append(text, run, i - run);
    append_reference(out, c);
    run = i + 1;
  }
  out.append(text, run);
}

void XmlWriter::begin(std::string_view root) {
  out_ += kXmlHead;
  out_ += '<';
  out_ += root;
  out_ += " xmlns=\"";
  out_ += kXmlNamespace;
  out_ += "\">";
}

void XmlWriter::begin_plain(std::string_view root) {
  out_ += kXmlHead;
  open(root);
}

// A page has thousands of tags: each is one growth of the text.
void XmlWriter::open(std::string_view tag) {
  const std::size_t at = out_.size();
  out_.resize(at + tag.size() + 2);
  char* to = out_.data() + at;
  *to++ = '<';
  to = std::ranges::copy(tag, to).out;
  *to = '>';
}

void XmlWriter::close(std::string_view tag) {
  const std::size_t at = out_.size();
  out_.resize(at + tag.size() + 3);
  char* to = out_.data() + at;
  *to++ = '<';
  *to++ = '/';
  to = std::ranges::copy(tag, to).out;
  *to = '>';
}

void XmlWriter::element(std::string_view tag, std::string_view text) {
  open(tag);
  append_escaped(out_, text);
  close(tag);
}

void XmlWriter::element(std::string_view tag, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  open(tag);
  out_.append(digits, static_cast<std::size_t>(end - digits));
  close(tag);
}

void XmlWriter::element(std::string_view tag, bool flag) {
  open(tag);
  out_ += flag ? "true" : "false";
  close(tag);
}

void XmlWriter::element(std::string_view tag, WallTime time) {
  open(tag);
  append_iso8601(time, out_);
  close(tag);
}

void XmlWriter::etag(std::string_view text) {
  out_ += "<ETag>&quot;";
  out_ += text;
  out_ += "&quot;</ETag>";
}

}  // namespace kelp::s3
