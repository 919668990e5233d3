#include <algorithm>

#include "wire/entry.h"
#include "wire/row_pieces.h"

namespace kelp {

ChunkForm form_of(const std::vector<Chunk>& chunks) {
  return std::ranges::any_of(chunks, &Chunk::shared) ? ChunkForm::kWithShared : ChunkForm::kPlain;
}

bool any_manifest(const std::vector<Chunk>& chunks) {
  return std::ranges::any_of(chunks, &Chunk::is_manifest);
}

void encode_chunks(const std::vector<Chunk>& chunks, ChunkForm form, std::string& out) {
  ByteWriter to(out);
  to.varint(chunks.size());
  for (const Chunk& chunk : chunks) {
    to.varint(chunk.fid.volume.value);
    to.varint(chunk.fid.key.value);
    to.fixed(chunk.fid.cookie.value);
    to.varint(chunk.size_bytes);
    if (form == ChunkForm::kWithShared) to.fixed(static_cast<std::uint8_t>(chunk.shared));
  }
}

std::vector<Chunk> decode_chunks(ByteReader& in, ChunkForm form) {
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
    if (form == ChunkForm::kPlain) continue;
    const auto shared = in.fixed<std::uint8_t>();
    if (shared > 1) spoil(in);
    chunk.shared = shared == 1;
  }
  return chunks;
}

void encode_layout(const Layout& layout, ChunkForm form, std::string& out) {
  ByteWriter(out).varint(layout.inline_id);
  encode_chunks(layout.chunks, form, out);
}

Layout decode_layout(ByteReader& in, ChunkForm form) {
  Layout layout;
  layout.inline_id = in.varint();
  layout.chunks = decode_chunks(in, form);
  return layout;
}

}  // namespace kelp
