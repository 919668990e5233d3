#include "kv/rocks_wal_check.h"

#include <fmt/format.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crc.h"
#include "kv/rocks_tables.h"

namespace kelp {
namespace {

constexpr std::size_t kBlockBytes = 32 << 10;
constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kSectorBytes = 512;
constexpr std::uint8_t kFull = 1;
constexpr std::uint8_t kFirst = 2;
constexpr std::uint8_t kMiddle = 3;
constexpr std::uint8_t kLast = 4;

struct Record {
  std::uint8_t type = 0;
  std::size_t bytes = 0;  ///< Header and payload.
  /// Of its first change, in a record that begins a write; 0 when a block ends before it.
  std::uint64_t sequence = 0;
};

bool begins_write(std::uint8_t type) {
  return type == kFull || type == kFirst;
}

/// The record at the front of `rest`, which ends where its block or the file does.
std::optional<Record> read_record(std::string_view rest) {
  if (rest.size() < kHeaderBytes) return std::nullopt;
  ByteReader header(rest);
  const auto masked = header.fixed<std::uint32_t>();
  const std::size_t length = header.fixed<std::uint16_t>();
  const auto type = header.fixed<std::uint8_t>();
  if (type < kFull || type > kLast || kHeaderBytes + length > rest.size()) return std::nullopt;
  const std::uint32_t crc = crc32c(as_bytes(rest.substr(kHeaderBytes - 1, 1 + length)));
  if (((crc >> 15) | (crc << 17)) + 0xa282ead8U != masked) return std::nullopt;
  Record record{.type = type, .bytes = kHeaderBytes + length};
  if (begins_write(type) && length >= sizeof record.sequence) {
    record.sequence = header.fixed<std::uint64_t>();
  } else if (type == kFull) {
    return std::nullopt;  // shorter than any write
  }
  return record;
}

/// Goes through one log, block by block.
class LogReader {
 public:
  explicit LogReader(std::string name) : name_(std::move(name)) {}

  void block(std::string_view block, bool is_last) {
    std::size_t at = 0;
    while (!bad_at_ && at < block.size()) {
      // What is too short for a header at the end of a block is padding.
      if (!is_last && block.size() - at < kHeaderBytes) break;
      if (is_last && kBlockBytes - at < kHeaderBytes) break;
      const auto record = read_record(block.substr(at));
      if (!record || begins_write(record->type) == inside_write_) {
        bad_at_ = offset_ + at;
        claims_more_ = claims_more(block.substr(at), is_last);
        break;
      }
      at += record->bytes;
      if (record->sequence != 0) sequence_ = record->sequence;
      inside_write_ = record->type == kFirst || record->type == kMiddle;
      if (!inside_write_) good_bytes_ = offset_ + at;
    }
    if (bad_at_) look_behind_damage(block, at);
    offset_ += block.size();
  }

  /// After the last block. True: the log ends in a torn write.
  [[nodiscard]] Result<bool> finish() const {
    if (!bad_at_) return inside_write_;
    if (write_behind_) {
      return Error(Errc::kCorruption,
                   fmt::format("kv: log {} is damaged at byte {}: a whole write follows at {}",
                               name_, *bad_at_, *write_behind_));
    }
    if (claims_more_ || hole_) return true;
    return Error(Errc::kCorruption,
                 fmt::format("kv: log {} is damaged at byte {}: the last record does not match its "
                             "checksum",
                             name_, *bad_at_));
  }
  [[nodiscard]] std::uint64_t good_bytes() const { return good_bytes_; }

 private:
  /// True when the file ends before the record at the front of `rest` does.
  static bool claims_more(std::string_view rest, bool is_last) {
    if (!is_last) return false;
    if (rest.size() < kHeaderBytes) return true;
    ByteReader length(rest.substr(4));
    return kHeaderBytes + length.fixed<std::uint16_t>() > rest.size();
  }

  /// Searches from `at` for what tells damage (a later write) from a torn tail (a page that never
  /// reached the disk).
  void look_behind_damage(std::string_view block, std::size_t at) {
    for (std::size_t i = at; i < block.size() && !write_behind_; ++i) {
      if (offset_ + i == *bad_at_) continue;
      const auto record = read_record(block.substr(i));
      if (record && begins_write(record->type) && record->sequence > sequence_) {
        write_behind_ = offset_ + i;
      }
    }
    // The write's part of each sector: a page may have been on the disk before, up to where the
    // write begins, and of the last one only the file's part is there.
    while (at < block.size() && !hole_) {
      const std::size_t part = std::min(kSectorBytes - at % kSectorBytes, block.size() - at);
      hole_ = block.substr(at, part).find_first_not_of('\0') == std::string_view::npos;
      at += part;
    }
  }

  std::string name_;
  std::uint64_t offset_ = 0;
  std::uint64_t good_bytes_ = 0;
  std::uint64_t sequence_ = 0;
  bool inside_write_ = false;
  bool claims_more_ = false;
  bool hole_ = false;
  std::optional<std::uint64_t> bad_at_;
  std::optional<std::uint64_t> write_behind_;
};

Result<WalCheck> check_log(const std::string& path, const std::string& name) {
  const std::string file_path = path + "/" + name;
  rocksdb::Env* const env = rocksdb::Env::Default();
  std::uint64_t size = 0;
  std::unique_ptr<rocksdb::SequentialFile> file;
  rocksdb::Status status = env->GetFileSize(file_path, &size);
  if (status.ok()) status = env->NewSequentialFile(file_path, &file, rocksdb::EnvOptions());
  if (!status.ok()) return to_error(status, "open log " + name);
  LogReader reader(name);
  std::vector<char> scratch(kBlockBytes);
  for (std::uint64_t offset = 0; offset < size;) {
    rocksdb::Slice block;
    status = file->Read(kBlockBytes, &block, scratch.data());
    if (!status.ok()) return to_error(status, "read log " + name);
    if (block.empty()) break;
    offset += block.size();
    reader.block(to_view(block), offset >= size);
  }
  KELP_TRY(const bool torn, reader.finish());
  return WalCheck{.torn_tail = torn, .log = name, .good_bytes = reader.good_bytes()};
}

/// Log files by their number, which rises. Names are 000123.log.
Result<std::vector<std::string>> list_logs(const std::string& path) {
  std::vector<std::string> names;
  const rocksdb::Status status = rocksdb::Env::Default()->GetChildren(path, &names);
  if (status.IsNotFound()) return std::vector<std::string>{};
  if (!status.ok()) return to_error(status, "list " + path);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  std::ranges::sort(names, {}, [](const std::string& name) {
    return std::pair(name.size(), std::string_view(name));
  });
  return names;
}

}  // namespace

Result<WalCheck> check_rocks_wal(const std::string& path) {
  KELP_TRY(const std::vector<std::string> logs, list_logs(path));
  WalCheck newest;
  std::optional<std::string> older_damage;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    auto log = check_log(path, logs[i]);
    if (i + 1 == logs.size()) {
      if (!log) return log;
      newest = *std::move(log);
    } else if (!log) {
      // It may have been replayed long ago and only wait for its deletion: when the newest log is
      // whole, RocksDB's strict mode decides, which knows.
      if (log.error().code() != Errc::kCorruption) return log;
      older_damage = log.error().detail();
    } else if (log->torn_tail) {
      older_damage = fmt::format("kv: log {} ends in a torn write and is not the newest", logs[i]);
    }
  }
  if (newest.torn_tail && older_damage) return Error(Errc::kCorruption, *older_damage);
  return newest;
}

}  // namespace kelp
