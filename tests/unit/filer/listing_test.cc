// Listings against a model that sorts, filters and cuts: random keys of bytes that are hard to keep
// in order, every page of every request.

#include "filer/core/listing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "base/rng.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/core/version_listing.h"
#include "kv/mem_kv.h"
#include "tests/support/forwarding_kv.h"

namespace kelp {
namespace {

/// Counts how often a cursor moves.
class CountingKv final : public test::ForwardingKv {
 public:
  using ForwardingKv::ForwardingKv;
  std::unique_ptr<KvCursor> cursor(const KvRange& range) override {
    return std::make_unique<Cursor>(ForwardingKv::cursor(range), moves);
  }

  std::uint64_t moves = 0;

 private:
  class Cursor final : public KvCursor {
   public:
    Cursor(std::unique_ptr<KvCursor> inner, std::uint64_t& moves)
        : inner_(std::move(inner)), moves_(moves) {}
    void seek(std::string_view key) override {
      ++moves_;
      inner_->seek(key);
    }
    void next() override {
      ++moves_;
      inner_->next();
    }
    [[nodiscard]] bool valid() const override { return inner_->valid(); }
    [[nodiscard]] std::string_view key() const override { return inner_->key(); }
    [[nodiscard]] std::string_view value() const override { return inner_->value(); }
    [[nodiscard]] Result<void> status() const override { return inner_->status(); }

   private:
    std::unique_ptr<KvCursor> inner_;
    std::uint64_t& moves_;
  };
};

/// A key or a common prefix, as a listing gives it.
struct Item {
  std::string text;
  bool group = false;
  friend auto operator<=>(const Item&, const Item&) = default;
};

struct Question {
  std::string prefix;
  std::string delimiter;
  std::string start_after;
};

/// What S3 says that the listing holds, all pages together.
std::vector<Item> model(const std::set<std::string>& keys, const Question& question) {
  std::vector<Item> items;
  for (const std::string& key : keys) {
    if (!key.starts_with(question.prefix)) continue;
    Item item{key, false};
    if (!question.delimiter.empty()) {
      const std::size_t at = key.find(question.delimiter, question.prefix.size());
      if (at != std::string::npos) {
        item = {key.substr(0, at + question.delimiter.size()), true};
      }
    }
    if (!question.start_after.empty() && item.text <= question.start_after) continue;
    if (items.empty() || items.back() != item) items.push_back(item);
  }
  return items;
}

std::string nasty_text(Rng& rng, std::uint64_t least, std::uint64_t most) {
  static const std::string kPieces[] = {"a", "b", "/", std::string(1, '\0'), "\xff", "\xc3\xa9"};
  std::string text;
  for (std::uint64_t left = least + rng.below(most - least + 1); left > 0; --left) {
    text += kPieces[rng.below(std::size(kPieces))];
  }
  return text;
}

void write(KvStore& store, KvWrite change) {
  KvBatch batch;
  batch.writes.push_back(std::move(change));
  store.commit(std::move(batch), [](const Result<void>& done) { ASSERT_TRUE(done); });
}

class Listing : public testing::Test {
 protected:
  Listing() {
    bucket_.id = BucketId(2);
    bucket_.owner_id = "alice";
    // Neighbours that must not be seen.
    for (const std::uint64_t other : {1, 3}) {
      write(store_, KvWrite::put(keys::object(BucketId(other), "a"), encode_entry({})));
      write(store_, KvWrite::put(keys::upload(BucketId(other), "a", 1), encode_upload({})));
    }
  }

  std::vector<Item> all_pages(const Question& question, std::uint32_t limit) {
    std::vector<Item> items;
    ListObjects request{"", question.prefix, question.delimiter, question.start_after, limit};
    for (int pages = 0; pages < 1000; ++pages) {
      store_.moves = 0;
      const auto page = list_objects(store_, bucket_, request);
      EXPECT_TRUE(page) << page.error().message();
      if (!page) return items;
      std::vector<Item> in_page;
      for (const ListedObject& object : page->objects) in_page.push_back({object.key, false});
      for (const std::string& group : page->common_prefixes) in_page.push_back({group, true});
      std::ranges::sort(in_page);
      EXPECT_LE(in_page.size(), limit);
      EXPECT_LE(store_.moves, in_page.size() + 1)
          << "a listing visits no row that it does not give";
      items.insert(items.end(), in_page.begin(), in_page.end());
      EXPECT_EQ(page->next.empty(), !page->truncated);
      if (!page->truncated) return items;
      EXPECT_EQ(in_page.size(), limit);
      EXPECT_EQ(page->next, in_page.back().text);
      request.start_after = page->next;
    }
    ADD_FAILURE() << "the listing does not end";
    return items;
  }

  CountingKv store_{make_mem_kv()};
  BucketEntry bucket_;
};

TEST_F(Listing, GivesWhatTheModelGives) {
  Rng rng(20'26);
  for (int round = 0; round < 300; ++round) {
    write(store_, KvWrite::remove_range(keys::object(bucket_.id, ""),
                                        keys::behind(keys::object(bucket_.id, ""))));
    std::set<std::string> stored;
    for (std::uint64_t left = rng.below(60); left > 0; --left) {
      const std::string key = nasty_text(rng, 1, 6);
      stored.insert(key);
      write(store_, KvWrite::put(keys::object(bucket_.id, key), encode_entry({})));
    }
    for (int asked = 0; asked < 30; ++asked) {
      const Question question{nasty_text(rng, 0, 2), nasty_text(rng, 0, 2),
                              rng.below(2) == 0 ? "" : nasty_text(rng, 1, 4)};
      const auto limit = static_cast<std::uint32_t>(1 + rng.below(5));
      EXPECT_EQ(all_pages(question, limit), model(stored, question))
          << "round " << round << " prefix " << hex_encode(question.prefix) << " delimiter "
          << hex_encode(question.delimiter) << " start_after " << hex_encode(question.start_after)
          << " limit " << limit;
      if (HasFailure()) return;
    }
  }
}

TEST_F(Listing, StepsOverNoDeleteMarkerAndNoOlderVersion) {
  std::set<std::string> stored;
  ObjectEntry marker;
  marker.delete_marker = true;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const std::string key = std::to_string(i % 1000) + "/" + std::to_string(i);
    write(store_, KvWrite::put(keys::version(bucket_.id, key, 7), encode_entry(marker)));
    write(store_, KvWrite::put(keys::version(bucket_.id, "many", i + 1), encode_entry({})));
    if (i % 500 != 0) continue;
    stored.insert(key);
    write(store_, KvWrite::put(keys::object(bucket_.id, key), encode_entry({})));
  }
  EXPECT_EQ(all_pages({"", "", ""}, 3), model(stored, {"", "", ""}));

  // Versions are read once each, and a common prefix once.
  bucket_.versioning = Versioning::kEnabled;
  ListVersions request;
  request.prefix = "many";
  store_.moves = 0;
  const auto many = list_versions(store_, bucket_, request);
  ASSERT_TRUE(many);
  EXPECT_EQ(many->versions.size(), 1000U);
  EXPECT_LE(store_.moves, 1005U);
  request = {};
  request.delimiter = "/";
  request.limit = 10;
  store_.moves = 0;
  const auto groups = list_versions(store_, bucket_, request);
  ASSERT_TRUE(groups);
  EXPECT_EQ(groups->common_prefixes.size(), 10U);
  EXPECT_LE(store_.moves, 25U);
}

TEST_F(Listing, OfNothingIsEmptyAndNotTruncated) {
  write(store_, KvWrite::put(keys::object(bucket_.id, "a"), encode_entry({})));
  ListObjects request;
  request.limit = 0;
  const auto page = list_objects(store_, bucket_, request);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->objects.empty());
  EXPECT_FALSE(page->truncated);
}

TEST_F(Listing, ReportsARowThatDoesNotRead) {
  write(store_, KvWrite::put(keys::object(bucket_.id, "a"), "\x01"));
  const auto page = list_objects(store_, bucket_, {});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), Errc::kCorruption);
}

TEST_F(Listing, OfUploadsGivesWhatTheModelGives) {
  Rng rng(77);
  for (int round = 0; round < 150; ++round) {
    write(store_, KvWrite::remove_range(keys::uploads_of(bucket_.id),
                                        keys::behind(keys::uploads_of(bucket_.id))));
    std::set<std::pair<std::string, std::uint64_t>> stored;
    for (std::uint64_t id = 1 + rng.below(30); id > 0; --id) {
      const std::string key = nasty_text(rng, 1, 4);
      const std::string row_key = keys::upload(bucket_.id, key, id);
      // Parts, and now and then parts alone, which are no upload.
      if (rng.below(5) != 0) {
        stored.emplace(key, id);
        write(store_, KvWrite::put(row_key, encode_upload({})));
      }
      for (std::uint32_t part = 1; part <= rng.below(4); ++part) {
        write(store_, KvWrite::put(keys::part(row_key, part), encode_part({})));
      }
    }
    for (int asked = 0; asked < 20; ++asked) {
      ListUploads request;
      request.prefix = nasty_text(rng, 0, 1);
      request.delimiter = nasty_text(rng, 0, 1);
      request.limit = static_cast<std::uint32_t>(1 + rng.below(4));
      std::vector<Item> expected;
      for (const auto& [key, id] : stored) {
        if (!key.starts_with(request.prefix)) continue;
        Item item{key + ' ' + upload_id_text(id), false};
        if (const auto group = common_prefix_of(key, request.prefix, request.delimiter)) {
          item = {std::string(*group), true};
        }
        if (expected.empty() || expected.back() != item) expected.push_back(item);
      }
      std::vector<Item> given;
      for (bool more = true; more && given.size() <= expected.size();) {
        const auto page = list_uploads(store_, bucket_, request);
        ASSERT_TRUE(page) << page.error().message();
        for (const UploadInfo& upload : page->uploads) {
          given.push_back({upload.key + ' ' + upload.upload_id, false});
        }
        for (const std::string& group : page->common_prefixes) given.push_back({group, true});
        more = page->truncated;
        request.key_marker = page->next_key_marker;
        request.upload_id_marker = page->next_upload_id_marker;
      }
      std::ranges::sort(given);
      std::ranges::sort(expected);
      ASSERT_EQ(given, expected) << "round " << round;
    }
  }
}

TEST(CommonPrefix, RollsUpToTheFirstDelimiterBehindThePrefix) {
  EXPECT_EQ(common_prefix_of("a/b/c", "", "/"), "a/");
  EXPECT_EQ(common_prefix_of("a/b/c", "a/", "/"), "a/b/");
  EXPECT_EQ(common_prefix_of("a/b/c", "a/b/c", "/"), std::nullopt);
  EXPECT_EQ(common_prefix_of("a/b", "a", "/"), "a/");
  EXPECT_EQ(common_prefix_of("aXYb", "", "XY"), "aXY");
  EXPECT_EQ(common_prefix_of("aXb", "", "XY"), std::nullopt);
  EXPECT_EQ(common_prefix_of("a/b", "", ""), std::nullopt);
}

TEST(UploadId, ReadsOnlyWhatItWrites) {
  EXPECT_EQ(upload_id_text(255), "00000000000000ff");
  EXPECT_EQ(parse_upload_id("00000000000000ff"), 255U);
  for (const char* text : {"", "ff", "00000000000000FF", "00000000000000f", "0000000000000 ff",
                           "-0000000000000ff", "00000000000000ffa"}) {
    EXPECT_EQ(parse_upload_id(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace kelp
