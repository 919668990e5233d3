#include "tests/support/sim_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/crc.h"

namespace kelp::test {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Error io_error(const std::string& path, std::string_view what) {
  return {Errc::kIo, fmt::format("{}: {}", path, what)};
}

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, SimDisk::InodePtr inode, std::string path, OpenMode mode)
      : disk_(disk),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(mode != OpenMode::kRead && mode != OpenMode::kReadDirect),
        direct_(mode == OpenMode::kReadDirect),
        epoch_(disk.epoch_) {}

  [[nodiscard]] bool is_direct() const override { return direct_; }

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan buffer) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto error = begin(DiskOp::kRead, false)) return *std::move(error);
    if (disk_.rng_.chance(disk_.options_.read_error_per_million))
      return fail("injected read error");
    if (offset >= inode_->size) return std::size_t{0};
    const auto bad = inode_->unreadable.lower_bound(offset / disk_.options_.sector_bytes);
    if (bad != inode_->unreadable.end() &&
        *bad * disk_.options_.sector_bytes < offset + buffer.size()) {
      return fail("unreadable sector");
    }
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), inode_->size - offset));
    disk_.read(*inode_, offset, buffer.first(count));
    return count;
  }

  Result<bool> try_read_at(std::uint64_t offset, MutableByteSpan buffer) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto error = begin(DiskOp::kRead, false)) return *std::move(error);
    if (disk_.rng_.chance(disk_.options_.cold_read_per_million)) return false;
    if (offset > inode_->size || buffer.size() > inode_->size - offset) return false;
    disk_.read(*inode_, offset, buffer);
    return true;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const ByteSpan> pieces) override {
    const std::lock_guard lock(disk_.mutex_);
    std::string bytes;
    for (const auto piece : pieces) bytes.append(as_text(piece));
    disk_.note(crc32c(as_bytes(bytes)));
    const bool was_alive = alive();
    auto error = begin(DiskOp::kWrite, true);
    if (!error && !writable_) return fail("not open for writing");
    if (!error && disk_.rng_.chance(disk_.options_.write_error_per_million)) {
      error = fail("injected write error");
    }
    if (!error) return disk_.write(*inode_, offset, as_bytes(bytes));
    if (was_alive && writable_ && !bytes.empty()) {  // short: a part of it got there
      bytes.resize(static_cast<std::size_t>(disk_.rng_.below(bytes.size())));
      static_cast<void>(disk_.write(*inode_, offset, as_bytes(bytes)));
    }
    return *std::move(error);
  }

  Result<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    auto error = begin(DiskOp::kSync, true);
    if (!error && disk_.rng_.chance(disk_.options_.sync_error_per_million)) {
      error = fail("injected sync error");
    }
    if (error) {
      if (epoch_ == disk_.epoch_) {
        for (auto& [sector, undo] : inode_->dirty) undo.forgotten = true;
      }
      return *std::move(error);
    }
    std::erase_if(inode_->dirty, [](const auto& entry) { return !entry.second.forgotten; });
    inode_->durable_size = inode_->size;
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::lock_guard lock(disk_.mutex_);
    if (!alive()) return fail("the machine has stopped");
    return inode_->size;
  }

  Result<std::uint64_t> allocated_bytes() override {
    const std::lock_guard lock(disk_.mutex_);
    if (!alive()) return fail("the machine has stopped");
    return inode_->sectors.size() * disk_.options_.sector_bytes;
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto error = begin(DiskOp::kTruncate, true)) return *std::move(error);
    if (!writable_) return fail("not open for writing");
    disk_.resize(*inode_, size);
    return {};
  }

  Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto error = begin(DiskOp::kPunch, true)) return *std::move(error);
    if (!writable_) return fail("not open for writing");
    const std::uint64_t end = std::min(inode_->size, offset + length);
    const std::uint64_t unit = disk_.options_.sector_bytes;
    for (std::uint64_t at = offset; at < end;) {
      const std::uint64_t sector = at / unit;
      const std::uint64_t stop = std::min(end, (sector + 1) * unit);
      if (const auto found = inode_->sectors.find(sector); found != inode_->sectors.end()) {
        disk_.make_dirty(*inode_, sector);
        if (stop - at == unit) {
          inode_->sectors.erase(found);
          disk_.count_used(*inode_, -1);
        } else {
          std::fill_n(found->second.begin() + static_cast<std::ptrdiff_t>(at % unit), stop - at,
                      '\0');
        }
      }
      at = stop;
    }
    return {};
  }

 private:
  [[nodiscard]] bool alive() const { return !disk_.off_ && epoch_ == disk_.epoch_; }
  [[nodiscard]] Error fail(std::string_view what) const { return io_error(path_, what); }
  std::optional<Error> begin(DiskOp op, bool changes) {
    if (epoch_ != disk_.epoch_) return fail("opened before the machine or process ended");
    return disk_.before(op, path_, changes);
  }

  SimDisk& disk_;
  SimDisk::InodePtr inode_;
  std::string path_;
  bool writable_;
  bool direct_;
  std::uint64_t epoch_;
};

class SimDirLock final : public DirLock {
 public:
  SimDirLock(SimDisk& disk, std::string dir)
      : disk_(disk), dir_(std::move(dir)), epoch_(disk.epoch_) {}
  ~SimDirLock() override {
    const std::lock_guard lock(disk_.mutex_);
    if (epoch_ == disk_.epoch_) disk_.locks_.erase(dir_);
  }

 private:
  SimDisk& disk_;
  std::string dir_;
  std::uint64_t epoch_;
};

SimDisk::SimDisk(SimDiskOptions options) : options_(options), rng_(options.seed) {
  KELP_ASSERT(options.sector_bytes > 0, "a sector has bytes");
  dirs_ = {"/", "."};
}

SimDisk::~SimDisk() = default;

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kCreateExclusive;
  const bool creates = found == names_.end() && may_create;
  if (auto error = before(DiskOp::kOpen, path, creates)) return *std::move(error);
  InodePtr inode;
  if (creates) {
    KELP_CHECK(needs_parent(path));
    if (dirs_.contains(path)) return io_error(path, "is a directory");
    inode = std::make_shared<Inode>();
    NameChange change = {{path, inode}};
    change_names(std::move(change));
  } else if (found == names_.end()) {
    return Error(Errc::kNotFound, fmt::format("{}: no such file", path));
  } else if (mode == OpenMode::kCreateExclusive) {
    return Error(Errc::kAlreadyExists, fmt::format("{}: exists", path));
  } else {
    inode = found->second;
  }
  return std::make_unique<SimFile>(*this, std::move(inode), path, mode);
}

Result<std::vector<std::string>> SimDisk::list(const std::string& dir_path) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kRead, dir_path, false)) return *std::move(error);
  const std::string dir = without_slash(dir_path);
  if (!dirs_.contains(dir))
    return Error(Errc::kNotFound, fmt::format("{}: no such directory", dir));
  std::set<std::string> found;
  const auto add = [&](const std::string& path) {
    if (path != dir && parent_of(path) == dir) found.insert(path.substr(path.rfind('/') + 1));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const auto& path : dirs_) {
    if (path != "/" && path != ".") add(path);
  }
  return std::vector<std::string>(found.begin(), found.end());
}

Result<void> SimDisk::make_dirs(const std::string& dir) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kOpen, dir, true)) return *std::move(error);
  for (std::string at = without_slash(dir); !dirs_.contains(at); at = parent_of(at)) {
    if (names_.contains(at)) return io_error(at, "is a file");
    dirs_.insert(at);
  }
  return {};
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kRename, from + " " + to, true)) return *std::move(error);
  const auto found = names_.find(from);
  if (found == names_.end()) return Error(Errc::kNotFound, fmt::format("{}: no such file", from));
  KELP_CHECK(needs_parent(to));
  if (dirs_.contains(to)) return io_error(to, "is a directory");
  if (from == to) return {};
  NameChange change = {{from, nullptr}, {to, found->second}};
  change_names(std::move(change));
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kRemove, path, true)) return *std::move(error);
  if (names_.contains(path)) {
    NameChange change = {{path, nullptr}};
    change_names(std::move(change));
    return {};
  }
  if (!dirs_.contains(path)) return Error(Errc::kNotFound, fmt::format("{}: no such file", path));
  const auto inside = [&](const auto& other) { return other.starts_with(path + "/"); };
  const bool full =
      std::ranges::any_of(dirs_, inside) ||
      std::ranges::any_of(names_, [&](const auto& name) { return inside(name.first); });
  if (full) return io_error(path, "directory not empty");
  dirs_.erase(path);
  return {};
}

Result<bool> SimDisk::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kRead, path, false)) return *std::move(error);
  return names_.contains(path) || dirs_.contains(without_slash(path));
}

Result<void> SimDisk::sync_dir(const std::string& dir_path) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kSyncDir, dir_path, true)) return *std::move(error);
  const std::string dir = without_slash(dir_path);
  if (!dirs_.contains(dir))
    return Error(Errc::kNotFound, fmt::format("{}: no such directory", dir));
  const auto touches = [&](const auto& name) { return parent_of(name.first) == dir; };
  std::erase_if(pending_, [&](const NameChange& change) {
    if (std::ranges::none_of(change, touches)) return false;
    make_durable(change);
    return true;
  });
  return {};
}

Result<std::unique_ptr<DirLock>> SimDisk::lock_dir(const std::string& dir_path) {
  const std::string dir = without_slash(dir_path);
  KELP_TRY(const auto record, open(dir + "/LOCK", OpenMode::kCreate));
  const std::lock_guard lock(mutex_);
  if (!locks_.insert(dir).second) {
    return Error(Errc::kUnavailable, fmt::format("{} is held by another process", dir));
  }
  return std::make_unique<SimDirLock>(*this, dir);
}

Result<DiskSpace> SimDisk::space(const std::string& dir) {
  const std::lock_guard lock(mutex_);
  if (auto error = before(DiskOp::kRead, dir, false)) return *std::move(error);
  const std::uint64_t used = used_sectors_ * options_.sector_bytes;
  DiskSpace space;
  space.total_bytes = options_.capacity_bytes;
  space.free_bytes = options_.capacity_bytes - std::min(used, options_.capacity_bytes);
  return space;
}

void SimDisk::crash(Rng& rng) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t keep_sectors = static_cast<std::uint32_t>(rng.below(4)) * 333'333;
  if (rng.chance(500'000)) {  // a journal: what is left of the names is a prefix
    std::uint64_t kept = rng.below(pending_.size() + 1);
    const auto keep_name = [&] { return kept > 0 && kept-- > 0; };
    settle(keep_name, [&] { return rng.chance(keep_sectors); });
  } else {
    settle([&] { return rng.chance(500'000); }, [&] { return rng.chance(keep_sectors); });
  }
  note(rng.next());
}

void SimDisk::crash_losing_all() {
  const std::lock_guard lock(mutex_);
  const auto nothing = [] { return false; };
  settle(nothing, nothing);
}

void SimDisk::kill() {
  const std::lock_guard lock(mutex_);
  forget_handles();
}

void SimDisk::power_off_after(std::uint64_t nth) {
  const std::lock_guard lock(mutex_);
  KELP_ASSERT(nth > 0, "operations count from 1");
  power_off_at_ = changes_ + nth;
}

bool SimDisk::powered_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

void SimDisk::fail_nth(DiskOp op, std::uint64_t nth, Errc code) {
  const std::lock_guard lock(mutex_);
  KELP_ASSERT(nth > 0, "operations count from 1");
  const auto index = static_cast<std::size_t>(op);
  const Planned planned{.at = counts_[index] + nth, .code = code};
  planned_[index].push_back(planned);
}

void SimDisk::fail_no_more() {
  const std::lock_guard lock(mutex_);
  for (auto& planned : planned_) planned.clear();
}

void SimDisk::set_hook(Hook hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void SimDisk::set_faults(SimDiskOptions options) {
  const std::lock_guard lock(mutex_);
  options.seed = options_.seed;
  options.sector_bytes = options_.sector_bytes;
  options_ = options;
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t byte_offset, unsigned bit) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  KELP_ASSERT(found != names_.end() && byte_offset < found->second->size, "no such byte to flip");
  auto& sectors = found->second->sectors;
  const auto [sector, added] =
      sectors.try_emplace(byte_offset / options_.sector_bytes, options_.sector_bytes, '\0');
  if (added) count_used(*found->second, 1);
  char& byte = sector->second[byte_offset % options_.sector_bytes];
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
}

void SimDisk::set_unreadable(const std::string& path, std::uint64_t byte_offset) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  KELP_ASSERT(found != names_.end() && byte_offset < found->second->size, "no such byte");
  found->second->unreadable.insert(byte_offset / options_.sector_bytes);
}

std::uint64_t SimDisk::count(DiskOp op) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(op)];
}

std::uint64_t SimDisk::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

std::uint64_t SimDisk::trace_hash() const {
  const std::lock_guard lock(mutex_);
  return hash_;
}

std::optional<std::string> SimDisk::content(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(found->second->size), '\0');
  read(*found->second, 0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// Counts the operation and decides whether it fails.
std::optional<Error> SimDisk::before(DiskOp op, const std::string& path, bool changes) {
  const auto index = static_cast<std::size_t>(op);
  const std::uint64_t number = ++counts_[index];
  note(index);
  note(crc32c(as_bytes(path)));
  if (off_) return io_error(path, "the power is off");
  if (changes && ++changes_ >= power_off_at_) {
    off_ = true;
    // The write under way reaches the cache in part, and crash() chooses again among its sectors.
    return io_error(path, "the power went off");
  }
  if (hook_) {
    if (auto error = hook_(op, path)) return error;
  }
  auto& planned = planned_[index];
  const auto due = std::ranges::find(planned, number, &Planned::at);
  if (due == planned.end()) return std::nullopt;
  Error error(due->code, fmt::format("{}: injected failure", path));
  planned.erase(due);
  return error;
}

void SimDisk::note(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
  hash_ ^= hash_ >> 29;
}

Result<void> SimDisk::needs_parent(const std::string& path) const {
  if (dirs_.contains(parent_of(path))) return {};
  return Error(Errc::kNotFound, fmt::format("{}: no such directory", parent_of(path)));
}

}  // namespace kelp::test
