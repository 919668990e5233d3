#include "filer/fsck.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/references.h"
#include "filer/row_walk.h"
#include "wire/collections.h"
#include "wire/remote_volume.h"

namespace kelp {
namespace {

void note(FsckReport& report, std::string finding) {
  if (report.findings.size() < kMaxFindings) report.findings.push_back(std::move(finding));
}

void check_buckets(const References& names, FsckReport& report) {
  for (const auto& [id, bucket] : names.buckets) {
    if (bucket.known) ++report.buckets;
    if (bucket.dropped) {
      ++report.dropped_buckets;
      continue;
    }
    if (!bucket.known && bucket.counted.objects > 0) {
      report.objects_without_bucket += static_cast<std::uint64_t>(bucket.counted.objects);
      note(report, fmt::format("{} objects of bucket {}, which does not exist",
                               bucket.counted.objects, id.value));
    }
    if (bucket.counted == bucket.counters) continue;
    ++report.wrong_counters;
    note(report,
         fmt::format("bucket {}: {} objects, {} bytes and of these {} in uploads, its counters say "
                     "{}, {} and {}",
                     id.value, bucket.counted.objects, bucket.counted.bytes,
                     bucket.counted.upload_bytes, bucket.counters.objects, bucket.counters.bytes,
                     bucket.counters.upload_bytes));
  }
}

void check_annotations(const References& names, FsckReport& report) {
  report.annotations = names.annotations;
  for (const auto& [number, set] : names.annotation_sets) {
    if (set.doomed) ++report.loose_annotation_sets;
    if (set.sound()) continue;
    ++report.wrong_annotation_sets;
    note(report,
         fmt::format("annotations {}: {} with {} bytes, named {} times, for {} with {}", number,
                     set.count, set.bytes, set.names, set.named_count, set.named_bytes));
  }
}

/// A volume as it was read.
struct VolumeContent {
  VolumeId volume;
  std::vector<NeedleInfo> needles;  ///< Ascending by key.
  std::set<NeedleKey> corrupt;
};

/// Compares volumes with what is named there.
class VolumeCheck {
 public:
  VolumeCheck(const References& names, FsckReport& report, DamagedPlaces& damaged)
      : shares_(names.shares), report_(report), damaged_(damaged) {}

  /// `named`: what is named in that volume, ascending by key, the dead last.
  void compare(const VolumeContent& volume, const std::vector<NamedNeedle>& named) {
    auto on_disk = volume.needles.begin();
    const auto end = volume.needles.end();
    for (std::span rest(named); !rest.empty();) {
      const NamedNeedle& name = rest.front();
      check_front(rest);
      while (on_disk != end && on_disk->key < name.fid.key) orphan(volume.volume, *on_disk++);
      const bool there = on_disk != end && on_disk->key == name.fid.key;
      compare_one(name, there ? &*on_disk : nullptr, volume.corrupt.contains(name.fid.key));
      if (there) ++on_disk;
    }
    for (; on_disk != end; ++on_disk) orphan(volume.volume, *on_disk);
  }

  /// A volume whose needles are named by those who know their file ids, and by no metadata.
  void keep(const VolumeContent& volume) {
    report_.fid_needles += volume.needles.size();
    for (const NeedleInfo& needle : volume.needles) {
      if (!volume.corrupt.contains(needle.key)) continue;
      ++report_.corrupt_needles;
      note(report_,
           fmt::format("needle {}: {}", to_string(FileId{volume.volume, needle.key, needle.cookie}),
                       text_of(Damage::kCorrupt)));
    }
  }

  /// A remote, whose needles are not looked at; `named` as of compare().
  void leave(const std::vector<NamedNeedle>& named) {
    for (std::span rest(named); !rest.empty(); ++report_.remote_needles) check_front(rest);
  }

  /// Nothing is known of this volume's needles.
  void unreadable(VolumeId volume, const std::vector<NamedNeedle>& named, const Error& error) {
    ++report_.unreadable_volumes;
    const auto lost = std::ranges::count_if(named, [](const NamedNeedle& n) { return !n.dead; });
    report_.unreadable_needles += static_cast<std::uint64_t>(lost);
    damaged_.unreadable.insert(volume);
    note(report_, fmt::format("volume {}: cannot be read, {} needles are named there: {}",
                              volume.value, lost, error.detail()));
  }

 private:
  /// Checks the names of the first needle of `rest`, and takes them off.
  void check_front(std::span<const NamedNeedle>& rest) {
    const NeedleKey key = rest.front().fid.key;
    const auto end =
        std::ranges::find_if(rest, [key](const NamedNeedle& each) { return each.fid.key != key; });
    const auto count = static_cast<std::size_t>(end - rest.begin());
    check_names(rest.first(count));
    rest = rest.subspan(count);
  }

  /// `names`: all of one needle.
  void check_names(std::span<const NamedNeedle> names) {
    const bool shared = std::ranges::all_of(names, &NamedNeedle::shared);
    const FileId& fid = names.front().fid;
    if (!shared && names.size() > 1) {
      ++report_.doubly_named_needles;
      note(report_, fmt::format("{}: named twice", name_of(fid)));
    }
    const auto live = std::ranges::count(names, false, &NamedNeedle::dead);
    if (!shared || live == 0) return;
    const auto at = shares_.find(std::pair(fid.volume, fid.key));
    const std::int64_t counted = at == shares_.end() ? 0 : at->second;
    if (counted == live - 1) return;
    ++report_.wrong_shares;
    note(report_, fmt::format("{}: {} names, its count says {}", name_of(fid), live, counted + 1));
  }

  /// `needle`: what is on disk under that key, or null.
  void compare_one(const NamedNeedle& name, const NeedleInfo* needle, bool corrupt) {
    if (corrupt) {
      if (!name.dead) damage(report_.corrupt_needles, name, Damage::kCorrupt);
    } else if (needle == nullptr || needle->cookie != name.fid.cookie) {
      // A dead one may be removed already.
      if (!name.dead) damage(report_.missing_needles, name, Damage::kMissing);
    } else if (needle->body_bytes != name.size_bytes) {
      damage(report_.wrong_size_needles, name, Damage::kWrongSize);
    }
  }

  void damage(std::uint64_t& count, const NamedNeedle& name, Damage what) {
    ++count;
    damaged_.needles.emplace(std::pair(name.fid.volume, name.fid.key), what);
    note(report_, fmt::format("{}: {}", name_of(name.fid), text_of(what)));
  }

  void orphan(VolumeId volume, const NeedleInfo& needle) {
    ++report_.orphan_needles;
    report_.orphan_bytes += needle.body_bytes;
    note(report_,
         fmt::format("{}: nothing names it", name_of(FileId{volume, needle.key, needle.cookie})));
  }

  const std::map<std::pair<VolumeId, NeedleKey>, std::int64_t>& shares_;
  FsckReport& report_;
  DamagedPlaces& damaged_;
};

/// Compares the inline bodies, ascending, with their sorted ids.
class BodyCheck {
 public:
  BodyCheck(const std::vector<std::uint64_t>& ids, FsckReport& report, DamagedPlaces& damaged)
      : ids_(ids), report_(report), damaged_(damaged) {}

  Result<void> take(std::string_view key, std::string_view value) {
    KELP_TRY(const std::uint64_t id, keys::parse_body(key));
    ++report_.inline_bodies;
    for (; next_ < ids_.size() && ids_[next_] < id; ++next_) missing(ids_[next_]);
    if (next_ == ids_.size() || ids_[next_] != id) {
      ++report_.unnamed_inline_bodies;
      note(report_, fmt::format("inline body {}: nothing names it", id));
      return {};
    }
    ++next_;
    std::string row(value);
    if (const auto opened = open_body(id, row); !opened) {
      ++report_.corrupt_inline_bodies;
      damaged_.inline_bodies.emplace(id, Damage::kCorruptBody);
      note(report_, opened.error().detail());
    }
    return {};
  }

  /// No body comes any more.
  void finish() {
    for (; next_ < ids_.size(); ++next_) missing(ids_[next_]);
  }

 private:
  void missing(std::uint64_t id) {
    ++report_.missing_inline_bodies;
    damaged_.inline_bodies.emplace(id, Damage::kMissingBody);
    note(report_, fmt::format("inline body {}: named and not there", id));
  }

  const std::vector<std::uint64_t>& ids_;
  FsckReport& report_;
  DamagedPlaces& damaged_;
  std::size_t next_ = 0;
};

/// All of a volume that `options` ask for.
Task<Result<VolumeContent>> read_volume(VolumeAdmin& volumes, VolumeId volume, bool verify) {
  VolumeContent content{.volume = volume, .needles = {}, .corrupt = {}};
  KELP_CO_TRY(content.needles, co_await read_needles(volumes, volume));
  if (!verify) co_return content;
  KELP_CO_TRY(const auto failed, co_await volumes.verify_volume(volume));
  for (const NeedleInfo& needle : failed) content.corrupt.insert(needle.key);
  co_return content;
}

Task<Result<void>> check_volumes(const References& names, VolumeAdmin& volumes, FsckOptions options,
                                 FsckReport& report, DamagedPlaces& damaged) {
  VolumeCheck check(names, report, damaged);
  KELP_CO_TRY(const NodeStatus node, co_await volumes.status());
  std::set<VolumeId> ids;
  std::set<VolumeId> kept;
  for (const VolumeStatus& volume : node.volumes) {
    ids.insert(volume.volume);
    if (volume.collection == kFidCollection) kept.insert(volume.volume);
  }
  const std::set<VolumeId> on_disk = ids;
  for (const NamedNeedle& name : names.needles) ids.insert(name.fid.volume);
  ids.erase(kManifests);
  check.compare({.volume = kManifests, .needles = names.manifests, .corrupt = {}},
                named_in(names.needles, kManifests));
  for (const VolumeId volume : ids) {
    const auto named = named_in(names.needles, volume);
    if (is_remote(volume)) {
      check.leave(named);
      continue;
    }
    Result<VolumeContent> content = VolumeContent{.volume = volume, .needles = {}, .corrupt = {}};
    if (on_disk.contains(volume)) {
      content = co_await read_volume(volumes, volume, options.verify);
    }
    if (!content && content.error().code() == Errc::kCancelled) co_return content.error();
    if (!content) {
      check.unreadable(volume, named, content.error());
      continue;
    }
    report.needles += content->needles.size();
    if (kept.contains(volume) && named.empty()) {
      check.keep(*content);
    } else {
      check.compare(*content, named);
    }
    if (!options.verify) continue;
    for (const NeedleInfo& needle : content->needles) report.verified_bytes += needle.body_bytes;
  }
  co_return Result<void>();
}

Task<Result<void>> check_bodies(const References& names, KvAsync& kv, FsckReport& report,
                                DamagedPlaces& damaged) {
  BodyCheck bodies(names.inline_ids, report, damaged);
  RowTaker take = [&bodies](auto key, auto value) { return bodies.take(key, value); };
  KELP_CO_CHECK(co_await walk_rows(kv, keys::within(std::string(1, kBulkPrefix)), std::move(take)));
  bodies.finish();
  co_return Result<void>();
}

}  // namespace

Task<Result<FsckReport>> fsck(KvStore& store, WorkPool& pool, VolumeAdmin& volumes,
                              FsckOptions options) {
  KvAsync kv(store, pool);
  FsckReport report;
  DamagedPlaces damaged;
  KELP_CO_TRY(const References names, co_await read_references(kv, true));
  report.objects = names.objects;
  report.uploads = names.uploads;
  report.parts = names.parts;
  report.left_over_parts = names.left_over_parts;
  report.dead_needles = static_cast<std::uint64_t>(
      std::ranges::count_if(names.needles, [](const NamedNeedle& n) { return n.dead; }));
  check_buckets(names, report);
  check_annotations(names, report);
  KELP_CO_CHECK(co_await check_volumes(names, volumes, options, report, damaged));
  KELP_CO_CHECK(co_await check_bodies(names, kv, report, damaged));
  if (damaged.empty()) co_return report;

  std::map<BucketId, std::string> buckets;
  for (const auto& [id, bucket] : names.buckets) {
    if (bucket.known) buckets.emplace(id, bucket.name);
  }
  KELP_CO_TRY(DamagedNames named, co_await name_damaged(kv, damaged, buckets, kMaxDamaged));
  report.damaged_objects = named.objects;
  report.damaged_parts = named.parts;
  report.damaged = std::move(named.first);
  co_return report;
}

}  // namespace kelp
