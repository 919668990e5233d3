// An aws-chunked body: two bytes choose mode and length, the rest is the body. Fed at once and in
// small pieces it must give the same.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "s3gw/core/payload.h"

namespace {

using namespace kelp;
using namespace kelp::s3;

struct Outcome {
  bool ok = false;
  S3Code code{};
  std::string data;
  std::string md5;
};

Outcome run(const PayloadSpec& spec, std::string_view body, std::size_t step) {
  PayloadDecoder decoder(spec);
  Outcome out;
  while (!body.empty()) {
    std::string piece(body.substr(0, step));
    body.remove_prefix(piece.size());
    const auto data = decoder.feed(std::as_writable_bytes(std::span(piece)));
    if (!data) {
      out.code = data.error().code;
      return out;
    }
    out.data.append(as_text(*data));
  }
  const auto result = decoder.finish();
  out.ok = result.has_value();
  if (!result) {
    out.code = result.error().code;
    return out;
  }
  out.md5 = result->md5;
  if (result->decoded_bytes != out.data.size()) std::abort();
  return out;
}

ChunkSigning signing() {
  ChunkSigning context;
  context.date = "20130524T000000Z";
  context.scope = "20130524/us-east-1/s3/aws4_request";
  context.seed_signature = std::string(64, '0');
  return context;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto mode = static_cast<PayloadMode>(data[0] % 5);
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  PayloadSpec spec;
  spec.claim.mode = mode;
  spec.decoded_bytes = data[1] == 255 ? 20'000 : data[1];
  if (has_chunk_signatures(mode)) spec.chunk_signing = signing();
  if (has_trailers(mode) && data[0] >= 100) spec.trailer_checksum = ChecksumAlgorithm::kCrc32;
  const Outcome whole = run(spec, body, body.size() + 1);
  for (const std::size_t step : {std::size_t{1}, std::size_t{5}}) {
    const Outcome pieces = run(spec, body, step);
    if (pieces.ok != whole.ok) std::abort();
    if (whole.ok && (pieces.data != whole.data || pieces.md5 != whole.md5)) std::abort();
    if (!whole.ok && pieces.code != whole.code) std::abort();
  }
  return 0;
}
