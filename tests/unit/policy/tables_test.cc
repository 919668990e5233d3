// The truth tables under tables/: each case is a policy, a request, and what the policy says.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "policy/document.h"

namespace kelp::policy {
namespace {

namespace json = boost::json;

json::value load(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str());
}

std::string text_at(const json::object& object, std::string_view name, std::string_view otherwise) {
  const json::value* value = object.if_contains(name);
  return std::string(value == nullptr ? otherwise : std::string_view(value->as_string()));
}

/// "anonymous", or an ARN; of a session the role's is made from it.
Requester requester(const std::string& name) {
  Requester who;
  if (name == "anonymous") return who;
  who.arn = name;
  who.account = name.substr(name.find("::") + 2, 12);
  who.canonical_id = std::string(52, '0') + who.account;
  if (const auto role = name.find("assumed-role/"); role != std::string::npos) {
    const std::string rest = name.substr(role + 13);
    who.role_arn = "arn:aws:iam::" + who.account + ":role/" + rest.substr(0, rest.find('/'));
  }
  return who;
}

Context context_of(const json::object& keys) {
  Context context;
  for (const auto& [key, value] : keys) {
    if (value.is_string()) {
      context.add(key, std::string(value.as_string()));
      continue;
    }
    context.add_empty(key);
    for (const auto& each : value.as_array()) context.add(key, std::string(each.as_string()));
  }
  return context;
}

std::string_view name_of(const Verdict& verdict) {
  if (verdict.denied) return "deny";
  switch (verdict.allowed) {
    case Naming::kNot:
      return "none";
    case Naming::kAccount:
      return "account";
    case Naming::kItself:
      return "allow";
    case Naming::kSession:
      return "session";
  }
  return "?";
}

/// The policy of a case: as it stands there, the table's, or one around its condition.
json::value policy_of(const json::object& table, const json::object& each) {
  if (const json::value* policy = each.if_contains("policy")) return *policy;
  if (const json::value* condition = each.if_contains("condition")) {
    return {
        {"Version", "2012-10-17"},
        {"Statement",
         {{"Effect", "Allow"}, {"Action", "s3:*"}, {"Resource", "*"}, {"Condition", *condition}}}};
  }
  return table.at("policy");
}

void check_case(const json::object& table, const json::object& each) {
  SCOPED_TRACE(json::serialize(each));
  const bool is_bucket = text_at(table, "kind", "identity") == "bucket";
  const auto document = Document::parse(json::serialize(policy_of(table, each)),
                                        is_bucket ? PolicyKind::kBucket : PolicyKind::kIdentity);
  ASSERT_TRUE(document.has_value()) << document.error().detail();
  const json::value* keys = each.if_contains("context");
  const Request request{.who = requester(text_at(each, "as", "arn:aws:iam::111122223333:user/ann")),
                        .action = lower_case(text_at(each, "do", "s3:GetObject")),
                        .resource = "arn:aws:s3:::" + text_at(each, "on", "logs/2026/a.txt"),
                        .context = keys == nullptr ? Context() : context_of(keys->as_object())};
  EXPECT_EQ(name_of(document->evaluate(request)), text_at(each, "says", "allow"));
}

TEST(PolicyTables, SayWhatTheyMust) {
  std::size_t cases = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(KELP_SOURCE_DIR "/tests/unit/policy/tables")) {
    SCOPED_TRACE(file.path().filename().string());
    const json::value table = load(file.path());
    EXPECT_FALSE(table.at("source").as_string().empty());
    for (const json::value& each : table.at("cases").as_array()) {
      check_case(table.as_object(), each.as_object());
      ++cases;
    }
  }
  EXPECT_GE(cases, 200U) << "tables are missing";
}

}  // namespace
}  // namespace kelp::policy
