#include "net/tls_names.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

/// Belongs to the default context, which every session holds as long as it lives.
struct Names {
  std::vector<TlsContext> others;                         ///< All but the default.
  std::map<std::string, SSL_CTX*, std::less<>> contexts;  ///< By name in lower case, or "*.name".
};

void free_names(void* /*context*/, void* names, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Names*>(names);
}

int names_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_names);
  return kIndex;
}

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Empty when the client asks for none.
std::string_view asked_name(SSL* session) {
  const unsigned char* list = nullptr;
  std::size_t bytes = 0;
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &list, &bytes) != 1) return {};
  // The list's length (2 bytes), a kind (1), a length (2), the name; OpenSSL refuses what follows,
  // and later what is malformed.
  constexpr std::size_t kFrontBytes = 5;
  if (bytes < kFrontBytes || list[2] != TLSEXT_NAMETYPE_host_name) return {};
  const std::size_t length = static_cast<std::size_t>(list[3]) << 8 | list[4];
  if (length > bytes - kFrontBytes) return {};
  return {reinterpret_cast<const char*>(list) + kFrontBytes, length};
}

/// Null: nobody has the name. A wildcard stands for one label, the leftmost (RFC 6125, 6.4.3).
SSL_CTX* find_context(const Names& names, std::string_view asked) {
  const std::string name = lower_case(asked);
  auto found = names.contexts.find(name);
  const std::size_t dot = name.find('.');
  if (found == names.contexts.end() && dot != std::string::npos) {
    found = names.contexts.find("*" + name.substr(dot));
  }
  return found == names.contexts.end() ? nullptr : found->second;
}

/// Runs before OpenSSL looks whether the session may be resumed, which the usual servername
/// callback does not: the certificate's session id context (load_tls_context) decides.
int choose_context(SSL* session, int* /*alert*/, void* names) {
  SSL_CTX* const found = find_context(*static_cast<const Names*>(names), asked_name(session));
  if (found != nullptr) SSL_set_SSL_CTX(session, found);
  return SSL_CLIENT_HELLO_SUCCESS;
}

/// Names that are there already stay with whom they were.
void add_names(SSL_CTX* context, Names& names) {
  auto* const list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(SSL_CTX_get0_certificate(context), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    int kind = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list, i), &kind);
    if (kind != GEN_DNS) continue;
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
    const auto length = static_cast<std::size_t>(ASN1_STRING_length(text));
    names.contexts.emplace(lower_case({bytes, length}), context);
  }
  GENERAL_NAMES_free(list);
}

/// The default first.
Result<std::vector<TlsFiles>> pairs_of(const TlsFiles& files) {
  std::vector<TlsFiles> pairs;
  if (!files.certificate.empty()) pairs.push_back(files);
  if (files.dir.empty()) return pairs;
  const auto listed = make_posix_file_io()->list(files.dir);
  if (!listed) return Error(Errc::kInvalidArgument, listed.error().detail());
  std::set<std::string> names;  // of halves too: what is missing will be named
  for (const std::string& name : *listed) {
    const std::size_t stem = std::max<std::size_t>(name.size(), 4) - 4;
    if (name.starts_with('.') || !(name.ends_with(".crt") || name.ends_with(".key"))) continue;
    names.insert(name.substr(0, stem));
  }
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}", files.dir, name);
    pairs.push_back({.certificate = path + ".crt", .key = path + ".key", .dir = {}});
  }
  if (pairs.empty()) {
    return Error(Errc::kInvalidArgument, fmt::format("{}: no NAME.crt in it", files.dir));
  }
  return pairs;
}

void warn_of_end(const TlsContext& context, const std::string& file) {
  const std::int64_t end = certificate_expiry(context);
  const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().wall());
  if (end >= now.time_since_epoch().count()) return;
  logger("net").warn("certificate_expired file={} ended={}", log_value(file), end);
}

}  // namespace

Result<TlsContext> load_tls_names(const TlsFiles& files) {
  KELP_TRY(const std::vector<TlsFiles> pairs, pairs_of(files));
  auto names = std::make_unique<Names>();
  TlsContext first;
  for (const TlsFiles& pair : pairs) {
    KELP_TRY(const TlsContext context, load_tls_context(pair.certificate, pair.key));
    warn_of_end(context, pair.certificate);
    add_names(context.get(), *names);
    if (first) {
      names->others.push_back(context);
    } else {
      first = context;
    }
  }
  if (!first) return Error(Errc::kInvalidArgument, "no certificate is configured");
  SSL_CTX_set_client_hello_cb(first.get(), &choose_context, names.get());
  if (SSL_CTX_set_ex_data(first.get(), names_index(), names.get()) != 1) {
    return Error(Errc::kInternal, "no memory for the names of certificates");
  }
  static_cast<void>(names.release());  // now the context's
  return first;
}

std::int64_t earliest_expiry(const TlsContext& context) {
  std::int64_t earliest = certificate_expiry(context);
  const auto* const names =
      static_cast<const Names*>(SSL_CTX_get_ex_data(context.get(), names_index()));
  for (const TlsContext& other : names->others) {
    earliest = std::min(earliest, certificate_expiry(other));
  }
  return earliest;
}

}  // namespace kelp
