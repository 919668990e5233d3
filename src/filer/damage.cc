#include "filer/damage.h"

#include <fmt/format.h>

#include <memory>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/rows.h"
#include "filer/references.h"

namespace kelp {
namespace {

constexpr std::size_t kRowsPerSlice = 20'000;

/// The walk over the rows of one kind, one slice at a time.
class DamageWalk {
 public:
  DamageWalk(const DamagedPlaces& places, const std::map<BucketId, std::string>& buckets,
             std::size_t limit)
      : places_(places), buckets_(buckets), limit_(limit) {}

  /// Takes the next slice of the rows that begin with `kind`; false at the end.
  Result<bool> step(KvStore& store, char kind) {
    const KvRange rows = keys::within(std::string(1, kind));
    if (cursor_ == nullptr) {
      cursor_ = store.cursor(rows);
      cursor_->seek(rows.begin);
    }
    for (std::size_t count = 0; count < kRowsPerSlice && cursor_->valid(); ++count) {
      KELP_CHECK(kind == keys::kObject ? take_object() : take_part());
      cursor_->next();
    }
    KELP_CHECK(cursor_->status());
    if (cursor_->valid()) return true;
    cursor_.reset();
    return false;
  }

  DamagedNames found;

 private:
  Result<void> take_object() {
    KELP_TRY(const keys::ObjectRowKey at, keys::parse_object(cursor_->key()));
    KELP_TRY(const ObjectEntry entry, decode_entry(cursor_->value()));
    Damaged damaged;
    if (!damage_of(entry.layout, damaged)) return {};
    ++found.objects;
    damaged.key = at.key;
    keep(at.bucket, std::move(damaged));
    return {};
  }

  Result<void> take_part() {
    KELP_TRY(keys::UploadRowKey at, keys::parse_upload(cursor_->key()));
    if (at.part_number == 0) return {};
    KELP_TRY(PartRow part, decode_part(cursor_->value()));
    Damaged damaged;
    if (!damage_of({.inline_id = 0, .chunks = std::move(part.chunks)}, damaged)) return {};
    ++found.parts;
    damaged.key = std::move(at.key);
    damaged.upload_id = upload_id_text(at.upload_id);
    damaged.part_number = at.part_number;
    keep(at.bucket, std::move(damaged));
    return {};
  }

  void keep(BucketId bucket, Damaged damaged) {
    if (found.first.size() == limit_) return;
    const auto name = buckets_.find(bucket);
    damaged.bucket = name != buckets_.end() ? name->second : fmt::format("bucket-{}", bucket.value);
    found.first.push_back(std::move(damaged));
  }

  /// The first damage of `layout`; false when there is none.
  bool damage_of(const Layout& layout, Damaged& damaged) const {
    for (const Chunk& chunk : layout.chunks) {
      const auto at = places_.needles.find({chunk.fid.volume, chunk.fid.key});
      if (at == places_.needles.end() && !places_.unreadable.contains(chunk.fid.volume)) continue;
      damaged.damage = at != places_.needles.end() ? at->second : Damage::kUnreadableVolume;
      damaged.where = "needle " + to_string(chunk.fid);
      return true;
    }
    const auto body = places_.inline_bodies.find(layout.inline_id);
    if (layout.inline_id == 0 || body == places_.inline_bodies.end()) return false;
    damaged.damage = body->second;
    damaged.where = fmt::format("inline body {}", layout.inline_id);
    return true;
  }

  const DamagedPlaces& places_;
  const std::map<BucketId, std::string>& buckets_;
  const std::size_t limit_;
  std::unique_ptr<KvCursor> cursor_;
};

}  // namespace

std::string_view text_of(Damage damage) {
  switch (damage) {
    case Damage::kMissing:
    case Damage::kMissingBody:
      return "is missing";
    case Damage::kWrongSize:
      return "has another size";
    case Damage::kCorrupt:
    case Damage::kCorruptBody:
      return "is corrupt";
    case Damage::kUnreadableVolume:
      return "is in a volume that cannot be read";
  }
  return "";
}

Task<Result<DamagedNames>> name_damaged(KvAsync& kv, const DamagedPlaces& places,
                                        const std::map<BucketId, std::string>& buckets,
                                        std::size_t limit) {
  DamageWalk walk(places, buckets, limit);
  for (const char kind : {keys::kObject, keys::kUpload}) {
    for (bool more = true; more;) {
      if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "walk cancelled");
      std::move_only_function<Result<bool>(KvStore&)> step = [&walk, kind](KvStore& store) {
        return walk.step(store, kind);
      };
      KELP_CO_TRY(more, co_await kv.read<bool>(std::move(step)));
    }
  }
  co_return std::move(walk.found);
}

}  // namespace kelp
