#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "s3gw/core/config/shape.h"

namespace kelp::s3 {

/// What a browser asks for, in a preflight or with a request.
struct CorsAsk {
  std::string_view origin;
  std::string_view method;   ///< Of the request, or Access-Control-Request-Method.
  std::string_view headers;  ///< Access-Control-Request-Headers; empty when there is none.
};

/// Lines for the head of an answer.
using CorsHeaders = std::vector<std::pair<std::string, std::string>>;

/// What the first rule that allows all of `ask` lets a browser do; nothing when none does.
///
/// `document`  as cors_config() reads it.
/// Source      "How does Amazon S3 evaluate the CORS configuration on a bucket?" of the S3 user
///             guide.
[[nodiscard]] std::optional<CorsHeaders> cors_headers(const Element& document, const CorsAsk& ask);

/// Whether a rule of CORS may name the method.
[[nodiscard]] bool is_cors_method(std::string_view method);

}  // namespace kelp::s3
