#include "volume/store/index_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace kelp {
namespace {

/// Blocks read at once by those who go through all.
constexpr std::size_t kBlocksAtATime = 64;

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("index snapshot: {}", what)};
}

Result<std::string> read_exactly(File& file, std::uint64_t offset, std::size_t bytes) {
  std::string out(bytes, '\0');
  KELP_TRY(const std::size_t got, file.read_at(offset, std::as_writable_bytes(std::span(out))));
  if (got != bytes) return corrupt("it is cut short");
  return out;
}

}  // namespace

Result<std::shared_ptr<const IndexRun>> IndexRun::open(FileIo& io, const std::string& path) {
  KELP_TRY(auto file, io.open(path, OpenMode::kRead));
  KELP_TRY(const std::uint64_t size, file->size());
  if (size < kIndexBlockBytes) return corrupt(fmt::format("{} bytes", size));
  KELP_TRY(const std::string head, read_exactly(*file, 0, kIndexBlockBytes));
  KELP_TRY(const IndexSnapshotHeader header, decode_index_header(as_bytes(head)));
  if (header.blocks > size / kIndexBlockBytes || size != header.file_bytes()) {
    return corrupt(fmt::format("{} bytes for {} blocks", size, header.blocks));
  }
  const std::uint64_t firsts_at = kIndexBlockBytes * (1 + header.blocks);
  KELP_TRY(const std::string rest, read_exactly(*file, firsts_at, size - firsts_at));
  KELP_TRY(std::vector<std::uint64_t> firsts, decode_index_firsts(header, as_bytes(rest)));
  return std::shared_ptr<const IndexRun>(new IndexRun(std::move(file), header, std::move(firsts)));
}

/// The last block whose first key is not over `key`; firsts_ has one.
std::size_t IndexRun::block_of(NeedleKey key) const {
  const auto after = std::ranges::upper_bound(firsts_, key.value);
  return after == firsts_.begin() ? 0 : static_cast<std::size_t>(after - firsts_.begin()) - 1;
}

Result<std::optional<NeedlePlace>> IndexRun::find(NeedleKey key) const {
  if (firsts_.empty() || key.value < firsts_.front()) return std::nullopt;
  std::array<std::byte, kIndexBlockBytes> block;
  const std::size_t number = block_of(key);
  KELP_TRY(const std::size_t got, file_->read_at(kIndexBlockBytes * (1 + number), block));
  ByteReader first(ByteSpan(block).first(got));
  if (first.fixed<std::uint64_t>() != firsts_[number])
    return corrupt("a block is at another's place");
  return find_in_index_block(ByteSpan(block).first(got), key);
}

Result<std::vector<IndexEntry>> IndexRun::list(NeedleKey from) const {
  std::vector<IndexEntry> entries;
  for (std::size_t block = block_of(from); block < firsts_.size() && entries.empty(); ++block) {
    KELP_CHECK(read_blocks(block, 1, entries));
    std::erase_if(entries, [from](const IndexEntry& entry) { return entry.key < from; });
  }
  return entries;
}

Result<void> IndexRun::each(
    const std::function<Result<void>(std::span<const IndexEntry>)>& visit) const {
  std::vector<IndexEntry> entries;
  for (std::size_t block = 0; block < firsts_.size(); block += kBlocksAtATime) {
    entries.clear();
    KELP_CHECK(read_blocks(block, std::min(kBlocksAtATime, firsts_.size() - block), entries));
    KELP_CHECK(visit(entries));
  }
  return {};
}

void IndexRun::each_sound(const std::function<void(std::span<const IndexEntry>)>& visit) const {
  std::vector<IndexEntry> entries;
  for (std::size_t block = 0; block < firsts_.size(); ++block) {
    entries.clear();
    if (read_blocks(block, 1, entries).has_value()) visit(entries);
  }
}

Result<void> IndexRun::read_blocks(std::size_t first, std::size_t count,
                                   std::vector<IndexEntry>& entries) const {
  KELP_TRY(const std::string bytes,
           read_exactly(*file_, kIndexBlockBytes * (1 + first), count * kIndexBlockBytes));
  ByteSpan rest = as_bytes(bytes);
  for (std::size_t block = first; block < first + count; ++block) {
    const std::size_t before = entries.size();
    KELP_CHECK(decode_index_block(rest.first(kIndexBlockBytes), entries));
    rest = rest.subspan(kIndexBlockBytes);
    const bool at_its_place = entries[before].key.value == firsts_[block];
    const bool ascends =
        block + 1 == firsts_.size() || entries.back().key.value < firsts_[block + 1];
    if (!at_its_place || !ascends) return corrupt("a block is at another's place");
  }
  return {};
}

std::size_t IndexRun::memory_bytes() const {
  return sizeof(*this) + firsts_.capacity() * sizeof(std::uint64_t);
}

Result<void> write_index_snapshot(FileIo& io, const std::string& path,
                                  const IndexSnapshotHeader& header,
                                  const std::function<Result<void>(IndexSnapshotWriter&)>& fill) {
  auto content = [&](File& file) -> Result<void> {
    auto put = [&file](std::uint64_t offset, std::string_view bytes) -> Result<void> {
      const ByteSpan piece = as_bytes(bytes);
      return file.write_at(offset, std::span(&piece, 1));
    };
    IndexSnapshotWriter writer(header, std::move(put));
    KELP_CHECK(fill(writer));
    return writer.finish();
  };
  return replace_file(io, path, content);
}

}  // namespace kelp
