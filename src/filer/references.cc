#include "filer/references.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"
#include "filer/core/usage.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr std::uint32_t kNeedlesPerCall = 10'000;

/// Takes up what the rows of all metadata name, one after the other.
class Names {
 public:
  explicit Names(bool with_inline_ids) : with_inline_ids_(with_inline_ids) {}

  Result<void> take(std::string_view key, std::string_view value) {
    switch (key.front()) {
      case keys::kAnnotation:
        return take_annotation(key, value);
      case keys::kLooseSet:
        return take_loose_set(key, value);
      case keys::kBucket:
        return take_bucket(key, value);
      case keys::kCount:
        return take_count(key, value);
      case keys::kDead:
        return take_dead(key, value);
      case keys::kDropped:
        return take_dropped(key);
      case keys::kManifest:
        return take_manifest(key, value);
      case keys::kShare:
        return take_share(key, value);
      case keys::kObject:
        return take_object(key, value);
      case keys::kVersion:
        return take_version(key, value);
      case keys::kUpload:
        return take_upload(key, value);
      default:
        return {};
    }
  }

  /// What was found, in order.
  References finish() && {
    std::ranges::sort(found_.needles, {}, [](const NamedNeedle& needle) {
      return std::tuple(needle.fid.volume, needle.fid.key, needle.dead);
    });
    std::ranges::sort(found_.inline_ids);
    return std::move(found_);
  }

 private:
  Result<void> take_bucket(std::string_view key, std::string_view value) {
    KELP_TRY(const BucketEntry bucket, decode_bucket(value));
    BucketCount& count = found_.buckets[bucket.id];
    count.known = true;
    count.name = keys::bucket_name(key);
    return {};
  }

  Result<void> take_count(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::CountRowKey at, keys::parse_count(key));
    KELP_TRY(const std::int64_t count, decode_counter(std::string(value)));
    field_of(found_.buckets[at.bucket].counters, at.what) += count;
    return {};
  }

  Result<void> take_dropped(std::string_view key) {
    KELP_TRY(const BucketId bucket, keys::parse_dropped(key));
    found_.buckets[bucket].dropped = true;
    return {};
  }

  Result<void> take_dead(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::DeadRowKey at, keys::parse_dead(key));
    KELP_TRY(const DeadRow dead, decode_dead(value));
    found_.needles.push_back(
        {.fid = at.fid, .dead = true, .shared = dead.shared, .size_bytes = dead.size_bytes});
    return {};
  }

  /// Its chunks are named as long as it is there, by whatever names it.
  Result<void> take_manifest(std::string_view key, std::string_view value) {
    KELP_TRY(const std::uint64_t id, keys::parse_manifest(key));
    KELP_TRY(const std::vector<Chunk> chunks, decode_manifest(value));
    take_chunks(chunks);
    NeedleInfo& info = found_.manifests.emplace_back(NeedleKey(id), Cookie(0));
    for (const Chunk& chunk : chunks) info.body_bytes += chunk.size_bytes;
    return {};
  }

  Result<void> take_share(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::ShareRowKey at, keys::parse_share(key));
    KELP_TRY(found_.shares[std::pair(at.volume, at.key)], decode_counter(std::string(value)));
    return {};
  }

  Result<void> take_object(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::ObjectRowKey at, keys::parse_object(key));
    return take_entry(at.bucket, value);
  }

  Result<void> take_version(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::VersionRowKey at, keys::parse_version(key));
    return take_entry(at.bucket, value);
  }

  Result<void> take_entry(BucketId bucket, std::string_view value) {
    KELP_TRY(const ObjectEntry entry, decode_entry(value));
    if (entry.delete_marker) return {};
    ++found_.objects;
    BucketUsage& usage = found_.buckets[bucket].counted;
    ++usage.objects;
    usage.bytes += held_bytes(entry);
    take_layout(entry.layout);
    const Annotations& own = entry.layout.annotations;
    if (own.set != 0) take_named_set(own.set, own.count, own.bytes);
    return {};
  }

  Result<void> take_annotation(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::AnnotationRowKey at, keys::parse_annotation(key));
    KELP_TRY(const ObjectEntry entry, decode_entry(value));
    ++found_.annotations;
    if (with_inline_ids_) {
      AnnotationSet& set = found_.annotation_sets[at.set];
      ++set.count;
      set.bytes += entry.size_bytes;
    }
    take_layout(entry.layout);
    return {};
  }

  Result<void> take_loose_set(std::string_view key, std::string_view value) {
    KELP_TRY(const std::uint64_t set, keys::parse_loose_set(key));
    KELP_TRY(const LooseSetRow loose, decode_loose_set(value));
    take_named_set(set, loose.count, loose.bytes);
    if (!loose.staged && with_inline_ids_) found_.annotation_sets[set].doomed = true;
    return {};
  }

  void take_named_set(std::uint64_t number, std::uint32_t count, std::uint64_t bytes) {
    if (!with_inline_ids_) return;
    AnnotationSet& set = found_.annotation_sets[number];
    ++set.names;
    set.named_count = count;
    set.named_bytes = bytes;
  }

  Result<void> take_upload(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(key));
    if (at.part_number == 0) {
      ++found_.uploads;
      upload_row_ = key;
      return {};
    }
    KELP_TRY(const PartRow part, decode_part(value));
    ++found_.parts;
    BucketUsage& usage = found_.buckets[at.bucket].counted;
    usage.bytes += counted_bytes(part);
    usage.upload_bytes += counted_bytes(part);
    if (key.substr(0, at.upload_key_bytes) != upload_row_) ++found_.left_over_parts;
    take_chunks(part.chunks);
    return {};
  }

  void take_layout(const Layout& layout) {
    take_chunks(layout.chunks);
    if (with_inline_ids_ && layout.inline_id != 0) found_.inline_ids.push_back(layout.inline_id);
  }

  void take_chunks(const std::vector<Chunk>& chunks) {
    for (const Chunk& chunk : chunks) {
      found_.needles.push_back(
          {.fid = chunk.fid, .shared = chunk.shared, .size_bytes = chunk.size_bytes});
    }
  }

  const bool with_inline_ids_;
  References found_;
  std::string upload_row_;  ///< Of the upload whose parts may come next.
};

}  // namespace

Task<Result<References>> read_references(KvAsync& kv, bool with_inline_ids) {
  Names names(with_inline_ids);
  RowTaker take = [&names](auto key, auto value) { return names.take(key, value); };
  KELP_CO_CHECK(co_await walk_rows(kv, keys::all_metadata(), std::move(take)));
  co_return std::move(names).finish();
}

Task<Result<std::vector<NeedleInfo>>> read_needles(VolumeAdmin& volumes, VolumeId volume) {
  std::vector<NeedleInfo> needles;
  NeedleKey after(0);
  for (;;) {
    if (co_await was_cancelled())
      co_return Error(Errc::kCancelled, "walk of the needles cancelled");
    KELP_CO_TRY(auto page, co_await volumes.list_needles(volume, after, kNeedlesPerCall));
    if (page.empty()) co_return needles;
    after = page.back().key;
    std::ranges::move(page, std::back_inserter(needles));
  }
}

std::vector<NamedNeedle> named_in(const std::vector<NamedNeedle>& named, VolumeId volume) {
  const auto range = std::ranges::equal_range(
      named, volume, {}, [](const NamedNeedle& needle) { return needle.fid.volume; });
  return {range.begin(), range.end()};
}

}  // namespace kelp
