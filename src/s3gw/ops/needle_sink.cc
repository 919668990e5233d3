#include "s3gw/ops/needle_sink.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "async/task_group.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kNeedleBytes = 8 << 20;
constexpr std::size_t kMaxUnsettled = 8;
constexpr int kMaxAttempts = 3;

/// Another volume may take what this one does not.
bool worth_another_volume(const Error& error) {
  switch (error.code()) {
    case Errc::kUnavailable:
    case Errc::kDeadlineExceeded:
    case Errc::kConflict:
    case Errc::kNotFound:  // the copy moved away
    case Errc::kNoSpace:
    case Errc::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

Task<void> finish_one(NeedleUpload& upload, Result<void>& outcome) {
  outcome = co_await upload.finish();
}

}  // namespace

NeedleSink::NeedleSink(const GatewayDeps& deps, Target target)
    : deps_(deps), target_(std::move(target)), left_bytes_(target_.total_bytes) {}

Task<S3Result<void>> NeedleSink::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    if (left_in_needle_ == 0) KELP_S3_CO_CHECK(co_await open_next());
    const auto now =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_in_needle_, bytes.size()));
    const Result<void> appended = co_await open_.back()->append(bytes.first(now));
    if (!appended) {
      // What was sent is gone; but the next body goes elsewhere.
      if (worth_another_volume(appended.error())) {
        deps_.leases.report_failed(chunks_.back().fid.volume);
      }
      co_return std::unexpected(from_error(appended.error()));
    }
    left_in_needle_ -= now;
    bytes = bytes.subspan(now);
  }
  co_return S3Result<void>{};
}

Task<S3Result<void>> NeedleSink::make_room() {
  if (left_in_needle_ == 0 && left_bytes_ > 0) KELP_S3_CO_CHECK(co_await open_next());
  co_return S3Result<void>{};
}

S3Result<std::size_t> NeedleSink::append_here(ByteSpan bytes) {
  const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(left_in_needle_, bytes.size()));
  if (now == 0) return std::size_t{0};
  KELP_S3_TRY(const bool taken, open_.back()->append_here(bytes.first(now)));
  if (!taken) return std::size_t{0};
  left_in_needle_ -= now;
  return now;
}

Task<S3Result<void>> NeedleSink::open_next() {
  if (left_bytes_ == 0) co_return s3_error(S3Code::kInternalError);
  if (open_.size() == kMaxUnsettled) KELP_S3_CO_CHECK(co_await settle());
  const std::uint64_t bytes = std::min(left_bytes_, kNeedleBytes);
  const std::uint64_t offset = target_.total_bytes - left_bytes_;
  KELP_S3_CO_TRY(Placed placed, co_await open_needle(offset, bytes));
  chunks_.push_back({.fid = placed.fid, .size_bytes = bytes});
  holds_.push_back(std::move(placed.hold));
  open_.push_back(std::move(placed.upload));
  left_bytes_ -= bytes;
  left_in_needle_ = bytes;
  co_return S3Result<void>{};
}

Task<S3Result<NeedleSink::Placed>> NeedleSink::open_needle(std::uint64_t offset,
                                                           std::uint64_t bytes) {
  for (int attempt = 1;; ++attempt) {
    KELP_S3_CO_TRY(LeasedFid place, co_await deps_.leases.next(bytes, target_.storage_class));
    if (body_.value == 0) body_ = place.fid.key;
    OpenNeedle request{.fid = place.fid,
                       .generation = place.generation,
                       .token = std::move(place.token),
                       .body_bytes = bytes,
                       .bucket = target_.bucket,
                       .object_key = target_.object_key,
                       .members = std::move(place.members),
                       .scheme = place.scheme,
                       .origin = origin_at(offset)};
    auto opened = co_await deps_.volumes.open(std::move(request));
    if (opened) co_return Placed{place.fid, std::move(place.hold), *std::move(opened)};
    if (attempt == kMaxAttempts || !worth_another_volume(opened.error())) {
      co_return std::unexpected(from_error(opened.error()));
    }
    deps_.leases.report_failed(place.fid.volume);
  }
}

std::string NeedleSink::origin_at(std::uint64_t offset) const {
  NeedleOrigin origin = target_.origin;
  origin.body = body_;
  origin.offset += offset;
  if (origin.total_bytes == 0) origin.total_bytes = target_.total_bytes;
  return encode_origin(origin);
}

Task<S3Result<void>> NeedleSink::settle() {
  if (open_.size() == 1) {
    const Result<void> outcome = co_await open_.front()->finish();
    if (!outcome) KELP_S3_CO_CHECK(co_await write_elsewhere(0, outcome.error()));
  } else if (!open_.empty()) {
    // At once, so that one sync of a volume serves all of them.
    co_await asio::this_coro::throw_if_cancelled(false);
    std::vector<Result<void>> outcomes(open_.size());
    TaskGroup group(co_await asio::this_coro::executor);
    for (std::size_t i = 0; i < open_.size(); ++i) group.spawn(finish_one(*open_[i], outcomes[i]));
    co_await group.join();
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (!outcomes[i]) KELP_S3_CO_CHECK(co_await write_elsewhere(i, outcomes[i].error()));
    }
  }
  open_.clear();
  co_return S3Result<void>{};
}

/// Writes the needle of open_[index], which its volume refused at the end, to another volume; if
/// its body is still there.
Task<S3Result<void>> NeedleSink::write_elsewhere(std::size_t index, Error refusal) {
  const std::string body = open_[index]->take_body();
  const std::size_t at = chunks_.size() - open_.size() + index;
  for (int attempt = 1; attempt < kMaxAttempts; ++attempt) {
    if (!worth_another_volume(refusal)) break;
    deps_.leases.report_failed(chunks_[at].fid.volume);
    if (body.empty()) break;
    KELP_S3_CO_TRY(Placed placed, co_await open_needle(at * kNeedleBytes, body.size()));
    chunks_[at].fid = placed.fid;
    holds_[at] = std::move(placed.hold);
    KELP_S3_CO_CHECK(co_await placed.upload->append(as_bytes(body)));
    const Result<void> written = co_await placed.upload->finish();
    if (written) co_return S3Result<void>{};
    refusal = written.error();
  }
  co_return std::unexpected(from_error(refusal));
}

Task<S3Result<std::vector<Chunk>>> NeedleSink::finish() {
  if (left_bytes_ > 0 || left_in_needle_ > 0) co_return s3_error(S3Code::kIncompleteBody);
  KELP_S3_CO_CHECK(co_await settle());
  co_return std::move(chunks_);
}

void note_refusal(const GatewayDeps& deps, const Error& refusal) {
  if (refusal.reason() == Reason::kKeyTooOld) deps.leases.forget();
}

}  // namespace kelp::s3
