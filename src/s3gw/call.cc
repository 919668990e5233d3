#include "s3gw/call.h"

#include <charconv>

#include "s3gw/authorize.h"
#include "s3gw/core/error_xml.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/version_id.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

std::optional<std::string_view> Call::header(std::string_view lower) const {
  return find_header(headers, lower);
}

namespace {

/// Whether somebody wants to know when the answer began.
bool is_timed(const Call& call) {
  const RequestTrace* const trace = call.services.options.trace;
  return (call.access != nullptr && call.access->logging) || (trace != nullptr && trace->watched());
}

}  // namespace

HttpResponse begin_response(Call& call, int status) {
  call.status = status;
  if (is_timed(call)) {
    call.answered = call.services.deps.clock.mono();
  }
  HttpResponse head(status);
  head.add("Server", "Kelp");
  head.add("x-amz-request-id", call.request_id());
  head.add("x-amz-id-2", call.services.host_id);
  for (const auto& [name, value] : call.cors) head.add(name, value);
  if (call.charged && status < 400) head.add("x-amz-request-charged", "requester");
  return head;
}

Task<void> reply(Call& call, HttpResponse head, std::string body) {
  call.bytes_out = body.size();
  // The peer may be gone: nothing is left to tell it.
  (void)co_await call.response.send(std::move(head), std::move(body));
}

// A large one waits for a peer that may read slowly, and with it what it was made of.
Task<void> reply_xml(Call& call, std::string body) {
  constexpr std::size_t kLargeBytes = 64 * 1024;
  std::optional<BufferPool::Buffer> room;
  if (body.size() >= kLargeBytes) {
    room = call.services.buffers.reserve(2 * body.size());
    if (!room) co_return co_await reply_error(call, {S3Code::kSlowDown, {}, {}});
  }
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  co_await reply(call, std::move(head), std::move(body));
}

Task<void> reply_empty(Call& call, int status) {
  HttpResponse head = begin_response(call, status);
  if (call.http.method == "HEAD") {
    (void)co_await call.response.send_head(std::move(head), std::nullopt);
  } else {
    co_await reply(call, std::move(head), {});
  }
}

Task<void> reply_error(Call& call, S3Error error) {
  const S3ErrorText text = text_of(error.code);
  call.error = error.code;
  HttpResponse head = begin_response(call, text.status);
  // The body of such a request may still be on its way, and what it holds is anybody's guess.
  if (error.code == S3Code::kRequestTimeout) head.close_after();
  if (text.status == 503) head.add("Retry-After", std::uint64_t{1});
  for (const auto& [name, value] : error.headers) head.add(name, value);
  if (call.http.method == "HEAD" || text.status == 304) {
    (void)co_await call.response.send_head(std::move(head), std::nullopt);
    co_return;
  }
  head.add("Content-Type", "application/xml");
  const ErrorContext context{.bucket = call.request.bucket,
                             .key = call.request.key,
                             .resource = call.request.raw_path,
                             .request_id = call.request_id(),
                             .host_id = call.services.host_id};
  co_await reply(call, std::move(head), error_xml(error, context));
}

Task<S3Result<BucketEntry>> own_bucket(Call& call) {
  auto found = co_await call.services.deps.filer.get_bucket(call.request.bucket);
  KELP_S3_CO_TRY(BucketEntry bucket, std::move(found));
  KELP_S3_CO_CHECK(co_await check_bucket(call, bucket));
  co_return bucket;
}

Task<S3Result<void>> check_room(Call& call, BucketEntry bucket, AskForRoom request) {
  constexpr std::uint64_t kWorthAsking = 1 << 20;
  if (!bucket.quota.limits() || request.size_bytes < kWorthAsking) co_return S3Result<void>{};
  request.bucket = call.request.bucket;
  request.key = call.request.key;
  KELP_S3_CO_CHECK(co_await call.services.deps.filer.ask_for_room(std::move(request)));
  co_return S3Result<void>{};
}

OwnerNames owner_names(const Call& call) {
  const std::string& id = call.access != nullptr ? call.access->bucket.owner_id : call.account().id;
  return {.id = id, .display_name = display_name(call, id)};
}

Owners owners_of(const Call& call) {
  return {.bucket = owner_names(call),
          .name_of = [&call](std::string_view id) { return display_name(call, id); }};
}

std::string_view display_name(const Call& call, std::string_view canonical_id) {
  const Account* const account = call.services.deps.credentials.find_account(canonical_id);
  return account == nullptr ? canonical_id : std::string_view(account->display_name);
}

const Account& Call::account() const {
  static const Account kAnonymous{"65a011a29cdf8ec533ec3d1ccaae921c", "anonymous"};
  return auth.credential != nullptr ? auth.credential->account : kAnonymous;
}

EventOrigin origin_of(const Call& call, EventCause cause) {
  const Credential* const credential = call.auth.credential;
  const bool user = credential != nullptr && !credential->user_id.empty();
  return {.cause = cause,
          .requester = user ? credential->user_id : call.account().id,
          .address = std::string(call.http.remote_address),
          .request_id = std::string(call.request_id())};
}

S3Result<std::uint32_t> number_parameter(const Call& call, std::string_view name,
                                         NumberRange range) {
  const auto text = call.parameter(name);
  if (!text || text->empty()) return range.fallback;
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == end && number <= 2'147'483'647;
  if (!is_number || number < 0) {
    // AWS has two texts, and another name for the keys' number in one of them.
    const std::string shown = is_number && name == "max-keys" ? "maxKeys" : std::string(name);
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                is_number ? "Argument " + shown + " must be an integer between 0 and 2147483647"
                          : "Provided " + shown + " not an integer or within integer range",
                {{"ArgumentName", shown}, {"ArgumentValue", std::string(*text)}}});
  }
  return static_cast<std::uint32_t>(std::min<std::int64_t>(number, range.limit));
}

S3Result<bool> wants_url_encoding(const Call& call) {
  const auto type = call.parameter("encoding-type");
  if (!type || type->empty()) return false;
  if (*type == "url") return true;
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              "Invalid Encoding Method specified in Request",
              {{"ArgumentName", "encoding-type"}, {"ArgumentValue", std::string(*type)}}});
}

S3Result<std::optional<std::uint64_t>> version_parameter(const Call& call, std::string_view name) {
  const auto text = call.parameter(name);
  if (!text) return std::nullopt;
  if (text->empty()) {
    return std::unexpected(S3Error{S3Code::kInvalidArgument,
                                   "Version id cannot be the empty string",
                                   {{"ArgumentName", std::string(name)}, {"ArgumentValue", ""}}});
  }
  KELP_S3_TRY(const std::uint64_t id, read_version_id(name, *text));
  return id;
}

void add_version_id(std::optional<std::uint64_t> id, HttpResponse& head) {
  if (id) head.add("x-amz-version-id", version_id_text(*id));
}

namespace {

/// The answer to who asks for a delete marker, `named` by its id or as the current version.
S3Error marker_error(const Call& call, const FoundObject& found, bool named) {
  S3Error error{S3Code::kNoSuchKey, {}, {{"Key", call.request.key}}};
  if (named) {
    error = {S3Code::kMethodNotAllowed,
             {},
             {{"Method", std::string(call.http.method)}, {"ResourceType", "DeleteMarker"}}};
    error.headers = {{"Allow", "DELETE"}, {"Last-Modified", http_date(found.entry.modified)}};
  }
  error.headers.emplace_back("x-amz-delete-marker", "true");
  error.headers.emplace_back("x-amz-version-id", version_id_text(version_id_of(found.entry)));
  return error;
}

}  // namespace

S3Error version_error(const Error& error, const ObjectKey& name) {
  S3Error answer = from_error(error);
  if (answer.code == S3Code::kNoSuchVersion && name.version_id) {
    answer.fields = {{"Key", name.key}, {"VersionId", version_id_text(*name.version_id)}};
  }
  return answer;
}

Task<S3Result<FoundObject>> find_object(Call& call, bool with_inline_body) {
  KELP_S3_CO_TRY(const auto version, version_parameter(call));
  const ObjectKey name{
      .bucket = call.request.bucket, .key = call.request.key, .version_id = version};
  auto found = co_await call.services.deps.filer.get_object(name, with_inline_body);
  if (!found) {
    // Whether a key exists is told to who may list the bucket only.
    const Reason reason = found.error().reason();
    if (reason == Reason::kNoSuchKey || reason == Reason::kNoSuchVersion) {
      KELP_S3_CO_CHECK(co_await authorize_listing(call, call.request.bucket));
    }
    co_return std::unexpected(version_error(found.error(), name));
  }
  if (!is_as_judged(call, found->bucket, found->entry)) {
    KELP_S3_CO_CHECK(co_await check_version(call, found->bucket, found->entry));
  }
  if (found->entry.delete_marker) {
    co_return std::unexpected(marker_error(call, *found, version.has_value()));
  }
  co_return *std::move(found);
}

}  // namespace kelp::s3
