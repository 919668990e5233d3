#include "volume/needle_upload.h"

#include <array>
#include <optional>
#include <string>

#include "base/assert.h"
#include "client/body_count.h"

namespace kelp {
namespace {

std::string back_pointer_of(const OpenNeedle& request) {
  return encode_back_pointer({.origin = request.origin, .key = request.object_key});
}

std::size_t back_pointer_bytes(const OpenNeedle& request) {
  return request.object_key.size() + (request.origin.empty() ? 0 : 1 + request.origin.size());
}

NeedleHeader header_of(const OpenNeedle& request, const Clock& clock) {
  return {.key = request.fid.key,
          .cookie = request.fid.cookie,
          .tombstone = false,
          .body_bytes = request.body_bytes,
          .created_ns = clock.wall().time_since_epoch().count(),
          .bucket = request.bucket,
          .back_pointer_bytes = static_cast<std::uint16_t>(back_pointer_bytes(request)),
          .has_origin = !request.origin.empty(),
          .part = request.part};
}

/// Room in `volume`, which becomes the log that replaced it when one did.
Task<Result<NeedlePlace>> reserve_in(std::shared_ptr<VolumeFile>& volume, NeedleKey key,
                                     std::uint64_t bytes) {
  auto place = volume->reserve(key, bytes);
  while (!place.has_value() && volume->is_moving()) {
    volume = co_await volume->newest();
    place = volume->reserve(key, bytes);
  }
  co_return place;
}

/// Keeps the needle in memory, laid out as on disk, and takes its place when it is whole: no hole
/// is left when it is given up, and one write stores it together with its neighbours.
class SmallUpload final : public NeedleUpload {
 public:
  SmallUpload(std::shared_ptr<VolumeFile> volume, const OpenNeedle& request)
      : volume_(std::move(volume)),
        header_(header_of(request, volume_->shared().clock)),
        generation_(request.generation),
        count_(request.body_bytes) {
    image_.reserve(layout_of(header_).total_bytes);
    image_.resize(kNeedleHeaderBytes);
    image_ += back_pointer_of(request);
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    const Result<bool> taken = append_here(bytes);
    co_return taken.has_value() ? Result<void>() : Result<void>(taken.error());
  }

  Result<bool> append_here(ByteSpan bytes) override {
    KELP_CHECK(count_.take(bytes.size()));
    image_ += as_text(bytes);
    return true;
  }

  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    const NeedleLayout layout = layout_of(header_);
    KELP_CO_TRY(const NeedlePlace place,
                co_await reserve_in(volume_, header_.key, layout.total_bytes));
    seal(layout, place.offset);
    const LogWrite write{.offset = place.offset, .bytes = as_bytes(image_)};
    Result<void> committed = volume_->let_finish(generation_, place);
    if (committed.has_value()) committed = co_await volume_->commit(write);
    if (!committed.has_value()) {
      volume_->abandon(header_.key, place, 0, 0);
      co_return committed;
    }
    volume_->publish(header_.key, place);
    co_return Result<void>();
  }

 private:
  void seal(const NeedleLayout& layout, std::uint64_t offset) {
    encode_needle_header(header_, volume_->seed_at(offset),
                         std::as_writable_bytes(std::span(image_).first(kNeedleHeaderBytes)));
    const ByteSpan bytes = as_bytes(image_);
    BlockChecksums checksums;
    checksums.update(bytes.subspan(layout.body_offset));
    image_ += encode_needle_trailer(bytes.first(layout.body_offset), std::move(checksums).finish());
    image_.resize(layout.total_bytes, '\0');
  }

  std::shared_ptr<VolumeFile> volume_;
  const NeedleHeader header_;
  const Generation generation_;
  BodyCount count_;
  std::string image_;
};

/// So much of a body is sent to the disk at once while the rest still comes. Where a control group
/// limits memory, a process that has filled it with pages not yet written stands still, with all of
/// its connections, whenever it asks for more.
constexpr std::uint64_t kBeginBytes = 1 << 20;

/// Writes the body as it comes, at a place taken when the upload began.
class StreamUpload final : public NeedleUpload {
 public:
  StreamUpload(std::shared_ptr<VolumeFile> volume, const OpenNeedle& request, NeedlePlace place)
      : volume_(std::move(volume)),
        header_(header_of(request, volume_->shared().clock)),
        generation_(request.generation),
        layout_(layout_of(header_)),
        place_(place),
        count_(request.body_bytes),
        next_(place.offset),
        begun_(place.offset) {
    head_.resize(kNeedleHeaderBytes);
    encode_needle_header(header_, volume_->seed_at(place.offset),
                         std::as_writable_bytes(std::span(head_)));
    head_ += back_pointer_of(request);
  }

  ~StreamUpload() override {
    if (published_) return;
    // Once finish() began, the needle may be whole on disk: then it stays as it is.
    const std::uint64_t begin = place_.offset + layout_.body_offset;
    volume_->abandon(header_.key, place_, begin, finishing_ ? begin : next_);
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(count_.take(bytes.size()));
    if (bytes.empty()) co_return Result<void>();
    auto job = [this, bytes] { return store(bytes); };
    const Result<void> stored = co_await offload<void>(volume_->shared().pool, std::move(job));
    if (!stored.has_value()) count_.stop();
    co_return stored;
  }

  Result<bool> append_here(ByteSpan bytes) override {
    KELP_CHECK(count_.take(bytes.size()));
    const Result<void> stored = bytes.empty() ? Result<void>() : store(bytes);
    if (stored.has_value()) return true;
    count_.stop();
    return stored.error();
  }

  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    KELP_CO_CHECK(volume_->let_finish(generation_, place_));
    finishing_ = true;
    trailer_ = encode_needle_trailer(as_bytes(head_), std::move(checksums_).finish());
    trailer_.resize(layout_.total_bytes - layout_.trailer_offset, '\0');
    KELP_ASSERT(next_ == place_.offset + layout_.trailer_offset, "the trailer follows the body");
    const LogWrite write{.offset = next_, .bytes = as_bytes(trailer_)};
    KELP_CO_CHECK(co_await volume_->commit(write));
    volume_->publish(header_.key, place_);
    published_ = true;
    co_return Result<void>();
  }

 private:
  /// On a pool thread. The first piece takes the head with it, so that a later scan can step over
  /// this needle whatever becomes of it.
  Result<void> store(ByteSpan bytes) {
    std::array<ByteSpan, 2> pieces{as_bytes(head_), bytes};
    const bool first = next_ == place_.offset;
    const auto used =
        first ? std::span<const ByteSpan>(pieces) : std::span<const ByteSpan>(pieces).subspan(1);
    KELP_CHECK(volume_->write(next_, used));
    next_ += (first ? head_.size() : 0) + bytes.size();
    if (next_ - begun_ >= kBeginBytes) {
      volume_->begin_writing(begun_, next_ - begun_);
      begun_ = next_;
    }
    checksums_.update(bytes);
    return {};
  }

  const std::shared_ptr<VolumeFile> volume_;
  const NeedleHeader header_;
  const Generation generation_;
  const NeedleLayout layout_;
  const NeedlePlace place_;
  BodyCount count_;
  std::string head_;  ///< Header and back pointer.
  std::string trailer_;
  BlockChecksums checksums_;
  std::uint64_t next_;   ///< Where in the file the next bytes go.
  std::uint64_t begun_;  ///< Bytes before are on their way to the disk, or there.
  bool finishing_ = false;
  bool published_ = false;
};

}  // namespace

Task<Result<std::unique_ptr<NeedleUpload>>> begin_upload(std::shared_ptr<VolumeFile> volume,
                                                         const OpenNeedle& request) {
  KELP_CO_CHECK(volume->check_writable());
  std::unique_ptr<NeedleUpload> upload;
  if (request.body_bytes <= kSmallBodyBytes) {
    upload = std::make_unique<SmallUpload>(std::move(volume), request);
    co_return upload;
  }
  const auto bytes = layout_of(request.body_bytes, back_pointer_bytes(request)).total_bytes;
  KELP_CO_TRY(const NeedlePlace place, co_await reserve_in(volume, request.fid.key, bytes));
  upload = std::make_unique<StreamUpload>(std::move(volume), request, place);
  co_return upload;
}

}  // namespace kelp
