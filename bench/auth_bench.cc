#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "crypto/digest.h"
#include "s3gw/auth.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/sigv4.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kDate = "20260102T030405Z";
constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kNames = "host;x-amz-content-sha256;x-amz-date";
constexpr std::string_view kPath = "/lake/warehouse/orders/day%3D2026-01-02/part-00001.parquet";

class OneKey final : public CredentialStore {
 public:
  OneKey() : key_({.access_key = "kelp-bench-access-key", .secret_key = "kelp-bench-secret"}) {}
  [[nodiscard]] const Credential* find(std::string_view access_key) const override {
    return access_key == key_.access_key ? &key_ : nullptr;
  }
  [[nodiscard]] const Credential& key() const { return key_; }

 private:
  const Credential key_;
};

std::string authorization(const Credential& key, const SigV4Request& request) {
  SigV4Scope scope;
  const std::string credential = key.access_key + "/20260102/us-east-1/s3/aws4_request";
  if (!parse_credential(credential, scope)) return {};
  std::string canonical;
  if (!append_canonical_request(request, EncodedSlash::kKept, canonical)) return {};
  std::string to_sign;
  append_string_to_sign(kDate, scope.text, canonical, to_sign);
  std::string out = "AWS4-HMAC-SHA256 Credential=" + credential +
                    ", SignedHeaders=" + std::string(kNames) + ", Signature=";
  append_hex(hmac_sha256(view(derive_signing_key(key.secret_key, scope)), to_sign), out);
  return out;
}

/// A GET as an AWS SDK signs it, by a key whose signing key of the day is known.
void verify_sigv4(benchmark::State& state) {
  const OneKey store;
  std::vector<HttpHeader> headers{{"Host", "s3.lake.example:8333"},
                                  {"User-Agent", "aws-sdk-java/2.30.0 md/io#sync md/http#Apache"},
                                  {"x-amz-date", kDate},
                                  {"x-amz-content-sha256", kEmptyHash},
                                  {"amz-sdk-invocation-id", "00000000-0000-0000-0000-000000000000"},
                                  {"Range", "bytes=0-4095"}};
  const std::string proof = authorization(store.key(), {.method = "GET",
                                                        .path = kPath,
                                                        .query = {},
                                                        .headers = headers,
                                                        .signed_headers = kNames,
                                                        .payload_hash = kEmptyHash});
  headers.push_back({"Authorization", proof});
  const AuthRequest request{
      .method = "GET", .target = kPath, .headers = headers, .virtual_bucket = {}};
  const WallTime now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} +
                     std::chrono::hours(3)};
  const AuthOptions options;
  for (auto _ : state) {
    const auto who = authenticate(request, store, now, options);
    if (!who.has_value()) return state.SkipWithError(std::string(who.error().message).c_str());
    benchmark::DoNotOptimize(who->credential);
  }
}
BENCHMARK(verify_sigv4);

}  // namespace
}  // namespace kelp::s3
