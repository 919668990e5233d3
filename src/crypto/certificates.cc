#include "crypto/certificates.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>
#include <ctime>
#include <memory>

#include "base/bytes.h"
#include "crypto/random.h"

namespace kelp {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::size_t kNameLimit = 64;  // RFC 5280 appendix A, ub-common-name

Error openssl_failed(std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(code);
  return {Errc::kInvalidArgument, fmt::format("{}: {}", what, reason == nullptr ? "bad" : reason)};
}

int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

Bio bio_of(std::string_view text) {
  const int bytes = text.size() > INT_MAX ? 0 : static_cast<int>(text.size());
  return {BIO_new_mem_buf(text.data(), bytes), &BIO_free};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(bytes)};
}

Result<Certificate> certificate_of(std::string_view pem) {
  const Bio text = bio_of(pem);
  Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, &no_pass_phrase, nullptr),
                          &X509_free);
  if (!certificate) return openssl_failed("certificate");
  return certificate;
}

Result<Key> key_of(const std::string& pem) {
  const Bio text = bio_of(pem);
  Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, &no_pass_phrase, nullptr), &EVP_PKEY_free);
  if (!key) return openssl_failed("key");
  return key;
}

Result<CertifiedKey> pem_of(X509* certificate, EVP_PKEY* key) {
  const Bio first(BIO_new(BIO_s_mem()), &BIO_free);
  const Bio second(BIO_new(BIO_s_secmem()), &BIO_free);
  if (PEM_write_bio_X509(first.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_failed("certificate");
  }
  return CertifiedKey{text_of(first.get()), text_of(second.get())};
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes;
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// A DNS name; its first label may be a star.
bool is_name(std::string_view host) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  };
  const std::string_view rest = host.starts_with("*.") ? host.substr(2) : host;
  return !rest.empty() && host.size() <= 253 && rest.front() != '.' &&
         std::ranges::all_of(rest, fits);
}

Result<void> check(const CertificateRequest& request) {
  const auto prints = [](unsigned char c) { return c >= ' ' && c < 0x7f; };
  if (request.name.empty() || request.name.size() > kNameLimit ||
      !std::ranges::all_of(request.name, prints)) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("a name has 1 to {} printable characters", kNameLimit));
  }
  for (const std::string& host : request.hosts) {
    if (is_address(host) || is_name(host)) continue;
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is neither a DNS name nor an IP address", host));
  }
  if (request.until > request.from) return {};
  return Error(Errc::kInvalidArgument, "a certificate ends after it begins");
}

std::time_t seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

bool set_serial(X509* certificate) {
  std::array<std::byte, 16> bytes;  // RFC 5280 section 4.1.2.2: at most 20, positive
  random_bytes(bytes);
  bytes[0] = (bytes[0] & std::byte{0x7f}) | std::byte{0x40};
  BIGNUM* const number =
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_name(X509* certificate, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

/// What both kinds of certificates have; the hosts of `request` were checked.
Result<CertifiedKey> sign(const CertificateRequest& request, EVP_PKEY* own, X509* issuer,
                          EVP_PKEY* issuer_key) {
  const Certificate made(X509_new(), &X509_free);
  X509* const raw = made.get();
  const bool authority = issuer == nullptr;
  X509_set_version(raw, X509_VERSION_3);
  bool good = set_serial(raw) && set_name(raw, request.name) && X509_set_pubkey(raw, own) == 1 &&
              ASN1_TIME_set(X509_getm_notBefore(raw), seconds(request.from)) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(raw), seconds(request.until)) != nullptr;
  if (authority) issuer = raw;
  good = good && X509_set_issuer_name(raw, X509_get_subject_name(issuer)) == 1 &&
         add_extension(raw, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(raw, issuer, NID_authority_key_identifier, "keyid") &&
         add_extension(raw, issuer, NID_basic_constraints,
                       authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
         add_extension(raw, issuer, NID_key_usage,
                       authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  if (good && !authority) {
    std::string hosts;
    for (const std::string& host : request.hosts) {
      hosts +=
          fmt::format("{}{}:{}", hosts.empty() ? "" : ",", is_address(host) ? "IP" : "DNS", host);
    }
    good = add_extension(raw, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(raw, issuer, NID_subject_alt_name, hosts);
  }
  if (!good || X509_sign(raw, issuer_key, EVP_sha256()) == 0) return openssl_failed("certificate");
  return pem_of(raw, own);
}

Result<Key> own_key(const CertificateRequest& request) {
  if (!request.key.empty()) return key_of(request.key);
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (!key) return openssl_failed("key");
  return key;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "";
  const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string host_of(const GENERAL_NAME* name) {
  int kind = 0;
  const auto* const text = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
  const unsigned char* const data = ASN1_STRING_get0_data(text);
  const int bytes = ASN1_STRING_length(text);
  if (kind == GEN_DNS)
    return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(bytes)};
  if (kind != GEN_IPADD || (bytes != 4 && bytes != 16)) return "";
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(bytes == 4 ? AF_INET : AF_INET6, data, out.data(), out.size());
  return out.data();
}

}  // namespace

Result<CertifiedKey> make_authority(const CertificateRequest& request) {
  KELP_CHECK(check(request));
  KELP_TRY(const Key key, own_key(request));
  return sign(request, key.get(), nullptr, key.get());
}

Result<CertifiedKey> issue_certificate(const CertifiedKey& authority,
                                       const CertificateRequest& request) {
  KELP_CHECK(check(request));
  if (request.hosts.empty()) {
    return Error(Errc::kInvalidArgument, "a certificate is for at least one host");
  }
  KELP_TRY(const Certificate issuer, certificate_of(authority.certificate));
  KELP_TRY(const Key issuer_key, key_of(authority.key));
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    return openssl_failed("the authority's key");
  }
  KELP_TRY(const Key key, own_key(request));
  return sign(request, key.get(), issuer.get(), issuer_key.get());
}

Result<CertificateView> read_certificate(std::string_view pem) {
  KELP_TRY(const Certificate certificate, certificate_of(pem));
  X509* const raw = certificate.get();
  CertificateView view{.name = common_name(X509_get_subject_name(raw)),
                       .issuer = common_name(X509_get_issuer_name(raw)),
                       .hosts = {},
                       .from = time_of(X509_get0_notBefore(raw)),
                       .until = time_of(X509_get0_notAfter(raw)),
                       .authority = X509_check_ca(raw) == 1};
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(raw, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    std::string host = host_of(sk_GENERAL_NAME_value(names, i));
    if (!host.empty()) view.hosts.push_back(std::move(host));
  }
  GENERAL_NAMES_free(names);
  return view;
}

}  // namespace kelp
