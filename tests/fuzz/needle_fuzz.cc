// What a volume reads from its disk: needles, superblocks, index snapshots and whole logs. The
// first byte chooses; the checksum in front is made right, so that what lies behind it is reached
// too.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/crc.h"
#include "volume/core/index_snapshot.h"
#include "volume/core/needle_format.h"
#include "volume/core/superblock.h"
#include "volume/store/log_scan.h"

namespace {

using namespace kelp;

/// A log in memory.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(buffer.size(), bytes_.size() - offset);
    std::memcpy(buffer.data(), bytes_.data() + offset, count);
    return count;
  }
  Result<bool> try_read_at(std::uint64_t, MutableByteSpan) override { return false; }
  Result<void> write_at(std::uint64_t, std::span<const ByteSpan>) override { return {}; }
  Result<void> sync() override { return {}; }
  Result<std::uint64_t> size() override { return bytes_.size(); }
  Result<void> truncate(std::uint64_t) override { return {}; }
  Result<void> punch_hole(std::uint64_t, std::uint64_t) override { return {}; }

 private:
  const std::string bytes_;
};

NeedleSeed seed() {
  return NeedleSeed(as_bytes("0123456789abcdef"));
}

void seal_header(std::string& bytes, std::uint64_t at, std::uint64_t offset) {
  if (bytes.size() < at + kNeedleHeaderBytes) return;
  const std::uint32_t crc = crc32c(as_bytes(bytes).subspan(at, 60), seed().at(offset));
  std::memcpy(bytes.data() + at + 60, &crc, sizeof crc);
}

void seal_end(std::string& bytes) {
  if (bytes.size() < 4) return;
  const std::uint32_t crc = crc32c(as_bytes(bytes).first(bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &crc, sizeof crc);
}

void needle(std::string bytes) {
  seal_header(bytes, 0, 4096);
  const auto decoded = decode_needle(as_bytes(bytes), seed().at(4096));
  if (!decoded.has_value() || static_cast<std::uint8_t>(bytes[4]) < 3) return;
  const std::string again =
      encode_needle(decoded->header, decoded->back_pointer, decoded->body, seed().at(4096));
  if (bytes.compare(0, again.size(), again) != 0) std::abort();
}

void superblock(std::string bytes) {
  bytes.resize(kSuperblockBytes, '\0');
  seal_end(bytes);
  const auto decoded = decode_superblock(as_bytes(bytes));
  if (decoded.has_value() && encode_superblock(*decoded) != bytes) std::abort();
}

/// The bytes are a header, blocks and first keys under checksums that fit.
void snapshot(std::string bytes) {
  std::string sealed;
  for (std::size_t at = 0; at < bytes.size(); at += kIndexBlockBytes) {
    std::string piece = bytes.substr(at, kIndexBlockBytes);
    seal_end(piece);
    sealed += piece;
  }
  const auto decoded = decode_index_snapshot(sealed);
  if (!decoded.has_value()) return;
  const auto again =
      decode_index_snapshot(encode_index_snapshot(decoded->header, decoded->entries));
  if (!again.has_value() || again->entries != decoded->entries) std::abort();
}

void log(std::string bytes) {
  for (std::size_t at = 0; at + kNeedleHeaderBytes <= bytes.size(); at += kNeedleAlignment) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word == kNeedleMagic) seal_header(bytes, at, at);
  }
  const std::uint64_t size = bytes.size();
  MemoryFile file(std::move(bytes));
  NeedleIndex index;
  const auto scan = scan_log(file, seed(), kNeedleAlignment, size, index);
  if (!scan.has_value()) return;
  if (size <= kNeedleAlignment) return;
  if (scan->end < size || scan->end % kNeedleAlignment != 0) std::abort();
  if (index.size() > scan->needles) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      needle(std::move(bytes));
      break;
    case 1:
      superblock(std::move(bytes));
      break;
    case 2:
      snapshot(std::move(bytes));
      break;
    default:
      log(std::move(bytes));
      break;
  }
  return 0;
}
