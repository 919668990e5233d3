// Rows of users, roles and policies: one revision, read as of one moment, and no change undoes one
// that it did not see.

#include "filer/filer_identities.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;

class IdentitiesTest : public testing::Test {
 protected:
  Result<IdentityRevision> change(std::uint64_t revision, std::vector<IdentityRow> puts,
                                  std::vector<std::string> removes = {}) {
    ChangeIdentities request{revision, std::move(puts), std::move(removes)};
    return world_.run(store_.change_identities(std::move(request)));
  }
  Identities read(std::uint64_t known = 0, std::string after = {}) {
    return world_.run(store_.read_identities({known, std::move(after)})).value();
  }

  FilerWorld world_;
  FilerIdentities store_{world_.kv, world_.work, 40};
};

TEST_F(IdentitiesTest, HaveNoRevisionBeforeTheFirstChange) {
  EXPECT_EQ(read().revision, 0U);
  EXPECT_TRUE(read().rows.empty());
}

TEST_F(IdentitiesTest, AreReadAsTheyWereChanged) {
  EXPECT_EQ(change(0, {{"a", "1"}, {"b", "2"}}).value().revision, 1U);
  EXPECT_EQ(change(1, {{"b", "3"}, {"c", ""}}, {"a", "none"}).value().revision, 2U);
  const Identities all = read();
  EXPECT_EQ(all.revision, 2U);
  EXPECT_EQ(all.rows, (std::vector<IdentityRow>{{"b", "3"}, {"c", ""}}));
  EXPECT_FALSE(all.more);
  EXPECT_EQ(read(1).rows.size(), 2U);
}

TEST_F(IdentitiesTest, AreNotSentToWhoHasThem) {
  ASSERT_TRUE(change(0, {{"a", "1"}}));
  EXPECT_EQ(read(1).revision, 1U);
  EXPECT_TRUE(read(1).rows.empty());
}

TEST_F(IdentitiesTest, DoNotChangeForWhoSawAnotherRevision) {
  ASSERT_TRUE(change(0, {{"a", "1"}}));
  for (const std::uint64_t wrong : {0U, 2U, 7U}) {
    const auto refused = change(wrong, {{"a", "2"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::kConflict);
  }
  EXPECT_EQ(read().rows, (std::vector<IdentityRow>{{"a", "1"}}));
  EXPECT_EQ(read().revision, 1U);
}

TEST_F(IdentitiesTest, RefuseAChangeOfNothing) {
  EXPECT_EQ(change(0, {}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(change(0, {{"", "1"}}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(change(0, {}, {std::string(1025, 'k')}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(read().revision, 0U);
}

TEST_F(IdentitiesTest, ComeInPages) {
  std::vector<IdentityRow> rows;
  for (char name = 'a'; name <= 'z'; ++name) rows.push_back({{name}, std::string(9, name)});
  ASSERT_TRUE(change(0, rows));
  std::vector<IdentityRow> seen;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const Identities page = read(0, seen.empty() ? "" : seen.back().key);
    seen.insert(seen.end(), page.rows.begin(), page.rows.end());
    more = page.more;
    ASSERT_EQ(page.revision, 1U);
  }
  EXPECT_EQ(seen, rows);
  EXPECT_GT(pages, 5);
}

// Many writers at once, each of whom adds one to what it read: none is lost.
TEST_F(IdentitiesTest, LoseNoChangeOfManyWriters) {
  const auto writer = [](IdentityStore& store) -> Task<void> {
    while (true) {
      const auto seen = co_await store.read_identities({});
      const std::size_t count = seen->rows.empty() ? 0 : seen->rows.front().value.size();
      ChangeIdentities change{seen->revision, {{"count", std::string(count + 1, '+')}}, {}};
      const auto done = co_await store.change_identities(std::move(change));
      if (done) co_return;
      EXPECT_EQ(done.error().code(), Errc::kConflict);
    }
  };
  std::vector<Task<void>> writers;
  for (int i = 0; i < 20; ++i) writers.push_back(writer(store_));
  world_.run_all(std::move(writers));
  EXPECT_EQ(read().rows.front().value.size(), 20U);
  EXPECT_EQ(read().revision, 20U);
}

TEST_F(IdentitiesTest, RefuseANewerFormatByName) {
  KvBatch batch;
  batch.writes.push_back(KvWrite::put("a!", std::string("\x02") + std::string(8, '\0')));
  world_.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  const auto refused = world_.run(store_.read_identities({}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnimplemented);
  EXPECT_NE(refused.error().detail().find("format 2"), std::string::npos);
}

TEST_F(IdentitiesTest, TravelInBytesThatStay) {
  const Identities page{7, true, {{"123456789012/u/ann", "row"}, {"x", ""}}};
  EXPECT_EQ(hex_encode(encode_message(page)), test::golden("message_identities_v1.hex"));
  const auto back = decode_message<Identities>(encode_message(page), "page");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->rows, page.rows);
  const ChangeIdentities change{7, {{"a", "b"}}, {"c", "d"}};
  const auto changed = decode_message<ChangeIdentities>(encode_message(change), "change");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->revision, 7U);
  EXPECT_EQ(changed->puts, change.puts);
  EXPECT_EQ(changed->removes, change.removes);
}

}  // namespace
}  // namespace kelp
