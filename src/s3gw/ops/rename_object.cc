// RenameObject, an operation of S3 Express One Zone: PUT of the new key with ?renameObject.

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "s3gw/authorize.h"
#include "s3gw/core/conditions.h"
#include "s3gw/ops/copy_source.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

constexpr int kMaxAttempts = 3;

/// What AWS takes and we do not: dates of what is under the new key.
constexpr std::string_view kDates[] = {"if-modified-since", "if-unmodified-since"};

/// Which of the request's headers say what is asked for, beside the new key.
constexpr std::string_view kParameters[] = {"x-amz-rename-source",
                                            "x-amz-rename-source-if-match",
                                            "x-amz-rename-source-if-none-match",
                                            "x-amz-rename-source-if-modified-since",
                                            "x-amz-rename-source-if-unmodified-since",
                                            "if-match",
                                            "if-none-match"};

/// The object under `key`, whose entry is no delete marker. NoSuchKey.
Task<S3Result<FoundObject>> find_renamed(Call& call, std::string key) {
  ObjectKey name{.bucket = call.request.bucket, .key = key};
  auto found = co_await call.services.deps.filer.get_object(std::move(name), false);
  if (found && !found->entry.delete_marker) co_return *std::move(found);
  if (!found && found.error().reason() != Reason::kNoSuchKey) {
    co_return std::unexpected(from_error(found.error()));
  }
  co_return std::unexpected(S3Error{S3Code::kNoSuchKey, {}, {{"Key", std::move(key)}}});
}

/// An object and the key that it has.
struct Renamed {
  std::string key;
  FoundObject object;
};

/// What x-amz-rename-source means: a key of the same bucket, as AWS's examples and clients have it;
/// or, where there is none, the key behind "bucket/", as its model's pattern has it.
Task<S3Result<Renamed>> find_source(Call& call) {
  KELP_S3_CO_TRY(const std::string key,
                 parse_rename_source(call.header("x-amz-rename-source").value_or("")));
  auto found = co_await find_renamed(call, key);
  if (found) co_return Renamed{key, *std::move(found)};
  const std::string in_bucket = call.request.bucket + "/";
  const bool other = key.starts_with(in_bucket) && key.size() > in_bucket.size();
  if (!other || found.error().code != S3Code::kNoSuchKey) {
    co_return std::unexpected(std::move(found).error());
  }
  std::string rest = key.substr(in_bucket.size());
  KELP_S3_CO_TRY(FoundObject object, co_await find_renamed(call, rest));
  co_return Renamed{std::move(rest), std::move(object)};
}

/// find_source(), of an object that the request may read and take away.
Task<S3Result<Renamed>> authorized_source(Call& call) {
  auto source = co_await find_source(call);
  if (!source) {
    KELP_S3_CO_CHECK(co_await authorize_listing(call, call.request.bucket));
    co_return std::unexpected(std::move(source).error());
  }
  KELP_S3_CO_CHECK(co_await authorize_also(call, "s3:getobject", source->key));
  KELP_S3_CO_CHECK(co_await authorize_also(call, "s3:deleteobject", source->key));
  co_return *std::move(source);
}

/// x-amz-client-token, which is its sender's alone; none without the header. InvalidArgument.
S3Result<IdempotencyToken> client_token(const Call& call) {
  const auto token = call.header("x-amz-client-token");
  if (!token) return IdempotencyToken{};
  const bool printable = std::ranges::all_of(*token, [](char c) { return c > ' ' && c <= '~'; });
  if (token->empty() || token->size() > 64 || !printable) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "The client token must have 1 to 64 ASCII characters without spaces.",
                {{"ArgumentName", "x-amz-client-token"}, {"ArgumentValue", std::string(*token)}}});
  }
  const std::string requester = origin_of(call, EventCause::kRename).requester;
  std::string asked = call.request.key;
  for (const std::string_view name : kParameters) {
    asked += fmt::format("\n{}:{}", name, call.header(name).value_or(""));
  }
  return IdempotencyToken{.id = std::string(view(sha256(fmt::format("{}\n{}", requester, *token)))),
                          .digest = std::string(view(sha256(asked)))};
}

/// What a rename with that token answered; nothing when none happened that is remembered.
/// IdempotencyParameterMismatch for one that was asked otherwise.
Task<S3Result<std::optional<WriteOutcome>>> done_before(Call& call, const IdempotencyToken& token) {
  if (token.id.empty()) co_return std::nullopt;
  FindRename find{.bucket = call.request.bucket, .token = token.id};
  auto done = co_await call.services.deps.filer.find_rename(std::move(find));
  if (!done && done.error().code() == Errc::kUnimplemented) co_return std::nullopt;
  if (!done) co_return std::unexpected(from_error(done.error()));
  if (done->digest.empty()) co_return std::nullopt;
  if (done->digest != token.digest) {
    co_return std::unexpected(s3_error(S3Code::kIdempotencyParameterMismatch));
  }
  co_return done->outcome;
}

Task<void> reply_renamed(Call& call, const WriteOutcome& outcome) {
  HttpResponse head = begin_response(call, 200);
  add_version_id(outcome.version_id, head);
  co_await reply(call, std::move(head), {});
}

}  // namespace

// One commit, which also remembers the token: before anything is said of the source, which is gone
// once the rename happened.
Task<S3Result<void>> rename_object(Call& call) {
  KELP_S3_CO_CHECK(refuse_headers(call, kDates));
  KELP_S3_CO_TRY(WriteConditions conditions, write_conditions(call));
  conditions.origin = origin_of(call, EventCause::kRename);
  KELP_S3_CO_TRY(const IdempotencyToken token, client_token(call));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(const auto before, co_await done_before(call, token));
    if (before) {
      co_await reply_renamed(call, *before);
      co_return S3Result<void>{};
    }
    KELP_S3_CO_TRY(const Renamed source, co_await authorized_source(call));
    const std::string etag = etag_text(source.object.entry);
    const ConditionOutcome allowed =
        evaluate(rename_source_conditions(call.headers),
                 {.etag = etag, .modified = source.object.entry.modified});
    if (allowed.result != ConditionResult::kProceed) {
      co_return std::unexpected(precondition_failed(allowed.condition));
    }
    RenameObject request{.from = {.bucket = bucket.name, .key = source.key},
                         .from_version = source.object.entry.version,
                         .to = {.bucket = bucket.name, .key = call.request.key},
                         .conditions = conditions,
                         .token = token};
    const auto outcome = co_await call.services.deps.filer.rename_object(std::move(request));
    if (outcome) {
      co_await reply_renamed(call, *outcome);
      co_return S3Result<void>{};
    }
    if (attempt < kMaxAttempts && source_changed(outcome.error())) continue;
    co_return std::unexpected(write_error(outcome.error(), conditions));
  }
}

}  // namespace kelp::s3
