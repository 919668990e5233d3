// Tokens of identity providers: only those that the provider signed, for us and in time.

#include "iam/core/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

std::string base64url(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

/// A provider's key, with both halves.
class Signer {
 public:
  static Signer rsa() { return Signer(EVP_RSA_gen(2048)); }
  static Signer p256() { return Signer(EVP_EC_gen("P-256")); }

  [[nodiscard]] bool is_rsa() const { return EVP_PKEY_is_a(key_.get(), "RSA") == 1; }
  [[nodiscard]] std::string number(const char* name, std::size_t bytes) const {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key_.get(), name, &value), 1);
    std::string out(bytes == 0 ? static_cast<std::size_t>(BN_num_bytes(value)) : bytes, '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(value);
    return out;
  }
  /// As a JSON Web Key.
  [[nodiscard]] std::string jwk(const std::string& id) const {
    const std::string head = R"({"kid":")" + id + R"(","use":"sig",)";
    if (is_rsa()) {
      return head + R"("kty":"RSA","alg":"RS256","n":")" +
             base64url(number(OSSL_PKEY_PARAM_RSA_N, 0)) + R"(","e":")" +
             base64url(number(OSSL_PKEY_PARAM_RSA_E, 0)) + "\"}";
    }
    return head + R"("kty":"EC","crv":"P-256","x":")" +
           base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, 32)) + R"(","y":")" +
           base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + "\"}";
  }
  [[nodiscard]] std::string sign(std::string_view text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    std::size_t size = 512;
    std::string out(size, '\0');
    EXPECT_EQ(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    EVP_MD_CTX_free(context);
    out.resize(size);
    if (is_rsa()) return out;
    const auto* der = reinterpret_cast<const unsigned char*>(out.data());
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(out.size()));
    std::string plain(64, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(plain.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(both), bytes, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), bytes + 32, 32);
    ECDSA_SIG_free(both);
    return plain;
  }
  [[nodiscard]] std::string token(const std::string& claims, std::string head = {}) const {
    if (head.empty()) {
      head = std::string(R"({"alg":")") + (is_rsa() ? "RS256" : "ES256") + R"(","kid":"k"})";
    }
    const std::string text = base64url(head) + "." + base64url(claims);
    return text + "." + base64url(sign(text));
  }

 private:
  explicit Signer(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  std::shared_ptr<EVP_PKEY> key_;
};

constexpr std::string_view kIssuer = "https://idp.example.com/realm";

std::string claims_json(const std::string& more = "", std::string_view issuer = kIssuer,
                        const std::string& audience = "\"app\"",
                        const std::string& expires = "1700003600") {
  return R"({"iss":")" + std::string(issuer) + R"(","sub":"ann","aud":)" + audience + R"(,"exp":)" +
         expires + more + "}";
}

class JwtTest : public testing::Test {
 protected:
  static const Signer& rsa() {
    static const Signer signer = Signer::rsa();
    return signer;
  }
  static std::vector<WebKey> keys_of(const Signer& signer, const std::string& id = "k") {
    return parse_web_keys(R"({"keys":[)" + signer.jwk(id) + "]}").value();
  }
  std::string code(const std::string& token, const std::vector<WebKey>& keys, WallTime now = kNow) {
    const auto parsed = parse_web_token(token);
    if (!parsed) return "no token";
    const auto who = verify_web_token(*parsed, provider_, kNumber, keys, now);
    return who ? "ok" : who.error().code;
  }

  Provider provider_{"idp.example.com/realm", {"app", "other"}, {}, kNow, {}, {}};
};

TEST_F(JwtTest, SaysWhoTheBearerIs) {
  const std::vector<Signer> signers = {rsa(), Signer::p256()};
  for (const Signer& signer : signers) {
    const auto token = parse_web_token(signer.token(claims_json(R"(,"email":"a@b","n":1)")));
    ASSERT_TRUE(token);
    const auto who = verify_web_token(*token, provider_, kNumber, keys_of(signer), kNow);
    ASSERT_TRUE(who) << who.error().message;
    EXPECT_EQ(who->subject, "ann");
    EXPECT_EQ(who->audience, "app");
    EXPECT_EQ(who->provider_arn, "arn:aws:iam::123456789012:oidc-provider/idp.example.com/realm");
    const std::pair<std::string, std::string> email("email", "a@b");
    EXPECT_NE(std::ranges::find(who->claims, email), who->claims.end());
  }
}

TEST_F(JwtTest, OnlyTheProvidersKeysCount) {
  const std::string token = rsa().token(claims_json());
  EXPECT_EQ(code(token, keys_of(rsa())), "ok");
  EXPECT_EQ(code(token, keys_of(Signer::rsa())), "InvalidIdentityToken");
  EXPECT_EQ(code(token, keys_of(Signer::p256())), "InvalidIdentityToken");
  EXPECT_EQ(code(token, keys_of(rsa(), "another")), "InvalidIdentityToken");
  EXPECT_EQ(code(token, {}), "InvalidIdentityToken");
}

TEST_F(JwtTest, EveryChangedPartIsRefused) {
  const std::string token = rsa().token(claims_json());
  const auto keys = keys_of(rsa());
  for (std::size_t at = 0; at < token.size(); at += 3) {
    if (token[at] == '.') continue;
    std::string changed = token;
    changed[at] = changed[at] == 'A' ? 'Q' : 'A';
    EXPECT_NE(code(changed, keys), "ok") << at;
  }
}

TEST_F(JwtTest, AlgorithmsThatProveNothingAreRefused) {
  const auto keys = keys_of(rsa());
  const std::string body = base64url(claims_json());
  EXPECT_NE(code(base64url(R"({"alg":"none"})") + "." + body + ".", keys), "ok");
  EXPECT_NE(code(base64url(R"({"alg":"none"})") + "." + body + ".AA", keys), "ok");
  EXPECT_NE(code(rsa().token(claims_json(), R"({"alg":"none","kid":"k"})"), keys), "ok");
  EXPECT_NE(code(rsa().token(claims_json(), R"({"alg":"RS512","kid":"k"})"), keys), "ok");
  EXPECT_NE(code(rsa().token(claims_json(), R"({"kid":"k"})"), keys), "ok");
  EXPECT_NE(code(rsa().token(claims_json(), R"({"alg":"RS256","crit":["x"]})"), keys), "ok");
  // The public key as the secret of an HMAC, which anybody could make.
  const std::string text = base64url(R"({"alg":"HS256","kid":"k"})") + "." + body;
  const Sha256 forged = hmac_sha256(rsa().number(OSSL_PKEY_PARAM_RSA_N, 0), text);
  EXPECT_NE(code(text + "." + base64url(view(forged)), keys), "ok");
}

TEST_F(JwtTest, TimesAreKept) {
  const auto keys = keys_of(rsa());
  const WallTime expiry(std::chrono::seconds(1'700'003'600));
  const std::string token = rsa().token(claims_json());
  EXPECT_EQ(code(token, keys, expiry + std::chrono::seconds(59)), "ok");
  EXPECT_EQ(code(token, keys, expiry + std::chrono::seconds(60)), "ExpiredTokenException");
  for (const char* const never : {"null", "\"1700003600\"", "-1", "1e99"}) {
    EXPECT_EQ(code(rsa().token(claims_json("", kIssuer, "\"app\"", never)), keys),
              "InvalidIdentityToken")
        << never;
  }
  EXPECT_EQ(code(rsa().token(claims_json(R"(,"nbf":1700000060)")), keys), "ok");
  EXPECT_EQ(code(rsa().token(claims_json(R"(,"nbf":1700000061)")), keys), "InvalidIdentityToken");
}

TEST_F(JwtTest, IssuerAndAudienceAreOurs) {
  const auto keys = keys_of(rsa());
  for (const char* const issuer : {"https://idp.example.com/realm/", "http://idp.example.com/realm",
                                   "https://idp.example.com", "idp.example.com/realm", ""}) {
    EXPECT_EQ(code(rsa().token(claims_json("", issuer)), keys), "InvalidIdentityToken") << issuer;
  }
  EXPECT_EQ(code(rsa().token(claims_json("", kIssuer, R"(["x","other"])")), keys), "ok");
  for (const char* const audience : {"\"App\"", "[]", "[\"x\"]", "1", "\"\""}) {
    EXPECT_EQ(code(rsa().token(claims_json("", kIssuer, audience)), keys), "InvalidIdentityToken")
        << audience;
  }
  EXPECT_EQ(code(rsa().token(claims_json(R"(,"azp":"stranger")")), keys), "InvalidIdentityToken");
  EXPECT_EQ(code(rsa().token(claims_json(R"(,"azp":"other")")), keys), "ok");
}

TEST_F(JwtTest, WhatIsNoTokenIsRefused) {
  for (const std::string bad : {"", ".", "..", "a.b.c", "a.b", "e30.e30.e30.e30", "e30.e30.!"}) {
    EXPECT_FALSE(parse_web_token(bad)) << bad;
  }
  EXPECT_FALSE(parse_web_token(std::string(20'001, 'a')));
  EXPECT_FALSE(parse_web_token(rsa().token(R"({"iss":"a","iss":"b"})"))) << "a claim twice";
}

TEST_F(JwtTest, OnlyGoodKeysAreTaken) {
  EXPECT_FALSE(parse_web_keys("[]"));
  EXPECT_TRUE(parse_web_keys(R"({"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA"},7]})")->empty());
  EXPECT_FALSE(PublicKey::rsa(std::string(128, '\xff'), "\x01\x01")) << "1024 bits";
  EXPECT_FALSE(PublicKey::p256(std::string(32, '\1'), std::string(32, '\1'))) << "not on the curve";
}

// RFC 7515, appendix A.3.
TEST_F(JwtTest, VerifiesTheExampleOfTheStandard) {
  const auto keys = parse_web_keys(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  ASSERT_TRUE(keys);
  const auto token = parse_web_token(
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ."
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  ASSERT_TRUE(token);
  EXPECT_TRUE(keys->front().key.verify(token->signed_text, token->signature));
  EXPECT_FALSE(keys->front().key.verify(token->signed_text + "x", token->signature));
}

TEST_F(JwtTest, HttpIsForThisMachineOnly) {
  for (const char* const url : {"127.0.0.1", "127.0.0.1:80/x", "localhost:1", "[::1]:9/y"}) {
    EXPECT_EQ(scheme_of(url), "http://") << url;
  }
  for (const char* const url : {"localhost.example.com", "127.0.0.1.example.com:80", "example.com",
                                "localhost:1@example.com", "127.0.0.10"}) {
    EXPECT_EQ(scheme_of(url), "https://") << url;
  }
}

}  // namespace
}  // namespace kelp::iam::test
