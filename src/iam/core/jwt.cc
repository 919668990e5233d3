#include "iam/core/jwt.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <optional>

#include "base/encoding.h"
#include "policy/json_text.h"
#include "s3gw/core/header_text.h"

namespace kelp::iam {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxTokenBytes = 20'000;
constexpr std::size_t kMaxWebKeys = 100;
/// How far the provider's clock may be off.
constexpr std::chrono::seconds kLeeway{60};

Error no_token(std::string_view why) {
  return {Errc::kInvalidArgument, fmt::format("this is no token: {}", why)};
}

/// RFC 4648 section 5, without padding.
Result<std::string> base64url_decode(std::string_view text) {
  std::string plain(text);
  if (plain.find_first_of("+/=") != std::string::npos) return no_token("base64");
  std::ranges::replace(plain, '-', '+');
  std::ranges::replace(plain, '_', '/');
  plain.append((4 - plain.size() % 4) % 4, '=');
  return base64_decode(plain);
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string())
                                                : std::string_view();
}

std::optional<WallTime> time_of(const json::object& claims, std::string_view name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double seconds = value->to_number<double>();
  if (!(seconds >= 0 && seconds < 9e9)) return std::nullopt;
  return WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

QueryError invalid_token(std::string message) {
  return {"InvalidIdentityToken", 400, std::move(message)};
}

Result<WebKey> parse_key(const json::object& key) {
  const std::string_view type = text_of(key, "kty");
  const std::string_view use = text_of(key, "use");
  const std::string_view algorithm = text_of(key, "alg");
  const Error other(Errc::kUnimplemented, "a key of another kind");
  if (!use.empty() && use != "sig") return other;
  if (type == "RSA" && (algorithm.empty() || algorithm == "RS256")) {
    KELP_TRY(const std::string modulus, base64url_decode(text_of(key, "n")));
    KELP_TRY(const std::string exponent, base64url_decode(text_of(key, "e")));
    KELP_TRY(PublicKey read, PublicKey::rsa(modulus, exponent));
    return WebKey{std::string(text_of(key, "kid")), std::move(read)};
  }
  if (type == "EC" && text_of(key, "crv") == "P-256" &&
      (algorithm.empty() || algorithm == "ES256")) {
    KELP_TRY(const std::string x, base64url_decode(text_of(key, "x")));
    KELP_TRY(const std::string y, base64url_decode(text_of(key, "y")));
    KELP_TRY(PublicKey read, PublicKey::p256(x, y));
    return WebKey{std::string(text_of(key, "kid")), std::move(read)};
  }
  return other;
}

bool is_signed(const WebToken& token, const std::vector<WebKey>& keys) {
  const bool rsa = token.algorithm == "RS256";
  if (!rsa && token.algorithm != "ES256") return false;
  return std::ranges::any_of(keys, [&](const WebKey& key) {
    const bool named = token.key_id.empty() || key.id.empty() || key.id == token.key_id;
    return named && key.key.is_rsa() == rsa && key.key.verify(token.signed_text, token.signature);
  });
}

/// For whom the token was made, when that is one of the provider's clients.
std::string audience_of(const WebToken& token, const Provider& provider) {
  const auto known = [&provider](std::string_view id) {
    return std::ranges::find(provider.client_ids, id) != provider.client_ids.end();
  };
  // Whoever it was issued to stands above for whom it is.
  if (const std::string_view party = claim_of(token, "azp"); !party.empty()) {
    return known(party) ? std::string(party) : std::string();
  }
  const json::value* audience = token.claims.if_contains("aud");
  if (audience == nullptr) return {};
  if (audience->is_string()) {
    const std::string_view one = audience->as_string();
    return known(one) ? std::string(one) : std::string();
  }
  if (!audience->is_array()) return {};
  for (const json::value& each : audience->as_array()) {
    if (each.is_string() && known(each.as_string())) return std::string(each.as_string());
  }
  return {};
}

}  // namespace

Result<WebToken> parse_web_token(std::string_view text) {
  if (text.size() > kMaxTokenBytes) return no_token("too long");
  std::string_view rest = text;
  const std::string_view head = s3::cut(rest, '.');
  const std::string_view body = s3::cut(rest, '.');
  if (head.empty() || body.empty() || rest.empty() || rest.contains('.')) {
    return no_token("not three parts");
  }
  WebToken token;
  token.signed_text = text.substr(0, head.size() + 1 + body.size());
  KELP_TRY(token.signature, base64url_decode(rest));
  KELP_TRY(const std::string head_text, base64url_decode(head));
  KELP_TRY(const std::string body_text, base64url_decode(body));
  KELP_TRY(const json::object header, policy::parse_json_object(head_text));
  KELP_TRY(token.claims, policy::parse_json_object(body_text));
  // What must be understood and is not (RFC 7515 section 4.1.11).
  if (header.contains("crit")) return no_token("it has extensions");
  token.algorithm = text_of(header, "alg");
  token.key_id = text_of(header, "kid");
  return token;
}

std::string_view claim_of(const WebToken& token, std::string_view name) {
  return text_of(token.claims, name);
}

Result<std::vector<WebKey>> parse_web_keys(std::string_view text) {
  KELP_TRY(const json::object set, policy::parse_json_object(text));
  const json::value* list = set.if_contains("keys");
  if (list == nullptr || !list->is_array()) {
    return Error(Errc::kInvalidArgument, "this is no set of keys");
  }
  std::vector<WebKey> keys;
  for (const json::value& each : list->as_array()) {
    if (!each.is_object() || keys.size() == kMaxWebKeys) continue;
    if (auto key = parse_key(each.as_object())) keys.push_back(*std::move(key));
  }
  return keys;
}

std::string_view scheme_of(std::string_view url) {
  const std::string_view authority = url.substr(0, url.find('/'));
  for (const std::string_view local : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!authority.starts_with(local)) continue;
    const std::string_view port = authority.substr(local.size());
    const bool number = port.find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (port.empty() || (port.starts_with(':') && number)) return "http://";
  }
  return "https://";
}

Outcome<WebIdentity> verify_web_token(const WebToken& token, const Provider& provider,
                                      std::string_view account, const std::vector<WebKey>& keys,
                                      WallTime now) {
  if (!is_signed(token, keys)) {
    return invalid_token("Couldn't verify the signature of the token with the keys of its issuer.");
  }
  if (claim_of(token, "iss") != fmt::format("{}{}", scheme_of(provider.url), provider.url)) {
    return invalid_token("The issuer of the token is not the provider.");
  }
  const auto expires = time_of(token.claims, "exp");
  if (!expires) return invalid_token("Missing a required claim: exp");
  if (now >= *expires + kLeeway) {
    return QueryError{"ExpiredTokenException", 400, "Token expired"};
  }
  const auto begins = time_of(token.claims, "nbf");
  if ((begins && now + kLeeway < *begins) || (!begins && token.claims.contains("nbf"))) {
    return invalid_token("The token is not valid yet.");
  }
  WebIdentity who;
  who.subject = claim_of(token, "sub");
  if (who.subject.empty()) return invalid_token("Missing a required claim: sub");
  who.audience = audience_of(token, provider);
  if (who.audience.empty()) return invalid_token("Incorrect token audience");
  who.provider_arn = arn_of(account, provider);
  who.provider_url = provider.url;
  for (const auto& [name, value] : token.claims) {
    if (name != "aud" && value.is_string()) who.claims.emplace_back(name, value.as_string());
  }
  who.claims.emplace_back("aud", who.audience);
  return who;
}

}  // namespace kelp::iam
