// Needles that lie in a bucket of another S3: their format, reads, removals and keys.

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "base/encoding.h"
#include "base/rng.h"
#include "client/remote_leases.h"
#include "client/remote_volumes.h"
#include "os/system_clock.h"
#include "tests/support/client_fakes.h"
#include "tests/support/golden.h"
#include "tests/support/run_coro.h"
#include "wire/collections.h"
#include "wire/remote_volume.h"

namespace kelp::test {
namespace {

constexpr VolumeId kCold = remote_volume(3);
const FileId kFid{kCold, NeedleKey{0x1234}, Cookie{0xabcd}};
constexpr std::uint64_t kKiB = 1024;

std::string random_text(std::size_t bytes) {
  Rng rng(bytes);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(rng.below(256));
  return text;
}

std::string framed(const FileId& fid, std::string_view body) {
  RemoteFrames frames(fid, body.size());
  // In pieces that fit no frame.
  for (std::size_t at = 0; at < body.size(); at += 50'001) {
    frames.append(as_bytes(body.substr(at, 50'001)));
  }
  return frames.take();
}

template <typename T>
std::optional<Errc> code_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().code();
}

/// A bucket in memory, that fails when it is told to.
class MemoryBucket final : public RemoteBucket {
 public:
  Result<void> put(const std::string& name, const std::string& bytes) override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    objects[name] = bytes;
    return {};
  }
  Result<std::string> get(const std::string& name, std::uint64_t offset,
                          std::uint64_t bytes) override {
    const std::lock_guard lock(mutex);
    ++gets;
    if (error) return *error;
    const auto found = objects.find(name);
    if (found == objects.end()) return Error(Errc::kNotFound, name);
    if (offset >= found->second.size()) return Error(Errc::kCorruption, "it ends before");
    return found->second.substr(offset, bytes);
  }
  Result<void> remove(const std::string& name) override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    objects.erase(name);
    return {};
  }
  Result<std::vector<RemoteObject>> list(const std::string& after) override {
    const std::lock_guard lock(mutex);
    if (error) return *error;
    std::vector<RemoteObject> page;
    for (auto at = objects.upper_bound(after); at != objects.end() && page.size() < 2; ++at) {
      page.push_back({at->first, at->second.size()});
    }
    return page;
  }
  void stop() override {}

  std::mutex mutex;
  std::map<std::string, std::string> objects;
  std::optional<Error> error;
  int gets = 0;
};

class RemoteTest : public testing::Test {
 protected:
  RemoteTest() {
    auto bucket = std::make_unique<MemoryBucket>();
    bucket_ = bucket.get();
    std::vector<std::unique_ptr<Remote>> all;
    RemoteParts parts{.volume = kCold,
                      .name = "cold",
                      .classes = {"GLACIER_IR", "GLACIER"},
                      .bucket = std::move(bucket),
                      .clock = clock_,
                      .patience = std::chrono::minutes(1),
                      .pool = make_thread_pool({.threads = 2}),
                      .upload_bytes = 10 << 20};
    all.push_back(std::make_unique<Remote>(std::move(parts), metrics_));
    remotes_ = Remotes(std::move(all));
  }

  Result<void> write(const FileId& fid, std::string body) {
    const auto write = [&]() -> Task<Result<void>> {
      OpenNeedle request{.fid = fid, .body_bytes = body.size()};
      KELP_CO_TRY(const auto upload, co_await volumes_.open(std::move(request)));
      KELP_CO_CHECK(co_await upload->append(as_bytes(body)));
      co_return co_await upload->finish();
    };
    return run_coro(write());
  }
  Result<std::string> read(const FileId& fid, std::uint64_t offset, std::size_t bytes) {
    std::string buffer(bytes, '?');
    const auto read =
        run_coro(volumes_.read(fid, offset, std::as_writable_bytes(std::span(buffer))));
    if (!read) return read.error();
    return buffer;
  }
  std::string& stored(const FileId& fid) {
    return bucket_->objects.at(remote_name(fid.key, fid.cookie));
  }
  [[nodiscard]] bool counted(const std::string& line) const {
    return metrics_.text().contains(line + "\n");
  }

  SystemClock clock_;
  Metrics metrics_;
  MemoryBucket* bucket_ = nullptr;
  Remotes remotes_;
  FakeVolume local_;
  RemoteVolumes volumes_{local_, remotes_};
  RemoteVolumeAdmin admin_{local_, remotes_};
};

TEST(RemoteFrames, HaveTheirGoldenBytes) {
  EXPECT_EQ(hex_encode(framed(kFid, "what lies far away")), golden("remote_needle_v1.hex"));
}

TEST(RemoteFrames, AnswerAnyRangeOfAnyBody) {
  for (const std::size_t size : {1UL, 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, 300'000UL}) {
    const std::string body = random_text(size);
    const std::string whole = framed(kFid, body);
    EXPECT_EQ(whole.size(), remote_bytes(size));
    EXPECT_EQ(remote_body_bytes(whole.size()), size);
    for (std::uint64_t offset = 0; offset < size; offset += 31'000) {
      const RemoteRange range = remote_range(offset, 1);
      const auto got = open_remote_frames(
          kFid, range.offset, std::string_view(whole).substr(range.offset, range.bytes));
      ASSERT_TRUE(got) << got.error().message();
      EXPECT_EQ(got->body_bytes, size);
      EXPECT_EQ(got->bytes.at(offset - got->offset), body[offset]);
    }
  }
  EXPECT_FALSE(remote_body_bytes(16));
  EXPECT_FALSE(remote_body_bytes(64 * kKiB + 20));
}

TEST(RemoteFrames, RefuseWhateverIsNotTheirs) {
  const std::string whole = framed(kFid, random_text(150'000));
  const auto code = [&](const FileId& fid, std::uint64_t offset, std::string_view bytes) {
    const auto opened = open_remote_frames(fid, offset, bytes);
    return opened ? std::optional<Errc>() : opened.error().code();
  };
  EXPECT_EQ(code(kFid, 0, whole), std::nullopt);
  for (std::size_t at = 0; at < whole.size(); at += at < 40 ? 1 : 1009) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const auto found = code(kFid, 0, changed);
    EXPECT_TRUE(found == Errc::kCorruption || (at == 3 && found == Errc::kUnimplemented)) << at;
    EXPECT_EQ(code(kFid, 0, std::string_view(whole).substr(0, at)) == std::nullopt,
              at == 64 * kKiB + 16)
        << at;
  }
  const std::size_t frame = 64 * kKiB + 16;
  EXPECT_EQ(code(kFid, 0, whole.substr(frame)), Errc::kCorruption);
  EXPECT_EQ(code(kFid, 0, whole.substr(0, frame) + whole.substr(0, frame)), Errc::kCorruption);
  EXPECT_EQ(code({kCold, kFid.key, Cookie{1}}, 0, whole), Errc::kCorruption);
  EXPECT_EQ(code({remote_volume(4), kFid.key, kFid.cookie}, 0, whole), Errc::kCorruption);
  EXPECT_EQ(code(kFid, 0, whole + "x"), Errc::kCorruption);
}

TEST(RemoteNames, AscendWithTheirKeys) {
  EXPECT_LT(remote_name(NeedleKey{9}, Cookie{7}), remote_name(NeedleKey{16}, Cookie{0}));
  EXPECT_LT(last_remote_name(NeedleKey{9}), remote_name(NeedleKey{10}, Cookie{0}));
  EXPECT_EQ(parse_remote_name(kCold, remote_name(kFid.key, kFid.cookie)), kFid);
  for (const std::string_view name :
       {"", "12", "00000000000012340000ABCD", "0000000000001234-000abcd"}) {
    EXPECT_FALSE(parse_remote_name(kCold, name)) << name;
  }
}

TEST_F(RemoteTest, BodiesOnTheirWayTakeNoMoreMemoryThanTheyMay) {
  const std::string body = random_text(6 << 20);
  const auto open = [&] {
    return run_coro(volumes_.open({.fid = kFid, .body_bytes = body.size()}));
  };
  auto first = open();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(code_of(open()), Errc::kResourceExhausted);
  ASSERT_TRUE(run_coro((*first)->append(as_bytes(body))).has_value());
  EXPECT_TRUE(open().has_value()) << "what is put takes none any more";
  EXPECT_TRUE(open().has_value()) << "what was given up takes none either";
}

TEST_F(RemoteTest, WhatIsWrittenIsRead) {
  const std::string body = random_text(5'000'000);
  ASSERT_TRUE(write(kFid, body));
  EXPECT_EQ(read(kFid, 0, body.size()), body);
  EXPECT_EQ(read(kFid, 65'530, 20), body.substr(65'530, 20));
  EXPECT_EQ(read(kFid, 4'999'999, 1), body.substr(4'999'999));
  EXPECT_EQ(code_of(read(kFid, 4'999'999, 2)), Errc::kInvalidArgument);
  EXPECT_EQ(code_of(read({kCold, NeedleKey{1}, Cookie{1}}, 0, 1)), Errc::kNotFound);
  EXPECT_EQ(local_.reads, 0);
}

TEST_F(RemoteTest, WhoReadsOnGetsMoreAtOnce) {
  const std::string body = random_text(8 << 20);
  ASSERT_TRUE(write(kFid, body));
  const std::size_t piece = 256 * kKiB;
  for (std::uint64_t at = 0; at < body.size(); at += piece) {
    ASSERT_EQ(read(kFid, at, piece), body.substr(at, piece)) << at;
  }
  EXPECT_EQ(bucket_->gets, 5) << "one for the first piece, then 2 MiB each";
  // Of two readers of one needle neither gets what the other one is at.
  bucket_->gets = 0;
  for (const std::uint64_t at : {0UL, 1UL << 20, piece, (1UL << 20) + piece}) {
    EXPECT_EQ(read(kFid, at, piece), body.substr(at, piece));
  }
  EXPECT_EQ(bucket_->gets, 4);
}

TEST_F(RemoteTest, DamagedBytesAreNeverRead) {
  const std::string body = random_text(200'000);
  ASSERT_TRUE(write(kFid, body));
  stored(kFid)[70'000] ^= 1;
  EXPECT_EQ(code_of(read(kFid, 0, 200'000)), Errc::kCorruption);
  EXPECT_EQ(code_of(read(kFid, 65'536, 1)), Errc::kCorruption);
  EXPECT_EQ(read(kFid, 0, 65'536), body.substr(0, 65'536)) << "another frame";
  EXPECT_TRUE(counted("kelp_remote_damaged_total{remote=\"cold\"} 2"));

  stored(kFid) = framed(kFid, body).substr(0, 65'552);
  EXPECT_EQ(code_of(read(kFid, 0, 200'000)), Errc::kCorruption);
  stored(kFid) = framed({kCold, NeedleKey{0x9999}, kFid.cookie}, body);
  EXPECT_EQ(code_of(read(kFid, 10, 10)), Errc::kCorruption);
}

TEST_F(RemoteTest, ARemoteThatFailsLosesNothing) {
  ASSERT_TRUE(write(kFid, "body"));
  bucket_->error = Error(Errc::kUnavailable, "down");
  EXPECT_EQ(code_of(read(kFid, 0, 4)), Errc::kUnavailable);
  EXPECT_EQ(code_of(write({kCold, NeedleKey{7}, Cookie{7}}, "more")), Errc::kUnavailable);
  EXPECT_EQ(code_of(run_coro(volumes_.remove({kFid}))), Errc::kUnavailable);
  EXPECT_FALSE(run_coro(admin_.list_needles(kCold, NeedleKey{0}, 10)));
  EXPECT_TRUE(counted("kelp_remote_failing{remote=\"cold\"} 1"));
  bucket_->error.reset();
  EXPECT_EQ(read(kFid, 0, 4), "body");
  EXPECT_TRUE(counted("kelp_remote_failing{remote=\"cold\"} 0"));
  EXPECT_TRUE(run_coro(volumes_.remove({kFid})));
  EXPECT_TRUE(bucket_->objects.empty());
}

TEST_F(RemoteTest, ARemoteThatIsNotConfiguredIsNotEmpty) {
  const FileId other{remote_volume(9), NeedleKey{1}, Cookie{1}};
  EXPECT_EQ(code_of(read(other, 0, 1)), Errc::kUnavailable);
  EXPECT_EQ(code_of(write(other, "x")), Errc::kUnavailable);
  EXPECT_EQ(code_of(run_coro(volumes_.remove({other}))), Errc::kUnavailable);
  EXPECT_EQ(code_of(run_coro(admin_.list_needles(other.volume, NeedleKey{0}, 1))),
            Errc::kUnavailable);
}

TEST_F(RemoteTest, OtherVolumesAreNoneOfItsBusiness) {
  const FileId here{VolumeId{1}, NeedleKey{5}, Cookie{5}};
  local_.put(here, "local");
  EXPECT_EQ(read(here, 0, 5), "local");
  EXPECT_EQ(bucket_->gets, 0);
  ASSERT_TRUE(write(kFid, "body"));
  EXPECT_TRUE(run_coro(volumes_.remove({here, kFid})));
  EXPECT_EQ(local_.script.last(), encode_message(RemoveNeedles{{here}}));
}

TEST_F(RemoteTest, ListsItsNeedlesInPages) {
  for (const std::uint64_t key : {3UL, 20UL, 255UL, 256UL}) {
    ASSERT_TRUE(write({kCold, NeedleKey{key}, Cookie{1}}, std::string(key, 'x')));
  }
  bucket_->objects["0000000000000004-a-guest"] = "theirs";
  bucket_->objects["0000000000000004-another"] = "theirs";
  std::vector<std::uint64_t> keys;
  for (NeedleKey after{0};;) {
    const auto page = run_coro(admin_.list_needles(kCold, after, 100));
    ASSERT_TRUE(page);
    if (page->empty()) break;
    for (const NeedleInfo& each : *page) {
      keys.push_back(each.key.value);
      EXPECT_EQ(each.body_bytes, each.key.value);
      EXPECT_EQ(each.cookie, Cookie{1});
    }
    after = page->back().key;
  }
  EXPECT_EQ(keys, (std::vector<std::uint64_t>{3, 20, 255, 256}));
  EXPECT_EQ(code_of(run_coro(admin_.verify_volume(kCold))), Errc::kUnimplemented);
}

/// Gives what it is asked for, and keeps that.
class KeysMaster final : public MasterClient {
 public:
  Task<Result<WriteLease>> lease(LeaseRequest request) override {
    asked = request;
    WriteLease lease{.first_key = NeedleKey{100}, .key_count = request.key_count};
    lease.volume = VolumeId{request.collection == kRemoteCollection ? 0U : 1U};
    lease.token = "token";
    lease.members = {VolumeMember{"node", "host:1"}};
    lease.classes = {"STANDARD_IA"};
    lease.large_from = 1 << 20;
    co_return lease;
  }
  Task<Result<void>> release(VolumeId, std::uint64_t) override {
    ++released;
    co_return Result<void>();
  }
  Task<Result<VolumeLocation>> locate(VolumeId) override {
    co_return Error(Errc::kNotFound, "none");
  }
  LeaseRequest asked;
  int released = 0;
};

TEST_F(RemoteTest, ItsKeysAreTheMasters) {
  KeysMaster master;
  RemoteLeases leases(master, remotes_);
  LeaseRequest request{.key_count = 10, .bytes = 1 << 20, .collection = "GLACIER", .large = true};
  request.exclude = {kCold, VolumeId{4}};
  const auto lease = run_coro(leases.lease(request));
  ASSERT_TRUE(lease);
  EXPECT_EQ(master.asked.collection, kRemoteCollection);
  EXPECT_EQ(master.asked.bytes, 0U);
  EXPECT_FALSE(master.asked.large);
  EXPECT_EQ(master.asked.exclude, std::vector{VolumeId{4}});
  EXPECT_EQ(lease->volume, kCold);
  EXPECT_EQ(lease->first_key, NeedleKey{100});
  EXPECT_TRUE(lease->members.empty());
  EXPECT_TRUE(lease->token.empty());
  EXPECT_EQ(lease->large_from, 0U);
  EXPECT_EQ(lease->classes, (std::vector<std::string>{"STANDARD_IA", "GLACIER_IR", "GLACIER"}));
  EXPECT_TRUE(run_coro(leases.release(kCold, lease->bytes)));
  EXPECT_EQ(master.released, 0);

  request.collection = "STANDARD_IA";
  const auto other = run_coro(leases.lease(request));
  ASSERT_TRUE(other);
  EXPECT_EQ(master.asked.collection, "STANDARD_IA");
  EXPECT_EQ(master.asked.bytes, 1U << 20);
  EXPECT_EQ(other->volume, VolumeId{1});
  EXPECT_EQ(other->large_from, 1U << 20);
  EXPECT_EQ(other->classes.size(), 3U);
  EXPECT_TRUE(run_coro(leases.release(VolumeId{1}, 5)));
  EXPECT_EQ(master.released, 1);
}

}  // namespace
}  // namespace kelp::test
