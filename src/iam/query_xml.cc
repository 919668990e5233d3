#include "iam/query_xml.h"

#include <fmt/format.h>

#include "s3gw/core/xml_writer.h"

namespace kelp::iam {
namespace {

std::string_view namespace_of(Service service) {
  return service == Service::kIam ? "https://iam.amazonaws.com/doc/2010-05-08/"
                                  : "https://sts.amazonaws.com/doc/2011-06-15/";
}

}  // namespace

std::string_view name_of(Service service) {
  return service == Service::kIam ? "iam" : "sts";
}

std::string_view version_of(Service service) {
  return service == Service::kIam ? "2010-05-08" : "2011-06-15";
}

std::string answer_xml(Service service, std::string_view action, std::string_view result,
                       std::string_view request_id) {
  return fmt::format(
      "{}<{}Response xmlns=\"{}\"><{}Result>{}</{}Result><ResponseMetadata><RequestId>{}"
      "</RequestId></ResponseMetadata></{}Response>",
      s3::kXmlHead, action, namespace_of(service), action, result, action, request_id, action);
}

std::string error_xml(Service service, const QueryError& error, std::string_view request_id) {
  std::string out =
      fmt::format("{}<ErrorResponse xmlns=\"{}\">", s3::kXmlHead, namespace_of(service));
  s3::XmlWriter xml(out);
  xml.open("Error");
  xml.element("Type", error.status < 500 ? "Sender" : "Receiver");
  xml.element("Code", error.code);
  xml.element("Message", error.message);
  xml.close("Error");
  xml.element("RequestId", request_id);
  xml.close("ErrorResponse");
  return out;
}

QueryError auth_error(const s3::S3Error& error) {
  const s3::S3ErrorText text = s3::text_of(error.code);
  const std::string message = error.message.empty() ? std::string(text.message) : error.message;
  switch (error.code) {
    case s3::S3Code::kInvalidAccessKeyId:
    case s3::S3Code::kInvalidToken:
      return {"InvalidClientTokenId", 403,
              "The security token included in the request is invalid."};
    case s3::S3Code::kExpiredToken:
      return {"ExpiredToken", 403, "The security token included in the request is expired"};
    case s3::S3Code::kRequestTimeTooSkewed:
      return {"SignatureDoesNotMatch", 403, "Signature expired: " + message};
    case s3::S3Code::kSignatureDoesNotMatch:
      return {"SignatureDoesNotMatch", 403,
              "The request signature we calculated does not match the signature you provided. "
              "Check your AWS Secret Access Key and signing method. Consult the service "
              "documentation for details."};
    case s3::S3Code::kAccessDenied:
      return access_denied(message);
    default:
      return {"IncompleteSignature", 400, message};
  }
}

}  // namespace kelp::iam
