#include "webdav/failure.h"

#include "s3gw/core/error_xml.h"

namespace kelp::webdav {

Failure as_failure(const s3::S3Error& error) {
  const s3::S3ErrorText text = s3::text_of(error.code);
  Failure failure{.status = text.status, .text = std::string(text.code)};
  const std::string_view message = s3::message_of(error);
  if (!message.empty()) failure.text.append(": ").append(message);
  for (const auto& [name, value] : error.fields) {
    failure.text.append(" (").append(name).append(" ").append(value).append(")");
  }
  failure.headers = error.headers;
  failure.detail = error.detail;
  failure.code = error.code;
  return failure;
}

Failure as_failure(const Error& error) {
  Failure failure = as_failure(s3::from_error(error));
  if (error.code() == Errc::kNoSpace) failure.status = 507;
  // What is wrong with a request is for who sent it.
  const bool plain = error.code() == Errc::kInvalidArgument && error.reason() == Reason::kNone;
  if (plain) failure.text = error.detail();
  return failure;
}

}  // namespace kelp::webdav
