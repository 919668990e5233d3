#include "s3gw/ops/sealing_sink.h"

#include <algorithm>
#include <utility>

#include "crypto/random.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// As much as a body's pieces have.
constexpr std::size_t kPlainBytes = 512 * 1024;
/// What is sealed before it is given on: while it is in the cache of the core that did.
constexpr std::size_t kStepBytes = 128 * 1024;
// Up to here sealing takes less than a change of threads.
constexpr std::size_t kSealInPlaceBytes = 16 * 1024;

}  // namespace

Salt new_salt() {
  Salt salt;
  random_bytes(salt);
  return salt;
}

S3Result<SealingSink> SealingSink::open(Services& services, const BodyKey& key, ByteSink& inner,
                                        std::vector<SealedBody> bodies) {
  std::uint64_t bytes = 0;
  for (const SealedBody& body : bodies) bytes += body.plain_bytes;
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kPlainBytes));
  auto buffer = services.buffers.take(BodySealer::room(most));
  if (!buffer) return s3_error(S3Code::kSlowDown);
  return SealingSink(services.deps.pool, key.key, inner, std::move(bodies), *std::move(buffer));
}

SealingSink::SealingSink(WorkPool& pool, const SecretKey& key, ByteSink& inner,
                         std::vector<SealedBody> bodies, BufferPool::Buffer buffer)
    : pool_(pool),
      key_(key),
      inner_(inner),
      bodies_(std::move(bodies)),
      buffer_(std::move(buffer)) {}

bool SealingSink::open_next() {
  while (!sealer_ || sealer_->left() == 0) {
    if (index_ == bodies_.size()) return false;
    sealer_.emplace(key_, bodies_[index_++], new_salt());
  }
  return true;
}

S3Result<std::size_t> SealingSink::seal(ByteSpan bytes, std::size_t most) {
  if (from_ == to_) from_ = to_ = 0;
  if (!open_next()) return s3_error(S3Code::kInternalError);
  const MutableByteSpan free = buffer_.span().subspan(to_);
  auto now =
      static_cast<std::size_t>(std::min<std::uint64_t>({bytes.size(), most, sealer_->left()}));
  while (now > 0 && BodySealer::room(now) > free.size()) now /= 2;
  to_ += sealer_->seal(bytes.first(now), free);
  return now;
}

Task<S3Result<std::size_t>> SealingSink::seal_many(ByteSpan bytes) {
  S3Result<std::size_t> done = 0;
  std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
    while (*done < bytes.size()) {
      const auto taken = seal(bytes.subspan(*done), kPlainBytes);
      if (!taken) {
        done = taken;
        break;
      }
      if (*taken == 0) break;
      *done += *taken;
    }
    return {};
  };
  if (bytes.size() <= kSealInPlaceBytes) {
    KELP_S3_CO_CHECK(work());
  } else {
    KELP_S3_CO_CHECK(co_await offload<void>(pool_, std::move(work)));
  }
  co_return done;
}

Task<S3Result<void>> SealingSink::empty_buffer() {
  if (from_ == to_) co_return S3Result<void>{};
  const ByteSpan sealed = buffer_.span().subspan(from_, to_ - from_);
  from_ = to_;
  co_return co_await inner_.append(sealed);
}

Task<S3Result<void>> SealingSink::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    KELP_S3_CO_TRY(const std::size_t taken, co_await seal_many(bytes));
    bytes = bytes.subspan(taken);
    KELP_S3_CO_CHECK(co_await empty_buffer());
  }
  co_return S3Result<void>{};
}

Task<S3Result<void>> SealingSink::make_room() {
  KELP_S3_CO_CHECK(co_await empty_buffer());
  co_return co_await inner_.make_room();
}

S3Result<std::size_t> SealingSink::append_here(ByteSpan bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    KELP_S3_TRY(const std::size_t taken, seal(bytes.subspan(done), kStepBytes));
    if (taken == 0) break;
    done += taken;
    const ByteSpan sealed = buffer_.span().subspan(from_, to_ - from_);
    KELP_S3_TRY(const std::size_t stored, inner_.append_here(sealed));
    from_ += stored;
  }
  return done;
}

Task<S3Result<void>> SealingSink::flush() {
  KELP_S3_CO_CHECK(co_await empty_buffer());
  if (open_next()) co_return s3_error(S3Code::kIncompleteBody);
  co_return S3Result<void>{};
}

Task<S3Result<std::string>> SealingSink::settle(std::string rest) {
  KELP_S3_CO_CHECK(co_await empty_buffer());
  if (!sealer_ || rest.empty()) co_return s3_error(S3Code::kInternalError);
  sealer_->settle(bodies_.back().plain_bytes - sealer_->left() + rest.size());
  std::string sealed(BodySealer::room(rest.size()), '\0');
  sealed.resize(sealer_->seal(as_bytes(rest), std::as_writable_bytes(std::span(sealed))));
  co_return sealed;
}

Task<S3Result<PayloadResult>> receive_sealed(Call& call, PayloadSpec spec, ByteSink& sink,
                                             BodyKey key, std::uint32_t part_number) {
  if (!key.any()) co_return co_await receive_stream(call, std::move(spec), sink);
  std::vector<SealedBody> bodies{{part_number, spec.decoded_bytes}};
  KELP_S3_CO_TRY(SealingSink sealing,
                 SealingSink::open(call.services, key, sink, std::move(bodies)));
  KELP_S3_CO_TRY(PayloadResult result, co_await receive_stream(call, std::move(spec), sealing));
  KELP_S3_CO_CHECK(co_await sealing.flush());
  result.md5 = shown_md5(key, std::move(result.md5));
  co_return result;
}

void mark_sealed(const Encryption& encryption, NeedleSink::Target& target) {
  if (encryption.any()) target.origin.total_bytes = kUnknownLength;
}

}  // namespace kelp::s3
