// A key ring's file, and a bucket's setting of encryption.

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "s3gw/core/bucket_encryption.h"
#include "s3gw/core/key_ring.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::s3;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ring = KeyRing::parse(text)) {
    const auto again = KeyRing::parse(ring->text());
    KELP_ASSERT(again.has_value(), "what we write we can read");
    KELP_ASSERT(again->text() == ring->text(), "nothing is lost");
  }
  if (const auto setting = decode_bucket_encryption(text)) {
    KELP_ASSERT(encode_bucket_encryption(*setting) == text, "one text for one setting");
  }
  if (const auto read = parse_bucket_encryption(std::string(text))) {
    const auto again = parse_bucket_encryption(bucket_encryption_xml(*read));
    KELP_ASSERT(again.has_value() && again->kind == read->kind, "what we write we can read");
  }
  return 0;
}
