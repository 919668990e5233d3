// Users of a file in the form of s3.json: what each may, and what is refused.

#include "iam/core/file_users.h"

#include "iam/file_keys.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

std::string file_of(const std::string& actions, const std::string& name = "app",
                    const std::string& key = "app-key") {
  return R"({"identities":[{"name":")" + name + R"(","credentials":[{"accessKey":")" + key +
         R"(","secretKey":"app-secret"}],"actions":[)" + actions + "]}]}";
}

bool may(const s3::Credential& who, std::string_view action, const std::string& resource,
         const std::string& prefix = "") {
  const Surroundings around;
  policy::Request request = request_of(who, action, resource, kNow, around);
  if (action == "s3:ListBucket") request.context.add("s3:prefix", prefix);
  const policy::Policies policies{who.permissions.identity, nullptr, nullptr, nullptr};
  return policy::allows(policies, request, who.who.account);
}

s3::Credential user(const std::string& actions) {
  const OneRoot roots;
  const auto read = parse_file_users(file_of(actions), roots.root.account);
  EXPECT_TRUE(read) << read.error().message();
  return read->front();
}

TEST(FileUsers, AreUsersOfTheAccount) {
  const OneRoot roots;
  const s3::Credential app = user(R"("Read")");
  EXPECT_EQ(app.who.arn, "arn:aws:iam::" + roots.root.who.account + ":user/app");
  EXPECT_EQ(app.account.id, roots.root.account.id);
  EXPECT_EQ(app.access_key, "app-key");
  EXPECT_EQ(app.secret_key, "app-secret");
  EXPECT_FALSE(s3::acts_as_root(app));
}

TEST(FileUsers, MayWhatTheirActionsSay) {
  struct Case {
    std::string actions;
    std::string action;
    std::string resource;
    bool allowed;
  };
  const std::string object = "arn:aws:s3:::b/k";
  const std::string bucket = "arn:aws:s3:::b";
  const std::vector<Case> cases = {
      {R"("Admin")", "s3:DeleteBucket", bucket, true},
      {R"("Admin")", "iam:CreateUser", "*", true},
      {R"("Admin:b")", "s3:DeleteBucket", bucket, true},
      {R"("Admin:b")", "s3:DeleteObject", object, true},
      {R"("Admin:b")", "s3:DeleteBucket", "arn:aws:s3:::bb", false},
      {R"("Admin:b")", "iam:CreateUser", "*", false},
      {R"("Read")", "s3:GetObject", object, true},
      {R"("Read")", "s3:PutObject", object, false},
      {R"("Read")", "s3:ListBucket", bucket, false},
      {R"("Read:b")", "s3:GetObject", object, true},
      {R"("Read:b/*")", "s3:GetObject", object, true},
      {R"("Read:a")", "s3:GetObject", object, false},
      {R"("Read:b/k")", "s3:GetObject", object, true},
      {R"("Read:b/l")", "s3:GetObject", object, false},
      {R"("Write:b")", "s3:PutObject", object, true},
      {R"("Write:b")", "s3:DeleteObject", object, true},
      {R"("Write:b")", "s3:GetObject", object, false},
      {R"("Write:b")", "s3:DeleteBucket", bucket, false},
      {R"("Write:b")", "s3:PutBucketPolicy", bucket, false},
      {R"("Read:b")", "s3:GetObjectAnnotation", object, true},
      {R"("Read:b")", "s3:ListObjectAnnotations", object, true},
      {R"("Read:b")", "s3:PutObjectAnnotation", object, false},
      {R"("Read:b")", "s3:DeleteObjectAnnotation", object, false},
      {R"("Write:b")", "s3:PutObjectAnnotation", object, true},
      {R"("Write:b")", "s3:DeleteObjectAnnotation", object, true},
      {R"("Write:b")", "s3:GetObjectAnnotation", object, false},
      {R"("Write:b")", "s3:ListObjectAnnotations", object, false},
      {R"("List")", "s3:ListAllMyBuckets", "*", true},
      {R"("List:b")", "s3:ListBucket", bucket, true},
      {R"("List:b")", "s3:ListAllMyBuckets", "*", false},
      {R"("Tagging:b")", "s3:PutObjectTagging", object, true},
      {R"("Tagging:b")", "s3:PutObject", object, false},
      {R"("Read","Write:b")", "s3:PutObject", object, true},
      {"", "s3:GetObject", object, false},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(may(user(each.actions), each.action, each.resource), each.allowed)
        << each.actions << " " << each.action << " " << each.resource;
  }
}

TEST(FileUsers, ListsOfAPrefixAreOfThatPrefix) {
  const s3::Credential app = user(R"("List:b/in/")");
  EXPECT_TRUE(may(app, "s3:ListBucket", "arn:aws:s3:::b", "in/x"));
  EXPECT_FALSE(may(app, "s3:ListBucket", "arn:aws:s3:::b", "i"));
  EXPECT_FALSE(may(app, "s3:ListBucket", "arn:aws:s3:::b", ""));
}

TEST(FileUsers, NothingIsGuessed) {
  const OneRoot roots;
  const auto refused = [&roots](const std::string& json) {
    const auto read = parse_file_users(json, roots.root.account);
    EXPECT_FALSE(read) << json;
    return read ? std::string() : read.error().detail();
  };
  EXPECT_NE(refused(file_of(R"("Reed")")).find("'app': the action 'Reed' is not known"),
            std::string::npos);
  for (const std::string bad : {"\"\"", "\"Read:\"", "\"Read:*\"", "\"Read:b?\"", "\"read\"", "7",
                                "\"Admin:b/p\"", "\"Read:b/${aws:username}\""}) {
    refused(file_of(bad));
  }
  refused(file_of(R"("Read")", ""));
  refused(file_of(R"("Read")", "a b"));
  refused(file_of(R"("Read")", "anonymous"));
  refused(file_of(R"("Read")", "app", "k"));
  refused("[]");
  refused("{");
  refused(R"({"identities":7})");
  refused(R"({"identities":[7]})");
  const std::string one =
      R"({"name":"a","credentials":[{"accessKey":"key","secretKey":"12345678"}]})";
  refused(R"({"identities":[)" + one + "," + one + "]}");
  EXPECT_TRUE(parse_file_users("{}", roots.root.account)->empty());
}

TEST(FileKeys, FollowTheFileAndKeepWhatLastRead) {
  const OneRoot roots;
  Result<std::string> file = file_of(R"("Read")");
  FileKeys keys(roots, roots.root.account, [&file] { return file; });
  EXPECT_EQ(keys.hold("app-key", ""), nullptr);
  ASSERT_TRUE(keys.load());
  EXPECT_NE(keys.hold("app-key", ""), nullptr);
  EXPECT_NE(keys.hold("ROOT", ""), nullptr);
  file = "{";
  EXPECT_FALSE(keys.load());
  EXPECT_NE(keys.hold("app-key", ""), nullptr);
  file = Error(Errc::kNotFound, "gone");
  EXPECT_FALSE(keys.load());
  EXPECT_NE(keys.hold("app-key", ""), nullptr);
  file = file_of(R"("Read")", "app", "other-key");
  ASSERT_TRUE(keys.load());
  EXPECT_EQ(keys.hold("app-key", ""), nullptr);
  EXPECT_NE(keys.hold("other-key", ""), nullptr);
}

TEST(FileKeys, TheConfigurationsKeysStandAbove) {
  const OneRoot roots;
  FileKeys keys(roots, roots.root.account,
                [] { return Result<std::string>(file_of(R"("Read")", "app", "ROOT")); });
  ASSERT_TRUE(keys.load());
  EXPECT_TRUE(s3::acts_as_root(*keys.hold("ROOT", "")));
}

}  // namespace
}  // namespace kelp::iam::test
