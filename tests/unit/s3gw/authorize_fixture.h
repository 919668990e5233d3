#pragma once

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "policy/document.h"
#include "s3gw/bucket_access.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {

/// A policy of one statement about everybody and what a test's bucket is and holds.
inline std::string for_all(std::string_view effect, std::string_view action,
                           std::string_view more = "") {
  return fmt::format(R"({{"Statement":{{"Effect":"{}","Principal":"*","Action":"{}",
    "Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]{}}}}})",
                     effect, action, more);
}
inline const std::string kRead = for_all("Allow", "s3:GetObject");

/// A user's policy that allows so much.
inline std::string allowing(std::string_view actions, std::string_view resource = "*") {
  return fmt::format(R"({{"Statement":{{"Effect":"Allow","Action":{},"Resource":"{}"}}}})", actions,
                     resource);
}

class AuthorizeTest : public GatewayTest {
 protected:
  AuthorizeTest() {
    send("PUT", "/bucket");
    send("PUT", "/bucket/key", "body");
  }

  /// Whoever signs from now on.
  void become(const Account& account) {
    credentials.mine.account = account;
    credentials.mine.who = root_of(account);
    credentials.mine.permissions = {};
  }
  void become_owner() { become({"abc", "tester"}); }
  void become_other() { become(credentials.other); }
  /// A user of the bucket's owner.
  void become_user(std::string_view policy = {}) {
    become_owner();
    credentials.mine.who.arn = "arn:aws:iam::" + credentials.mine.who.account + ":user/ann";
    credentials.mine.user_name = "ann";
    if (policy.empty()) return;
    credentials.mine.permissions.identity.push_back(std::make_shared<policy::Document>(
        *policy::Document::parse(policy, policy::PolicyKind::kIdentity)));
  }
  int anonymous(std::string method, std::string target) {
    auto request = outgoing(std::move(method), std::move(target));
    request.headers.erase(request.headers.begin() + 1, request.headers.end());
    return send(std::move(request), false).status;
  }
  /// Lists count and the public is let in where they say so.
  void open_bucket() {
    EXPECT_EQ(send("PUT", "/bucket?ownershipControls",
                   ownership_controls_xml(ObjectOwnership::kObjectWriter))
                  .status,
              200);
    EXPECT_EQ(send("DELETE", "/bucket?publicAccessBlock").status, 204);
  }
  Answer put_with(std::string target, std::string name, std::string value, std::string body = "x") {
    auto request = outgoing("PUT", std::move(target), std::move(body));
    add(request, std::move(name), std::move(value));
    return send(std::move(request));
  }
};

}  // namespace kelp::s3::test
