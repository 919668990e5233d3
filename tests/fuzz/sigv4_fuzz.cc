// Authentication over any head: a line "METHOD TARGET", then "Name: value" lines. The key pair and
// the clock are those of the corpus, which holds requests that are accepted.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "s3gw/auth.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/payload.h"

namespace {

using namespace kelp;
using namespace kelp::s3;

class OneCredential : public CredentialStore {
 public:
  [[nodiscard]] const Credential* find(std::string_view access_key) const override {
    return access_key == credential_.access_key ? &credential_ : nullptr;
  }

 private:
  Credential credential_{
      "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"abc", "tester"}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const OneCredential store;
  static const WallTime now = *parse_basic_date("20130524T000000Z");
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::string_view line = cut(rest, '\n');
  AuthRequest request;
  request.method = cut(line, ' ');
  request.target = line;
  std::vector<HttpHeader> headers;
  while (!rest.empty()) {
    std::string_view header = cut(rest, '\n');
    const std::string_view name = cut(header, ':');
    headers.push_back({name, trimmed(header)});
  }
  request.headers = headers;
  const auto result = authenticate(request, store, now, {.region = "us-east-1"});
  if (!result) return 0;
  // Who is not anonymous has proven a key; chunks are verified only by a key.
  if ((result->kind == AuthKind::kAnonymous) != (result->credential == nullptr)) std::abort();
  if (result->chunk_signing.has_value() != has_chunk_signatures(result->payload.mode)) std::abort();
  (void)parse_payload_spec({.headers = headers,
                            .content_length = size,
                            .claim = result->payload,
                            .chunk_signing = result->chunk_signing,
                            .checksum_of_body = true,
                            .compute_md5 = true,
                            .default_checksum = std::nullopt});
  return 0;
}
