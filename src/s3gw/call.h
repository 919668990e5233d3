#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/awaitable.h"
#include "net/http.h"
#include "s3gw/access_logs.h"
#include "s3gw/auth.h"
#include "s3gw/body_workers.h"
#include "s3gw/bucket_access.h"
#include "s3gw/bucket_metrics.h"
#include "s3gw/buffer_pool.h"
#include "s3gw/core/cors.h"
#include "s3gw/core/operations.h"
#include "s3gw/core/s3_request.h"
#include "s3gw/gateway.h"
#include "s3gw/listing_xml.h"
#include "s3gw/request_limits.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// What the operations share: one for the gateway's life.
struct Services {
  GatewayDeps deps;
  GatewayOptions options;
  BufferPool buffers;
  BodyWorkers body_workers;
  BucketAccessCache bucket_access;
  std::string host_id;  ///< x-amz-id-2.
  RequestLimits limits;
  AccessLogs access_logs;
  BucketMetrics bucket_metrics;
};

/// One request on its way through an operation. Lives until the answer is sent.
struct Call {
  Services& services;
  const HttpRequest& http;
  BodyReader& body;
  ResponseWriter& response;
  std::array<char, 16> id;  ///< x-amz-request-id.

  S3Request request;
  std::optional<Operation> operation;  ///< Nothing when it could not be routed.
  Authenticated auth;
  BucketAccessPtr access;  ///< By which the request was authorized; null when it names no bucket.
  /// The version by which it was, where a version's list or tags decided; 0: there was none.
  std::optional<std::uint64_t> judged_version = {};
  /// The headers that count: those of the request, then what a presigned query hoisted.
  std::span<const HttpHeader> headers;
  std::vector<HttpHeader> with_hoisted;  ///< Storage of `headers` when something was hoisted.

  CorsHeaders cors;  ///< Lines that every answer has; see find_cors().

  int status = 0;  ///< Of the answer; 0 before it.
  /// The status under which an object is sent that stands for an error: a website's document.
  std::optional<int> document_status = {};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::optional<S3Code> error = {};  ///< That was answered.
  std::string_view service = "s3";   ///< RequestRecord::service.
  bool charged = false;              ///< The requester pays, and said so.
  // Of requests that an access log or a trace tells of.
  std::uint64_t object_bytes = 0;         ///< The size of the object.
  std::optional<MonoTime> answered = {};  ///< When its head was made.

  /// Who asks; of the anonymous an account that owns nothing.
  [[nodiscard]] const Account& account() const;
  [[nodiscard]] std::string_view request_id() const { return {id.data(), id.size()}; }
  /// The value of the first header `lower` (its name in lower case), or nothing.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower) const;
  /// A query parameter, or nothing.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const {
    return request.query.get(name);
  }
};

/// A head with the lines that every answer has: Server, x-amz-request-id, x-amz-id-2.
[[nodiscard]] HttpResponse begin_response(Call& call, int status);

/// Sends a whole answer. That the peer is gone is not an error of the operation.
Task<void> reply(Call& call, HttpResponse head, std::string body);
/// 200 with an XML body.
Task<void> reply_xml(Call& call, std::string body);
/// A status alone.
Task<void> reply_empty(Call& call, int status);
/// The error as XML; a head alone for HEAD.
Task<void> reply_error(Call& call, S3Error error);

/// The bucket that the request names and was authorized for. One metadata read.
[[nodiscard]] Task<S3Result<BucketEntry>> own_bucket(Call& call);

/// QuotaExceeded when a large body is known not to fit into `bucket`; smaller ones are not worth
/// the question, the commit decides. To be asked before the body is taken.
[[nodiscard]] Task<S3Result<void>> check_room(Call& call, BucketEntry bucket, AskForRoom request);

/// The owner of the bucket that the request names, else the caller, as listings show it.
[[nodiscard]] OwnerNames owner_names(const Call& call);
/// The same of what belongs to others. Valid as long as `call`.
[[nodiscard]] Owners owners_of(const Call& call);
/// How an account is shown: by its id when it is not known any more. Valid as long as both.
[[nodiscard]] std::string_view display_name(const Call& call, std::string_view canonical_id);

/// What the event of a write that `call` asks for says of it.
[[nodiscard]] EventOrigin origin_of(const Call& call, EventCause cause);

/// What a number in the query may be.
struct NumberRange {
  std::uint32_t fallback = 0;  ///< When absent or empty.
  std::uint32_t limit = 0;     ///< Larger ones count as this.
};
/// A query parameter that is a number; InvalidArgument when it is none in [0, 2147483647].
[[nodiscard]] S3Result<std::uint32_t> number_parameter(const Call& call, std::string_view name,
                                                       NumberRange range);

/// True for encoding-type=url; InvalidArgument for another value.
[[nodiscard]] S3Result<bool> wants_url_encoding(const Call& call);

/// The version that a query parameter names: ObjectKey::version_id. InvalidArgument when it is
/// empty or no version id.
[[nodiscard]] S3Result<std::optional<std::uint64_t>> version_parameter(
    const Call& call, std::string_view name = "versionId");

/// Adds `x-amz-version-id`; nothing in a bucket that never had versions.
void add_version_id(std::optional<std::uint64_t> id, HttpResponse& head);

/// The error of a call about `name`: NoSuchVersion names it.
[[nodiscard]] S3Error version_error(const Error& error, const ObjectKey& name);

/// The version that the request names, an object of a bucket that the caller owns. One metadata
/// read. NoSuchKey, NoSuchVersion, and for a delete marker NoSuchKey or MethodNotAllowed with the
/// lines that tell of it.
[[nodiscard]] Task<S3Result<FoundObject>> find_object(Call& call, bool with_inline_body);

}  // namespace kelp::s3
