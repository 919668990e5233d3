#include "tests/unit/s3gw/fake_rooms.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "tests/support/pages.h"

namespace kelp::s3::test {

Task<Result<WriteLease>> FakeMaster::lease(LeaseRequest request) {
  WriteLease lease{.first_key = NeedleKey{next_key_},
                   .key_count = request.key_count,
                   .volume = VolumeId{1},
                   .generation = Generation{1},
                   .members = {},
                   .bytes = request.bytes,
                   .token = "token",
                   .expires = clock->wall() + std::chrono::hours(1)};
  next_key_ += request.key_count;
  excluded = std::move(request.exclude);
  co_return lease;
}

Task<Result<void>> FakeMaster::release(VolumeId, std::uint64_t) {
  co_return Result<void>{};
}

Task<Result<VolumeLocation>> FakeMaster::locate(VolumeId volume) {
  co_return VolumeLocation{.volume = volume, .generation = Generation{1}, .members = {}};
}

namespace {

class FakeUpload final : public NeedleUpload {
 public:
  FakeUpload(FakeVolumes& volumes, std::uint64_t key, std::uint64_t bytes)
      : volumes_(volumes), key_(key), bytes_(bytes) {}
  Task<Result<void>> append(ByteSpan bytes) override { co_return take(bytes); }
  Result<bool> append_here(ByteSpan bytes) override {
    if (volumes_.remote) return false;
    KELP_CHECK(take(bytes));
    return true;
  }
  Task<Result<void>> finish() override {
    if (volumes_.fail_finish) co_return Error(Errc::kIo, "planted");
    if (volumes_.take_finishes > 0) {
      --volumes_.take_finishes;
    } else if (volumes_.refuse_finishes > 0) {
      --volumes_.refuse_finishes;
      co_return Error(Errc::kConflict, "planted");
    }
    if (body_.size() != bytes_) co_return Error(Errc::kInvalidArgument, "too few bytes");
    volumes_.needles[key_] = body_;
    co_return Result<void>{};
  }
  std::string take_body() override { return volumes_.remote ? std::move(body_) : std::string(); }

 private:
  Result<void> take(ByteSpan bytes) {
    body_.append(as_text(bytes));
    if (body_.size() > bytes_) return Error(Errc::kInvalidArgument, "too many bytes");
    return {};
  }

  FakeVolumes& volumes_;
  std::uint64_t key_;
  std::uint64_t bytes_;
  std::string body_;
};

}  // namespace

Task<Result<std::unique_ptr<NeedleUpload>>> FakeVolumes::open(OpenNeedle request) {
  if (refuse_opens > 0) {
    --refuse_opens;
    co_return Error(Errc::kUnavailable, "planted");
  }
  opened.push_back(request);
  std::unique_ptr<NeedleUpload> upload =
      std::make_unique<FakeUpload>(*this, request.fid.key.value, request.body_bytes);
  co_return upload;
}

Task<Result<void>> FakeVolumes::read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) {
  if (reads++ == corrupt_read) co_return Error(Errc::kCorruption, "planted");
  const auto found = needles.find(fid.key.value);
  if (found == needles.end()) co_return Error(Errc::kNotFound, "no needle");
  if (offset + buffer.size() > found->second.size()) {
    co_return Error(Errc::kInvalidArgument, "past the end");
  }
  std::memcpy(buffer.data(), found->second.data() + offset, buffer.size());
  co_return Result<void>{};
}

PinnedPages FakeVolumes::try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) {
  const auto found = needles.find(fid.key.value);
  if (!pins || found == needles.end() || offset % (64 * 1024) != 0) return {};
  const int file = ::memfd_create("needle", MFD_CLOEXEC);
  const auto pool = std::make_shared<PipePool>(1);
  const std::string part = found->second.substr(offset, std::min(bytes, pool->most_bytes()));
  EXPECT_EQ(::write(file, part.data(), part.size()), static_cast<ssize_t>(part.size()));
  PinnedPages pages = pool->pin(file, 0, part.size());
  ::close(file);
  pinned += pages.size();
  return pages;
}

Task<Result<void>> FakeVolumes::remove(std::vector<FileId>) {
  co_return Result<void>{};
}

Task<Result<std::size_t>> FakeBody::read_some(MutableByteSpan buffer) {
  asked = true;
  const std::size_t bytes = std::min({buffer.size(), data.size() - at_, piece_bytes});
  if (bytes == 0 && truncated) {
    co_return Error(Errc::kInvalidArgument, "closed", Reason::kBodyTruncated);
  }
  std::memcpy(buffer.data(), data.data() + at_, bytes);
  at_ += bytes;
  co_return bytes;
}

void FakeResponse::keep(const HttpResponse& head) {
  ++answers;
  started_ = true;
  status = head.status();
  lines = head.lines();
}

Task<Result<void>> FakeResponse::send(HttpResponse head, std::string text) {
  keep(head);
  body = std::move(text);
  announced = body.size();
  co_return Result<void>{};
}

Task<Result<void>> FakeResponse::send_head(HttpResponse head,
                                           std::optional<std::uint64_t> body_bytes) {
  keep(head);
  announced = body_bytes;
  co_return Result<void>{};
}

void FakeResponse::start(HttpResponse head, std::optional<std::uint64_t> body_bytes) {
  keep(head);
  announced = body_bytes;
}

Task<Result<void>> FakeResponse::write(ByteSpan bytes) {
  body.append(as_text(bytes));
  co_return Result<void>{};
}

Task<Result<void>> FakeResponse::write_pages(PinnedPages pages) {
  body += ::kelp::test::drain(std::move(pages));
  co_return Result<void>{};
}

Task<Result<void>> FakeResponse::finish() {
  cut_short = announced && body.size() < *announced;
  co_return Result<void>{};
}

}  // namespace kelp::s3::test
