#pragma once

#include <cstdint>
#include <string>

#include "net/tls.h"

namespace kelp {

/// Where a server for the public has its certificates and keys: PEM files, chains after the leaf.
struct TlsFiles {
  std::string certificate;  ///< With `key` the default pair; both empty: the first of `dir`.
  std::string key;
  std::string dir;  ///< Has more pairs, NAME.crt and NAME.key, in the order of names; empty: none.
};

/// As load_tls_context(), for several names. A client that says whom it looks for (SNI, RFC 6066
/// section 3) is shown the first pair that has this very name, else the first with a wildcard for
/// it, else the default. Only alternative names count. A session is resumed under the certificate
/// that it began with or not at all. One that has expired is used, and logged.
/// kInvalidArgument, naming the file, when a pair cannot be used or is half; also without any.
[[nodiscard]] Result<TlsContext> load_tls_names(const TlsFiles& files);

/// When the first of the certificates that load_tls_names() read ends: certificate_expiry().
[[nodiscard]] std::int64_t earliest_expiry(const TlsContext& context);

}  // namespace kelp
