#include "s3gw/core/post_policy.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using Kind = PostCondition::Kind;
namespace json = boost::json;

constexpr std::size_t kMaxDepth = 8;

std::unexpected<S3Error> invalid(const std::string& what) {
  return s3_error(S3Code::kInvalidPolicyDocument, "Invalid Policy: " + what);
}
std::unexpected<S3Error> bad_json() {
  return invalid("Invalid JSON.");
}
std::unexpected<S3Error> denied(const std::string& what) {
  return s3_error(S3Code::kAccessDenied, "Invalid according to Policy: " + what);
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), ascii_lower);
  return lower;
}

/// A condition as AWS repeats it.
std::string text_of(const json::array& condition) {
  std::string text = "[";
  for (const json::value& part : condition) {
    if (text.size() > 1) text += ", ";
    text += json::serialize(part);
  }
  return text + "]";
}

std::optional<std::int64_t> bound_of(const json::value& value) {
  if (const auto* const number = value.if_int64()) return *number;
  const auto* const text = value.if_string();
  std::int64_t number = 0;
  if (text == nullptr) return std::nullopt;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || text->empty()) return std::nullopt;
  return number;
}

/// {"field": "value"}
S3Result<PostCondition> read_simple(const json::object& object) {
  if (object.size() != 1) {
    return invalid(
        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
  }
  const auto& [name, value] = *object.begin();
  if (value.is_null()) return bad_json();
  if (!value.is_string()) return invalid("Invalid Simple-Condition: value must be a string.");
  const json::array as_equals{"eq", "$" + std::string(name), value};
  return PostCondition{.kind = Kind::kEquals,
                       .field = lowered(std::string_view(name)),
                       .value = std::string(value.get_string()),
                       .least = std::nullopt,
                       .most = std::nullopt,
                       .text = text_of(as_equals)};
}

/// ["content-length-range", 1, 10]
S3Result<PostCondition> read_length(const json::array& array) {
  for (const json::value& bound : {array[1], array[2]}) {
    if (!bound.is_int64() && !bound.is_string()) return bad_json();
    if (bound_of(bound).value_or(0) < 0) {
      return invalid("Invalid content-length-range: values must not be negative.");
    }
  }
  return PostCondition{.kind = Kind::kLength,
                       .field = {},
                       .value = {},
                       .least = bound_of(array[1]),
                       .most = bound_of(array[2]),
                       .text = text_of(array)};
}

/// ["eq" or "starts-with", "$field", "value"]
S3Result<PostCondition> read_list(const json::array& array) {
  if (array.empty() || !array[0].is_string()) {
    return invalid("Invalid Condition: missing operation identifier.");
  }
  const std::string operation = lowered(std::string_view(array[0].get_string()));
  const bool length = operation == "content-length-range";
  if (!length && operation != "eq" && operation != "starts-with") {
    return invalid("Invalid Condition: unknown operation '" + operation + "'.");
  }
  if (array.size() != 3) return invalid("Invalid " + operation + ": wrong number of arguments.");
  if (length) return read_length(array);
  if (!array[1].is_string() || !array[2].is_string()) return bad_json();
  const std::string_view name = array[1].get_string();
  return PostCondition{.kind = operation == "eq" ? Kind::kEquals : Kind::kStartsWith,
                       .field = name.starts_with('$') ? lowered(name.substr(1)) : std::string(),
                       .value = std::string(array[2].get_string()),
                       .least = std::nullopt,
                       .most = std::nullopt,
                       .text = text_of(array)};
}

S3Result<std::vector<PostCondition>> read_conditions(const json::value& value) {
  if (!value.is_array()) return invalid("Invalid 'conditions' value: must be a List.");
  std::vector<PostCondition> conditions;
  for (const json::value& item : value.get_array()) {
    if (const auto* const object = item.if_object()) {
      KELP_S3_TRY(PostCondition condition, read_simple(*object));
      conditions.push_back(std::move(condition));
    } else if (const auto* const array = item.if_array()) {
      KELP_S3_TRY(PostCondition condition, read_list(*array));
      conditions.push_back(std::move(condition));
    } else {
      return invalid("Invalid condition test: must be a List or Object.");
    }
  }
  return conditions;
}

S3Result<WallTime> read_expiration(const json::value& value) {
  if (!value.is_string()) return bad_json();
  const std::string_view text = value.get_string();
  const auto time = text.ends_with('Z') ? parse_iso8601(text) : std::nullopt;
  if (time) return *time;
  return invalid("Invalid 'expiration' value: '" + std::string(text) + "'");
}

bool starts_with(const PostCondition& condition, std::string_view value) {
  if (condition.field != "content-type") return value.starts_with(condition.value);
  // A list of types: each of them.
  for (std::string_view rest = value;;) {
    if (!trimmed(cut(rest, ',')).starts_with(condition.value)) return false;
    if (rest.empty()) return true;
  }
}

/// A field that is not there is as one without a value, which anything begins with.
bool holds(const PostCondition& condition, std::span<const PostField> fields,
           std::string_view bucket) {
  if (condition.kind == Kind::kLength) return true;
  if (condition.field.empty()) return false;
  const std::string* const sent = find_field(fields, condition.field);
  const std::string_view value = condition.field == "bucket" ? bucket
                                 : sent == nullptr           ? std::string_view()
                                                             : std::string_view(*sent);
  if (condition.kind == Kind::kStartsWith) return starts_with(condition, value);
  return (sent != nullptr || condition.field == "bucket") && value == condition.value;
}

/// Fields that no condition needs to name.
bool is_free(std::string_view field) {
  return field == "x-amz-signature" || field == "signature" || field == "awsaccesskeyid" ||
         field == "policy" || field == "file" || field.starts_with("x-ignore-");
}

bool is_covered(const PostPolicy& policy, std::string_view field) {
  return is_free(field) || std::ranges::any_of(policy.conditions, [&](const auto& condition) {
           return condition.field == field;
         });
}

}  // namespace

S3Result<PostPolicy> parse_post_policy(std::string_view base64) {
  const auto text = base64_decode(base64);
  if (!text) return invalid("invalid Base64 encoding.");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  const json::value document = json::parse(*text, error, {}, options);
  if (error || !document.is_object()) return bad_json();
  const json::object& members = document.get_object();
  for (const auto& [name, value] : members) {
    if (name != "expiration" && name != "conditions") {
      return invalid("Unexpected: '" + lowered(std::string_view(name)) + "'");
    }
  }
  if (!members.contains("expiration")) return invalid("Policy missing expiration.");
  if (!members.contains("conditions")) return invalid("Policy missing conditions.");
  PostPolicy policy;
  KELP_S3_TRY(policy.expiration, read_expiration(members.at("expiration")));
  KELP_S3_TRY(policy.conditions, read_conditions(members.at("conditions")));
  return policy;
}

S3Result<void> check_post_policy(const PostPolicy& policy, std::span<const PostField> fields,
                                 std::string_view bucket, WallTime now) {
  if (now > policy.expiration) return denied("Policy expired.");
  for (const PostCondition& condition : policy.conditions) {
    if (!holds(condition, fields, bucket)) {
      return denied("Policy Condition failed: " + condition.text);
    }
  }
  const std::string* const named = find_field(fields, "bucket");
  if (named != nullptr && *named != bucket) {
    return denied("Policy Condition failed: [\"eq\", \"$bucket\", \"" + *named + "\"]");
  }
  std::string extra;
  if (!is_covered(policy, "bucket")) extra = "bucket";
  for (const PostField& field : fields) {
    if (!is_covered(policy, field.lower) && field.lower != "bucket") {
      extra += (extra.empty() ? "" : ", ") + field.name;
    }
  }
  if (extra.empty()) return {};
  return denied("Extra input fields: " + extra);
}

S3Result<void> check_length(const PostPolicy& policy, FileLength length) {
  for (const PostCondition& condition : policy.conditions) {
    if (condition.kind != Kind::kLength) continue;
    if (!condition.least || !condition.most) {
      return denied("Policy Condition failed: " + condition.text);
    }
    const auto least = static_cast<std::uint64_t>(*condition.least);
    const auto most = static_cast<std::uint64_t>(*condition.most);
    if (length.least > most) {
      return std::unexpected(S3Error{S3Code::kEntityTooLarge,
                                     {},
                                     {{"ProposedSize", std::to_string(length.least)},
                                      {"MaxSizeAllowed", std::to_string(most)}}});
    }
    if (length.most < least) {
      return std::unexpected(S3Error{S3Code::kEntityTooSmall,
                                     {},
                                     {{"ProposedSize", std::to_string(length.most)},
                                      {"MinSizeAllowed", std::to_string(least)}}});
    }
  }
  return {};
}

}  // namespace kelp::s3
