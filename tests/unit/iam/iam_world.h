#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "iam/core/authorize.h"
#include "iam/core/session.h"

namespace kelp::iam::test {

inline constexpr std::string_view kNumber = "123456789012";
inline constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

/// Allows `action` on `resource`.
inline std::string policy_json(std::string_view action, std::string_view resource = "*",
                               std::string_view effect = "Allow") {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":")" + std::string(effect) +
         R"(","Action":")" + std::string(action) + R"(","Resource":")" + std::string(resource) +
         R"("}]})";
}

/// Lets `arn` take a role.
inline std::string trust_json(std::string_view arn, std::string_view condition = "") {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":")" +
         std::string(arn) + R"("},"Action":"sts:AssumeRole")" + std::string(condition) + "}]}";
}

/// One account whose actions are asked one after the other.
class IamWorld {
 public:
  using Form = std::vector<std::pair<std::string, std::string>>;

  IamWorld() {
    root.access_key = "ROOT";
    root.account = {std::string(64, 'a'), "admin"};
    root.who.account = kNumber;
    root.who.arn = "arn:aws:iam::" + std::string(kNumber) + ":root";
    root.who.canonical_id = root.account.id;
  }

  /// What stands in the result, as `caller`; its changes are made.
  Outcome<std::string> ask(std::string_view name, const Form& form, const s3::Credential& caller) {
    std::string text;
    for (const auto& [key, value] : form) {
      text += url_encode(key, false) + "=" + url_encode(value, false) + "&";
    }
    const Action* action = find_action(name);
    if (action == nullptr) return QueryError{"InvalidAction", 400, std::string(name)};
    KELP_TRY(const Parameters parameters, Parameters::parse(text));
    KELP_CHECK(parameters.check(action->parameters));
    Account empty;
    empty.number = kNumber;
    const Account* account = model->find(kNumber);
    std::string xml;
    Job job{*model,
            account == nullptr ? empty : *account,
            parameters,
            caller,
            now,
            makers,
            s3::XmlWriter(xml),
            {}};
    KELP_CHECK(authorize(*action, job, around));
    KELP_CHECK(action->run(job));
    if (!job.changes.empty()) model = change_model(model->revision + 1, job.changes, *model);
    return xml;
  }
  Outcome<std::string> ask(std::string_view name, const Form& form) {
    return ask(name, form, root);
  }

  /// ask(), which must go well.
  std::string done(std::string_view name, const Form& form) {
    auto xml = ask(name, form);
    EXPECT_TRUE(xml) << name << ": " << xml.error().code << " " << xml.error().message;
    return xml ? *xml : std::string();
  }
  /// The code of ask(), which must not go well.
  std::string refused(std::string_view name, const Form& form) {
    const auto xml = ask(name, form);
    EXPECT_FALSE(xml) << name << ": " << *xml;
    return xml ? std::string() : xml.error().code;
  }
  const Account& account() { return *model->find(kNumber); }
  s3::Credential user(std::string_view name) {
    return user_credential(root.account, account(), *account().find(Kind::kUser, name));
  }

  s3::Credential root;
  std::shared_ptr<const Model> model = std::make_shared<Model>();
  WallTime now = kNow;
  Surroundings around{.source_ip = "10.0.0.1", .user_agent = "test", .secure = false};
  Vault vault{"a cluster's secret"};
  int tokens = 0;
  Makers makers{.token =
                    [this](std::size_t count) {
                      std::string token = "T" + std::to_string(++tokens);
                      token.resize(count, 'x');
                      return token;
                    },
                .seal = [this](std::string_view plain,
                               std::string_view about) { return vault.seal_secret(plain, about); }};
};

/// What stands in the first element `tag` of `xml`.
inline std::string inside(const std::string& xml, const std::string& tag) {
  const std::size_t begin = xml.find("<" + tag + ">");
  if (begin == std::string::npos) return "(none)";
  const std::size_t at = begin + tag.size() + 2;
  return xml.substr(at, xml.find("</" + tag + ">", at) - at);
}

/// How often `text` is there.
inline std::size_t count_of(const std::string& xml, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = xml.find(text); at != std::string::npos; at = xml.find(text, at + 1))
    ++count;
  return count;
}

}  // namespace kelp::iam::test
