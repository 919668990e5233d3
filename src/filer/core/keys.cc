#include "filer/core/keys.h"

#include <fmt/format.h>

#include <bit>
#include <concepts>
#include <cstring>
#include <initializer_list>

#include "base/assert.h"

namespace kelp::keys {
namespace {

template <std::unsigned_integral T>
void put(std::string& out, T value) {
  if constexpr (sizeof value > 1) value = std::byteswap(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Takes a big-endian integer off the front; the caller has checked the length.
template <std::unsigned_integral T>
T take(std::string_view& in) {
  T value{};
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return std::byteswap(value);
}

constexpr std::string_view kNotified = "notify.bucket/";

std::string begin_row(char space, BucketId bucket, std::size_t more) {
  std::string row;
  row.reserve(1 + sizeof bucket.value + more);
  row.push_back(space);
  put(row, bucket.value);
  return row;
}

std::string numbered(char space, std::initializer_list<std::uint64_t> numbers) {
  std::string row(1, space);
  for (const std::uint64_t number : numbers) put(row, number);
  return row;
}

// An object key inside a row key that goes on behind it: 0x00 becomes 0x00 0xff and the end is 0x00
// 0x01, so that the order of the rows is the order of the keys' bytes.
constexpr std::string_view kEscapedNul("\0\xff", 2);
constexpr std::string_view kEnd("\0\x01", 2);

void escape(std::string_view key, std::string& out) {
  for (;;) {
    const std::size_t nul = key.find('\0');
    out.append(key.substr(0, nul));
    if (nul == std::string_view::npos) return;
    out.append(kEscapedNul);
    key.remove_prefix(nul + 1);
  }
}

std::string begin_escaped(char space, BucketId bucket, std::string_view key_prefix) {
  std::string row = begin_row(space, bucket, key_prefix.size() + 16);
  escape(key_prefix, row);
  return row;
}

/// Takes an escaped key with its end off the front of `in`; false when it is none.
bool take_escaped(std::string_view& in, std::string& key) {
  for (;;) {
    const std::size_t nul = in.find('\0');
    if (nul == std::string_view::npos || nul + 1 >= in.size()) return false;
    key.append(in.substr(0, nul));
    const char mark = in[nul + 1];
    in.remove_prefix(nul + 2);
    if (mark == kEnd[1]) return true;
    if (mark != kEscapedNul[1]) return false;
    key.push_back('\0');
  }
}

Error bad_key(std::string_view what) {
  return Error(Errc::kCorruption, fmt::format("the key of a {} row is malformed", what));
}

std::uint64_t ticks(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

KvRange within(std::string prefix) {
  std::string end = behind(prefix);
  return {std::move(prefix), std::move(end)};
}

KvRange all_metadata() {
  static_assert(kBulkPrefix < 'a' && kJournalPrefix == kBulkPrefix + 1,
                "what is bulky stands before every other row");
  return {"a", "{"};
}

std::string bucket(std::string_view name) {
  std::string row(1, kBucket);
  row.append(name);
  return row;
}

std::string_view bucket_name(std::string_view row_key) {
  return row_key.substr(1);
}

std::string object(BucketId bucket, std::string_view key) {
  std::string row = begin_row(kObject, bucket, key.size());
  row.append(key);
  return row;
}

Result<ObjectRowKey> parse_object(std::string_view row_key) {
  if (row_key.size() <= 9 || row_key.front() != kObject) return bad_key("object");
  row_key.remove_prefix(1);
  const BucketId bucket(take<std::uint64_t>(row_key));
  return ObjectRowKey{bucket, row_key};
}

std::string versions_of(BucketId bucket, std::string_view key_prefix) {
  return begin_escaped(kVersion, bucket, key_prefix);
}

std::string versions_of_key(BucketId bucket, std::string_view key) {
  std::string row = versions_of(bucket, key);
  row.append(kEnd);
  return row;
}

std::string version(BucketId bucket, std::string_view key, std::uint64_t version) {
  std::string row = versions_of_key(bucket, key);
  put(row, ~version);
  return row;
}

Result<VersionRowKey> parse_version(std::string_view row_key) {
  if (row_key.size() <= 9 || row_key.front() != kVersion) return bad_key("version");
  row_key.remove_prefix(1);
  VersionRowKey parsed;
  parsed.bucket = BucketId(take<std::uint64_t>(row_key));
  if (!take_escaped(row_key, parsed.key) || row_key.size() != 8) return bad_key("version");
  parsed.version = ~take<std::uint64_t>(row_key);
  return parsed;
}

std::string uploads_of(BucketId bucket, std::string_view key_prefix) {
  return begin_escaped(kUpload, bucket, key_prefix);
}

std::string uploads_of_key(BucketId bucket, std::string_view key) {
  std::string row = uploads_of(bucket, key);
  row.append(kEnd);
  return row;
}

std::string upload(BucketId bucket, std::string_view key, std::uint64_t upload_id) {
  std::string row = uploads_of_key(bucket, key);
  put(row, upload_id);
  return row;
}

std::string part(std::string_view upload_row_key, std::uint32_t part_number) {
  KELP_ASSERT(part_number >= 1 && part_number <= 10'000, "part numbers are checked by the caller");
  std::string row(upload_row_key);
  put(row, static_cast<std::uint16_t>(part_number));
  return row;
}

KvRange parts_behind(std::string_view upload_row_key, std::uint32_t after_part) {
  std::string begin(upload_row_key);
  put(begin, static_cast<std::uint16_t>(after_part >= UINT16_MAX ? UINT16_MAX : after_part + 1));
  return {std::move(begin), behind(std::string(upload_row_key))};
}

Result<UploadRowKey> parse_upload(std::string_view row_key) {
  const std::size_t row_bytes = row_key.size();
  if (row_bytes <= 9 || row_key.front() != kUpload) return bad_key("upload");
  row_key.remove_prefix(1);
  UploadRowKey parsed;
  parsed.bucket = BucketId(take<std::uint64_t>(row_key));
  if (!take_escaped(row_key, parsed.key)) return bad_key("upload");
  if (row_key.size() != 8 && row_key.size() != 10) return bad_key("upload");
  parsed.upload_id = take<std::uint64_t>(row_key);
  parsed.upload_key_bytes = row_bytes - row_key.size();
  if (!row_key.empty()) {
    parsed.part_number = take<std::uint16_t>(row_key);
    if (parsed.part_number == 0) return bad_key("part");
  }
  return parsed;
}

std::string dead(WallTime since, const FileId& fid) {
  std::string row(1, kDead);
  put(row, ticks(since));
  put(row, fid.volume.value);
  put(row, fid.key.value);
  put(row, fid.cookie.value);
  return row;
}

KvRange dead_until(WallTime until) {
  std::string end(1, kDead);
  put(end, ticks(until) + 1);
  return {std::string(1, kDead), std::move(end)};
}

std::string manifest(std::uint64_t id) {
  return numbered(kManifest, {id});
}

Result<std::uint64_t> parse_manifest(std::string_view row_key) {
  if (row_key.size() != 9 || row_key.front() != kManifest) return bad_key("manifest");
  row_key.remove_prefix(1);
  return take<std::uint64_t>(row_key);
}

std::string annotations_of(std::uint64_t set, std::string_view prefix) {
  std::string row = numbered(kAnnotation, {set});
  row.append(prefix);
  return row;
}

std::string annotation(std::uint64_t set, std::string_view name) {
  return annotations_of(set, name);
}

Result<AnnotationRowKey> parse_annotation(std::string_view row_key) {
  if (row_key.size() <= 9 || row_key.front() != kAnnotation) return bad_key("annotation");
  row_key.remove_prefix(1);
  AnnotationRowKey parsed;
  parsed.set = take<std::uint64_t>(row_key);
  parsed.name = row_key;
  return parsed;
}

std::string loose_set(std::uint64_t set) {
  return numbered(kLooseSet, {set});
}

Result<std::uint64_t> parse_loose_set(std::string_view row_key) {
  if (row_key.size() != 9 || row_key.front() != kLooseSet) return bad_key("loose set");
  row_key.remove_prefix(1);
  return take<std::uint64_t>(row_key);
}

std::string share(const FileId& fid) {
  std::string row(1, kShare);
  put(row, fid.volume.value);
  put(row, fid.key.value);
  return row;
}

Result<ShareRowKey> parse_share(std::string_view row_key) {
  if (row_key.size() != 13 || row_key.front() != kShare) return bad_key("share");
  row_key.remove_prefix(1);
  ShareRowKey parsed;
  parsed.volume = VolumeId(take<std::uint32_t>(row_key));
  parsed.key = NeedleKey(take<std::uint64_t>(row_key));
  return parsed;
}

Result<DeadRowKey> parse_dead(std::string_view row_key) {
  if (row_key.size() != 25 || row_key.front() != kDead) return bad_key("dead");
  row_key.remove_prefix(1);
  DeadRowKey parsed;
  const auto since = static_cast<std::int64_t>(take<std::uint64_t>(row_key));
  parsed.since = WallTime(std::chrono::nanoseconds(since));
  parsed.fid.volume = VolumeId(take<std::uint32_t>(row_key));
  parsed.fid.key = NeedleKey(take<std::uint64_t>(row_key));
  parsed.fid.cookie = Cookie(take<std::uint32_t>(row_key));
  return parsed;
}

std::string count(BucketId bucket, Counter what, std::uint8_t shard) {
  std::string row = begin_row(kCount, bucket, 2);
  row.push_back(static_cast<char>(what));
  put(row, shard);
  return row;
}

KvRange counts_of(BucketId bucket) {
  return within(begin_row(kCount, bucket, 0));
}

Result<CountRowKey> parse_count(std::string_view row_key) {
  if (row_key.size() != 11 || row_key.front() != kCount) return bad_key("count");
  const auto what = static_cast<Counter>(row_key[9]);
  if (what != Counter::kBytes && what != Counter::kObjects && what != Counter::kUploadBytes) {
    return bad_key("count");
  }
  const auto shard = static_cast<std::uint8_t>(row_key.back());
  row_key.remove_prefix(1);
  return CountRowKey{BucketId(take<std::uint64_t>(row_key)), what, shard};
}

std::string setting(BucketId bucket, std::string_view name) {
  std::string row = begin_row(kSetting, bucket, name.size());
  row.append(name);
  return row;
}

KvRange settings_of(BucketId bucket) {
  return within(begin_row(kSetting, bucket, 0));
}

std::string notified(BucketId bucket) {
  std::string row = job(kNotified);
  put(row, bucket.value);
  return row;
}

KvRange all_notified() {
  return within(job(kNotified));
}

Result<BucketId> parse_notified(std::string_view row_key) {
  const std::string space = job(kNotified);
  if (row_key.size() != space.size() + 8 || !row_key.starts_with(space)) {
    return bad_key("notified bucket");
  }
  row_key.remove_prefix(space.size());
  return BucketId(take<std::uint64_t>(row_key));
}

std::string events_of(std::uint64_t log) {
  return numbered(kEvent, {log});
}

std::string event_stream(std::uint64_t log, std::uint64_t stream) {
  return numbered(kEvent, {log, stream});
}

std::string event(std::uint64_t log, std::uint64_t stream, std::uint64_t number) {
  return numbered(kEvent, {log, stream, number});
}

Result<EventRowKey> parse_event(std::string_view row_key) {
  if (row_key.size() != 25 || row_key.front() != kEvent) return bad_key("event");
  row_key.remove_prefix(1);
  const auto log = take<std::uint64_t>(row_key);
  const auto stream = take<std::uint64_t>(row_key);
  return EventRowKey{log, stream, take<std::uint64_t>(row_key)};
}

std::string journal() {
  return std::string(1, kJournal);
}

std::string journal_cut(std::uint64_t journal, std::uint64_t stream) {
  return numbered(kJournal, {journal, stream});
}

std::string journal_rows(std::uint64_t journal) {
  return numbered(kJournalPrefix, {journal});
}

std::string journal_stream(std::uint64_t journal, std::uint64_t stream) {
  return numbered(kJournalPrefix, {journal, stream});
}

std::string journal_row(std::uint64_t journal, std::uint64_t stream, std::uint64_t number) {
  return numbered(kJournalPrefix, {journal, stream, number});
}

std::string increment_row(std::uint64_t nth) {
  std::string row;
  put(row, nth);
  return row;
}

Result<JournalRowKey> parse_journal_row(std::string_view row_key) {
  if (row_key.size() != 25 || row_key.front() != kJournalPrefix) return bad_key("journal");
  row_key.remove_prefix(1);
  const auto journal = take<std::uint64_t>(row_key);
  const auto stream = take<std::uint64_t>(row_key);
  return JournalRowKey{journal, stream, take<std::uint64_t>(row_key)};
}

Result<JournalRowKey> parse_journal_cut(std::string_view row_key) {
  if (row_key.size() != 17 || row_key.front() != kJournal) return bad_key("journal's cut");
  row_key.remove_prefix(1);
  const auto journal = take<std::uint64_t>(row_key);
  return JournalRowKey{journal, take<std::uint64_t>(row_key), 0};
}

std::string finished(std::uint64_t upload_id) {
  return numbered(kFinished, {upload_id});
}

std::string renamed(BucketId bucket, std::string_view token) {
  std::string row = begin_row(kRenamed, bucket, token.size());
  row.append(token);
  return row;
}

std::string dropped(BucketId bucket) {
  return begin_row(kDropped, bucket, 0);
}

Result<BucketId> parse_dropped(std::string_view row_key) {
  if (row_key.size() != 9 || row_key.front() != kDropped) return bad_key("dropped bucket");
  row_key.remove_prefix(1);
  return BucketId(take<std::uint64_t>(row_key));
}

std::string body(std::uint64_t inline_id) {
  return numbered(kBulkPrefix, {inline_id});
}

Result<std::uint64_t> parse_body(std::string_view row_key) {
  if (row_key.size() != 9 || row_key.front() != kBulkPrefix) return bad_key("inline body");
  row_key.remove_prefix(1);
  return take<std::uint64_t>(row_key);
}

std::string ids() {
  return std::string(1, kIds);
}

std::string cluster() {
  return {kCluster};
}

std::string loading() {
  return {kLoading};
}

std::string collector() {
  return {kCollector};
}

std::string job(std::string_view name) {
  std::string row(1, kJob);
  row.append(name);
  return row;
}

std::string key_floor() {
  return std::string(1, kKeyFloor);
}

}  // namespace kelp::keys
