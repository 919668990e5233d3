#include "s3gw/object_headers.h"

#include <algorithm>
#include <array>
#include <set>

#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/names.h"
#include "s3gw/core/object_lock.h"
#include "s3gw/core/s3_request.h"
#include "s3gw/core/storage_class.h"
#include "s3gw/core/tags.h"
#include "s3gw/s3_try.h"
#include "wire/restore.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kMetaPrefix = "x-amz-meta-";
constexpr std::string_view kRedirectHeader = "x-amz-website-redirect-location";

/// The standard headers that are stored: by their stored name, and as they are sent.
struct StandardHeader {
  std::string_view lower;
  std::string_view sent;
};
constexpr std::array<StandardHeader, 6> kStandard{{
    {"cache-control", "Cache-Control"},
    {"content-disposition", "Content-Disposition"},
    {"content-encoding", "Content-Encoding"},
    {"content-language", "Content-Language"},
    {"expires", "Expires"},
    {kRedirectHeader, kRedirectHeader},
}};

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ascii_lower(c);
  return lower;
}

/// The list without its `aws-chunked` members, which belong to the transfer.
std::string without_aws_chunked(std::string_view value) {
  if (!value.contains("aws-chunked")) return std::string(value);
  std::string kept;
  while (!value.empty()) {
    const std::string_view coding = trimmed(cut(value, ','));
    if (coding.empty() || equals_lower(coding, "aws-chunked")) continue;
    if (!kept.empty()) kept += ',';
    kept += coding;
  }
  return kept;
}

/// Repeated user metadata is joined with commas, as AWS does.
void add_user_metadata(ObjectHeaders& headers, std::string name, std::string_view value) {
  for (auto& [known, values] : headers.user) {
    if (known == name) {
      values += ',';
      values += value;
      return;
    }
  }
  headers.user.emplace_back(std::move(name), value);
}

S3Result<void> check_user_metadata(const ObjectHeaders& headers) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers.user) bytes += name.size() + value.size();
  if (bytes <= kMaxUserMetadataBytes) return {};
  return std::unexpected(S3Error{S3Code::kMetadataTooLarge,
                                 {},
                                 {{"Size", std::to_string(bytes)},
                                  {"MaxSizeAllowed", std::to_string(kMaxUserMetadataBytes)}}});
}

/// The longest that AWS takes.
constexpr std::size_t kMaxRedirectBytes = 2048;

S3Result<void> check_redirect(std::string_view location) {
  if (location.size() > kMaxRedirectBytes) {
    return s3_error(S3Code::kInvalidRedirectLocation,
                    "The length of website redirect location cannot exceed 2,048 characters.");
  }
  for (const std::string_view start : {"/", "http://", "https://"}) {
    if (location.starts_with(start)) return {};
  }
  return s3_error(S3Code::kInvalidRedirectLocation);
}

S3Result<void> read_amz_header(const HttpHeader& header, ObjectHeaders& headers) {
  if (starts_with_lower(header.name, kMetaPrefix)) {
    add_user_metadata(headers, lowered(header.name.substr(kMetaPrefix.size())), header.value);
  } else if (equals_lower(header.name, "x-amz-storage-class")) {
    if (!is_storage_class(header.value)) {
      return std::unexpected(S3Error{S3Code::kInvalidStorageClass,
                                     {},
                                     {{"StorageClassRequested", std::string(header.value)}}});
    }
    if (header.value != "STANDARD") headers.storage_class.assign(header.value);
  } else if (equals_lower(header.name, "x-amz-tagging")) {
    KELP_S3_TRY(headers.tags, parse_tags(header.value));
  }
  return read_lock_header(header, headers.lock);
}

std::string_view sent_name(std::string_view stored) {
  const auto row = std::ranges::find(kStandard, stored, &StandardHeader::lower);
  return row == kStandard.end() ? stored : row->sent;
}

}  // namespace

S3Result<ObjectHeaders> read_object_headers(std::span<const HttpHeader> headers) {
  ObjectHeaders result;
  for (const HttpHeader& header : headers) {
    if (header.name.empty()) continue;
    const char first = ascii_lower(header.name.front());
    if (first != 'c' && first != 'e' && first != 'x') continue;
    if (equals_lower(header.name, "content-type")) {
      result.content_type.assign(header.value);
      continue;
    }
    for (const auto& [name, unused] : kStandard) {
      if (!equals_lower(header.name, name)) continue;
      std::string value = name == "content-encoding" ? without_aws_chunked(header.value)
                                                     : std::string(header.value);
      if (name == kRedirectHeader) KELP_S3_CHECK(check_redirect(value));
      if (!value.empty()) result.standard.emplace_back(name, std::move(value));
      break;
    }
    if (first == 'x') KELP_S3_CHECK(read_amz_header(header, result));
  }
  KELP_S3_CHECK(check_user_metadata(result));
  return result;
}

S3Result<Tags> parse_tags(std::string_view query) {
  Tags tags;
  const auto parsed = Query::parse(query);
  bool well_formed = parsed.has_value();
  if (well_formed) {
    std::set<std::string_view> names;
    for (const auto& [name, value] : parsed->parameters()) {
      well_formed = well_formed && !name.empty() && names.insert(name).second;
    }
  }
  if (!well_formed) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                "parameters without tag name duplicates.",
                {{"ArgumentName", "x-amz-tagging"}, {"ArgumentValue", std::string(query)}}});
  }
  for (const auto& [name, value] : parsed->parameters()) tags.emplace_back(name, value);
  KELP_S3_CHECK(check_tags(tags, kMaxObjectTags));
  return tags;
}

void add_etag(const ObjectEntry& entry, HttpResponse& response) {
  std::string etag = "\"";
  etag += etag_text(entry);
  etag += '"';
  response.add("ETag", etag);
}

void add_object_headers(const ObjectEntry& entry, HttpResponse& response) {
  const ObjectHeaders& headers = entry.headers;
  response.add("Last-Modified", http_date(entry.modified));
  add_etag(entry, response);
  response.add("Content-Type", headers.content_type.empty()
                                   ? std::string_view("binary/octet-stream")
                                   : std::string_view(headers.content_type));
  for (const auto& [name, value] : headers.standard) {
    if (name != kRestoreHeader) response.add(sent_name(name), value);
  }
  for (const auto& [name, value] : headers.user) {
    std::string full(kMetaPrefix);
    full += name;
    response.add(full, value);
  }
  if (!headers.storage_class.empty()) response.add("x-amz-storage-class", headers.storage_class);
  if (!headers.tags.empty()) {
    response.add("x-amz-tagging-count", std::uint64_t{headers.tags.size()});
  }
  for (const auto& [name, value] : lock_headers(headers.lock)) response.add(name, value);
}

}  // namespace kelp::s3
