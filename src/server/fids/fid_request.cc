#include "server/fids/fid_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crc_combine.h"
#include "base/encoding.h"
#include "base/log.h"
#include "master/http/query.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"

namespace kelp::server {
namespace {

Error no_such_path(std::string_view path) {
  return {Errc::kNotFound, fmt::format("{} is no file id", log_value(path))};
}

/// "3,01637037d6" out of what follows the first slash of a path.
std::string fid_text(std::string_view rest) {
  std::string_view first = s3::cut(rest, '/');
  if (first.find(',') != std::string_view::npos) {
    return rest.empty() ? std::string(first.substr(0, first.find('.'))) : std::string();
  }
  std::string_view second = s3::cut(rest, '/');
  return fmt::format("{},{}", first, second.substr(0, second.find('.')));
}

}  // namespace

Result<FidTarget> parse_fid_target(std::string_view target) {
  KELP_TRY(const master::HttpTarget parsed, master::parse_target(target));
  if (!parsed.path.starts_with('/')) return no_such_path(parsed.path);
  const std::string text = fid_text(std::string_view(parsed.path).substr(1));
  std::string_view further = text;
  const auto fid = parse_fid(s3::cut(further, '_'));
  if (!fid) return no_such_path(parsed.path);
  FidTarget out{*fid, {}};
  if (text.find('_') != std::string::npos) {
    std::uint32_t keys = 0;
    const auto [end, code] = std::from_chars(further.data(), further.data() + further.size(), keys);
    if (code != std::errc{} || end != further.data() + further.size()) {
      return no_such_path(parsed.path);
    }
    out.fid.key.value += keys;
  }
  for (const auto& [name, value] : parsed.query) {
    if (name == "jwt") {
      out.token = value;
      // A plus sign of base64 that nobody escaped came as a space.
      std::ranges::replace(out.token, ' ', '+');
    } else if (name != "fsync") {
      return Error(Errc::kInvalidArgument,
                   fmt::format("{} means nothing here; see docs/operations/volume-http.md",
                               log_value(name)));
    }
  }
  return out;
}

Result<std::string> token_of(const HttpRequest& request, const FidTarget& target) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view text = target.token;
  if (const auto header = request.header("Authorization")) {
    if (!s3::starts_with_lower(*header, kScheme)) {
      return Error(Errc::kUnauthenticated, "Authorization is to be: Bearer TOKEN");
    }
    text = s3::trimmed(header->substr(kScheme.size()));
  }
  if (text.empty()) {
    return Error(Errc::kUnauthenticated,
                 "a token is needed: `auth` of a master's /dir/assign to write, of its "
                 "/dir/lookup?fileId= to remove");
  }
  auto token = base64_decode(text);
  if (token) return token;
  return Error(Errc::kUnauthenticated, "the token is not base64");
}

std::string etag_of(const NeedleFrame& frame) {
  ByteReader table(frame.table);
  std::uint32_t crc = 0;
  for (std::uint64_t left = frame.header.body_bytes; left > 0;) {
    const std::uint64_t block = std::min<std::uint64_t>(left, kNeedleBlockBytes);
    crc = crc32c_combine(crc, table.fixed<std::uint32_t>(), block);
    left -= block;
  }
  return fmt::format("{:08x}", crc);
}

bool range_counts(const HttpRequest& request, const s3::Validators& needle) {
  const auto condition = request.header("If-Range");
  if (!condition) return true;
  if (const auto date = s3::parse_http_date(*condition)) {
    return *date == std::chrono::floor<std::chrono::seconds>(needle.modified);
  }
  return s3::etag_list_matches(*condition, needle.etag, false);
}

}  // namespace kelp::server
