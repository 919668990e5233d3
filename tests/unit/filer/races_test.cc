// What must hold whatever the order in which the store answers: each test runs many seeds, and a
// failure names its own.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/encoding.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/fsck.h"
#include "filer/left_overs.h"
#include "filer/references.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16};
constexpr std::uint64_t kSeeds = 60;
const std::string kBucket = "photos";

PutObject put_chunk(FilerWorld& world, std::string key) {
  PutObject put;
  put.bucket = kBucket;
  put.key = std::move(key);
  put.entry.etag = std::string(16, 'c');
  put.entry.layout.chunks.push_back(world.chunk(100));
  put.entry.size_bytes = 100;
  return put;
}

/// Every chunk that a commit took is named exactly once, counters are exact, inline bodies match.
void expect_sound(FilerWorld& world, const std::set<std::uint64_t>& accepted) {
  test::FakeVolumes volumes;
  for (const std::uint64_t key : accepted) {
    volumes.add({{VolumeId(1), NeedleKey(key), Cookie(static_cast<std::uint32_t>(key))}, 100});
  }
  const auto report = world.run(fsck(*world.store, world.work, volumes));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->sound()) << (report->findings.empty() ? "" : report->findings[0]);
  EXPECT_EQ(report->orphan_needles, 0U) << report->findings[0];
}

TEST(FilerRaces, ExactlyOneOfManyCreatorsWins) {
  struct Run {
    static Task<void> create(FilerWorld& world, int who, int& winners, std::string& stored) {
      PutObject put = put_of(kBucket, "k", std::to_string(who));
      put.conditions.if_none_match_any = true;
      const auto outcome = co_await world.filer.put_object(std::move(put));
      if (outcome) {
        ++winners;
        stored = std::to_string(who);
        co_return;
      }
      EXPECT_EQ(outcome.error().code(), Errc::kPrecondition) << outcome.error().message();
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionFailed);
    }
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    int winners = 0;
    std::string stored;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 16; ++who) tasks.push_back(Run::create(world, who, winners, stored));
    world.run_all(std::move(tasks));
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(world.run(world.filer.get_object({kBucket, "k"}, true))->inline_body, stored);
    expect_sound(world, {});
  }
}

TEST(FilerRaces, AWriterThatLosesTooOftenIsToldSo) {
  struct Run {
    static Task<void> put(FilerWorld& world, int who, int& conflicts) {
      const auto outcome =
          co_await world.filer.put_object(put_of(kBucket, "k", std::to_string(who)));
      if (outcome) co_return;
      ++conflicts;
      EXPECT_EQ(outcome.error().code(), Errc::kConflict);
      EXPECT_EQ(outcome.error().reason(), Reason::kConditionConflict);
    }
  };
  const auto conflicts_of = [](int max_attempts, int writers) {
    FilerWorld world(1, {.max_attempts = max_attempts});
    world.make_bucket(kBucket);
    int conflicts = 0;
    std::vector<Task<void>> tasks;
    for (int who = 0; who < writers; ++who) tasks.push_back(Run::put(world, who, conflicts));
    world.run_all(std::move(tasks));
    expect_sound(world, {});
    return conflicts;
  };
  EXPECT_GT(conflicts_of(1, 16), 0);
  EXPECT_EQ(conflicts_of(FilerOptions{}.max_attempts, 300), 0);
}

TEST(FilerRaces, CompareAndSwapLosesNoIncrement) {
  struct Run {
    static Task<void> increment(FilerWorld& world, int times) {
      while (times > 0) {
        const auto found = co_await world.filer.get_object({kBucket, "n"}, true);
        EXPECT_TRUE(found) << found.error().message();
        if (!found) co_return;
        const std::string next = std::to_string(std::stoi(*found->inline_body) + 1);
        PutObject put = put_of(kBucket, "n", next);
        put.entry.etag = std::string(16 - next.size(), '0') + next;
        put.conditions.if_match = etag_text(found->entry);
        const auto outcome = co_await world.filer.put_object(std::move(put));
        if (outcome) --times;
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "n", "0"))));
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 16; ++i) tasks.push_back(Run::increment(world, 5));
    world.run_all(std::move(tasks));
    EXPECT_EQ(world.run(world.filer.get_object({kBucket, "n"}, true))->inline_body, "80");
  }
}

TEST(FilerRaces, AReaderNeverSeesATornObject) {
  struct Run {
    static Task<void> write(FilerWorld& world, char letter) {
      for (int i = 1; i <= 10; ++i) {
        const auto outcome = co_await world.filer.put_object(
            put_of(kBucket, "k", std::string(static_cast<std::size_t>(i), letter)));
        EXPECT_TRUE(outcome) << outcome.error().message();
      }
    }
    static Task<void> read(FilerWorld& world) {
      for (int i = 0; i < 20; ++i) {
        const auto found = co_await world.filer.get_object({kBucket, "k"}, true);
        EXPECT_TRUE(found) << found.error().message();
        if (!found) co_return;
        EXPECT_EQ(found->inline_body->size(), found->entry.size_bytes);
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "x"))));
    std::vector<Task<void>> tasks;
    for (char letter = 'a'; letter < 'e'; ++letter) tasks.push_back(Run::write(world, letter));
    for (int i = 0; i < 8; ++i) tasks.push_back(Run::read(world));
    world.run_all(std::move(tasks));
    expect_sound(world, {});
  }
}

TEST(FilerRaces, ABucketIsNeverDeletedUnderAPut) {
  struct Run {
    static Task<void> put(FilerWorld& world, int who, int& stored) {
      const auto outcome =
          co_await world.filer.put_object(put_of(kBucket, std::to_string(who), "x"));
      if (outcome) {
        ++stored;
      } else {
        EXPECT_EQ(outcome.error().reason(), Reason::kNoSuchBucket) << outcome.error().message();
      }
    }
    static Task<void> remove(FilerWorld& world, bool& removed) {
      const auto outcome = co_await world.filer.delete_bucket(kBucket);
      removed = outcome.has_value();
      if (!outcome) EXPECT_EQ(outcome.error().reason(), Reason::kBucketNotEmpty);
    }
  };
  int removals = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    int stored = 0;
    bool removed = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(Run::remove(world, removed));
    for (int who = 0; who < 3; ++who) tasks.push_back(Run::put(world, who, stored));
    world.run_all(std::move(tasks));
    EXPECT_EQ(removed, stored == 0);
    removals += removed ? 1 : 0;
    expect_sound(world, {});
  }
  EXPECT_GT(removals, 0) << "no seed let the delete win: the test proves nothing";
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
      switch (chaos.world.work.rng().below(chaos.versioned ? 12 : 8)) {
        case 0:
          co_await put(chaos, put_of(kBucket, chaos.any_key(), "body"));
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
          co_await copy_version(chaos);
          break;
        case 9:
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
    if (versioned) versions.push_back({kBucket, std::move(key), version_id});
  }
  ObjectKey any_version() {
    if (versions.empty()) return {kBucket, any_key(), kNullVersion};
    const std::size_t last = std::min<std::size_t>(versions.size(), 8);
    return versions[versions.size() - 1 - world.work.rng().below(last)];
  }
  static Task<void> remove_versions(Chaos& chaos) {
    DeleteObjects request{kBucket, {}, {}};
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
    ShareObject share{.put = put_of(kBucket, chaos.any_key(), ""),
                      .from = {kBucket, name.key},
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
    const ObjectKey current{kBucket, chaos.any_key()};
    const auto newest = co_await filer.get_object(current, true);
    if (!newest) EXPECT_EQ(newest.error().code(), Errc::kNotFound) << newest.error().message();
    ListVersions request;
    request.bucket = kBucket;
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
    SetBucketVersioning versioning{kBucket, chaos.world.work.rng().below(4) != 0};
    EXPECT_TRUE(co_await filer.set_bucket_versioning(std::move(versioning)));
  }
  static Task<void> remove(Chaos& chaos) {
    if (chaos.world.work.rng().below(2) == 0) {
      const std::string key = chaos.any_key();
      const auto outcome = co_await chaos.world.filer.delete_object({kBucket, key}, {});
      EXPECT_TRUE(outcome) << outcome.error().message();
      if (outcome) chaos.note(key, outcome->version_id);
    } else {
      std::vector<std::string> keys{chaos.any_key(), chaos.any_key()};
      const auto outcome = co_await chaos.world.filer.delete_objects({kBucket, std::move(keys)});
      EXPECT_TRUE(outcome) << outcome.error().message();
    }
  }
  static Task<void> create(Chaos& chaos) {
    CreateUpload request;
    request.bucket = kBucket;
    request.key = chaos.any_key();
    const auto upload = co_await chaos.world.filer.create_upload(request);
    EXPECT_TRUE(upload);
    if (upload) chaos.uploads.push_back({kBucket, upload->key, upload->upload_id});
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
void expect_sound_versions(FilerWorld& world) {
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

// A delete that began before versioning was on may still remove the object for good, but not once
// somebody has seen it in the bucket with versions.
TEST(FilerRaces, ADeleteDestroysNothingThatWasSeenWithVersioningOn) {
  struct Run {
    static Task<void> remove(FilerWorld& world) {
      EXPECT_TRUE(co_await world.filer.delete_object({kBucket, "k"}, {}));
    }
    static Task<void> turn_on(FilerWorld& world, bool& seen) {
      EXPECT_TRUE(co_await world.filer.set_bucket_versioning({kBucket, true}));
      const auto found = co_await world.filer.get_object({kBucket, "k"}, true);
      seen = found && !found->entry.delete_marker;
    }
  };
  int seen_times = 0;
  for (std::uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "x"))));
    bool seen = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(Run::remove(world));
    tasks.push_back(Run::turn_on(world, seen));
    world.run_all(std::move(tasks));
    if (!seen) continue;
    ++seen_times;
    EXPECT_TRUE(world.run(world.filer.get_object({kBucket, "k", kNullVersion}, true)));
  }
  EXPECT_GT(seen_times, 0) << "no seed let the reader see it: the test proves nothing";
}

TEST(FilerRaces, VersionsStayInOrderAndTheirNeedlesNamed) {
  std::size_t versions = 0;
  for (std::uint64_t seed = 1; seed <= 3 * kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    Chaos chaos{world, {}, {}, {}, true};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 12; ++i) tasks.push_back(Chaos::act(chaos, 12));
    world.run_all(std::move(tasks));
    expect_sound(world, chaos.accepted);
    expect_sound_versions(world);
    versions += world.store->scan({"v", "w"}, 100'000)->size();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(versions, 100U) << "too few to prove anything";
}

TEST(FilerRaces, NothingIsLostOrNamedTwiceWhateverRaces) {
  std::uint64_t completed = 0;
  std::uint64_t left_over = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    Chaos chaos{world, {}, {}, {}};
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 16; ++i) tasks.push_back(Chaos::act(chaos, 12));
    world.run_all(std::move(tasks));
    expect_sound(world, chaos.accepted);
    for (const auto& [id, etags] : chaos.etags) {
      EXPECT_EQ(etags.size(), 1U) << "upload " << id << " was completed in two ways";
    }
    completed += chaos.etags.size();

    // What raced behind an abort or a complete is buried too, and then nothing is left over.
    KvAsync kv(*world.store, world.work);
    const auto swept =
        world.run(sweep_left_over_parts(kv, std::string(1, keys::kUpload), world.clock.wall()));
    ASSERT_TRUE(swept) << swept.error().message();
    left_over += *swept;
    const auto names = world.run(read_references(kv, true));
    ASSERT_TRUE(names);
    EXPECT_EQ(names->left_over_parts, 0U);
    expect_sound(world, chaos.accepted);
  }
  EXPECT_GT(completed, 0U);
  EXPECT_GT(left_over, 0U) << "no seed left a part over: the sweep was not tried";
}

TEST(FilerRaces, ABucketWithOnlyLeftOverPartsCanBeDeleted) {
  FilerWorld world(1, kOptions);
  const BucketEntry bucket = world.make_bucket(kBucket);
  KvBatch stray;
  PartRow part;
  part.chunks.push_back(world.chunk(100));
  stray.writes.push_back(
      KvWrite::put(keys::part(keys::upload(bucket.id, "k", 77), 3), encode_part(part)));
  world.store->commit(stray, [](const Result<void>& done) { EXPECT_TRUE(done); });
  const auto removed = world.run(world.filer.delete_bucket(kBucket));
  EXPECT_TRUE(removed) << removed.error().message();
  expect_sound(world, {1});
}

}  // namespace
}  // namespace kelp
