#include "client/remote_frames.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "base/crc.h"

namespace kelp {
namespace {

/// "KRN" and the version.
constexpr std::uint32_t kMagic = 0x004e'524b;
constexpr std::uint32_t kVersion = 1;
constexpr unsigned kVersionShift = 24;
constexpr std::uint64_t kFrame = kRemoteFrameHead + kRemoteFrameBytes;
constexpr std::size_t kKeyDigits = 16;
constexpr std::size_t kCookieDigits = 8;

struct Head {
  std::uint32_t magic = 0;
  std::uint32_t index = 0;
  std::uint32_t body_bytes = 0;
  std::uint32_t crc = 0;
};
static_assert(sizeof(Head) == kRemoteFrameHead);

/// Of the needle, the place and the bytes, so that a frame is good nowhere else.
std::uint32_t checksum(const FileId& fid, const Head& head, std::string_view bytes) {
  std::string place;
  ByteWriter to(place);
  to.fixed(fid.volume.value);
  to.fixed(fid.key.value);
  to.fixed(fid.cookie.value);
  to.fixed(head.index);
  to.fixed(head.body_bytes);
  return crc32c(as_bytes(bytes), crc32c(as_bytes(place)));
}

Error damaged(const FileId& fid, std::uint64_t index, std::string_view why) {
  return {Errc::kCorruption,
          fmt::format("frame {} of needle {} at its remote: {}", index, to_string(fid), why)};
}

template <typename Int>
bool parse_hex(std::string_view digits, Int& value) {
  const bool plain = digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return plain &&
         std::from_chars(digits.data(), digits.data() + digits.size(), value, 16).ec == std::errc();
}

}  // namespace

std::uint64_t remote_bytes(std::uint64_t body_bytes) {
  return body_bytes + (body_bytes + kRemoteFrameBytes - 1) / kRemoteFrameBytes * kRemoteFrameHead;
}

std::optional<std::uint64_t> remote_body_bytes(std::uint64_t stored_bytes) {
  const std::uint64_t heads = (stored_bytes + kFrame - 1) / kFrame * kRemoteFrameHead;
  if (stored_bytes <= heads || remote_bytes(stored_bytes - heads) != stored_bytes) {
    return std::nullopt;
  }
  return stored_bytes - heads;
}

std::string remote_name(NeedleKey key, Cookie cookie) {
  return fmt::format("{:016x}{:08x}", key.value, cookie.value);
}

std::string last_remote_name(NeedleKey key) {
  return remote_name(key, Cookie(UINT32_MAX));
}

std::optional<FileId> parse_remote_name(VolumeId volume, std::string_view name) {
  FileId fid{.volume = volume, .key = {}, .cookie = {}};
  if (name.size() != kKeyDigits + kCookieDigits ||
      !parse_hex(name.substr(0, kKeyDigits), fid.key.value) ||
      !parse_hex(name.substr(kKeyDigits), fid.cookie.value)) {
    return std::nullopt;
  }
  return fid;
}

RemoteFrames::RemoteFrames(const FileId& fid, std::uint64_t body_bytes)
    : fid_(fid), body_bytes_(body_bytes) {
  stored_.reserve(remote_bytes(body_bytes));
}

void RemoteFrames::append(ByteSpan bytes) {
  KELP_ASSERT(received_ + bytes.size() <= body_bytes_, "more than was announced");
  while (!bytes.empty()) {
    if (received_ % kRemoteFrameBytes == 0) {
      frame_at_ = stored_.size();
      stored_.append(kRemoteFrameHead, '\0');
    }
    const std::uint64_t room = kRemoteFrameBytes - received_ % kRemoteFrameBytes;
    const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size()));
    stored_.append(as_text(bytes.first(now)));
    received_ += now;
    bytes = bytes.subspan(now);
    if (received_ % kRemoteFrameBytes == 0 || received_ == body_bytes_) seal();
  }
}

/// Fills in the head of the open frame.
void RemoteFrames::seal() {
  Head head{.magic = kMagic | kVersion << kVersionShift,
            .index = static_cast<std::uint32_t>((received_ - 1) / kRemoteFrameBytes),
            .body_bytes = static_cast<std::uint32_t>(body_bytes_)};
  head.crc = checksum(fid_, head, std::string_view(stored_).substr(frame_at_ + kRemoteFrameHead));
  std::memcpy(stored_.data() + frame_at_, &head, sizeof head);
}

RemoteRange remote_range(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t first = offset / kRemoteFrameBytes;
  const std::uint64_t end = (offset + bytes + kRemoteFrameBytes - 1) / kRemoteFrameBytes;
  return {first * kFrame, (end - first) * kFrame};
}

Result<RemoteStretch> open_remote_frames(const FileId& fid, std::uint64_t offset,
                                         std::string_view stored) {
  std::uint64_t index = offset / kFrame;
  RemoteStretch out{.offset = index * kRemoteFrameBytes, .body_bytes = 0, .bytes = {}};
  if (stored.empty()) return damaged(fid, index, "nothing came");
  out.bytes.reserve(stored.size());
  for (; !stored.empty(); ++index) {
    Head head;
    if (stored.size() < sizeof head) return damaged(fid, index, "it is cut off");
    std::memcpy(&head, stored.data(), sizeof head);
    if ((head.magic & ((1U << kVersionShift) - 1)) != kMagic) {
      return damaged(fid, index, "it is none");
    }
    if (head.magic >> kVersionShift != kVersion) {
      return Error(Errc::kUnimplemented,
                   fmt::format("needle {} at its remote has format {}, this version knows {}",
                               to_string(fid), head.magic >> kVersionShift, kVersion));
    }
    const std::uint64_t at = index * kRemoteFrameBytes;
    if (head.index != index || head.body_bytes <= at) return damaged(fid, index, "another place's");
    const std::uint64_t bytes = std::min(kRemoteFrameBytes, head.body_bytes - at);
    if (stored.size() < sizeof head + bytes) return damaged(fid, index, "it is cut off");
    const std::string_view body = stored.substr(sizeof head, bytes);
    if (checksum(fid, head, body) != head.crc) return damaged(fid, index, "not its checksum");
    out.body_bytes = head.body_bytes;
    out.bytes.append(body);
    stored.remove_prefix(sizeof head + bytes);
  }
  return out;
}

}  // namespace kelp
