#include "net/http_head.h"

#include <fmt/format.h>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional.hpp>
#include <charconv>
#include <cstring>
#include <limits>

namespace kelp {
namespace {

namespace http = boost::beast::http;
using BeastView = boost::beast::string_view;
using Refused = std::unexpected<HeadRefusal>;

Refused refuse(int status, std::string detail) {
  return Refused(HeadRefusal{status, Error(Errc::kInvalidArgument, std::move(detail))});
}

std::string_view view(BeastView text) {
  return {text.data(), text.size()};
}

/// True when `line` holds a control byte that no line may hold. Branch-free, so that it vectorises.
bool has_control_byte(std::string_view line) {
  bool found = false;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    found |= (byte < 0x20 && byte != '\t') || byte == 0x7f;
  }
  return found;
}

bool is_host_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '[' || c == ']' || c == '~' || c == '%';
}

bool is_host(std::string_view value) {
  for (const char c : value) {
    if (!is_host_byte(c)) return false;
  }
  return true;
}

/// "HTTP/1.0" gives 10; nothing when `text` has another form.
std::optional<int> version_of(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.') return std::nullopt;
  if (!digit(text[5]) || !digit(text[7])) return std::nullopt;
  return (text[5] - '0') * 10 + (text[7] - '0');
}

/// Calls `visit(token)` for each element of a comma-separated list.
template <typename Visit>
void each_token(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view token = list.substr(0, comma);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!token.empty()) visit(token);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// Beast splits the head into tokens; what they may mean is decided here.
class HeadTokens final : public http::basic_parser<true> {
 public:
  explicit HeadTokens(ParsedHead& out) : out_(out) {
    // The scanner has checked the size of the head, and bodies are not Beast's business.
    header_limit(std::numeric_limits<std::uint32_t>::max());
    body_limit(boost::none);
  }

  std::expected<void, HeadRefusal> parse(std::string_view head);

 private:
  using Code = boost::system::error_code;

  void on_request_impl(http::verb verb, BeastView method, BeastView target, int version,
                       Code& code) override;
  void on_field_impl(http::field field, BeastView name, BeastView value, Code& code) override;
  void on_response_impl(int, BeastView, int, Code&) override {}
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(BeastView, Code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastView, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView, Code&) override { return 0; }
  void on_finish_impl(Code&) override {}

  void take_content_length(std::string_view value, Code& code);
  void take_host(std::string_view value, Code& code);
  void take_connection(std::string_view value);
  std::expected<void, HeadRefusal> check_whole();
  std::expected<void, HeadRefusal> cut_target();
  void stop(Code& code, int status, std::string detail);

  ParsedHead& out_;
  std::optional<std::string_view> host_;
  bool close_ = false;
  bool keep_alive_ = false;
  std::optional<HeadRefusal> refusal_;
};

void HeadTokens::stop(Code& code, int status, std::string detail) {
  refusal_ = HeadRefusal{status, Error(Errc::kInvalidArgument, std::move(detail))};
  code = http::error::bad_value;
}

std::expected<void, HeadRefusal> HeadTokens::parse(std::string_view head) {
  Code code;
  const std::size_t used = put(boost::asio::const_buffer(head.data(), head.size()), code);
  if (refusal_) return Refused(*std::move(refusal_));
  if (code) return refuse(400, fmt::format("malformed head: {}", code.message()));
  if (!is_header_done() || used != head.size()) return refuse(400, "malformed head");
  return check_whole();
}

void HeadTokens::on_request_impl(http::verb, BeastView method, BeastView target, int version,
                                 Code&) {
  out_.request.method = view(method);
  out_.request.target = view(target);
  out_.request.minor_version = version - 10;
}

void HeadTokens::on_field_impl(http::field field, BeastView name, BeastView value, Code& code) {
  out_.headers.push_back({view(name), view(value)});
  switch (field) {
    case http::field::content_length:
      return take_content_length(view(value), code);
    case http::field::host:
      return take_host(view(value), code);
    case http::field::connection:
      return take_connection(view(value));
    case http::field::transfer_encoding:
      if (out_.request.chunked) return stop(code, 400, "Transfer-Encoding is given twice");
      if (!iequals(view(value), "chunked")) {
        return stop(code, 400, "Transfer-Encoding is not exactly \"chunked\"");
      }
      out_.request.chunked = true;
      return;
    case http::field::expect:
      if (!iequals(view(value), "100-continue")) {
        return stop(code, 417, "Expect is not \"100-continue\"");
      }
      out_.expects_continue = true;
      return;
    default:
      return;
  }
}

void HeadTokens::take_content_length(std::string_view value, Code& code) {
  if (out_.request.content_length) return stop(code, 400, "Content-Length is given twice");
  std::uint64_t bytes = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), bytes);
  if (value.empty() || value.size() > 19 || failure != std::errc() ||
      end != value.data() + value.size() || bytes > std::numeric_limits<std::int64_t>::max()) {
    return stop(code, 400, "Content-Length is not a number below 2^63");
  }
  out_.request.content_length = bytes;
}

void HeadTokens::take_host(std::string_view value, Code& code) {
  if (host_) return stop(code, 400, "Host is given twice");
  if (!is_host(value)) return stop(code, 400, "Host holds a byte that no host name has");
  host_ = value;
}

void HeadTokens::take_connection(std::string_view value) {
  each_token(value, [this](std::string_view token) {
    if (iequals(token, "close")) close_ = true;
    if (iequals(token, "keep-alive")) keep_alive_ = true;
  });
}

std::expected<void, HeadRefusal> HeadTokens::check_whole() {
  HttpRequest& request = out_.request;
  request.headers = out_.headers;
  const bool is_1_0 = request.minor_version == 0;
  if (request.chunked && request.content_length) {
    return refuse(400, "both Content-Length and Transfer-Encoding are given");
  }
  if (request.chunked && is_1_0) return refuse(400, "Transfer-Encoding on HTTP/1.0");
  if (!host_ && !is_1_0) return refuse(400, "Host is missing");
  if (is_1_0) out_.expects_continue = false;  // RFC 9110 section 10.1.1
  out_.keep_alive = !close_ && (!is_1_0 || keep_alive_);
  return cut_target();
}

/// Leaves the path and query of the target, RFC 9112 section 3.2.
std::expected<void, HeadRefusal> HeadTokens::cut_target() {
  std::string_view& target = out_.request.target;
  if (target.find('#') != std::string_view::npos) return refuse(400, "the target has a fragment");
  if (target.starts_with('/')) return {};
  if (target == "*" && out_.request.method == "OPTIONS") return {};
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos ||
      (!iequals(target.substr(0, scheme), "http") && !iequals(target.substr(0, scheme), "https"))) {
    return refuse(400, "the target is neither a path nor an http URL");
  }
  const std::string_view rest = target.substr(scheme + 3);
  const std::size_t path = rest.find_first_of("/?");
  if (!host_ || !iequals(rest.substr(0, path), *host_)) {
    return refuse(400, "the target's authority is not Host");
  }
  if (path == std::string_view::npos) {
    target = "/";
    return {};
  }
  if (rest[path] == '?') return refuse(400, "the target has a query and no path");
  target = rest.substr(path);
  return {};
}

/// The version, before Beast sees it: another one is 505 when well formed.
std::expected<void, HeadRefusal> check_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const std::size_t space = line.rfind(' ');
  if (space == std::string_view::npos) return refuse(400, "the request line has no version");
  const auto version = version_of(line.substr(space + 1));
  if (!version) return refuse(400, "the request line does not end in a version");
  if (*version != 10 && *version != 11) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  return {};
}

}  // namespace

std::expected<std::size_t, HeadRefusal> HeadScanner::scan(std::string_view bytes) {
  while (true) {
    const char* const line = bytes.data() + line_start_;
    const std::size_t rest = bytes.size() - line_start_;
    const auto* const end =
        static_cast<const char*>(rest ? std::memchr(line, '\n', rest) : nullptr);
    const auto line_bytes = end == nullptr ? rest : static_cast<std::size_t>(end + 1 - line);
    if (auto fits = check_unfinished(line_start_ + line_bytes, line_bytes); !fits) {
      return Refused(std::move(fits).error());
    }
    if (end == nullptr) return 0;
    if (line_bytes < 2 || end[-1] != '\r') return refuse(400, "a line ends without CR");
    const std::string_view text(line, line_bytes - 2);
    if (auto good = check_line(text); !good) return Refused(std::move(good).error());
    line_start_ += line_bytes;
    ++lines_;
    if (text.empty()) return line_start_;
  }
}

std::expected<void, HeadRefusal> HeadScanner::check_unfinished(std::size_t head_bytes,
                                                               std::size_t line_bytes) const {
  if (lines_ == 0 && line_bytes > limits_.request_line_bytes) {
    return refuse(414,
                  fmt::format("the request line is over {} bytes", limits_.request_line_bytes));
  }
  if (head_bytes > limits_.head_bytes) {
    return refuse(431, fmt::format("the head is over {} bytes", limits_.head_bytes));
  }
  return {};
}

std::expected<void, HeadRefusal> HeadScanner::check_line(std::string_view line) const {
  if (lines_ == 0 && line.empty()) return refuse(400, "the request line is empty");
  if (line.empty()) return {};
  if (lines_ > limits_.header_count) {
    return refuse(431, fmt::format("there are over {} header lines", limits_.header_count));
  }
  if (line.front() == ' ' || line.front() == '\t') return refuse(400, "a line begins with a space");
  if (has_control_byte(line)) return refuse(400, "the head holds a control byte");
  return {};
}

std::expected<void, HeadRefusal> parse_head(std::string_view head, ParsedHead& out) {
  out.headers.clear();
  out.request = HttpRequest{};
  out.expects_continue = false;
  if (auto version = check_version(head); !version) return version;
  return HeadTokens(out).parse(head);
}

}  // namespace kelp
