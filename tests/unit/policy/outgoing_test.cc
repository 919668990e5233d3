// Whom Kelp calls where a stranger says whom.

#include "policy/outgoing.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp::policy::test {
namespace {

OutgoingRules rules(std::vector<std::string> allowed, std::vector<std::string> denied) {
  OutgoingRules made;
  for (const std::string& text : allowed) made.allowed.push_back(*parse_range(text));
  for (const std::string& text : denied) made.denied.push_back(*parse_range(text));
  return made;
}

TEST(OutgoingRules, RefuseThisMachineAndItsLinkByThemselves) {
  for (const char* address : {"127.0.0.1",
                              "127.8.9.1",
                              "0.0.0.0",
                              "0.1.2.3",
                              "169.254.169.254",
                              "169.254.0.0",
                              "169.254.255.255",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "febf::1",
                              "ff02::1",
                              "fd00:ec2::254",
                              "::ffff:169.254.169.254",
                              "::ffff:127.0.0.1",
                              "::169.254.169.254",
                              "64:ff9b::169.254.169.254",
                              "64:ff9b::127.0.0.1"}) {
    EXPECT_FALSE(may_call({}, address)) << address;
  }
  for (const char* address :
       {"10.0.0.1", "192.168.1.1", "169.253.255.255", "169.255.0.0", "126.255.255.255", "128.0.0.1",
        "1.0.0.0", "223.255.255.255", "192.0.2.1", "fec0::1", "fd00::1", "2001:db8::1",
        "::ffff:10.0.0.1", "64:ff9b::10.0.0.1"}) {
    EXPECT_TRUE(may_call({}, address)) << address;
  }
}

TEST(OutgoingRules, AreTheOperators) {
  const OutgoingRules made = rules({"127.0.0.1", "10.1.0.0/16"}, {"10.0.0.0/8", "2001:db8::/32"});
  EXPECT_TRUE(may_call(made, "127.0.0.1"));
  EXPECT_TRUE(may_call(made, "::ffff:127.0.0.1"));
  EXPECT_FALSE(may_call(made, "127.0.0.2"));
  EXPECT_FALSE(may_call(made, "10.0.0.1"));
  EXPECT_TRUE(may_call(made, "10.1.0.1")) << "what is allowed stands above";
  EXPECT_FALSE(may_call(made, "2001:db8::1"));
  EXPECT_FALSE(may_call(made, "169.254.169.254"));
}

TEST(OutgoingRules, TakeAddressesOnly) {
  for (const char* text :
       {"", "localhost", "10.0.0.0/8", "127.1", "0x7f.1", "2130706433", "10.0.0.1 "}) {
    EXPECT_FALSE(may_call({}, text)) << text;
  }
}

}  // namespace
}  // namespace kelp::policy::test
