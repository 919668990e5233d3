#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/public_key.h"
#include "iam/core/sts.h"

namespace kelp::iam {

/// A JSON Web Token as it came (RFC 7515, compact form): nothing of it is proven yet.
struct WebToken {
  std::string algorithm;
  std::string key_id;
  std::string signed_text;
  std::string signature;
  boost::json::object claims;
};
/// kInvalidArgument for what is none, or is larger than 20,000 bytes.
[[nodiscard]] Result<WebToken> parse_web_token(std::string_view text);
/// The text of a claim, empty when it is none.
[[nodiscard]] std::string_view claim_of(const WebToken& token, std::string_view name);

/// A key that signs tokens.
struct WebKey {
  std::string id;
  PublicKey key;
};
/// The keys of a JSON Web Key Set (RFC 7517) that are for RS256 or ES256; others are left out.
/// kInvalidArgument when it is none.
[[nodiscard]] Result<std::vector<WebKey>> parse_web_keys(std::string_view json);

/// "https://", or "http://" of this machine: nobody listens in between.
[[nodiscard]] std::string_view scheme_of(std::string_view url);

/// Who the token says its bearer is, when `provider` says so: signed with one of its keys, for one
/// of its client ids, and not expired. InvalidIdentityToken, ExpiredTokenException. Only RS256 and
/// ES256, whatever else the token says.
[[nodiscard]] Outcome<WebIdentity> verify_web_token(const WebToken& token, const Provider& provider,
                                                    std::string_view account,
                                                    const std::vector<WebKey>& keys, WallTime now);

}  // namespace kelp::iam
