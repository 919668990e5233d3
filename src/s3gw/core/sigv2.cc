#include "s3gw/core/sigv2.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

// The parameters that are part of the resource, sorted.
constexpr std::array<std::string_view, 35> kSignedParameters = {
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
};

using Parameters = std::span<const std::pair<std::string, std::string>>;

std::string_view header_or_parameter(const SigV2Request& request, std::string_view lower) {
  if (const auto value = find_header(request.headers, lower)) return *value;
  for (const auto& [name, value] : request.parameters) {
    if (equals_lower(name, lower)) return value;
  }
  return {};
}

// Whether a header of the same name was sent: then the parameter only repeats it.
bool has_header(std::span<const HttpHeader> headers, std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), ascii_lower);
  return find_header(headers, lower).has_value();
}

// Sorted by name, one line each, values of one name joined by commas.
void append_amz_headers(const SigV2Request& request, std::string& out) {
  std::map<std::string, std::string> lines;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!starts_with_lower(name, "x-amz-")) return;
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), ascii_lower);
    const auto [line, fresh] = lines.try_emplace(std::move(lower));
    if (!fresh) line->second.push_back(',');
    line->second.append(trimmed(value));
  };
  for (const HttpHeader& header : request.headers) add(header.name, header.value);
  for (const auto& [name, value] : request.parameters) {
    if (!has_header(request.headers, name)) add(name, value);
  }
  for (const auto& [name, value] : lines) {
    out.append(name).push_back(':');
    out.append(value).push_back('\n');
  }
}

void append_resource(const SigV2Request& request, std::string& out) {
  if (!request.virtual_bucket.empty()) {
    out.push_back('/');
    out.append(request.virtual_bucket);
  }
  out.append(request.path);
  std::vector<const std::pair<std::string, std::string>*> signed_parameters;
  for (const auto& parameter : request.parameters) {
    if (std::ranges::find(kSignedParameters, parameter.first) != kSignedParameters.end()) {
      signed_parameters.push_back(&parameter);
    }
  }
  std::ranges::sort(signed_parameters, {}, [](const auto* p) -> const auto& { return *p; });
  char separator = '?';
  for (const auto* parameter : signed_parameters) {
    out.push_back(separator);
    separator = '&';
    out.append(parameter->first);
    if (parameter->second.empty()) continue;
    out.push_back('=');
    out.append(parameter->second);
  }
}

}  // namespace

std::string sigv2_string_to_sign(const SigV2Request& request) {
  std::string out(request.method);
  out.push_back('\n');
  out.append(header_or_parameter(request, "content-md5")).push_back('\n');
  out.append(header_or_parameter(request, "content-type")).push_back('\n');
  out.append(request.time).push_back('\n');
  append_amz_headers(request, out);
  append_resource(request, out);
  return out;
}

std::string sigv2_signature(std::string_view secret_key, std::string_view text) {
  return base64_encode(hmac_sha1(secret_key, text));
}

}  // namespace kelp::s3
