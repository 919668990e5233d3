// The first line of a request after HTTP is done with it: target, Host and copy source.

#include <array>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/encoding.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/names.h"
#include "s3gw/core/router.h"
#include "s3gw/core/s3_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::s3;
  // The first line is the Host, the rest the target.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view host = input.substr(0, line);
  const std::string_view target = input.substr(std::min(line + 1, input.size()));
  static const std::array<std::string, 2> kDomains{"s3.example.com", "localhost"};

  (void)read_listing_token(target);
  if (const auto source = parse_copy_source(target)) {
    KELP_ASSERT(plausible_bucket_name(source->bucket), "a source names a possible bucket");
    KELP_ASSERT(check_key(source->key).has_value() && !source->key.empty(), "and a key");
  }
  const auto request = parse_request(target, host, kDomains);
  if (!request) return 0;
  KELP_ASSERT(request->key.size() <= kMaxKeyBytes, "keys are bounded");
  KELP_ASSERT(valid_utf8(request->key), "keys are UTF-8");
  KELP_ASSERT((request->scope == Scope::kObject) == !request->key.empty(), "objects have keys");
  for (const auto& [name, value] : request->query.parameters()) {
    KELP_ASSERT(valid_utf8(name) && valid_utf8(value), "parameters are UTF-8");
  }
  for (const char* method : {"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE"}) {
    (void)route(method, *request, false);
    (void)route(method, *request, true);
  }
  // A key, encoded, is the same key again.
  if (request->scope == Scope::kObject && !request->virtual_hosted) {
    const std::string encoded = "/" + request->bucket + "/" + kelp::url_encode(request->key, false);
    const auto again = parse_request(encoded, "", {});
    KELP_ASSERT(again.has_value() && again->key == request->key, "keys survive encoding");
  }
  return 0;
}
