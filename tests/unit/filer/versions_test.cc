// Buckets with versions against a model that keeps a list for each key: random calls, every version
// read by its id, every page of random listings, counters and needles after each.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/encoding.h"
#include "base/rng.h"
#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/versions.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16};

struct ModelVersion {
  std::uint64_t id = kNullVersion;
  bool marker = false;
  std::string etag;
  std::uint64_t size = 0;
  std::vector<std::pair<std::string, std::string>> tags;
};

/// What a bucket with versions is.
struct Model {
  Versioning versioning = Versioning::kNever;
  std::map<std::string, std::vector<ModelVersion>> keys;  ///< The newest first.

  void put(const std::string& key, ModelVersion version) {
    auto& versions = keys[key];
    if (versioning != Versioning::kEnabled) erase(key, kNullVersion);
    versions.insert(versions.begin(), std::move(version));
  }
  bool erase(const std::string& key, std::uint64_t id) {
    return std::erase_if(keys[key], [&](const auto& each) { return each.id == id; }) > 0;
  }
  const ModelVersion* find(const std::string& key, std::optional<std::uint64_t> id) {
    for (const ModelVersion& version : keys[key]) {
      if (!id || version.id == *id) return &version;
    }
    return nullptr;
  }
};

std::string text_of(const std::string& key, std::uint64_t id, bool marker, bool latest,
                    const std::string& etag) {
  return fmt::format("{} {} {}{}{}", hex_encode(key), id, marker ? "marker " : "",
                     latest ? "latest " : "", etag);
}

/// A bucket and its model, and what is done to both.
class Both : public FilerWorld {
 public:
  explicit Both(std::uint64_t seed) : FilerWorld(seed, kOptions), rng_(seed) {
    make_bucket(kBucket);
  }

  void set_versioning(bool enabled) {
    ASSERT_TRUE(run(filer.set_bucket_versioning({kBucket, enabled})));
    model.versioning = enabled ? Versioning::kEnabled : Versioning::kSuspended;
  }

  void put(const std::string& key) {
    PutObject put = put_of(kBucket, key, "");
    const bool is_inline = rng_.below(2) == 0;
    const std::uint64_t size = rng_.below(50) + 1;
    put.entry.etag = fmt::format("{:016x}", ++writes_);
    put.entry.size_bytes = size;
    if (is_inline) {
      put.inline_body = fmt::format("{:0{}}", writes_, size);
      put.entry.size_bytes = put.inline_body->size();
    } else {
      put.inline_body.reset();
      put.entry.layout.chunks = {chunk(size)};
      volumes.add(put.entry.layout.chunks.front());
    }
    note(key, put.entry, run(filer.put_object(put)));
  }

  /// Copies a version that has needles onto a key, itself maybe.
  void copy(const std::string& from, const std::string& to) {
    ObjectKey name{kBucket, from, any_id(from)};
    const auto found = run(filer.get_object(name, false));
    if (!found || found->entry.layout.chunks.empty()) return;
    ShareObject share{.put = put_of(kBucket, to, ""), .from = {kBucket, from}, .from_version = 0};
    share.from_version = found->entry.version;
    share.put.inline_body.reset();
    share.put.entry = found->entry;
    note(to, found->entry, run(filer.share_object(share)));
  }

  /// Moves the current version; where versions are kept, it stays below a delete marker, too.
  void rename(const std::string& from, const std::string& to) {
    const ModelVersion* const current = model.find(from, std::nullopt);
    const auto before = run(filer.get_object({kBucket, from}, false));
    const auto done = run(filer.rename_object({.from = {kBucket, from}, .to = {kBucket, to}}));
    if (current == nullptr || current->marker) {
      ASSERT_FALSE(done);
      ASSERT_EQ(done.error().reason(), Reason::kNoSuchKey);
      return;
    }
    ASSERT_TRUE(done) << done.error().message();
    if (from == to) {
      ASSERT_EQ(done->version, before->entry.version);
      return;
    }
    if (model.versioning == Versioning::kNever) {
      model.erase(from, kNullVersion);
    } else {
      const auto marker = run(filer.get_object({kBucket, from}, false));
      ASSERT_TRUE(marker && marker->entry.delete_marker);
      ASSERT_EQ(marker->entry.has_id, model.versioning == Versioning::kEnabled);
      model.put(from, {.id = version_id_of(marker->entry), .marker = true, .etag = "", .tags = {}});
    }
    note(to, before->entry, done);
  }

  /// Adds a needle to the current version.
  void append(const std::string& key) {
    const ModelVersion* const current = model.find(key, std::nullopt);
    auto found = run(filer.get_object({kBucket, key}, false));
    if (!found || found->entry.delete_marker || found->entry.layout.inline_id != 0) return;
    AppendObject request{.put = put_of(kBucket, key, ""), .version = found->entry.version};
    request.put.inline_body.reset();
    request.put.entry = found->entry;
    request.put.entry.etag = fmt::format("{:016x}", ++writes_);
    const Chunk more = chunk(rng_.below(50) + 1);
    request.put.entry.layout.chunks.push_back(more);
    request.put.entry.size_bytes += more.size_bytes;
    const auto done = run(filer.append_object(request));
    if (model.versioning != Versioning::kNever) {
      ASSERT_EQ(done.error().code(), Errc::kInvalidArgument);
      return;
    }
    ASSERT_TRUE(current != nullptr);
    volumes.add(more);
    note(key, request.put.entry, done);
  }

  void remove(const std::string& key) {
    const auto outcome = run(filer.delete_object({kBucket, key}, {}));
    ASSERT_TRUE(outcome) << outcome.error().message();
    expect_deleted(key, std::nullopt, *outcome);
  }
  void remove_version(const std::string& key) {
    const std::uint64_t id = any_id(key).value_or(kNullVersion);
    const auto outcome = run(filer.delete_object({kBucket, key, id}, {}));
    ASSERT_TRUE(outcome) << outcome.error().message();
    expect_deleted(key, id, *outcome);
  }
  void remove_many(const std::vector<std::string>& keys) {
    DeleteObjects request{kBucket, {}, {}};
    for (std::uint64_t left = rng_.below(8) + 1; left > 0; --left) {
      const std::string& key = keys[rng_.below(keys.size())];
      request.keys.push_back(key);
      request.version_ids.push_back(any_id(key));
    }
    const auto outcomes = run(filer.delete_objects(request));
    ASSERT_TRUE(outcomes) << outcomes.error().message();
    ASSERT_EQ(outcomes->size(), request.keys.size());
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
      ASSERT_TRUE((*outcomes)[i]);
      expect_deleted(request.keys[i], request.version_ids[i], *(*outcomes)[i]);
    }
  }
  void tag(const std::string& key) {
    const auto id = any_id(key);
    SetObjectTags request{{kBucket, key, id}, {{"k", std::to_string(++writes_)}}};
    const auto tagged = run(filer.set_object_tags(request));
    auto* const version = const_cast<ModelVersion*>(model.find(key, id));
    if (version == nullptr || version->marker) {
      ASSERT_FALSE(tagged);
      return;
    }
    ASSERT_TRUE(tagged) << tagged.error().message();
    version->tags = {{"k", std::to_string(writes_)}};
  }

  /// Everything that can be asked.
  void compare(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      compare_version(key, std::nullopt);
      compare_version(key, kNullVersion);
      for (const ModelVersion& version : model.keys[key]) compare_version(key, version.id);
    }
    for (int asked = 0; asked < 4; ++asked) {
      compare_listings({kBucket, any_text(), any_text(), any_text(), std::nullopt,
                        static_cast<std::uint32_t>(1 + rng_.below(6))});
    }
    compare_usage();
  }

  void expect_sound() {
    const auto report = run(fsck(*store, work, volumes));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->sound()) << (report->findings.empty() ? "" : report->findings[0]);
    EXPECT_EQ(report->orphan_needles, 0U);
  }

  /// The id of a version of the key, or one that it never had, or none.
  std::optional<std::uint64_t> any_id(const std::string& key) {
    const auto& versions = model.keys[key];
    if (versions.empty() || rng_.below(4) == 0) {
      if (rng_.below(3) == 0) return std::nullopt;
      return rng_.below(2) == 0 ? kNullVersion : 1'000'000;
    }
    return versions[rng_.below(versions.size())].id;
  }

  Model model;
  test::FakeVolumes volumes;

 private:
  void note(const std::string& key, const ObjectEntry& entry, const Result<WriteOutcome>& done) {
    ASSERT_TRUE(done) << done.error().message();
    const bool enabled = model.versioning == Versioning::kEnabled;
    if (model.versioning == Versioning::kNever) {
      ASSERT_EQ(done->version_id, std::nullopt);
    } else {
      ASSERT_EQ(done->version_id, enabled ? done->version : kNullVersion);
    }
    model.put(key, {.id = enabled ? done->version : kNullVersion,
                    .etag = etag_text(entry),
                    .size = entry.size_bytes,
                    .tags = entry.headers.tags});
  }

  void expect_deleted(const std::string& key, std::optional<std::uint64_t> id,
                      const DeleteOutcome& outcome) {
    const ModelVersion* const newest = model.find(key, id);
    const bool never = model.versioning == Versioning::kNever;
    if (id) {
      ASSERT_EQ(outcome.existed, newest != nullptr);
      ASSERT_EQ(outcome.delete_marker, newest != nullptr && newest->marker);
      ASSERT_EQ(outcome.version_id, never ? std::nullopt : id);
      model.erase(key, *id);
      return;
    }
    ASSERT_EQ(outcome.existed, newest != nullptr && !newest->marker);
    ASSERT_EQ(outcome.delete_marker, !never);
    if (never) {
      model.erase(key, kNullVersion);
      return;
    }
    const bool enabled = model.versioning == Versioning::kEnabled;
    ASSERT_EQ(*outcome.version_id == kNullVersion, !enabled);
    model.put(key, {.id = *outcome.version_id, .marker = true, .etag = "", .tags = {}});
  }

  void compare_version(const std::string& key, std::optional<std::uint64_t> id) {
    const auto found = run(filer.get_object({kBucket, key, id}, true));
    const ModelVersion* const wanted = model.find(key, id);
    if (wanted == nullptr) {
      ASSERT_FALSE(found);
      ASSERT_EQ(found.error().reason(), id ? Reason::kNoSuchVersion : Reason::kNoSuchKey);
      return;
    }
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->entry.delete_marker, wanted->marker);
    ASSERT_EQ(version_id_of(found->entry), wanted->id);
    ASSERT_EQ(found->entry.owner_id, "alice");
    ASSERT_EQ(found->entry.older_null, 0U) << "is the filer's own";
    if (wanted->marker) return;
    ASSERT_EQ(etag_text(found->entry), wanted->etag);
    ASSERT_EQ(found->entry.headers.tags, wanted->tags);
  }

  void compare_listings(ListVersions request) {
    std::vector<std::string> expected;
    std::vector<std::string> objects;
    for (const auto& [key, versions] : model.keys) {
      if (!key.starts_with(request.prefix)) continue;
      const auto group = common_prefix_of(key, request.prefix, request.delimiter);
      const std::string name(group.value_or(key));
      if (!request.key_marker.empty() && name <= request.key_marker) continue;
      const auto roll_up = [&](std::vector<std::string>& into, const std::string& text) {
        if (!group) return into.push_back(text);
        if (into.empty() || into.back() != "group " + hex_encode(name)) {
          into.push_back("group " + hex_encode(name));
        }
      };
      bool latest = true;
      for (const ModelVersion& each : versions) {
        roll_up(expected, text_of(key, each.id, each.marker, latest, each.marker ? "" : each.etag));
        if (latest && !each.marker) roll_up(objects, hex_encode(key));
        latest = false;
      }
    }
    ListObjects current{kBucket, request.prefix, request.delimiter, request.key_marker,
                        request.limit};
    ASSERT_EQ(sorted(all_pages(std::move(request))), sorted(expected));
    ASSERT_EQ(sorted(all_pages(std::move(current))), sorted(objects));
  }

  static std::vector<std::string> sorted(std::vector<std::string> texts) {
    std::ranges::sort(texts);
    return texts;
  }

  std::vector<std::string> all_pages(ListVersions request) {
    std::vector<std::string> given;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = run(filer.list_versions(request));
      EXPECT_TRUE(page) << page.error().message();
      if (!page) break;
      for (const ListedVersion& each : page->versions) {
        given.push_back(text_of(each.object.key, each.version_id, each.delete_marker,
                                each.is_latest, each.delete_marker ? "" : each.object.etag));
      }
      for (const std::string& group : page->common_prefixes) {
        given.push_back("group " + hex_encode(group));
      }
      EXPECT_LE(page->versions.size() + page->common_prefixes.size(), request.limit);
      EXPECT_EQ(page->next_key.empty(), !page->truncated);
      if (!page->truncated) return given;
      request.key_marker = page->next_key;
      request.version_id_marker = page->next_version_id;
    }
    ADD_FAILURE() << "the listing does not end";
    return given;
  }

  std::vector<std::string> all_pages(ListObjects request) {
    std::vector<std::string> given;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = run(filer.list_objects(request));
      EXPECT_TRUE(page) << page.error().message();
      if (!page) break;
      for (const ListedObject& each : page->objects) given.push_back(hex_encode(each.key));
      for (const std::string& group : page->common_prefixes) {
        given.push_back("group " + hex_encode(group));
      }
      if (!page->truncated) return given;
      request.start_after = page->next;
    }
    ADD_FAILURE() << "the listing does not end";
    return given;
  }

  void compare_usage() {
    BucketUsage counted;
    for (const auto& [key, versions] : model.keys) {
      for (const ModelVersion& each : versions) {
        if (!each.marker) ++counted.objects;
        counted.bytes += static_cast<std::int64_t>(each.size);
      }
    }
    ASSERT_EQ(run(filer.bucket_usage(kBucket)).value(), counted);
  }

  std::string any_text() {
    static const std::string kTexts[] = {"", "", "a", "/", "a/", std::string(1, '\0'), "\xff"};
    return kTexts[rng_.below(std::size(kTexts))];
  }

  Rng rng_;
  std::uint64_t writes_ = 0;
};

TEST(Versions, AreWhatTheModelSays) {
  const std::vector<std::string> keys{
      "a",     "a/b",  "a/c",     std::string("a\0", 2), std::string("a\0b", 3), "b", "/",
      "a/b/c", "\xff", "\xff\xff"};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Both both(seed);
    Rng rng(seed * 7919);
    const auto key = [&] { return keys[rng.below(keys.size())]; };
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE(step);
      switch (rng.below(15)) {
        case 0:
          both.set_versioning(rng.below(3) != 0);
          break;
        case 1:
        case 2:
          both.remove(key());
          break;
        case 3:
        case 4:
          both.remove_version(key());
          break;
        case 5:
          both.remove_many(keys);
          break;
        case 6:
          both.tag(key());
          break;
        case 7:
          both.copy(key(), key());
          break;
        case 8:
        case 9:
          both.rename(key(), key());
          break;
        case 10:
          both.append(key());
          break;
        default:
          both.put(key());
          break;
      }
      if (testing::Test::HasFatalFailure()) return;
      both.compare(keys);
      if (testing::Test::HasFailure()) return;
    }
    both.expect_sound();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Versions, OfADroppedBucketAreTakenApart) {
  Both both(3);
  both.put("null");
  both.set_versioning(true);
  for (int i = 0; i < 20; ++i) {
    both.put("k");
    both.copy("k", "copy");
    both.remove("k");
  }
  ASSERT_TRUE(both.run(both.filer.drop_bucket(kBucket)));
  std::unique_ptr<Timers> timers = make_asio_timers();
  Metrics metrics;
  Collector collector{{both.kv, both.work, both.clock, *timers, both.volumes, both.volumes,
                       [] { return NeedleKey(1'000'000); }, metrics},
                      {}};
  ASSERT_TRUE(both.run(collector.collect(true)));
  both.expect_sound();
  both.clock.advance(std::chrono::hours(24 * 30));
  ASSERT_TRUE(both.run(collector.collect(true)));
  for (const char kind : {keys::kObject, keys::kVersion, keys::kDead, keys::kShare, kBulkPrefix}) {
    EXPECT_TRUE(both.store->scan(keys::within(std::string(1, kind)), 1)->empty()) << kind;
  }
  EXPECT_EQ(both.run(fsck(*both.store, both.work, both.volumes))->needles, 0U);
}

TEST(Versions, ThatAreDamagedAreNamed) {
  Both both(5);
  both.set_versioning(true);
  PutObject put = put_of(kBucket, "k", "");
  put.inline_body.reset();
  put.entry.size_bytes = 100;
  put.entry.layout.chunks = {both.chunk(100)};  // on no disk
  const auto old = both.run(both.filer.put_object(put));
  ASSERT_TRUE(old);
  ASSERT_TRUE(both.run(both.filer.put_object(put_of(kBucket, "k", "newer"))));
  const auto report = both.run(fsck(*both.store, both.work, both.volumes));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->objects, 2U);
  EXPECT_EQ(report->missing_needles, 1U);
  ASSERT_EQ(report->damaged.size(), 1U);
  EXPECT_EQ(report->damaged[0].key, "k");
  EXPECT_EQ(report->damaged[0].version, old->version);
}

}  // namespace
}  // namespace kelp
