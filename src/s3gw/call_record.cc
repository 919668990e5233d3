#include "s3gw/call_record.h"

#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

/// What there is to tell. Views of the call.
RequestRecord record_of(const Call& call, std::chrono::nanoseconds took) {
  const HttpRequest& http = call.http;
  RequestRecord record{.service = call.service,
                       .began = call.services.deps.clock.wall() - took,
                       .took = took,
                       .request_id = call.request_id(),
                       .remote_address = http.remote_address,
                       .secure = http.secure,
                       .method = http.method,
                       .user_agent = find_header(http.headers, "user-agent").value_or("")};
  if (call.auth.credential != nullptr) name_caller(*call.auth.credential, record);
  if (call.operation) record.operation = name_of(*call.operation);
  record.bucket = call.request.bucket;
  record.key = call.request.key;
  record.version_id = call.parameter("versionId").value_or("");
  record.status = call.status;
  if (call.error) record.error_code = text_of(*call.error).code;
  record.bytes_in = call.bytes_in;
  record.bytes_out = call.bytes_out;
  return record;
}

/// What a trace shows of its head. Views of the call.
TracedHead head_of(const Call& call, MonoTime started) {
  TracedHead head{.target = call.http.target, .headers = call.http.headers, .first_byte = {}};
  if (call.answered) head.first_byte = *call.answered - started;
  return head;
}

/// The bucket that the call is about, as it is known; null: none is.
BucketAccessPtr access_of(const Call& call) {
  if (call.access != nullptr || call.request.bucket.empty()) return call.access;
  return call.services.bucket_access.peek(call.request.bucket);
}

/// Adds the call to the access log of its bucket, which has one.
void log_access(const Call& call, const RequestRecord& record, const BucketAccess& access,
                MonoTime started) {
  const AccessLineFacts facts{.bucket_owner = access.bucket.owner_id,
                              .operation = call.operation,
                              .target = call.http.target,
                              .http_minor = call.http.minor_version,
                              .object_bytes = call.object_bytes,
                              .turn_around = call.answered ? *call.answered - started : record.took,
                              .referer = find_header(call.http.headers, "referer").value_or(""),
                              .host_id = call.services.host_id,
                              .auth = call.auth.kind,
                              .host = find_header(call.http.headers, "host").value_or("")};
  std::string line;
  append_access_line(record, facts, line);
  const LogSource source{
      .bucket = access.bucket.name, .account = access.owner_number, .region = access.bucket.region};
  call.services.access_logs.add(*access.logging, source, access.bucket.owner_id, record.began,
                                started, line);
}

}  // namespace

void tell(const Call& call, MonoTime started, std::chrono::nanoseconds took) {
  RequestSink* const audit = call.services.options.audit;
  const BucketAccessPtr access = access_of(call);
  const bool logged = access != nullptr && access->logging;
  const bool counted = access != nullptr && call.services.options.bucket_metrics > 0;
  RequestTrace* const trace = call.services.options.trace;
  const bool traced = trace != nullptr && trace->watched();
  if (audit == nullptr && !logged && !counted && !traced) return;
  const RequestRecord record = record_of(call, took);
  if (audit != nullptr) audit->take(record);
  if (traced) trace->take(record, head_of(call, started));
  if (logged) log_access(call, record, *access, started);
  if (counted && call.operation) call.services.bucket_metrics.count(record, *call.operation);
}

}  // namespace kelp::s3
