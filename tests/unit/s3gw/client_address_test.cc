// Who asks, behind proxies: nobody but a trusted one is believed.

#include "s3gw/client_address.h"

#include <gtest/gtest.h>

namespace kelp::s3 {
namespace {

const std::vector<policy::AddressRange> kTrusted{*policy::parse_range("10.0.0.0/8"),
                                                 *policy::parse_range("2001:db8::1")};

/// "ADDRESS", with "+tls" when it came over TLS.
std::string client(std::string_view peer, std::vector<HttpHeader> headers) {
  HttpRequest request;
  request.remote_address = peer;
  request.headers = headers;
  const HttpRequest told = behind_proxies(request, kTrusted);
  return std::string(told.remote_address) + (told.secure ? "+tls" : "");
}

TEST(ClientAddress, BelievesTrustedProxiesOnly) {
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}}), "192.0.2.7");
  EXPECT_EQ(client("192.0.2.1", {{"X-Forwarded-For", "192.0.2.7"}}), "192.0.2.1");
  EXPECT_EQ(client("192.0.2.1", {{"X-Forwarded-Proto", "https"}}), "192.0.2.1");
  EXPECT_EQ(client("::ffff:10.0.0.1", {{"x-forwarded-for", "192.0.2.7"}}), "192.0.2.7");
  EXPECT_EQ(client("2001:db8::1", {{"x-forwarded-for", "2001:db8::2"}}), "2001:db8::2");
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
}

// What a client writes there itself stands to the left of what its proxy adds.
TEST(ClientAddress, TakesTheRightmostThatIsNoProxy) {
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "127.0.0.1, 192.0.2.7"}}), "192.0.2.7");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "127.0.0.1,192.0.2.7 , 10.9.9.9"}}),
            "192.0.2.7");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "127.0.0.1"},
                                {"X-Forwarded-For", "192.0.2.7"},
                                {"X-Forwarded-For", "10.1.1.1"}}),
            "192.0.2.7");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "10.3.3.3, 10.2.2.2"}}), "10.3.3.3");
}

TEST(ClientAddress, ForeignWordsEndTheSearch) {
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "192.0.2.7, unknown"}}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "192.0.2.7, 0.0.0.0/0"}}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "192.0.2.7, , 10.2.2.2"}}), "10.2.2.2");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", ""}}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "["}}), "10.0.0.1");
}

TEST(ClientAddress, PortsAreNoPartOfIt) {
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "192.0.2.7:4711"}}), "192.0.2.7");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "[2001:db8::7]:4711"}}), "2001:db8::7");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-For", "[2001:db8::7]"}}), "2001:db8::7");
}

TEST(ClientAddress, TlsOfTheLastProxyCounts) {
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-Proto", "https"}}), "10.0.0.1+tls");
  EXPECT_EQ(client("10.0.0.1", {{"X-Forwarded-Proto", "https, http"}}), "10.0.0.1");
}

}  // namespace
}  // namespace kelp::s3
