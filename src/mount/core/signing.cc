#include "mount/core/signing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv4.h"

namespace kelp::mount {
namespace {

constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

}  // namespace

void sign(const SigningKeys& keys, const std::string& host, std::chrono::sys_seconds now,
          OutgoingRequest& request) {
  const std::string date = s3::basic_date(now);
  request.headers.emplace_back("host", host);
  request.headers.emplace_back("x-amz-date", date);
  const std::string_view payload = request.payload_hash.empty() ? kUnsigned : request.payload_hash;
  request.headers.emplace_back("x-amz-content-sha256", payload);
  std::ranges::sort(request.headers);
  std::string names;
  std::vector<HttpHeader> headers;
  for (const auto& [name, value] : request.headers) {
    names.append(names.empty() ? "" : ";").append(name);
    headers.push_back({.name = name, .value = value});
  }
  std::string canonical;
  const bool encoded = s3::append_canonical_request({.method = request.method,
                                                     .path = request.path,
                                                     .query = request.query,
                                                     .headers = headers,
                                                     .signed_headers = names,
                                                     .payload_hash = payload},
                                                    s3::EncodedSlash::kKept, canonical)
                           .has_value();
  KELP_ASSERT(encoded, "we encoded it");
  const std::string scope_text =
      fmt::format("{}/{}/s3/aws4_request", date.substr(0, 8), keys.region);
  const std::string credential = keys.access_key + "/" + scope_text;
  s3::SigV4Scope scope;
  const bool shaped = s3::parse_credential(credential, scope);
  KELP_ASSERT(shaped, "a date, a region and a service");
  std::string to_sign;
  s3::append_string_to_sign(date, scope_text, canonical, to_sign);
  std::string signature;
  s3::append_hex(hmac_sha256(view(s3::derive_signing_key(keys.secret_key, scope)), to_sign),
                 signature);
  request.headers.emplace_back("authorization",
                               fmt::format("{} Credential={}, SignedHeaders={}, Signature={}",
                                           s3::kSigV4Algorithm, credential, names, signature));
}

}  // namespace kelp::mount
