#include "s3gw/body_workers.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/md5.h"

namespace kelp::s3 {
namespace {

/// Keeps the work until the test runs it.
class HeldPool final : public WorkPool {
 public:
  [[nodiscard]] bool try_post(Work work) override {
    if (full) return false;
    held.push_back(std::move(work));
    return true;
  }
  void run_one() {
    Work work = std::move(held.front());
    held.pop_front();
    work();
  }
  std::deque<Work> held;
  bool full = false;
};

/// Takes from workers what it has room for, the rest from the io thread.
class PartSink final : public ByteSink {
 public:
  Task<S3Result<void>> append(ByteSpan bytes) override {
    data.append(as_text(bytes));
    appended += bytes.size();
    co_return S3Result<void>{};
  }
  S3Result<std::size_t> append_here(ByteSpan bytes) override {
    if (broken) return s3_error(S3Code::kInternalError);
    if (during) std::exchange(during, nullptr)();
    const std::size_t now = std::min(bytes.size(), room);
    data.append(as_text(bytes.first(now)));
    room -= now;
    return now;
  }
  std::string data;
  std::size_t room = SIZE_MAX;
  std::function<void()> during;  ///< Called once, while a worker is at work.
  std::size_t appended = 0;
  bool broken = false;
};

/// One body, sent in pieces of equal length.
struct Stream {
  explicit Stream(std::size_t index, std::size_t announced_bytes = kBytes)
      : text(kBytes, static_cast<char>('a' + index)),
        decoder(PayloadSpec{.claim = {.mode = PayloadMode::kUnsigned},
                            .decoded_bytes = announced_bytes,
                            .chunk_signing = std::nullopt,
                            .content_md5 = std::nullopt,
                            .checksum = std::nullopt,
                            .trailer_checksum = std::nullopt,
                            .default_checksum = ChecksumAlgorithm::kCrc32}) {}
  static constexpr std::size_t kBytes = 20'000;
  static constexpr std::size_t kPieces = 4;

  std::string text;
  PayloadDecoder decoder;
  PartSink sink;
  S3Result<void> outcome = s3_error(S3Code::kInternalError);
};

Task<void> send(BodyWorkers& workers, Stream& stream) {
  std::string copy = stream.text;
  const MutableByteSpan bytes = std::as_writable_bytes(std::span(copy));
  constexpr std::size_t kPiece = Stream::kBytes / Stream::kPieces;
  for (std::size_t i = 0; i < Stream::kPieces; ++i) {
    stream.outcome =
        co_await workers.process(stream.decoder, stream.sink, bytes.subspan(i * kPiece, kPiece));
    if (!stream.outcome) co_return;
  }
}

class BodyWorkersTest : public ::testing::Test {
 protected:
  Stream& begin(std::size_t announced_bytes = Stream::kBytes) {
    Stream& stream = streams.emplace_back(streams.size() % 26, announced_bytes);
    asio::co_spawn(context, send(workers, stream), asio::detached);
    return stream;
  }
  /// Lets the io thread do all it can.
  void run_io() {
    context.poll();
    context.restart();
  }
  void run_all() {
    for (run_io(); !pool.held.empty(); run_io()) pool.run_one();
  }
  static void expect_whole(Stream& stream) {
    ASSERT_TRUE(stream.outcome) << stream.outcome.error().message;
    EXPECT_EQ(stream.sink.data, stream.text);
    const auto result = stream.decoder.finish();
    ASSERT_TRUE(result) << result.error().message;
    Digest md5(DigestAlgorithm::kMd5);
    md5.update(stream.text);
    EXPECT_EQ(hex_encode(result->md5), hex_encode(md5.finish()));
  }

  asio::io_context context{1};
  HeldPool pool;
  BodyWorkers workers{pool};
  std::deque<Stream> streams;
};

TEST_F(BodyWorkersTest, OnePieceNeedsNoCompany) {
  Stream& stream = begin();
  for (std::size_t i = 0; i < Stream::kPieces; ++i) {
    run_io();
    ASSERT_EQ(pool.held.size(), 1U) << "piece " << i;
    pool.run_one();
  }
  run_io();
  EXPECT_TRUE(pool.held.empty());
  expect_whole(stream);
}

TEST_F(BodyWorkersTest, AWorkerTakesAllThatIsReady) {
  const std::size_t count = md5_lanes();
  for (std::size_t i = 0; i < count; ++i) begin();
  for (std::size_t i = 0; i < Stream::kPieces; ++i) {
    run_io();
    ASSERT_EQ(pool.held.size(), 1U) << "piece " << i;
    pool.run_one();
  }
  run_io();
  for (Stream& stream : streams) expect_whole(stream);
}

TEST_F(BodyWorkersTest, AnotherWorkerComesForAnotherFullSetOfLanes) {
  begin();
  run_io();
  ASSERT_EQ(pool.held.size(), 1U);
  for (std::size_t i = 1; i + 1 < md5_lanes(); ++i) begin();
  run_io();
  EXPECT_EQ(pool.held.size(), 1U) << "there are still lanes for these";
  begin();
  run_io();
  EXPECT_EQ(pool.held.size(), 2U);
  run_all();
  for (Stream& stream : streams) expect_whole(stream);
}

TEST_F(BodyWorkersTest, WhatComesDuringWorkIsTakenAfterIt) {
  Stream& first = begin();
  run_io();
  first.sink.during = [this] {
    begin();
    run_io();
    EXPECT_TRUE(pool.held.empty());
  };
  ASSERT_EQ(pool.held.size(), 1U);
  pool.run_one();
  // The first stream sends nothing more meanwhile.
  first.sink.broken = true;
  run_all();
  expect_whole(streams.back());
}

TEST_F(BodyWorkersTest, ManyMoreThanLanesAllEnd) {
  for (std::size_t i = 0; i < 3 * md5_lanes() + 1; ++i) begin();
  run_all();
  for (Stream& stream : streams) expect_whole(stream);
}

TEST_F(BodyWorkersTest, AFullPoolRefusesThePieceAndTheNextOneMayPass) {
  pool.full = true;
  Stream& refused = begin();
  run_io();
  ASSERT_FALSE(refused.outcome);
  EXPECT_EQ(refused.outcome.error().code, S3Code::kSlowDown);
  pool.full = false;
  Stream& later = begin();
  run_all();
  expect_whole(later);
}

TEST_F(BodyWorkersTest, WhatFailsForOneDoesNotTouchTheOthers) {
  Stream& longer = begin(Stream::kBytes / 2);
  Stream& broken = begin();
  broken.sink.broken = true;
  Stream& whole = begin();
  run_all();
  ASSERT_FALSE(longer.outcome);
  EXPECT_EQ(longer.outcome.error().code, S3Code::kIncompleteBody);
  ASSERT_FALSE(broken.outcome);
  EXPECT_EQ(broken.outcome.error().code, S3Code::kInternalError);
  expect_whole(whole);
}

TEST_F(BodyWorkersTest, WhatAWorkerCannotStoreTheIoThreadAppends) {
  Stream& stream = begin();
  stream.sink.room = 7'000;
  run_all();
  EXPECT_EQ(stream.sink.appended, Stream::kBytes - 7'000);
  expect_whole(stream);
}

}  // namespace
}  // namespace kelp::s3
