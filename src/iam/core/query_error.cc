#include "iam/core/query_error.h"

#include <fmt/format.h>

namespace kelp::iam {
namespace {

/// "UserName" as AWS names it inside: "userName".
std::string member_name(std::string_view name) {
  std::string member(name);
  if (!member.empty() && member[0] >= 'A' && member[0] <= 'Z') member[0] += 'a' - 'A';
  return member;
}

}  // namespace

QueryError no_such_entity(std::string message) {
  return {"NoSuchEntity", 404, std::move(message)};
}
QueryError already_exists(std::string message) {
  return {"EntityAlreadyExists", 409, std::move(message)};
}
QueryError delete_conflict(std::string message) {
  return {"DeleteConflict", 409, std::move(message)};
}
QueryError limit_exceeded(std::string_view quota, std::size_t limit) {
  return {"LimitExceeded", 409, fmt::format("Cannot exceed quota for {}: {}", quota, limit)};
}
QueryError invalid_input(std::string message) {
  return {"InvalidInput", 400, std::move(message)};
}
QueryError malformed_policy(std::string message) {
  return {"MalformedPolicyDocument", 400, std::move(message)};
}
QueryError validation_error(std::string_view name, std::string_view value,
                            std::string_view constraint) {
  return {"ValidationError", 400,
          fmt::format("1 validation error detected: Value '{}' at '{}' failed to satisfy "
                      "constraint: {}",
                      value.substr(0, 256), member_name(name), constraint)};
}
QueryError missing_parameter(std::string_view name) {
  return {"ValidationError", 400,
          fmt::format("1 validation error detected: Value null at '{}' failed to satisfy "
                      "constraint: Member must not be null",
                      member_name(name))};
}
QueryError access_denied(std::string message) {
  return {"AccessDenied", 403, std::move(message)};
}

QueryError inner_failure(const Error& error) {
  switch (error.code()) {
    case Errc::kConflict:
      return {"ConcurrentModification", 409,
              "The request was rejected because multiple requests to change this object were "
              "submitted simultaneously. Wait a few minutes and submit your request again.",
              error.message()};
    case Errc::kResourceExhausted:
    case Errc::kUnavailable:
    case Errc::kDeadlineExceeded:
    case Errc::kCancelled:
    case Errc::kNoSpace:
      return {"ServiceUnavailable", 503,
              "The request has failed due to a temporary failure of the server.", error.message()};
    default:
      return {"ServiceFailure", 500,
              "The request processing has failed because of an unknown error, exception or "
              "failure.",
              error.message()};
  }
}

}  // namespace kelp::iam
