#include "mount/spool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace kelp::mount {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

Errno errno_of_disk(const Error& error) {
  logger("mount").error("temporary_file why={}", log_value(error.message()));
  return Errno{error.code() == Errc::kNoSpace ? ENOSPC : EIO};
}

}  // namespace

Outcome<std::unique_ptr<Spool>> Spool::make(SpoolRoom& room) {
  const std::string path =
      fmt::format("{}/kelp-mount-{}-{}", room.dir, ::getpid(), room.names.fetch_add(1));
  auto file = room.io.open(path, OpenMode::kCreateExclusive);
  if (!file) return errno_of_disk(file.error());
  if (const auto removed = room.io.remove(path); !removed) return errno_of_disk(removed.error());
  return std::unique_ptr<Spool>(new Spool(room, *std::move(file)));
}

Spool::~Spool() {
  room_.used_bytes -= size_ - dropped_;
}

Outcome<void> Spool::take_room(std::uint64_t size) {
  if (size > size_) {
    const std::uint64_t more = size - size_;
    if (room_.used_bytes.fetch_add(more) + more > room_.limit_bytes) {
      room_.used_bytes -= more;
      return Errno{ENOSPC};
    }
  } else {
    room_.used_bytes -= size_ - std::max(size, dropped_);
  }
  size_ = size;
  return {};
}

Outcome<void> Spool::write(std::uint64_t offset, ByteSpan bytes) {
  const std::uint64_t before = size_;
  if (offset + bytes.size() > size_) {
    KELP_CHECK(take_room(offset + bytes.size()));
  }
  const auto written = file_->write_at(offset, std::span(&bytes, 1));
  if (written) return {};
  KELP_CHECK(take_room(before));
  return errno_of_disk(written.error());
}

Outcome<void> Spool::truncate(std::uint64_t size) {
  const std::uint64_t before = size_;
  KELP_CHECK(take_room(size));
  dropped_ = std::min(dropped_, size);
  const auto done = file_->truncate(size);
  if (done) return {};
  KELP_CHECK(take_room(before));
  return errno_of_disk(done.error());
}

Outcome<std::size_t> Spool::read(std::uint64_t offset, MutableByteSpan buffer) {
  if (offset >= size_) return std::size_t{0};
  if (offset < dropped_) return Errno{EIO};
  buffer = buffer.first(std::min<std::uint64_t>(buffer.size(), size_ - offset));
  const auto read = file_->read_at(offset, buffer);
  if (!read) return errno_of_disk(read.error());
  // What was written beyond a gap may end the file on the disk later than a truncation did.
  std::ranges::fill(buffer.subspan(*read), std::byte{0});
  return buffer.size();
}

void Spool::drop_front(std::uint64_t end) {
  end = std::min(end, size_) / kPageBytes * kPageBytes;
  if (end <= dropped_) return;
  if (!file_->punch_hole(dropped_, end - dropped_)) return;
  room_.used_bytes -= end - dropped_;
  dropped_ = end;
}

}  // namespace kelp::mount
