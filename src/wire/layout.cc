#include <algorithm>

#include "wire/entry.h"
#include "wire/row_pieces.h"

namespace kelp {

void encode_chunks(const std::vector<Chunk>& chunks, std::string& out) {
  ByteWriter to(out);
  to.varint(chunks.size());
  for (const Chunk& chunk : chunks) {
    to.varint(chunk.fid.volume.value);
    to.varint(chunk.fid.key.value);
    to.fixed(chunk.fid.cookie.value);
    to.varint(chunk.size_bytes);
  }
}

std::vector<Chunk> decode_chunks(ByteReader& in) {
  constexpr std::size_t kLeastBytes = 7;
  std::vector<Chunk> chunks;
  const std::uint64_t count = in.varint();
  chunks.reserve(std::min<std::uint64_t>(count, in.remaining() / kLeastBytes));
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    Chunk& chunk = chunks.emplace_back();
    chunk.fid.volume = VolumeId(decode_u32(in));
    chunk.fid.key = NeedleKey(in.varint());
    chunk.fid.cookie = Cookie(in.fixed<std::uint32_t>());
    chunk.size_bytes = in.varint();
  }
  return chunks;
}

void encode_layout(const Layout& layout, std::string& out) {
  ByteWriter(out).varint(layout.inline_id);
  encode_chunks(layout.chunks, out);
}

Layout decode_layout(ByteReader& in) {
  Layout layout;
  layout.inline_id = in.varint();
  layout.chunks = decode_chunks(in);
  return layout;
}

}  // namespace kelp
