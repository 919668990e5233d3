#include "filer/fsck.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/references.h"

namespace kelp {
namespace {

constexpr std::size_t kBodiesPerSlice = 2000;

void note(FsckReport& report, std::string finding) {
  if (report.findings.size() < kMaxFindings) report.findings.push_back(std::move(finding));
}

void check_buckets(const References& names, FsckReport& report) {
  for (const auto& [id, bucket] : names.buckets) {
    if (bucket.known) ++report.buckets;
    if (!bucket.known && bucket.counted.objects > 0) {
      report.objects_without_bucket += static_cast<std::uint64_t>(bucket.counted.objects);
      note(report, fmt::format("{} objects of bucket {}, which does not exist",
                               bucket.counted.objects, id.value));
    }
    if (bucket.counted.objects == bucket.counters.objects &&
        bucket.counted.bytes == bucket.counters.bytes) {
      continue;
    }
    ++report.wrong_counters;
    note(report, fmt::format("bucket {}: {} objects of {} bytes, its counters say {} of {}",
                             id.value, bucket.counted.objects, bucket.counted.bytes,
                             bucket.counters.objects, bucket.counters.bytes));
  }
}

/// One volume: what is on disk against what is named there, both ascending by key.
void check_volume(VolumeId volume, const std::vector<NeedleInfo>& needles,
                  const std::vector<NamedNeedle>& named, FsckReport& report) {
  report.needles += needles.size();
  auto on_disk = needles.begin();
  const auto orphan = [&report, volume](const NeedleInfo& needle) {
    ++report.orphan_needles;
    report.orphan_bytes += needle.body_bytes;
    note(report, fmt::format("needle {}: nothing names it",
                             to_string(FileId{volume, needle.key, needle.cookie})));
  };
  for (std::size_t i = 0; i < named.size(); ++i) {
    const NamedNeedle& name = named[i];
    if (i > 0 && named[i - 1].fid.key == name.fid.key) {
      ++report.doubly_named_needles;
      note(report, fmt::format("needle {}: named twice", to_string(name.fid)));
      continue;
    }
    while (on_disk != needles.end() && on_disk->key < name.fid.key) orphan(*on_disk++);
    const bool there = on_disk != needles.end() && on_disk->key == name.fid.key;
    if (there && on_disk->cookie == name.fid.cookie) {
      if (on_disk->body_bytes != name.size_bytes) {
        ++report.wrong_size_needles;
        note(report, fmt::format("needle {}: {} bytes, named with {}", to_string(name.fid),
                                 on_disk->body_bytes, name.size_bytes));
      }
    } else if (!name.dead) {  // a dead one may be removed already
      ++report.missing_needles;
      note(report, fmt::format("needle {}: named and not on disk", to_string(name.fid)));
    }
    if (there) ++on_disk;
  }
  std::for_each(on_disk, needles.end(), orphan);
}

/// Walks the inline bodies beside their sorted ids.
class BodyWalk {
 public:
  BodyWalk(const std::vector<std::uint64_t>& ids, FsckReport& report)
      : ids_(ids), report_(report) {}

  /// Takes the next slice; false at the end.
  Result<bool> step(KvStore& store) {
    const KvRange all = keys::within(std::string(1, kBulkPrefix));
    if (from_.empty()) from_ = all.begin;
    const auto cursor = store.cursor(all);
    cursor->seek(from_);
    for (std::size_t rows = 0; rows < kBodiesPerSlice && cursor->valid(); ++rows) {
      KELP_CHECK(take(cursor->key(), cursor->value()));
      cursor->next();
    }
    KELP_CHECK(cursor->status());
    if (cursor->valid()) {
      from_ = cursor->key();
      return true;
    }
    for (; next_ < ids_.size(); ++next_) missing(ids_[next_]);
    return false;
  }

 private:
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
      note(report_, opened.error().detail());
    }
    return {};
  }

  void missing(std::uint64_t id) {
    ++report_.missing_inline_bodies;
    note(report_, fmt::format("inline body {}: named and not there", id));
  }

  const std::vector<std::uint64_t>& ids_;
  FsckReport& report_;
  std::string from_;
  std::size_t next_ = 0;
};

}  // namespace

Task<Result<FsckReport>> fsck(KvStore& store, WorkPool& pool, VolumeAdmin& volumes) {
  KvAsync kv(store, pool);
  FsckReport report;
  KELP_CO_TRY(const References names, co_await read_references(kv, true));
  report.objects = names.objects;
  report.uploads = names.uploads;
  report.parts = names.parts;
  report.left_over_parts = names.left_over_parts;
  report.dead_needles = static_cast<std::uint64_t>(
      std::ranges::count_if(names.needles, [](const NamedNeedle& n) { return n.dead; }));
  check_buckets(names, report);

  KELP_CO_TRY(const NodeStatus node, co_await volumes.status());
  std::set<VolumeId> ids;
  for (const VolumeStatus& volume : node.volumes) ids.insert(volume.volume);
  const std::set<VolumeId> on_disk = ids;
  for (const NamedNeedle& name : names.needles) ids.insert(name.fid.volume);
  for (const VolumeId volume : ids) {
    std::vector<NeedleInfo> needles;
    if (on_disk.contains(volume)) {
      KELP_CO_TRY(needles, co_await read_needles(volumes, volume));
    }
    check_volume(volume, needles, named_in(names.needles, volume), report);
  }

  BodyWalk bodies(names.inline_ids, report);
  for (bool more = true; more;) {
    std::move_only_function<Result<bool>(KvStore&)> step = [&bodies](KvStore& rows) {
      return bodies.step(rows);
    };
    KELP_CO_TRY(more, co_await kv.read<bool>(std::move(step)));
  }
  co_return report;
}

}  // namespace kelp
