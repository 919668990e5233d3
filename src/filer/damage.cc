#include "filer/damage.h"

#include <fmt/format.h>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/rows.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

/// Takes up whose rows name what is damaged.
class Names {
 public:
  Names(const DamagedPlaces& places, const std::map<BucketId, std::string>& buckets,
        std::size_t limit)
      : places_(places), buckets_(buckets), limit_(limit) {}

  Result<void> take(std::string_view key, std::string_view value) {
    switch (key.front()) {
      case keys::kManifest:
        return take_manifest(key, value);
      case keys::kAnnotation:
        return take_annotation(key, value);
      case keys::kObject:
        return take_object(key, value);
      case keys::kVersion:
        return take_version(key, value);
      default:
        return take_part(key, value);
    }
  }

  DamagedNames found;

 private:
  Result<void> take_manifest(std::string_view key, std::string_view value) {
    KELP_TRY(const std::uint64_t id, keys::parse_manifest(key));
    KELP_TRY(std::vector<Chunk> chunks, decode_manifest(value));
    Damaged damaged;
    if (!damage_of({.inline_id = 0, .chunks = std::move(chunks)}, damaged)) return {};
    manifests_.emplace(NeedleKey(id), std::move(damaged));
    return {};
  }

  Result<void> take_annotation(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::AnnotationRowKey at, keys::parse_annotation(key));
    KELP_TRY(const ObjectEntry entry, decode_entry(value));
    Damaged damaged;
    if (damage_of(entry.layout, damaged)) annotations_.emplace(at.set, std::move(damaged));
    return {};
  }

  Result<void> take_object(std::string_view key, std::string_view value) {
    KELP_TRY(const keys::ObjectRowKey at, keys::parse_object(key));
    Damaged damaged;
    damaged.key = at.key;
    return take_entry(at.bucket, value, std::move(damaged));
  }

  Result<void> take_version(std::string_view key, std::string_view value) {
    KELP_TRY(keys::VersionRowKey at, keys::parse_version(key));
    Damaged damaged;
    damaged.key = std::move(at.key);
    damaged.version = at.version;
    return take_entry(at.bucket, value, std::move(damaged));
  }

  Result<void> take_entry(BucketId bucket, std::string_view value, Damaged damaged) {
    KELP_TRY(const ObjectEntry entry, decode_entry(value));
    if (!damage_of(entry.layout, damaged) && !damage_of(entry.layout.annotations, damaged)) {
      return {};
    }
    ++found.objects;
    keep(bucket, std::move(damaged));
    return {};
  }

  Result<void> take_part(std::string_view key, std::string_view value) {
    KELP_TRY(keys::UploadRowKey at, keys::parse_upload(key));
    if (at.part_number == 0) return {};
    KELP_TRY(PartRow part, decode_part(value));
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

  bool damage_of(const Annotations& annotations, Damaged& damaged) const {
    const auto at = annotations_.find(annotations.set);
    if (at == annotations_.end()) return false;
    damaged.damage = at->second.damage;
    damaged.where = at->second.where + " of an annotation";
    return true;
  }

  /// The first damage of `layout`; false when there is none.
  bool damage_of(const Layout& layout, Damaged& damaged) const {
    for (const Chunk& chunk : layout.chunks) {
      const auto manifest = chunk.is_manifest() ? manifests_.find(chunk.fid.key) : manifests_.end();
      if (manifest != manifests_.end()) {
        damaged.damage = manifest->second.damage;
        damaged.where = manifest->second.where;
        return true;
      }
      const auto at = places_.needles.find({chunk.fid.volume, chunk.fid.key});
      if (at == places_.needles.end() && !places_.unreadable.contains(chunk.fid.volume)) continue;
      damaged.damage = at != places_.needles.end() ? at->second : Damage::kUnreadableVolume;
      damaged.where = name_of(chunk.fid);
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
  std::map<NeedleKey, Damaged> manifests_;        ///< With a damaged needle.
  std::map<std::uint64_t, Damaged> annotations_;  ///< Sets with a damaged body.
};

}  // namespace

std::string name_of(const FileId& fid) {
  if (fid.volume == kManifests) return fmt::format("manifest {}", fid.key.value);
  return "needle " + to_string(fid);
}

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
  Names names(places, buckets, limit);
  const RowTaker take = [&names](auto key, auto value) { return names.take(key, value); };
  for (const char kind :
       {keys::kManifest, keys::kAnnotation, keys::kObject, keys::kVersion, keys::kUpload}) {
    KELP_CO_CHECK(co_await walk_rows(kv, keys::within(std::string(1, kind)), take));
  }
  co_return std::move(names.found);
}

}  // namespace kelp
