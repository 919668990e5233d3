#include "s3gw/core/sealing.h"

#include <algorithm>

#include "base/assert.h"

namespace kelp::s3 {
namespace {

// Another label stands for another way to seal.
constexpr std::string_view kLabel = "kelp sealed body 1";

AesGcm cipher_for(const SecretKey& object_key, ByteSpan salt) {
  std::string label(kLabel);
  label += as_text(salt);
  return AesGcm(object_key.derive(label));
}

/// What a frame is bound to besides its index, which is its nonce.
std::array<std::byte, 5> associated_with(const SealedBody& body, std::uint64_t index) {
  std::array<std::byte, 5> data{};
  for (std::size_t i = 0; i < 4; ++i) data[i] = std::byte(body.part_number >> (8 * i) & 0xff);
  data[4] = std::byte(index + 1 == frame_count(body.plain_bytes));
  return data;
}

/// Plain bytes of the body in front of a frame.
std::uint64_t plain_before(std::uint64_t index) {
  return index == 0 ? 0 : index * kFramePlainBytes - kFrameSaltBytes;
}

std::uint64_t plain_in(const SealedBody& body, std::uint64_t index) {
  return std::min(plain_before(index + 1), body.plain_bytes) - plain_before(index);
}

}  // namespace

BodySealer::BodySealer(const SecretKey& object_key, SealedBody body, const Salt& salt)
    : cipher_(cipher_for(object_key, salt)), body_(body), salt_(salt), left_(body.plain_bytes) {}

std::size_t BodySealer::seal(ByteSpan plain, MutableByteSpan out) {
  KELP_ASSERT(plain.size() <= left_, "a body is not longer than it said");
  std::byte* at = out.data();
  while (!plain.empty()) {
    if (left_in_frame_ == 0) {
      if (frame_ == 0) at = std::ranges::copy(salt_, at).out;
      left_in_frame_ = plain_in(body_, frame_);
      cipher_.begin_seal(frame_, associated_with(body_, frame_));
    }
    const auto now = std::min<std::size_t>(plain.size(), left_in_frame_);
    cipher_.seal(plain.first(now), {at, now});
    at += now;
    plain = plain.subspan(now);
    left_ -= now;
    left_in_frame_ -= now;
    if (left_in_frame_ > 0) continue;
    cipher_.end_seal(std::span<std::byte, AesGcm::kTagBytes>(at, AesGcm::kTagBytes));
    at += AesGcm::kTagBytes;
    ++frame_;
  }
  return static_cast<std::size_t>(at - out.data());
}

void BodySealer::settle(std::uint64_t plain_bytes) {
  const std::uint64_t came = body_.plain_bytes - left_;
  KELP_ASSERT(left_in_frame_ == 0 && plain_bytes > came && came <= bytes_before_last(plain_bytes),
              "what is sealed stays as it is");
  body_.plain_bytes = plain_bytes;
  left_ = plain_bytes - came;
}

std::uint64_t bytes_before_last(std::uint64_t plain_bytes) {
  const std::uint64_t frames = frame_count(plain_bytes);
  return frames == 0 ? 0 : plain_before(frames - 1);
}

std::string seal_body(const SecretKey& object_key, std::uint32_t part_number, const Salt& salt,
                      std::string_view plain) {
  std::string sealed(sealed_bytes(plain.size()), '\0');
  BodySealer sealer(object_key, {part_number, plain.size()}, salt);
  const std::size_t made = sealer.seal(as_bytes(plain), std::as_writable_bytes(std::span(sealed)));
  KELP_ASSERT(made == sealed.size(), "the length of a sealed body is known");
  return sealed;
}

BodyOpener::BodyOpener(const SecretKey& object_key, SealedBody body,
                       std::span<const std::byte, kFrameSaltBytes> salt)
    : cipher_(cipher_for(object_key, salt)), body_(body) {}

std::optional<MutableByteSpan> BodyOpener::open(std::uint64_t index, MutableByteSpan frame) {
  const std::size_t before = index == 0 ? kFrameSaltBytes : 0;
  const bool there = index < frame_count(body_.plain_bytes);
  if (!there || frame.size() != before + plain_in(body_, index) + kFrameTagBytes) {
    return std::nullopt;
  }
  const MutableByteSpan bytes = frame.subspan(before, frame.size() - before - kFrameTagBytes);
  const auto tag = frame.last<kFrameTagBytes>();
  if (!cipher_.open(index, associated_with(body_, index), bytes, tag)) return std::nullopt;
  return bytes;
}

ByteRange SealedStretch::stored() const {
  const std::uint64_t begin = first_frame * kFrameBytes;
  const std::uint64_t end =
      std::min((first_frame + frames) * kFrameBytes, sealed_bytes(body.plain_bytes));
  return {.offset = offset + begin, .size_bytes = end - begin};
}

std::uint64_t SealedStretch::frame_bytes(std::uint64_t index) const {
  return std::min(kFrameBytes, sealed_bytes(body.plain_bytes) - index * kFrameBytes);
}

SealedCursor::SealedCursor(const ObjectEntry& entry, ByteRange range)
    : entry_(entry), skip_bytes_(range.offset), left_bytes_(range.size_bytes) {}

std::optional<SealedBody> SealedCursor::body() const {
  if (index_ < entry_.parts.size()) {
    const PartInfo& part = entry_.parts[index_];
    return SealedBody{part.part_number, part.size_bytes};
  }
  if (index_ == 0) return SealedBody{1, entry_.size_bytes};
  return std::nullopt;
}

std::optional<SealedStretch> SealedCursor::next() {
  if (left_bytes_ == 0) return std::nullopt;
  std::optional<SealedBody> now = body();
  while (now && skip_bytes_ >= now->plain_bytes) {
    skip_bytes_ -= now->plain_bytes;
    stored_at_ += sealed_bytes(now->plain_bytes);
    ++index_;
    now = body();
  }
  KELP_ASSERT(now, "a range lies inside its object");
  const std::uint64_t bytes = std::min(left_bytes_, now->plain_bytes - skip_bytes_);
  SealedStretch stretch{.body = *now, .offset = stored_at_, .plain_bytes = bytes};
  stretch.first_frame = (skip_bytes_ + kFrameSaltBytes) / kFramePlainBytes;
  const std::uint64_t last = (skip_bytes_ + bytes - 1 + kFrameSaltBytes) / kFramePlainBytes;
  stretch.frames = last - stretch.first_frame + 1;
  stretch.skip_bytes = skip_bytes_ - plain_before(stretch.first_frame);
  skip_bytes_ += bytes;
  left_bytes_ -= bytes;
  return stretch;
}

}  // namespace kelp::s3
