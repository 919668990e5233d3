#include "s3gw/core/s3_request.h"

#include <algorithm>

#include "base/encoding.h"
#include "s3gw/core/names.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxParameters = 100;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Decodes `raw` to `out`, which has room for raw.size(); returns the end, or null for a broken
/// escape.
char* decode_to(std::string_view raw, char* out, bool plus_is_space) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '%') {
      if (raw.size() - i < 3) return nullptr;
      const int high = hex_value(raw[i + 1]);
      const int low = hex_value(raw[i + 2]);
      if (high < 0 || low < 0) return nullptr;
      *out++ = static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      *out++ = plus_is_space && raw[i] == '+' ? ' ' : raw[i];
    }
  }
  return out;
}

S3Result<std::string> decode_path_part(std::string_view raw) {
  if (!raw.contains('%')) return std::string(raw);
  std::string text(raw.size(), '\0');
  const char* end = decode_to(raw, text.data(), false);
  if (end == nullptr) return s3_error(S3Code::kInvalidURI);
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

}  // namespace

S3Result<Query> Query::parse(std::string_view raw) {
  Query query;
  if (raw.empty()) return query;
  const auto count = static_cast<std::size_t>(std::ranges::count(raw, '&')) + 1;
  if (count > kMaxParameters) return s3_error(S3Code::kInvalidURI);
  query.parameters_.reserve(count);
  char* free = nullptr;
  if (raw.contains('%') || raw.contains('+')) {
    query.decoded_ = std::make_unique_for_overwrite<char[]>(raw.size());
    free = query.decoded_.get();
  }
  bool failed = false;
  const auto decode = [&](std::string_view text) -> std::string_view {
    if (!text.contains('%') && !text.contains('+')) return text;
    char* end = decode_to(text, free, true);
    if (end == nullptr) {
      failed = true;
      return {};
    }
    const std::string_view decoded(free, static_cast<std::size_t>(end - free));
    free = end;
    return decoded;
  };
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value =
        equals == pair.size() ? std::string_view() : pair.substr(equals + 1);
    query.parameters_.push_back({decode(pair.substr(0, equals)), decode(value)});
    const Parameter& added = query.parameters_.back();
    if (failed || !valid_utf8(added.name) || !valid_utf8(added.value)) {
      return s3_error(S3Code::kInvalidURI);
    }
  }
  return query;
}

const Query::Parameter* Query::find(std::string_view name) const {
  const auto at = std::ranges::find(parameters_, name, &Parameter::name);
  return at == parameters_.end() ? nullptr : &*at;
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  const Parameter* parameter = find(name);
  if (parameter == nullptr) return std::nullopt;
  return parameter->value;
}

std::optional<std::string_view> bucket_of_host(std::string_view host,
                                               std::span<const std::string> domains) {
  if (const auto colon = host.rfind(':'); colon != host.npos && !host.ends_with(']')) {
    host = host.substr(0, colon);
  }
  for (const std::string& domain : domains) {
    if (host.size() <= domain.size() + 1) continue;
    const std::string_view tail = host.substr(host.size() - domain.size());
    const bool same = std::ranges::equal(tail, domain, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
    if (same && host[host.size() - domain.size() - 1] == '.') {
      return host.substr(0, host.size() - domain.size() - 1);
    }
  }
  return std::nullopt;
}

S3Result<S3Request> parse_request(std::string_view target, std::string_view host,
                                  std::span<const std::string> domains) {
  if (target.empty() || target.front() != '/') return s3_error(S3Code::kInvalidURI);
  S3Request request;
  const std::size_t question = std::min(target.find('?'), target.size());
  request.raw_path = target.substr(0, question);
  request.raw_query = question == target.size() ? std::string_view() : target.substr(question + 1);
  KELP_S3_TRY(request.query, Query::parse(request.raw_query));

  std::string_view rest = request.raw_path.substr(1);
  if (const auto bucket = bucket_of_host(host, domains)) {
    request.virtual_hosted = true;
    request.bucket.assign(*bucket);
    for (char& c : request.bucket) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  } else {
    if (rest.empty()) return request;
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    KELP_S3_TRY(request.bucket, decode_path_part(rest.substr(0, slash)));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  request.scope = rest.empty() ? Scope::kBucket : Scope::kObject;
  if (!bucket_name_to_look_up(request.bucket)) {
    return std::unexpected(
        S3Error{S3Code::kInvalidBucketName, {}, {{"BucketName", request.bucket}}});
  }
  KELP_S3_TRY(request.key, decode_path_part(rest));
  KELP_S3_CHECK(check_key(request.key));
  return request;
}

S3Result<CopySource> parse_copy_source(std::string_view value) {
  CopySource source;
  std::string_view path = value;
  // A literal `?` can only begin the version: one that belongs to the key must be escaped.
  if (const auto question = path.find('?'); question != path.npos) {
    const std::string_view query = path.substr(question + 1);
    constexpr std::string_view kVersion = "versionId=";
    if (query.starts_with(kVersion)) {
      source.version_id.assign(query.substr(kVersion.size()));
      path = path.substr(0, question);
    }
  }
  if (path.starts_with('/')) path.remove_prefix(1);
  // Not every client encodes: what does not decode is taken as it is.
  std::string decoded(path);
  if (auto plain = url_decode(path)) decoded = *std::move(plain);
  if (decoded.starts_with('/')) decoded.erase(0, 1);
  const std::size_t slash = decoded.find('/');
  if (slash == 0 || slash == decoded.npos || slash + 1 == decoded.size()) {
    const bool has_bucket = slash != 0 && !decoded.empty();
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                has_bucket ? "Invalid copy source object key" : "Invalid copy source bucket name",
                {{"ArgumentName", "x-amz-copy-source"}, {"ArgumentValue", "x-amz-copy-source"}}});
  }
  source.bucket = decoded.substr(0, slash);
  source.key = decoded.substr(slash + 1);
  if (!plausible_bucket_name(source.bucket)) {
    return std::unexpected(
        S3Error{S3Code::kInvalidBucketName, {}, {{"BucketName", source.bucket}}});
  }
  KELP_S3_CHECK(check_key(source.key));
  return source;
}

S3Result<std::string> parse_rename_source(std::string_view value) {
  std::string key(value);
  if (auto plain = url_decode(value)) key = *std::move(plain);
  if (key.starts_with('/')) key.erase(0, 1);
  if (key.empty()) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "Rename Source must mention the source key",
                {{"ArgumentName", "x-amz-rename-source"}, {"ArgumentValue", std::string(value)}}});
  }
  KELP_S3_CHECK(check_key(key));
  return key;
}

}  // namespace kelp::s3
