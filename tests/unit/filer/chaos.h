#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "filer/core/keys.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp::test {

/// Every part of a needle that is not shared has a manifest.
inline constexpr FilerOptions kChaosOptions{.min_part_bytes = 1, .lease_ids = 16, .most_chunks = 0};
inline constexpr std::uint64_t kChaosSeeds = 60;
inline const std::string kChaosBucket = "photos";

inline PutObject put_chunk(FilerWorld& world, std::string key) {
  PutObject put;
  put.bucket = kChaosBucket;
  put.key = std::move(key);
  put.entry.etag = std::string(16, 'c');
  put.entry.layout.chunks.push_back(world.chunk(100));
  put.entry.size_bytes = 100;
  return put;
}

/// Every chunk that a commit took is named exactly once, counters are exact, inline bodies match.
inline void expect_sound(FilerWorld& world, const std::set<std::uint64_t>& accepted) {
  test::FakeVolumes volumes;
  for (const std::uint64_t key : accepted) {
    volumes.add({{VolumeId(1), NeedleKey(key), Cookie(static_cast<std::uint32_t>(key))}, 100});
  }
  const auto report = world.run(fsck(*world.store, world.work, volumes));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->sound()) << (report->findings.empty() ? "" : report->findings[0]);
  EXPECT_EQ(report->orphan_needles, 0U) << report->findings[0];
}

/// Random operations on a few keys and uploads, all at once; then the sum is checked.
struct Chaos {
  FilerWorld& world;
  std::set<std::uint64_t> accepted;  ///< Needle keys whose commit succeeded.
  std::vector<UploadName> uploads;
  std::map<std::string, std::set<std::string>> etags;  ///< Of completes, by upload id.
  bool versioned = false;
  std::vector<ObjectKey> versions = {};  ///< That a write made, for version calls.

  std::string any_key() { return std::to_string(world.work.rng().below(3)); }

  static Task<void> act(Chaos& chaos, int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (chaos.world.work.rng().below(chaos.versioned ? 14 : 10)) {
        case 0:
          co_await put(chaos, put_of(kChaosBucket, chaos.any_key(), "body"));
          break;
        case 1:
          co_await put(chaos, put_chunk(chaos.world, chaos.any_key()));
          break;
        case 2:
          co_await remove(chaos);
          break;
        case 3:
          co_await create(chaos);
          break;
        case 4:
        case 5:
          co_await put_part(chaos);
          break;
        case 6:
          co_await complete(chaos);
          break;
        case 7:
          co_await abort(chaos);
          break;
        case 8:
          co_await rename(chaos);
          break;
        case 9:
          co_await append(chaos);
          break;
        case 10:
          co_await copy_version(chaos);
          break;
        case 11:
          co_await look(chaos);
          break;
        default:
          co_await remove_versions(chaos);
          break;
      }
    }
  }
  static Task<void> put(Chaos& chaos, PutObject put) {
    const auto chunks = put.entry.layout.chunks;
    const std::string key = put.key;
    const auto outcome = co_await chaos.world.filer.put_object(std::move(put));
    EXPECT_TRUE(outcome) << outcome.error().message();
    if (outcome) chaos.note(key, outcome->version_id);
    for (const Chunk& chunk : chunks) chaos.accepted.insert(chunk.fid.key.value);
  }
  void note(std::string key, std::optional<std::uint64_t> version_id) {
    if (versioned) versions.push_back({kChaosBucket, std::move(key), version_id});
  }
  ObjectKey any_version() {
    if (versions.empty()) return {kChaosBucket, any_key(), kNullVersion};
    const std::size_t last = std::min<std::size_t>(versions.size(), 8);
    return versions[versions.size() - 1 - world.work.rng().below(last)];
  }
  static Task<void> remove_versions(Chaos& chaos) {
    DeleteObjects request{kChaosBucket, {}, {}};
    for (std::uint64_t left = 1 + chaos.world.work.rng().below(3); left > 0; --left) {
      const ObjectKey name = chaos.any_version();
      request.keys.push_back(name.key);
      request.version_ids.push_back(name.version_id);
    }
    const auto outcome = co_await chaos.world.filer.delete_objects(std::move(request));
    EXPECT_TRUE(outcome) << outcome.error().message();
  }
  /// Names the needles of a version once more.
  static Task<void> copy_version(Chaos& chaos) {
    const ObjectKey name = chaos.any_version();
    const auto found = co_await chaos.world.filer.get_object(name, false);
    if (!found || found->entry.layout.chunks.empty()) co_return;
    ShareObject share{.put = put_of(kChaosBucket, chaos.any_key(), ""),
                      .from = {kChaosBucket, name.key},
                      .from_version = found->entry.version};
    share.put.inline_body.reset();
    share.put.entry.layout = found->entry.layout;
    share.put.entry.size_bytes = found->entry.size_bytes;
    const std::string key = share.put.key;
    const auto outcome = co_await chaos.world.filer.share_object(std::move(share));
    if (outcome) {
      chaos.note(key, outcome->version_id);
    } else {
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionConflict) << outcome.error().message();
    }
  }
  /// Reads whatever way; no reader is told of damage.
  static Task<void> look(Chaos& chaos) {
    FilerService& filer = chaos.world.filer;
    const auto found = co_await filer.get_object(chaos.any_version(), true);
    if (!found) EXPECT_EQ(found.error().code(), Errc::kNotFound) << found.error().message();
    const ObjectKey current{kChaosBucket, chaos.any_key()};
    const auto newest = co_await filer.get_object(current, true);
    if (!newest) EXPECT_EQ(newest.error().code(), Errc::kNotFound) << newest.error().message();
    ListVersions request;
    request.bucket = kChaosBucket;
    const auto listed = co_await filer.list_versions(request);
    EXPECT_TRUE(listed);
    std::set<std::string> latest;
    for (const ListedVersion& each : listed->versions) {
      if (each.is_latest) {
        EXPECT_TRUE(latest.insert(each.object.key).second) << "two are the latest";
      }
      EXPECT_TRUE(latest.contains(each.object.key)) << "the first one is the latest";
    }
    SetObjectTags tags{chaos.any_version(), {{"k", "v"}}};
    const auto tagged = co_await filer.set_object_tags(std::move(tags));
    if (!tagged) EXPECT_EQ(tagged.error().code(), Errc::kNotFound) << tagged.error().message();
    SetBucketVersioning versioning{kChaosBucket, chaos.world.work.rng().below(4) != 0};
    EXPECT_TRUE(co_await filer.set_bucket_versioning(std::move(versioning)));
  }
  static Task<void> remove(Chaos& chaos) {
    if (chaos.world.work.rng().below(2) == 0) {
      const std::string key = chaos.any_key();
      const auto outcome = co_await chaos.world.filer.delete_object({kChaosBucket, key}, {});
      EXPECT_TRUE(outcome) << outcome.error().message();
      if (outcome) chaos.note(key, outcome->version_id);
    } else {
      std::vector<std::string> keys{chaos.any_key(), chaos.any_key()};
      const auto outcome =
          co_await chaos.world.filer.delete_objects({kChaosBucket, std::move(keys)});
      EXPECT_TRUE(outcome) << outcome.error().message();
    }
  }
  static Task<void> rename(Chaos& chaos) {
    RenameObject request{.from = {kChaosBucket, chaos.any_key()},
                         .to = {kChaosBucket, chaos.any_key()}};
    const std::string to = request.to.key;
    const auto outcome = co_await chaos.world.filer.rename_object(std::move(request));
    if (outcome) {
      chaos.note(to, outcome->version_id);
    } else {
      EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchKey) << outcome.error().message();
    }
  }
  /// Adds a needle to what has needles; else to nothing.
  static Task<void> append(Chaos& chaos) {
    const ObjectKey name{kChaosBucket, chaos.any_key()};
    const auto found = co_await chaos.world.filer.get_object(name, false);
    if (chaos.versioned || !found || found->entry.layout.chunks.empty()) co_return;
    AppendObject request{.put = put_chunk(chaos.world, name.key), .version = found->entry.version};
    ObjectEntry& entry = request.put.entry;
    const std::uint64_t key = entry.layout.chunks.front().fid.key.value;
    const auto& kept = found->entry.layout.chunks;
    entry.layout.chunks.insert(entry.layout.chunks.begin(), kept.begin(), kept.end());
    entry.size_bytes += found->entry.size_bytes;
    const auto outcome = co_await chaos.world.filer.append_object(std::move(request));
    if (outcome) {
      chaos.accepted.insert(key);
    } else {
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionConflict) << outcome.error().message();
    }
  }
  static Task<void> create(Chaos& chaos) {
    CreateUpload request;
    request.bucket = kChaosBucket;
    request.key = chaos.any_key();
    const auto upload = co_await chaos.world.filer.create_upload(request);
    EXPECT_TRUE(upload);
    if (upload) chaos.uploads.push_back({kChaosBucket, upload->key, upload->upload_id});
  }
  /// One of the last uploads, so that they collide.
  UploadName any_upload() {
    const std::size_t last = std::min<std::size_t>(uploads.size(), 2);
    return uploads[uploads.size() - 1 - world.work.rng().below(last)];
  }
  static Task<void> put_part(Chaos& chaos) {
    if (chaos.uploads.empty()) co_return;
    PutPart part;
    part.upload = chaos.any_upload();
    part.part_number = 1 + static_cast<std::uint32_t>(chaos.world.work.rng().below(3));
    part.size_bytes = 100;
    part.chunks.push_back(chaos.world.chunk(100));
    const std::uint64_t key = part.chunks[0].fid.key.value;
    part.md5 = std::string(8, 'm') + std::string(reinterpret_cast<const char*>(&key), 8);
    const auto outcome = co_await chaos.world.filer.put_part(std::move(part));
    if (outcome) {
      chaos.accepted.insert(key);
    } else {
      EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchUpload) << outcome.error().message();
    }
  }
  static Task<void> complete(Chaos& chaos) {
    if (chaos.uploads.empty()) co_return;
    CompleteUpload request;
    request.upload = chaos.any_upload();
    const auto parts = co_await chaos.world.filer.list_parts(request.upload, 0, 10);
    if (parts) {
      for (const ListedPart& part : parts->parts) {
        if (chaos.world.work.rng().below(5) == 0) continue;
        request.parts.push_back({part.part_number, hex_encode(part.md5), {}});
      }
    } else {
      request.parts.push_back({1, "whatever", {}});
    }
    const std::string id = request.upload.upload_id;
    const auto outcome = co_await chaos.world.filer.complete_upload(std::move(request));
    if (outcome) {
      chaos.etags[id].insert(outcome->etag);
    } else if (outcome.error().code() != Errc::kInvalidArgument) {
      EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchUpload) << outcome.error().message();
    }
  }
  static Task<void> abort(Chaos& chaos) {
    if (chaos.uploads.empty()) co_return;
    const auto outcome = co_await chaos.world.filer.abort_upload(chaos.any_upload());
    if (!outcome) EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchUpload);
  }
};

/// Of each key, the object row is newer than all version rows, or the newest of them is a delete
/// marker; and the newest one of all says where the null version is.
inline void expect_sound_versions(FilerWorld& world) {
  std::map<std::string, std::vector<ObjectEntry>> keys;
  for (const auto& [key, value] : *world.store->scan({"o", "p"}, 100'000)) {
    const auto at = keys::parse_object(key);
    ASSERT_TRUE(at);
    keys[std::string(at->key)].push_back(decode_entry(value).value());
    EXPECT_FALSE(keys[std::string(at->key)].back().delete_marker);
  }
  for (const auto& [key, value] : *world.store->scan({"v", "w"}, 100'000)) {
    const auto at = keys::parse_version(key);
    ASSERT_TRUE(at);
    keys[at->key].push_back(decode_entry(value).value());
    EXPECT_EQ(at->version, keys[at->key].back().version);
    if (keys[at->key].size() == 1) {
      EXPECT_TRUE(keys[at->key].back().delete_marker) << "an older version without a newer one";
    }
  }
  for (const auto& [key, versions] : keys) {
    std::uint64_t older_null = 0;
    for (std::size_t i = 1; i < versions.size(); ++i) {
      EXPECT_LT(versions[i].version, versions[i - 1].version);
      EXPECT_EQ(versions[i].older_null, 0U);
      if (versions[i].has_id) continue;
      EXPECT_EQ(older_null, 0U) << "two null versions";
      older_null = versions[i].version;
    }
    EXPECT_EQ(versions.front().older_null, older_null);
    EXPECT_TRUE(versions.front().has_id || older_null == 0) << "two null versions";
  }
}

}  // namespace kelp::test
