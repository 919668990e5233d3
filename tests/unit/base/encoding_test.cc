#include "base/encoding.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

using namespace std::string_view_literals;

TEST(Encoding, HexGoesBothWays) {
  EXPECT_EQ(hex_encode("\x00\xffk"sv), "00ff6b");
  EXPECT_EQ(hex_decode("00Ff6b").value(), "\x00\xffk"sv);
  EXPECT_FALSE(hex_decode("0").has_value());
  EXPECT_FALSE(hex_decode("0g").has_value());
}

// RFC 4648 section 10.
TEST(Encoding, Base64GivesTheVectorsOfTheRfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(base64_decode(coded).value(), plain);
  }
}

TEST(Encoding, Base64RefusesWhatIsNotCanonical) {
  for (const auto* text : {"Zg=", "Zg", "Zh==", "Zm9=", "Z m=", "====", "Zg==Zg==", "=Zg="}) {
    EXPECT_FALSE(base64_decode(text).has_value()) << text;
  }
}

TEST(Encoding, UrlEncodesAsSigV4Asks) {
  EXPECT_EQ(url_encode("a b+c/\xc3\xa9~", true), "a%20b%2Bc/%C3%A9~");
  EXPECT_EQ(url_encode("/", false), "%2F");
  EXPECT_EQ(url_decode("a%20b+c%2f").value(), "a b+c/");
  EXPECT_EQ(url_decode("a+b", true).value(), "a b");
  EXPECT_EQ(url_decode("%00").value(), "\0"sv);
}

TEST(Encoding, UrlRefusesBrokenEscapes) {
  for (const auto* text : {"%", "%4", "a%zz", "%4g"})
    EXPECT_FALSE(url_decode(text).has_value()) << text;
}

}  // namespace
}  // namespace kelp
