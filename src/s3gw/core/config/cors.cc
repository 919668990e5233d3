// CORS rules as they are put. Source: PutBucketCors. What they mean: core/cors.h.

#include <algorithm>
#include <array>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxBytes = 64 * 1024;  // as on AWS; any request may make us walk through it
constexpr std::size_t kMaxRules = 100;
constexpr std::size_t kMaxIdBytes = 255;
constexpr std::array<std::string_view, 5> kMethods{"GET", "PUT", "HEAD", "POST", "DELETE"};

constexpr Shape kRule[] = {text("ID"),
                           many(text("AllowedHeader")),
                           required(many(text("AllowedMethod"))),
                           required(many(text("AllowedOrigin"))),
                           many(text("ExposeHeader")),
                           integer("MaxAgeSeconds")};
constexpr Shape kRules[] = {required(many(group("CORSRule", kRule)))};
constexpr Shape kRoot = group("CORSConfiguration", kRules);

std::unexpected<S3Error> bad_request(std::string message) {
  return s3_error(S3Code::kInvalidRequest, std::move(message));
}

S3Result<void> check_wildcards(const Element& rule, std::string_view name) {
  for (const Element* element : rule.all(name)) {
    if (std::ranges::count(element->text, '*') > 1) {
      return bad_request(std::string(name) + " \"" + element->text +
                         "\" can not have more than one wildcard.");
    }
  }
  return {};
}

S3Result<void> check_rule(const Element& rule) {
  if (rule.text_of("ID").size() > kMaxIdBytes) {
    return bad_request("The ID of a CORS rule can not be longer than 255 characters.");
  }
  for (const Element* method : rule.all("AllowedMethod")) {
    if (std::ranges::find(kMethods, method->text) == kMethods.end()) {
      return bad_request("Found unsupported HTTP method in CORS config. Unsupported method is " +
                         method->text);
    }
  }
  KELP_S3_CHECK(check_wildcards(rule, "AllowedOrigin"));
  KELP_S3_CHECK(check_wildcards(rule, "AllowedHeader"));
  for (const Element* header : rule.all("ExposeHeader")) {
    if (header->text.contains('*')) {
      return bad_request("ExposeHeader \"" + header->text +
                         "\" contains wildcard. We currently do not support wildcard for "
                         "ExposeHeader.");
    }
  }
  const std::int64_t age = rule.number_of("MaxAgeSeconds").value_or(0);
  if (age < 0 || age > INT32_MAX) return s3_error(S3Code::kMalformedXML);
  return {};
}

S3Result<void> check(Element& document) {
  if (document.inside.size() > kMaxRules) {
    return bad_request("The number of CORS rules should not exceed allowed limit of 100 rules.");
  }
  for (const Element& rule : document.inside) {
    KELP_S3_CHECK(check_rule(rule));
  }
  return {};
}

}  // namespace

const ConfigKind& cors_config() {
  static const ConfigKind kKind{.setting = "cors",
                                .root = kRoot,
                                .check = check,
                                .absent = S3Code::kNoSuchCORSConfiguration,
                                .max_bytes = kMaxBytes};
  return kKind;
}

}  // namespace kelp::s3
