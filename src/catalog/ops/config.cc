#include <fmt/format.h>

#include <chrono>

#include "base/encoding.h"
#include "catalog/core/token.h"
#include "catalog/looks.h"
#include "s3gw/core/header_text.h"

namespace kelp::catalog {
namespace {

constexpr std::chrono::seconds kTokenLife{3600};
constexpr std::string_view kAccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::string_view kTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

/// An error of OAuth2 (RFC 6749 section 5.2): its form is another one.
Reply oauth_error(int status, std::string_view error, std::string_view description) {
  Reply reply = reply_of(Object{{"error", error}, {"error_description", description}});
  reply.status = status;
  return reply;
}

Reply invalid_client() {
  return oauth_error(401, "invalid_client", "client_id is an access key, client_secret its secret");
}

/// A key and its secret, as a client sent them.
struct Given {
  std::string key;
  std::string secret;
};

/// Of an HTTP Basic header; nothing when there is none.
std::optional<Given> given_basic(const Visit& visit) {
  constexpr std::string_view kBasic = "basic ";
  const auto header = s3::find_header(visit.http.headers, "authorization");
  if (!header || !s3::starts_with_lower(*header, kBasic)) return std::nullopt;
  const auto text = base64_decode(s3::trimmed(header->substr(kBasic.size())));
  const std::size_t colon = text ? text->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Given{.key = text->substr(0, colon), .secret = text->substr(colon + 1)};
}

/// Whose secret it is; null when it is nobody's. A key that nobody has costs the same comparison.
Task<std::shared_ptr<const s3::Credential>> key_of(const Visit& visit, const Given& given) {
  auto known = co_await lasting_key(visit, given.key);
  const std::string_view secret = known != nullptr ? std::string_view(known->secret_key) : "?";
  const bool fits = equal_constant_time(view(sha256(secret)), view(sha256(given.secret)));
  if (known == nullptr || !fits) co_return nullptr;
  co_return known;
}

Reply grant(const Visit& visit, const s3::Credential& credential) {
  const WallTime expires = visit.services.deps.clock.wall() + kTokenLife;
  const Token token{.access_key = credential.access_key,
                    .secret_hash = std::string(view(sha256(credential.secret_key))),
                    .expires = expires};
  return reply_of(Object{{"access_token", seal_token(visit.token_key, token)},
                         {"token_type", "bearer"},
                         {"expires_in", kTokenLife.count()},
                         {"issued_token_type", kAccessTokenType}});
}

/// A token in exchange for one that is still good.
Task<Reply> renew(Visit& visit, const s3::Query& form) {
  const auto token = open_token(visit.token_key, form.get("subject_token").value_or(""),
                                visit.services.deps.clock.wall());
  std::shared_ptr<const s3::Credential> known;
  if (token) known = co_await lasting_key(visit, token->access_key);
  if (known == nullptr || view(sha256(known->secret_key)) != token->secret_hash) {
    co_return oauth_error(400, "invalid_grant", "the token is not valid, or not any more");
  }
  visit.auth.held = known;
  visit.auth.credential = known.get();
  co_return grant(visit, *known);
}

}  // namespace

Task<Outcome<Reply>> get_token(Visit& visit) {
  const auto form = s3::Query::parse(visit.text);
  if (!form) co_return oauth_error(400, "invalid_request", "the form cannot be read");
  const std::string_view type = form->get("grant_type").value_or("");
  if (type != "client_credentials" && type != kTokenExchange) {
    co_return oauth_error(400, "unsupported_grant_type", "client_credentials or token-exchange");
  }
  auto given = given_basic(visit);
  if (!given && type == kTokenExchange) co_return co_await renew(visit, *form);
  if (!given) {
    given = Given{.key = std::string(form->get("client_id").value_or("")),
                  .secret = std::string(form->get("client_secret").value_or(""))};
  }
  const auto credential = co_await key_of(visit, *given);
  if (credential == nullptr) co_return invalid_client();
  visit.auth.held = credential;
  visit.auth.credential = credential.get();
  co_return grant(visit, *credential);
}

Task<Outcome<Reply>> get_config(Visit& visit) {
  const std::string_view text = visit.query.get("warehouse").value_or("");
  if (text.empty()) co_return bad_request("say which warehouse: the bucket, or bucket/folder");
  KELP_CATALOG_CO_TRY(visit.place.warehouse, parse_warehouse(text));
  const Warehouse warehouse = visit.place.warehouse;
  // Whether it is there and the caller may look into it is better told now than later.
  ListWish wish{
      .below = {warehouse.bucket, namespaces_below(warehouse, {})}, .after = {}, .limit = 1};
  KELP_CATALOG_CO_CHECK(co_await list_objects(visit, std::move(wish)));
  Array endpoints;
  for (const std::string& endpoint : known_endpoints()) endpoints.emplace_back(endpoint);
  co_return reply_of(Object{{"defaults", file_config(visit)},
                            {"overrides", Object{{"prefix", segment_of(warehouse)},
                                                 {"warehouse", location_of(warehouse)}}},
                            {"endpoints", std::move(endpoints)}});
}

}  // namespace kelp::catalog
