#include "s3gw/core/sigv4.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <vector>

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

// The HTTP server allows fewer; a request with more is not looked at.
constexpr std::size_t kMaxHeaders = 256;
constexpr std::size_t kMaxParameters = 1024;
constexpr std::size_t kMaxAccessKeyBytes = 128;
constexpr std::size_t kMaxScopePartBytes = 64;

constexpr std::array<bool, 256> make_unreserved() {
  std::array<bool, 256> table{};
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr auto kUnreserved = make_unreserved();

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_escaped(unsigned char byte, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  out.push_back('%');
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 15]);
}

S3Error malformed_header(std::string_view what) {
  return {S3Code::kAuthorizationHeaderMalformed,
          std::string("The authorization header is malformed; ").append(what),
          {}};
}

// White space inside a value is collapsed to one space each; around it there is none already.
void append_collapsed(std::string_view value, std::string& out) {
  value = trimmed(value);
  if (value.find("  ") == std::string_view::npos && value.find('\t') == std::string_view::npos) {
    out.append(value);
    return;
  }
  bool in_space = false;
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (!space) {
      out.push_back(c);
    } else if (!in_space) {
      out.push_back(' ');
    }
    in_space = space;
  }
}

// One parameter of the query in canonical form, as offsets into the text that holds it.
struct Parameter {
  std::string_view name;
  std::string_view value;
  friend auto operator<=>(const Parameter&, const Parameter&) = default;
};

S3Result<void> append_canonical_query(std::string_view query, std::string& out) {
  if (query.empty()) return {};
  // Encoding at most triples; reserved ahead so that the views below stay valid.
  std::string text;
  text.reserve(query.size() * 3);
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    std::string_view rest = cut(query, '&');
    if (rest.empty()) continue;
    if (parameters.size() == kMaxParameters) {
      return s3_error(S3Code::kInvalidRequest, "The request has too many query parameters.");
    }
    const std::size_t begin = text.size();
    const std::string_view raw_name = cut(rest, '=');
    const bool name_ok = append_uri_canonical(raw_name, UriPart::kQuery, EncodedSlash::kKept, text);
    const std::size_t middle = text.size();
    const bool value_ok = append_uri_canonical(rest, UriPart::kQuery, EncodedSlash::kKept, text);
    if (!name_ok || !value_ok) return s3_error(S3Code::kInvalidURI);
    const std::string_view all(text);
    const Parameter parameter{all.substr(begin, middle - begin), all.substr(middle)};
    if (parameter.name != "X-Amz-Signature") parameters.push_back(parameter);
  }
  std::ranges::sort(parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i != 0) out.push_back('&');
    out.append(parameters[i].name).push_back('=');
    out.append(parameters[i].value);
  }
  return {};
}

void append_canonical_headers(const SigV4Request& request, std::string& out) {
  std::string_view names = request.signed_headers;
  while (!names.empty()) {
    const std::string_view name = cut(names, ';');
    out.append(name).push_back(':');
    if (request.external != nullptr && name == "host") {
      out.append(request.external->host).push_back('\n');
      continue;
    }
    bool first = true;
    for (const HttpHeader& header : request.headers) {
      if (!equals_lower(header.name, name)) continue;
      if (!first) out.push_back(',');
      append_collapsed(header.value, out);
      first = false;
    }
    out.push_back('\n');
  }
}

bool may_be_unsigned(std::string_view name) {
  return equals_lower(name, "x-amz-content-sha256") || equals_lower(name, "x-amz-user-agent");
}

}  // namespace

bool append_uri_canonical(std::string_view raw, UriPart part, EncodedSlash slash,
                          std::string& out) {
  const bool path = part == UriPart::kPath;
  std::size_t i = 0;
  while (i < raw.size()) {
    const std::size_t run = i;
    while (i < raw.size() &&
           (kUnreserved[static_cast<unsigned char>(raw[i])] || (path && raw[i] == '/'))) {
      ++i;
    }
    out.append(raw.substr(run, i - run));
    if (i == raw.size()) break;
    auto byte = static_cast<unsigned char>(raw[i++]);
    if (byte == '%') {
      const int high = i + 1 < raw.size() ? hex_value(raw[i]) : -1;
      const int low = i + 1 < raw.size() ? hex_value(raw[i + 1]) : -1;
      if (high < 0 || low < 0) return false;
      byte = static_cast<unsigned char>(high << 4 | low);
      i += 2;
    } else if (byte == '+' && !path) {
      byte = ' ';
    }
    if (kUnreserved[byte] || (path && byte == '/' && slash == EncodedSlash::kDecoded)) {
      out.push_back(static_cast<char>(byte));
    } else {
      append_escaped(byte, out);
    }
  }
  return true;
}

bool parse_credential(std::string_view text, SigV4Scope& scope) {
  std::string_view rest = text;
  const auto cut_last = [&](std::string_view& part) {
    const std::size_t at = rest.rfind('/');
    if (at == std::string_view::npos) return false;
    part = rest.substr(at + 1);
    rest = rest.substr(0, at);
    return !part.empty() && part.size() <= kMaxScopePartBytes;
  };
  if (!cut_last(scope.terminal) || !cut_last(scope.service) || !cut_last(scope.region) ||
      !cut_last(scope.date)) {
    return false;
  }
  scope.access_key = rest;
  scope.text = text.substr(rest.size() + 1);
  return !rest.empty() && rest.size() <= kMaxAccessKeyBytes;
}

S3Result<SigV4Claim> parse_authorization(std::string_view value) {
  std::string_view rest = value;
  rest.remove_prefix(std::min(rest.size(), kSigV4Algorithm.size()));
  SigV4Claim claim;
  std::string_view credential;
  while (!rest.empty()) {
    std::string_view part = trimmed(cut(rest, ','));
    if (part.empty()) continue;
    const std::string_view name = cut(part, '=');
    std::string_view* target = nullptr;
    if (name == "Credential") target = &credential;
    if (name == "SignedHeaders") target = &claim.signed_headers;
    if (name == "Signature") target = &claim.signature;
    if (target == nullptr || !target->empty()) {
      return std::unexpected(malformed_header(
          "the authorization header requires three components: Credential, SignedHeaders, and "
          "Signature."));
    }
    *target = part;
  }
  if (credential.empty() || claim.signed_headers.empty() || claim.signature.empty()) {
    return std::unexpected(malformed_header(
        "the authorization header requires three components: Credential, SignedHeaders, and "
        "Signature."));
  }
  if (!parse_credential(credential, claim.scope)) {
    return std::unexpected(
        malformed_header("the Credential is mal-formed; expecting "
                         "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."));
  }
  return claim;
}

S3Result<void> check_signed_headers(const SigV4Request& request, bool presigned) {
  if (request.headers.size() > kMaxHeaders) {
    return s3_error(S3Code::kInvalidRequest, "The request has too many headers.");
  }
  const S3Code malformed = presigned ? S3Code::kAuthorizationQueryParametersError
                                     : S3Code::kAuthorizationHeaderMalformed;
  std::bitset<kMaxHeaders> covered;
  std::string_view names = request.signed_headers;
  std::size_t missing = 0;
  std::string_view previous;
  while (!names.empty()) {
    const std::string_view name = cut(names, ';');
    // Ascending, so that no header can stand in the canonical request twice.
    if (name <= previous) {
      return s3_error(malformed, "The list of signed headers is not sorted or repeats a name.");
    }
    previous = name;
    bool found = false;
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
      if (!equals_lower(request.headers[i].name, name)) continue;
      covered.set(i);
      found = true;
    }
    if (!found && ++missing > kMaxHeaders) {
      return s3_error(malformed, "The list of signed headers is too long.");
    }
  }
  std::string unsigned_names;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const std::string_view name = request.headers[i].name;
    if (covered[i] || (presigned && may_be_unsigned(name))) continue;
    if (!starts_with_lower(name, "x-amz-") && !equals_lower(name, "host")) continue;
    if (!unsigned_names.empty()) unsigned_names += ", ";
    for (const char c : name) unsigned_names.push_back(ascii_lower(c));
  }
  if (unsigned_names.empty()) return {};
  return std::unexpected(S3Error{S3Code::kAccessDenied,
                                 "There were headers present in the request which were not signed",
                                 {{"HeadersNotSigned", unsigned_names}}});
}

S3Result<void> append_canonical_request(const SigV4Request& request, EncodedSlash slash,
                                        std::string& out) {
  out.append(request.method).push_back('\n');
  if (request.external != nullptr) out.append(request.external->path);
  if (!append_uri_canonical(request.path, UriPart::kPath, slash, out)) {
    return s3_error(S3Code::kInvalidURI);
  }
  out.push_back('\n');
  if (auto query = append_canonical_query(request.query, out); !query) return query;
  out.push_back('\n');
  append_canonical_headers(request, out);
  out.push_back('\n');
  out.append(request.signed_headers).push_back('\n');
  out.append(request.payload_hash);
  return {};
}

void append_string_to_sign(std::string_view date, std::string_view scope_text,
                           std::string_view canonical_request, std::string& out) {
  out.append(kSigV4Algorithm).push_back('\n');
  out.append(date).push_back('\n');
  out.append(scope_text).push_back('\n');
  append_hex(sha256(canonical_request), out);
}

Sha256 derive_signing_key(std::string_view secret_key, const SigV4Scope& scope) {
  std::string secret("AWS4");
  secret.append(secret_key);
  const Sha256 date_key = hmac_sha256(secret, scope.date);
  const Sha256 region_key = hmac_sha256(view(date_key), scope.region);
  const Sha256 service_key = hmac_sha256(view(region_key), scope.service);
  return hmac_sha256(view(service_key), scope.terminal);
}

void append_hex(const Sha256& digest, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 64> text;
  std::size_t at = 0;
  for (const std::byte byte : digest) {
    text[at++] = kDigits[static_cast<std::size_t>(byte) >> 4];
    text[at++] = kDigits[static_cast<std::size_t>(byte) & 15];
  }
  out.append(text.data(), text.size());
}

}  // namespace kelp::s3
