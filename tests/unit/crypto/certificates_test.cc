#include "crypto/certificates.h"

#include <gtest/gtest.h>

#include "tests/support/members.h"

namespace kelp {
namespace {

using test::Circle;

TEST(Certificates, SayWhoTheyAreForAndHowLong) {
  const Circle circle("our authority");
  CertificateRequest request =
      Circle::request("volume1", {"volume1.example", "*.volumes.svc", "10.0.0.7", "fd00::7"});
  const auto issued = issue_certificate(circle.authority(), request);
  ASSERT_TRUE(issued) << issued.error().detail();
  const auto view = read_certificate(issued->certificate);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->name, "volume1");
  EXPECT_EQ(view->issuer, "our authority");
  EXPECT_EQ(view->hosts, request.hosts);
  EXPECT_EQ(view->from, std::chrono::floor<std::chrono::seconds>(request.from));
  EXPECT_EQ(view->until, std::chrono::floor<std::chrono::seconds>(request.until));
  EXPECT_FALSE(view->authority);
  EXPECT_TRUE(read_certificate(circle.authority().certificate)->authority);
}

TEST(Certificates, ARenewalKeepsTheKeyItIsGiven) {
  const Circle circle;
  CertificateRequest request = Circle::request("filer1");
  const auto first = issue_certificate(circle.authority(), request);
  ASSERT_TRUE(first);
  request.key = first->key;
  const auto second = issue_certificate(circle.authority(), request);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->key, first->key);
  EXPECT_NE(second->certificate, first->certificate) << "another serial number";
  EXPECT_NE(issue_certificate(circle.authority(), Circle::request("filer1"))->key, first->key);
}

TEST(Certificates, RefuseWhatCannotBeMeant) {
  const Circle circle;
  for (const char* const host : {"", "a,IP:1.2.3.4", "a b", "*", "*.", ".a", "1.2.3.4/8", "a\nb"}) {
    EXPECT_FALSE(issue_certificate(circle.authority(), Circle::request("x", {host}))) << host;
  }
  EXPECT_FALSE(issue_certificate(circle.authority(), Circle::request("x", {})));
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a\nb")}) {
    EXPECT_FALSE(issue_certificate(circle.authority(), Circle::request(name))) << name;
  }
  CertificateRequest backwards = Circle::request("x");
  std::swap(backwards.from, backwards.until);
  EXPECT_FALSE(issue_certificate(circle.authority(), backwards));
  const CertifiedKey mixed{circle.authority().certificate, Circle().authority().key};
  EXPECT_FALSE(issue_certificate(mixed, Circle::request("x")));
  EXPECT_FALSE(issue_certificate({"", ""}, Circle::request("x")));
  EXPECT_FALSE(read_certificate("hello"));
}

}  // namespace
}  // namespace kelp
