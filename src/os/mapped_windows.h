#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/bytes.h"

namespace kelp {

/// A stretch of a file, mapped to be looked at where the page cache has it. Unmapped at the end.
class MappedWindow {
 public:
  /// Null when the OS refuses.
  [[nodiscard]] static std::shared_ptr<const MappedWindow> map(int file, std::uint64_t offset,
                                                               std::size_t bytes);
  ~MappedWindow();
  MappedWindow(const MappedWindow&) = delete;
  MappedWindow& operator=(const MappedWindow&) = delete;

  /// Whether all of [offset, offset + bytes) of the file, which must lie inside, is in memory.
  [[nodiscard]] bool resident(std::uint64_t offset, std::size_t bytes) const;
  /// What `look` says of [offset, offset + bytes) of the file; false when a page of it cannot be
  /// read (a bad sector, a file that became shorter). `look` must only read and hold nothing that
  /// needs a destructor: a page that cannot be read ends it where it is.
  [[nodiscard]] bool look_at(std::uint64_t offset, std::size_t bytes,
                             const std::function<bool(ByteSpan)>& look) const;

 private:
  MappedWindow(std::uint64_t offset, ByteSpan bytes) : offset_(offset), bytes_(bytes) {}
  [[nodiscard]] ByteSpan part(std::uint64_t offset, std::size_t bytes) const;
  /// part(), from the beginning of its first page.
  [[nodiscard]] ByteSpan pages(std::uint64_t offset, std::size_t bytes) const;

  const std::uint64_t offset_;
  const ByteSpan bytes_;
};

/// The windows used last, so that hot files are mapped once. Bounds what is mapped of all files:
/// mapped pages count as memory of the process (RSS, "shared"). Thread-safe (a leaf mutex).
class MappedWindows {
 public:
  static constexpr std::size_t kWindowBytes = 4 << 20;
  static constexpr std::size_t kWindows = 48;
  /// Windows overlap by this, so that each stretch that is no longer lies whole in one.
  static constexpr std::size_t kOverlapBytes = 1 << 20;

  /// The window in which up to kOverlapBytes at `offset` of `file` lie; null when the OS refuses.
  /// `owner` stands for the file.
  [[nodiscard]] std::shared_ptr<const MappedWindow> at(const void* owner, int file,
                                                       std::uint64_t offset);
  /// The file is being closed.
  void forget(const void* owner);

 private:
  struct Slot {
    const void* owner = nullptr;
    std::uint64_t number = 0;
    std::uint64_t last_used = 0;
    std::shared_ptr<const MappedWindow> window;
  };

  std::mutex mutex_;
  std::uint64_t uses_ = 0;
  std::array<Slot, kWindows> slots_;
};

}  // namespace kelp
