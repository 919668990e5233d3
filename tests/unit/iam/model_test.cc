// The model of all accounts: made of rows, changed by rows, and shared where it is the same.

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

IdentityRow user_row(std::string_view account, const std::string& name) {
  Entity user;
  user.name = name;
  user.id = "AIDA" + name;
  return {row_key(account, Kind::kUser, name), encode_entity(user)};
}

TEST(IamModel, IsMadeOfRows) {
  const auto model =
      load_model(3, {user_row("111111111111", "ann"), user_row("222222222222", "Bob")}, Model());
  EXPECT_EQ(model->revision, 3U);
  ASSERT_NE(model->find("111111111111"), nullptr);
  EXPECT_NE(model->find("111111111111")->find(Kind::kUser, "ANN"), nullptr);
  EXPECT_EQ(model->find("111111111111")->find(Kind::kUser, "bob"), nullptr);
  EXPECT_EQ(model->find("111111111111")->find(Kind::kRole, "ann"), nullptr);
  EXPECT_NE(model->find("222222222222")->find(Kind::kUser, "bob"), nullptr);
  EXPECT_EQ(model->find("333333333333"), nullptr);
}

TEST(IamModel, SharesWhatIsTheSame) {
  const auto first =
      load_model(1, {user_row("111111111111", "ann"), user_row("222222222222", "bob")}, Model());
  const auto second = load_model(2,
                                 {user_row("111111111111", "ann"), user_row("111111111111", "eve"),
                                  user_row("222222222222", "bob")},
                                 *first);
  EXPECT_EQ(first->find("222222222222"), second->find("222222222222"));
  EXPECT_NE(first->find("111111111111"), second->find("111111111111"));
  EXPECT_EQ(first->find("111111111111")->find(Kind::kUser, "ann"),
            second->find("111111111111")->find(Kind::kUser, "ann"));
}

TEST(IamModel, ChangesAsTheRowsDo) {
  const auto first = load_model(1, {user_row("111111111111", "ann")}, Model());
  Changes changes;
  changes.puts = {user_row("111111111111", "eve"), user_row("222222222222", "bob")};
  changes.removes = {row_key("111111111111", Kind::kUser, "Ann")};
  const auto second = change_model(2, changes, *first);
  EXPECT_EQ(second->revision, 2U);
  EXPECT_EQ(second->find("111111111111")->find(Kind::kUser, "ann"), nullptr);
  EXPECT_NE(second->find("111111111111")->find(Kind::kUser, "eve"), nullptr);
  EXPECT_EQ(second->find("222222222222")->number, "222222222222");
  EXPECT_NE(first->find("111111111111")->find(Kind::kUser, "ann"), nullptr) << "it never changes";
}

TEST(IamModel, KnowsThatARowIsNotReadable) {
  IdentityRow newer = user_row("111111111111", "ann");
  newer.value[0] = 2;
  const auto model = load_model(1, {newer, user_row("111111111111", "eve")}, Model());
  EXPECT_TRUE(model->find("111111111111")->unreadable);
  EXPECT_EQ(model->find("111111111111")->find(Kind::kUser, "ann"), nullptr);
  EXPECT_NE(model->find("111111111111")->find(Kind::kUser, "eve"), nullptr);
  const auto unknown = load_model(1, {{"111111111111/z/what", "?"}}, Model());
  EXPECT_TRUE(unknown->find("111111111111")->unreadable);
}

}  // namespace
}  // namespace kelp::iam::test
