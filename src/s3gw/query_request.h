#pragma once

#include "net/http.h"

namespace kelp::s3 {

/// Whether a request is one of IAM or STS and not of S3: a form that is posted to "/", or a GET of
/// "/" whose query names an Action and a Version.
[[nodiscard]] bool is_query(const HttpRequest& request);

}  // namespace kelp::s3
