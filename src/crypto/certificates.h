#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"

namespace kelp {

/// A certificate and its key, as PEM. The key is a secret: it is never logged.
struct CertifiedKey {
  std::string certificate;
  std::string key;
};

/// Whose certificate it shall be, and how long.
struct CertificateRequest {
  std::string name;                ///< Its common name, for people; 1 to 64 printable characters.
  std::vector<std::string> hosts;  ///< Names and IP addresses that it is for; none: an authority's.
  WallTime from;
  WallTime until;
  std::string key;  ///< PEM; empty: a new one, ECDSA on P-256.
};

/// An authority that signs itself, for members only: it signs no other authorities.
/// kInvalidArgument for a bad name or span of time.
[[nodiscard]] Result<CertifiedKey> make_authority(const CertificateRequest& request);
/// A certificate of a member, for both sides of a connection. kInvalidArgument for a bad name, host
/// or span, and for an authority or key that cannot be used.
[[nodiscard]] Result<CertifiedKey> issue_certificate(const CertifiedKey& authority,
                                                     const CertificateRequest& request);

/// What is to be read in a certificate.
struct CertificateView {
  std::string name;                ///< Its common name.
  std::string issuer;              ///< Its authority's.
  std::vector<std::string> hosts;  ///< Alternative names: DNS names and IP addresses.
  WallTime from;
  WallTime until;
  bool authority = false;
};

/// The first certificate of `pem`. kInvalidArgument when there is none.
[[nodiscard]] Result<CertificateView> read_certificate(std::string_view pem);

}  // namespace kelp
