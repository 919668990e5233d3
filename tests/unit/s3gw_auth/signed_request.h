#pragma once

#include <string>
#include <utility>
#include <vector>

#include "s3gw/auth.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv4.h"

namespace kelp::s3 {

// AWS's documentation signs its examples with these.
inline constexpr std::string_view kAccessKey = "AKIAIOSFODNN7EXAMPLE";
inline constexpr std::string_view kSecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
inline constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

class OneCredential : public CredentialStore {
 public:
  [[nodiscard]] const Credential* find(std::string_view access_key) const override {
    return access_key == credential.access_key ? &credential : nullptr;
  }
  Credential credential{std::string(kAccessKey), std::string(kSecretKey), {"abc", "tester"}};
};

inline WallTime at(std::string_view basic) {
  return *parse_basic_date(basic);
}

// A request that a test may alter before or after it is signed. Owns its parts.
struct TestRequest {
  std::string method = "GET";
  std::string target = "/bucket/key";
  std::vector<std::pair<std::string, std::string>> headers = {
      {"Host", "localhost:8333"},
      {"x-amz-content-sha256", std::string(kEmptyHash)},
      {"x-amz-date", "20130524T000000Z"}};
  std::string signed_headers = "host;x-amz-content-sha256;x-amz-date";
  std::string scope = "20130524/us-east-1/s3/aws4_request";
  std::string virtual_bucket;
  bool header_v2 = false;  // SigV2 in the header is taken.

  [[nodiscard]] std::vector<HttpHeader> views() const {
    std::vector<HttpHeader> out;
    for (const auto& [name, value] : headers) out.push_back({name, value});
    return out;
  }
  std::string* find(std::string_view name) {
    for (auto& [key, value] : headers) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  void set(std::string_view name, std::string_view value) {
    if (std::string* old = find(name)) {
      *old = value;
    } else {
      headers.emplace_back(name, value);
    }
  }
  void remove(std::string_view name) {
    std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  }
  /// Adds the Authorization header over the request as it stands.
  void sign() {
    remove("Authorization");
    const std::string credential = std::string(kAccessKey) + "/" + scope;
    SigV4Scope parsed;
    (void)parse_credential(credential, parsed);
    const auto lines = views();
    const std::size_t mark = target.find('?');
    std::string* hash = find("x-amz-content-sha256");
    const SigV4Request request{
        .method = method,
        .path = std::string_view(target).substr(0, mark),
        .query = mark == std::string::npos ? "" : std::string_view(target).substr(mark + 1),
        .headers = lines,
        .signed_headers = signed_headers,
        .payload_hash = hash == nullptr ? "" : std::string_view(*hash)};
    std::string canonical;
    std::string text;
    (void)append_canonical_request(request, EncodedSlash::kKept, canonical);
    append_string_to_sign(*find("x-amz-date"), scope, canonical, text);
    std::string signature;
    append_hex(hmac_sha256(view(derive_signing_key(kSecretKey, parsed)), text), signature);
    headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + credential +
                                              ", SignedHeaders=" + signed_headers +
                                              ", Signature=" + signature);
  }
  [[nodiscard]] S3Result<Authenticated> check(std::string_view now = "20130524T000000Z",
                                              const std::string& region = "") const {
    static const OneCredential store;
    const auto lines = views();
    const AuthRequest request{
        .method = method, .target = target, .headers = lines, .virtual_bucket = virtual_bucket};
    return authenticate(request, store, at(now),
                        AuthOptions{.region = region, .header_v2 = header_v2});
  }
};

/// The code's text, or "" for success.
template <typename T>
std::string code_of(const S3Result<T>& result) {
  return result ? "" : std::string(text_of(result.error().code).code);
}

template <typename T>
std::string message_of(const S3Result<T>& result) {
  return result ? "" : result.error().message;
}

template <typename T>
std::string field_of(const S3Result<T>& result, std::string_view name) {
  if (result) return "";
  for (const auto& [key, value] : result.error().fields) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace kelp::s3
