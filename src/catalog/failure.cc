#include "catalog/failure.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "s3gw/core/error_xml.h"

namespace kelp::catalog {
namespace {

std::string type_of(int status) {
  switch (status) {
    case 400:
      return "BadRequestException";
    case 401:
      return "NotAuthorizedException";
    case 403:
      return "ForbiddenException";
    case 404:
      return "NoSuchNamespaceException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return "InternalServerError";
  }
}

}  // namespace

Failure as_failure(const s3::S3Error& error) {
  const s3::S3ErrorText text = s3::text_of(error.code);
  Failure failure{.status = text.status, .type = type_of(text.status), .message = {}};
  failure.message.append(text.code).append(": ").append(s3::message_of(error));
  for (const auto& [name, value] : error.fields) {
    failure.message.append(" (").append(name).append(" ").append(value).append(")");
  }
  failure.detail = error.detail;
  return failure;
}

Failure as_failure(const Error& error) {
  return as_failure(s3::from_error(error));
}

std::string error_json(const Failure& failure) {
  const boost::json::object error{
      {"message", failure.message}, {"type", failure.type}, {"code", failure.status}};
  return boost::json::serialize(boost::json::object{{"error", error}});
}

}  // namespace kelp::catalog
