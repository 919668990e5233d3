#include "s3gw/ops/service_put.h"

#include <algorithm>
#include <cstring>

#include "policy/document.h"
#include "s3gw/authorize.h"
#include "s3gw/core/bucket_arn.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// A body that is there already.
class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string_view text) : left_(text) {}
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
    const std::size_t bytes = std::min(buffer.size(), left_.size());
    std::memcpy(buffer.data(), left_.data(), bytes);
    left_.remove_prefix(bytes);
    co_return bytes;
  }

 private:
  std::string_view left_;
};

/// Nobody hears the answer.
class NoResponse final : public ResponseWriter {
 public:
  Task<Result<void>> send(HttpResponse /*head*/, std::string /*body*/) override {
    co_return Result<void>();
  }
  Task<Result<void>> send_head(HttpResponse /*head*/,
                               std::optional<std::uint64_t> /*body_bytes*/) override {
    co_return Result<void>();
  }
  void start(HttpResponse /*head*/, std::optional<std::uint64_t> /*body_bytes*/) override {}
  Task<Result<void>> write(ByteSpan /*bytes*/) override { co_return Result<void>(); }
  Task<Result<void>> write_pages(PinnedPages /*pages*/) override { co_return Result<void>(); }
  Task<Result<void>> finish() override { co_return Result<void>(); }
  [[nodiscard]] bool started() const override { return false; }
};

}  // namespace

policy::Request request_of_service(std::string_view service, std::string_view bucket,
                                   std::string_view key, std::string_view source,
                                   std::string_view owner_id) {
  policy::Request request;
  request.who.service = service;
  request.action = "s3:putobject";
  request.resource = bucket_arn(bucket) + '/' + std::string(key);
  request.context.add("aws:SourceArn", bucket_arn(source));
  request.context.add("aws:SourceAccount", account_number(owner_id));
  request.context.add("aws:SecureTransport", "true");
  request.context.add("aws:PrincipalServiceName", std::string(service));
  return request;
}

Task<S3Result<void>> put_as_service(Services& services, ServiceObject object, std::string text) {
  KELP_S3_CO_TRY(const BucketAccessPtr access,
                 co_await services.bucket_access.find(object.target_bucket));
  // The name may be another account's bucket by now.
  if (access->bucket.owner_id != object.owner_id) co_return s3_error(S3Code::kAccessDenied);
  if (access->policy_is_unknown) co_return s3_error(S3Code::kAccessDenied);
  if (access->policy != nullptr) {
    const auto asked = request_of_service(object.service, object.target_bucket, object.key,
                                          object.source_bucket, object.owner_id);
    if (access->policy->evaluate(asked).denied) co_return s3_error(S3Code::kAccessDenied);
  }
  std::vector<HttpHeader> headers;
  for (const auto& [name, value] : object.headers) headers.push_back({name, value});
  const HttpRequest http{.method = "PUT",
                         .target = "/",
                         .headers = headers,
                         .content_length = text.size(),
                         .secure = true,
                         .remote_address = "127.0.0.1"};
  const Credential owner{.access_key = {},
                         .secret_key = {},
                         .account = {object.owner_id, {}},
                         .who = {.service = std::string(object.service)}};
  TextBody body(text);
  NoResponse response;
  Call call{.services = services,
            .http = http,
            .body = body,
            .response = response,
            .id = {},
            .request = {.scope = Scope::kObject, .bucket = object.target_bucket, .key = object.key},
            .operation = Operation::kPutObject,
            .auth = {.credential = &owner},
            .access = access,
            .headers = headers};
  call.id.fill('0');
  co_return co_await put_object(call);
}

Task<S3Result<void>> remove_as_service(Services& services, ServiceObject object) {
  KELP_S3_CO_TRY(const BucketAccessPtr access,
                 co_await services.bucket_access.find(object.target_bucket));
  if (access->bucket.owner_id != object.owner_id) co_return s3_error(S3Code::kAccessDenied);
  ObjectKey name{.bucket = object.target_bucket, .key = object.key};
  const auto gone = co_await services.deps.filer.delete_object(std::move(name), {});
  if (gone || gone.error().reason() == Reason::kNoSuchKey) co_return S3Result<void>{};
  co_return std::unexpected(from_error(gone.error()));
}

Task<S3Result<void>> authorize_service_target(Call& call, std::string_view service,
                                              std::string target, std::string prefix) {
  KELP_S3_CO_TRY(const BucketAccessPtr access, co_await call.services.bucket_access.find(target));
  const auto asked = request_of_service(service, target, prefix, call.request.bucket,
                                        call.access->bucket.owner_id);
  policy::Verdict verdict;
  if (access->policy != nullptr) verdict = access->policy->evaluate(asked);
  if (verdict.denied || access->policy_is_unknown) co_return s3_error(S3Code::kAccessDenied);
  if (verdict.allowed != policy::Naming::kNot) co_return S3Result<void>{};
  co_return co_await authorize_in(call, std::move(target), "s3:putobject", std::move(prefix));
}

}  // namespace kelp::s3
