// The parsers that see a client's bytes first: HeadScanner and parse_head, then the chunked decoder
// on what follows. Checks what must hold for any input.

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "net/chunked.h"
#include "net/http_head.h"

namespace kelp {
namespace {

void check_head(const ParsedHead& head, std::string_view bytes) {
  const auto inside = [bytes](std::string_view part) {
    return part.empty() || (part.data() >= bytes.data() &&
                            part.data() + part.size() <= bytes.data() + bytes.size());
  };
  const HttpRequest& request = head.request;
  KELP_ASSERT(!(request.chunked && request.content_length), "a body has two framings");
  KELP_ASSERT(request.minor_version == 0 || request.minor_version == 1, "another version passed");
  KELP_ASSERT(request.target == "/" || inside(request.target), "the target points elsewhere");
  KELP_ASSERT(request.headers.size() <= 100, "too many headers passed");
  for (const HttpHeader& line : request.headers) {
    KELP_ASSERT(inside(line.name) && inside(line.value), "a header points elsewhere");
    KELP_ASSERT(!line.name.empty() && line.name.find(' ') == std::string_view::npos, "a bad name");
    KELP_ASSERT(line.value.find_first_of("\r\n") == std::string_view::npos, "a line break passed");
  }
}

/// How a chunked body ended: the bytes of data, or nothing when it was refused.
struct Decoded {
  bool refused = false;
  bool done = false;
  std::uint64_t data_bytes = 0;
};

Decoded decode(std::string_view bytes, std::size_t step) {
  ChunkedDecoder decoder;
  Decoded out;
  while (!bytes.empty() && !decoder.done()) {
    const std::string_view piece = bytes.substr(0, step);
    const auto framing = decoder.skip_framing(piece);
    if (!framing) {
      out.refused = true;
      return out;
    }
    const auto taken = std::min<std::uint64_t>(decoder.data_left(), piece.size() - *framing);
    if (taken > 0) decoder.took(taken);
    out.data_bytes += taken;
    KELP_ASSERT(*framing + taken > 0, "the decoder makes no progress");
    bytes.remove_prefix(*framing + static_cast<std::size_t>(taken));
  }
  out.done = decoder.done();
  return out;
}

void run(std::string_view bytes) {
  HeadScanner whole({});
  const auto size = whole.scan(bytes);
  HeadScanner in_pieces({});
  std::expected<std::size_t, HeadRefusal> pieced = 0;
  for (std::size_t n = 0; n <= bytes.size() && pieced && *pieced == 0; ++n) {
    pieced = in_pieces.scan(bytes.substr(0, n));
    if (n > 2000) break;  // enough to compare; the rest would be quadratic
  }
  if (bytes.size() <= 2000) {
    KELP_ASSERT(pieced.has_value() == size.has_value(), "the verdict depends on the pieces");
    KELP_ASSERT(!size || *pieced == *size, "the head's end depends on the pieces");
  }
  std::string_view body = bytes;
  if (size && *size > 0) {
    ParsedHead head;
    if (parse_head(bytes.substr(0, *size), head)) check_head(head, bytes);
    body.remove_prefix(*size);
  }
  const Decoded at_once = decode(body, body.size());
  const Decoded slowly = decode(body, 1);
  KELP_ASSERT(at_once.refused == slowly.refused && at_once.done == slowly.done,
              "chunks depend on the pieces");
  KELP_ASSERT(at_once.refused || at_once.data_bytes == slowly.data_bytes, "chunk data differ");
}

}  // namespace
}  // namespace kelp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kelp::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
