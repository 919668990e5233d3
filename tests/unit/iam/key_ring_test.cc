// The keys of a gateway follow what is stored: what is taken away is without effect.

#include "iam/key_ring.h"

#include <gtest/gtest.h>

#include "tests/support/run_coro.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

using kelp::test::run_coro;

class KeyRingTest : public testing::Test {
 protected:
  KeyRingTest() { EXPECT_TRUE(run_coro(ring_.refresh())); }

  [[nodiscard]] std::string number() const { return roots_.root.who.account; }
  /// A user with a key of this id, as some other gateway stores it.
  Entity user(const std::string& name, const std::string& key_id) {
    Entity entity;
    entity.name = name;
    entity.id = "AIDA" + name;
    entity.keys = {{key_id, ring_.vault().seal_secret("secret of " + key_id, key_id), true, kNow}};
    return entity;
  }
  void store(const Entity& entity) {
    store_.rows[row_key(number(), entity.kind, entity.name)] = encode_entity(entity);
    ++store_.revision;
  }
  Changes changes_of(const Entity& entity) {
    Changes changes;
    changes.puts = {{row_key(number(), entity.kind, entity.name), encode_entity(entity)}};
    return changes;
  }
  std::string token_of(Session& session) {
    session.account = number();
    session.access_key = "ASIATEST";
    session.secret_key = "temporary";
    session.expires = kNow + std::chrono::hours(1);
    return ring_.vault().seal_token(encode_session(session));
  }

  OneRoot roots_;
  MemIdentities store_;
  MovedClock clock_;
  NoTimers timers_;
  KeyRing ring_{{store_, roots_, clock_, timers_}, {roots_.root.account}, "a cluster's secret"};
};

TEST_F(KeyRingTest, KnowsRootsAndUsers) {
  store(user("ann", "AKIA1"));
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr) << "not read yet";
  ASSERT_TRUE(run_coro(ring_.refresh()));
  const auto ann = ring_.hold("AKIA1", "");
  ASSERT_NE(ann, nullptr);
  EXPECT_EQ(ann->secret_key, "secret of AKIA1");
  EXPECT_EQ(ann->who.arn, "arn:aws:iam::" + number() + ":user/ann");
  EXPECT_EQ(ann->account.id, roots_.root.account.id);
  EXPECT_FALSE(s3::acts_as_root(*ann));
  EXPECT_TRUE(s3::acts_as_root(*ring_.hold("ROOT", "")));
  EXPECT_EQ(ring_.hold("AKIA2", ""), nullptr);
}

TEST_F(KeyRingTest, ForgetsWhatIsTakenAway) {
  Entity ann = user("ann", "AKIA1");
  store(ann);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  const auto held = ring_.hold("AKIA1", "");
  ann.keys[0].active = false;
  store(ann);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr);
  EXPECT_EQ(held->secret_key, "secret of AKIA1") << "a request keeps what it has";
  ann.keys[0].active = true;
  store(ann);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
  store_.rows.clear();
  ++store_.revision;
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr);
}

TEST_F(KeyRingTest, KnowsItsOwnChangesAtOnce) {
  ASSERT_TRUE(run_coro(ring_.change(ring_.snapshot(), changes_of(user("ann", "AKIA1")))));
  EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
  EXPECT_EQ(store_.revision, 1U);
}

TEST_F(KeyRingTest, DoesNotChangeWhatItDidNotSee) {
  store(user("eve", "AKIA2"));
  const auto refused = run_coro(ring_.change(ring_.snapshot(), changes_of(user("ann", "AKIA1"))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  ASSERT_TRUE(run_coro(ring_.change(ring_.snapshot(), changes_of(user("ann", "AKIA1")))));
  EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
  EXPECT_NE(ring_.hold("AKIA2", ""), nullptr);
}

TEST_F(KeyRingTest, ReadsPagesOfOneRevisionOnly) {
  for (int i = 0; i < 10; ++i) {
    store(user("user" + std::to_string(i), "AKIA" + std::to_string(i)));
  }
  store_.page_rows = 3;
  int changes = 0;
  store_.between_pages = [&] {
    if (++changes > 2) return;
    store_.rows.erase(row_key(number(), Kind::kUser, "user0"));
    ++store_.revision;
  };
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA0", ""), nullptr) << "gone while it was read";
  for (int i = 1; i < 10; ++i) EXPECT_NE(ring_.hold("AKIA" + std::to_string(i), ""), nullptr) << i;
  EXPECT_EQ(ring_.snapshot()->model().revision, store_.revision);
}

TEST_F(KeyRingTest, KeepsWhatItKnewWhileNobodyAnswers) {
  store(user("ann", "AKIA1"));
  ASSERT_TRUE(run_coro(ring_.refresh()));
  store_.down = true;
  EXPECT_FALSE(run_coro(ring_.refresh()));
  EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
  EXPECT_FALSE(run_coro(ring_.change(ring_.snapshot(), changes_of(user("eve", "AKIA2")))));
  EXPECT_EQ(ring_.hold("AKIA2", ""), nullptr);
}

TEST_F(KeyRingTest, FollowsAStoreThatWasSetBack) {
  store(user("ann", "AKIA1"));
  store(user("eve", "AKIA2"));
  ASSERT_TRUE(run_coro(ring_.refresh()));
  store_.rows.erase(row_key(number(), Kind::kUser, "eve"));
  store_.revision = 1;
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA2", ""), nullptr);
  EXPECT_NE(ring_.hold("AKIA1", ""), nullptr);
}

TEST_F(KeyRingTest, AccountsThatAreNotConfiguredHaveNoKeys) {
  Entity stranger = user("ann", "AKIA1");
  store_.rows[row_key("999999999999", Kind::kUser, "ann")] = encode_entity(stranger);
  ++store_.revision;
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr);
}

TEST_F(KeyRingTest, AKeyThatWasSealedElsewhereIsNone) {
  Entity ann = user("ann", "AKIA1");
  ann.keys[0].sealed_secret = Vault("another").seal_secret("secret", "AKIA1");
  store(ann);
  store(user("eve", "AKIA2"));
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("AKIA1", ""), nullptr);
  EXPECT_NE(ring_.hold("AKIA2", ""), nullptr);
}

TEST_F(KeyRingTest, ASessionNeedsItsTokenAndItsKey) {
  Entity ann = user("ann", "AKIA1");
  store(ann);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  Session session;
  session.kind = SessionKind::kUser;
  session.name = "ann";
  session.id = ann.id;
  session.parent_key = "AKIA1";
  const std::string token = token_of(session);
  for (int time = 0; time < 2; ++time) {
    const auto held = ring_.hold("ASIATEST", token);
    ASSERT_NE(held, nullptr);
    EXPECT_EQ(held->session_token, token);
    EXPECT_EQ(held->secret_key, "temporary");
    EXPECT_EQ(ring_.hold("ASIAOTHER", token), nullptr);
    EXPECT_EQ(ring_.hold("ASIATEST", ""), nullptr);
    EXPECT_EQ(ring_.hold("ASIATEST", token + "A"), nullptr);
  }
  ann.keys.clear();
  store(ann);
  ASSERT_TRUE(run_coro(ring_.refresh()));
  EXPECT_EQ(ring_.hold("ASIATEST", token), nullptr);
}

TEST_F(KeyRingTest, ARootsSessionEndsWithItsKey) {
  Session session;
  session.kind = SessionKind::kRoot;
  session.parent_key = "ROOT";
  EXPECT_NE(ring_.hold("ASIATEST", token_of(session)), nullptr);
  session.parent_key = "OLDROOT";
  EXPECT_EQ(ring_.hold("ASIATEST", token_of(session)), nullptr);
}

}  // namespace
}  // namespace kelp::iam::test
