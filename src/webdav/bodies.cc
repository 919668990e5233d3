#include "webdav/bodies.h"

#include <algorithm>
#include <cstring>

#include "async/work_pool.h"
#include "crypto/md5.h"
#include "s3gw/core/checksum.h"
#include "s3gw/encryption.h"

namespace kelp::webdav {
namespace {

constexpr std::size_t kPieceBytes = 4 << 20;
constexpr std::uint64_t kMaxBodyBytes = 5ULL << 30;
constexpr std::size_t kHashInPlaceBytes = 16 * 1024;
constexpr std::size_t kFormPieceBytes = 64 * 1024;

/// The hashes that every object has.
struct Hashes {
  Md5 md5;
  s3::ChecksumHasher crc64{ChecksumAlgorithm::kCrc64Nvme};
  void update(ByteSpan bytes) {
    md5.update(bytes);
    crc64.update(bytes);
  }
};

Task<Result<void>> hash(WorkPool& pool, Hashes& hashes, ByteSpan bytes) {
  if (bytes.size() <= kHashInPlaceBytes) {
    hashes.update(bytes);
    co_return Result<void>{};
  }
  std::move_only_function<Result<void>()> work = [&hashes, bytes]() -> Result<void> {
    hashes.update(bytes);
    return {};
  };
  co_return co_await offload<void>(pool, std::move(work));
}

/// Writes a piece to a needle of its own, durable when this returns.
Task<Outcome<void>> store_piece(Visit& visit, const LooseBodyPlan& plan, ByteSpan bytes,
                                LooseBody& stored) {
  s3::NeedleSink::Target target{
      .bucket = plan.bucket.id,
      .object_key = plan.key,
      .total_bytes = bytes.size(),
      .storage_class = plan.bucket.storage_class,
      .origin = {.bucket = plan.bucket.name, .total_bytes = kUnknownLength}};
  auto sink = std::make_unique<s3::NeedleSink>(visit.call.services.deps, std::move(target));
  KELP_DAV_CO_CHECK(co_await sink->append(bytes));
  KELP_DAV_CO_TRY(const std::vector<Chunk> chunks, co_await sink->finish());
  std::ranges::copy(chunks, std::back_inserter(stored.chunks));
  stored.holds.push_back(std::move(sink));
  AskForRoom room{.size_bytes = stored.size_bytes};
  KELP_DAV_CO_CHECK(co_await s3::check_room(visit.call, plan.bucket, std::move(room)));
  co_return Outcome<void>{};
}

Error broken_form(std::string detail) {
  return {Errc::kInvalidArgument, std::move(detail)};
}

}  // namespace

Task<Outcome<LooseBody>> store_loose(Visit& visit, BodyReader& body, LooseBodyPlan plan) {
  const s3::GatewayDeps& deps = visit.call.services.deps;
  auto buffer = visit.call.services.buffers.take(kPieceBytes);
  if (!buffer) co_return std::unexpected(as_failure({s3::S3Code::kSlowDown, {}, {}}));
  LooseBody stored;
  Hashes hashes;
  std::size_t front = std::min(plan.front.size(), kPieceBytes);
  std::ranges::copy(as_bytes(std::string_view(plan.front)).first(front), buffer->span().begin());
  while (true) {
    const MutableByteSpan free = buffer->span().subspan(front);
    KELP_DAV_CO_TRY(const std::size_t read, co_await read_full(body, free));
    visit.call.bytes_in += read;
    const bool last = read < free.size();
    const ByteSpan bytes = buffer->span().first(front + read);
    const ByteSpan hashed = plan.hash_front ? bytes : bytes.subspan(front);
    KELP_DAV_CO_CHECK(co_await hash(deps.pool, hashes, hashed));
    stored.size_bytes += bytes.size();
    stored.hashed_bytes += hashed.size();
    front = 0;
    if (stored.size_bytes > kMaxBodyBytes) {
      co_return std::unexpected(as_failure({s3::S3Code::kEntityTooLarge, {}, {}}));
    }
    const bool small =
        plan.may_be_inline && last && stored.size_bytes <= deps.filer.inline_limit_bytes();
    if (small && stored.chunks.empty()) {
      if (!bytes.empty()) stored.inline_body = std::string(as_text(bytes));
    } else if (!bytes.empty()) {
      KELP_DAV_CO_CHECK(co_await store_piece(visit, plan, bytes, stored));
    }
    if (last) break;
  }
  stored.md5 = hashes.md5.finish();
  stored.crc64nvme = hashes.crc64.finish();
  co_return stored;
}

Task<Outcome<void>> refuse_sealed(Visit& visit, BucketEntry bucket) {
  KELP_DAV_CO_TRY(const s3::BodyKey key, co_await s3::key_for_write(visit.call, std::move(bucket)));
  if (!key.any()) co_return Outcome<void>{};
  co_return failed(411, "what is written here is encrypted: send it with a Content-Length");
}

void take_body(LooseBody& body, PutObject& request) {
  request.entry.size_bytes = body.size_bytes;
  request.entry.etag = body.md5;
  request.entry.etag_parts = 0;
  request.entry.checksums = {
      {.algorithm = ChecksumAlgorithm::kCrc64Nvme, .value = body.crc64nvme, .part_count = 0}};
  request.entry.layout = {.inline_id = 0, .chunks = body.chunks};
  request.inline_body = body.inline_body;
}

Task<Outcome<FormCutter::Step>> FormFile::step() {
  while (true) {
    KELP_DAV_CO_TRY(FormCutter::Step step, cutter_.next());
    if (!std::holds_alternative<FormCutter::NeedMore>(step)) co_return step;
    piece_.resize(kFormPieceBytes);
    const MutableByteSpan buffer = std::as_writable_bytes(std::span(piece_));
    KELP_DAV_CO_TRY(const std::size_t bytes, co_await body_.read_some(buffer));
    if (bytes == 0) co_return failed(400, "the form is cut short");
    cutter_.push(std::string_view(piece_).substr(0, bytes));
  }
}

Task<Outcome<FormCutter::Field>> FormFile::open() {
  while (true) {
    KELP_DAV_CO_TRY(FormCutter::Step next, co_await step());
    if (std::holds_alternative<FormCutter::End>(next)) {
      co_return failed(400, "the form has no file");
    }
    auto* field = std::get_if<FormCutter::Field>(&next);
    if (field != nullptr && !field->filename.empty()) co_return std::move(*field);
  }
}

/// Behind the file: the rest of the form must be whole and hold no other one.
Task<Result<void>> FormFile::finish() {
  while (true) {
    const auto next = co_await step();
    if (!next) co_return broken_form(next.error().text);
    if (std::holds_alternative<FormCutter::End>(*next)) co_return Result<void>{};
    const auto* field = std::get_if<FormCutter::Field>(&*next);
    if (field != nullptr && !field->filename.empty()) {
      co_return broken_form("the form has more than one file");
    }
  }
}

Task<Result<std::size_t>> FormFile::read_some(MutableByteSpan buffer) {
  while (data_.empty() && !ended_) {
    const auto next = co_await step();
    if (!next) co_return broken_form(next.error().text);
    if (const auto* data = std::get_if<FormCutter::Data>(&*next)) {
      data_ = data->bytes;
    } else {
      ended_ = true;
      KELP_CO_CHECK(co_await finish());
    }
  }
  const std::size_t bytes = std::min(data_.size(), buffer.size());
  std::ranges::copy(as_bytes(data_).first(bytes), buffer.begin());
  data_.remove_prefix(bytes);
  co_return bytes;
}

}  // namespace kelp::webdav
