// What a browser of another origin may do: preflight, and the lines of every other answer.

#include "s3gw/core/cors.h"

#include "s3gw/core/config/config_kind.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kAskedMethod = "access-control-request-method";
constexpr std::string_view kAskedHeaders = "access-control-request-headers";

/// As cors_headers(), of the document that a bucket keeps. A page makes many requests of one
/// bucket: each thread remembers the last document that it read.
S3Result<std::optional<CorsHeaders>> headers_of(const std::string& value, const CorsAsk& ask) {
  thread_local std::string last_value;
  thread_local std::optional<Element> last;
  if (!last || last_value != value) {
    KELP_S3_TRY(last, read_inside(value, cors_config().root));
    last_value = value;
  }
  return cors_headers(*last, ask);
}

std::unexpected<S3Error> forbidden(const Call& call, std::string message) {
  const std::string_view method = call.header(kAskedMethod).value_or("OPTIONS");
  const bool object = call.request.scope == Scope::kObject;
  return std::unexpected(
      S3Error{S3Code::kAccessForbidden,
              std::move(message),
              {{"Method", std::string(method)}, {"ResourceType", object ? "OBJECT" : "BUCKET"}}});
}

}  // namespace

// Says nothing of whose the bucket is and asks for no signature: a browser sends none with it.
Task<S3Result<void>> preflight(Call& call) {
  const auto origin = call.header("origin");
  if (!origin || origin->empty()) {
    co_return s3_error(S3Code::kBadRequest,
                       "Insufficient information. Origin request header needed.");
  }
  const auto method = call.header(kAskedMethod);
  if (!method || !is_cors_method(*method)) {
    co_return s3_error(S3Code::kBadRequest, "Invalid Access-Control-Request-Method: " +
                                                std::string(method.value_or("null")));
  }
  if (call.request.scope == Scope::kService) {
    co_return forbidden(call, "CORSResponse: Bucket not found");
  }
  const auto value = co_await get_config(call, std::string(cors_config().setting));
  if (!value && value.error().code == S3Code::kNoSuchBucket) {
    co_return forbidden(call, "CORSResponse: Bucket not found");
  }
  KELP_S3_CO_CHECK(value);
  if (!*value) co_return forbidden(call, {});
  const CorsAsk ask{
      .origin = *origin, .method = *method, .headers = call.header(kAskedHeaders).value_or("")};
  KELP_S3_CO_TRY(auto headers, headers_of(**value, ask));
  if (!headers) {
    co_return forbidden(call,
                        "CORSResponse: This CORS request is not allowed. This is usually because "
                        "the evalution of Origin, request method / Access-Control-Request-Method "
                        "or Access-Control-Request-Headers are not whitelisted by the resource's "
                        "CORS spec.");
  }
  call.cors = *std::move(headers);
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<void> find_cors(Call& call) {
  const auto origin = call.header("origin");
  if (!origin || call.request.scope == Scope::kService) co_return;
  const auto value = co_await get_config(call, std::string(cors_config().setting));
  if (!value || !*value) co_return;  // the operation tells what is wrong
  const CorsAsk ask{.origin = *origin,
                    .method = call.header(kAskedMethod).value_or(call.http.method),
                    .headers = call.header(kAskedHeaders).value_or("")};
  auto headers = headers_of(**value, ask);
  if (headers && *headers) call.cors = *std::move(*headers);
}

}  // namespace kelp::s3
