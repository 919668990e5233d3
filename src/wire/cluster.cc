#include "wire/cluster.h"

#include "base/bytes.h"
#include "base/crc.h"

namespace kelp {

std::uint64_t hash_of(const VolumeStatus& volume) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.fixed(volume.volume.value);
  writer.fixed(volume.generation.value);
  writer.fixed(volume.file_bytes);
  writer.fixed(volume.live_bytes);
  writer.fixed(volume.needle_count);
  writer.fixed(static_cast<std::uint8_t>((volume.read_only ? 1 : 0) | (volume.frozen ? 2 : 0)));
  return crc64nvme(as_bytes(bytes));
}

}  // namespace kelp
