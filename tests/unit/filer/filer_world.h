#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/rng.h"
#include "filer/filer_service.h"
#include "kv/mem_kv.h"
#include "tests/support/forwarding_kv.h"

namespace kelp::test {

/// A clock that stands still until it is moved.
class StillClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(since_start_); }
  [[nodiscard]] WallTime wall() const override {
    return WallTime(std::chrono::seconds(1'700'000'000)) + since_start_;
  }
  void advance(std::chrono::nanoseconds by) { since_start_ += by; }

 private:
  std::chrono::nanoseconds since_start_{0};
};

/// Work waits here until the world runs it, one at a time, in an order drawn from the seed.
class ShuffledWork final : public WorkPool {
 public:
  explicit ShuffledWork(std::uint64_t seed) : rng_(seed) {}
  [[nodiscard]] bool try_post(Work work) override {
    waiting_.push_back(std::move(work));
    ++posted;
    return true;
  }
  bool run_one() {
    if (waiting_.empty()) return false;
    std::swap(waiting_[rng_.below(waiting_.size())], waiting_.back());
    const auto work = std::make_shared<Work>(std::move(waiting_.back()));
    waiting_.pop_back();
    (*work)();
    return true;
  }
  Rng& rng() { return rng_; }

  std::size_t posted = 0;

 private:
  Rng rng_;
  std::vector<Work> waiting_;
};

/// A store whose answers come late and in another order than they were asked for.
class ShuffledKv final : public ForwardingKv {
 public:
  ShuffledKv(KvStore& inner, ShuffledWork& work) : ForwardingKv(inner), work_(work) {}
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    if (work_.rng().below(2) == 0) return std::nullopt;
    return ForwardingKv::try_get(key);
  }
  void commit(KvBatch batch, CommitDone done) override {
    ++commits;
    static_cast<void>(work_.try_post([this, batch = std::move(batch), done]() mutable {
      ForwardingKv::commit(std::move(batch), std::move(done));
    }));
  }

  int commits = 0;

 private:
  ShuffledWork& work_;
};

/// A filer on a store in memory, in one thread, with every wait's order drawn from a seed.
class FilerWorld {
 public:
  explicit FilerWorld(std::uint64_t seed = 1, FilerOptions options = {},
                      std::unique_ptr<KvStore> engine = make_mem_kv())
      : store(std::move(engine)), work(seed), kv(*store, work), filer(kv, work, clock, options) {}

  /// Runs all of `tasks` at once, to their ends.
  void run_all(std::vector<Task<void>> tasks) {
    asio::io_context context(1);
    for (auto& task : tasks) {
      asio::co_spawn(context, std::move(task), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      });
    }
    do {
      context.restart();
      context.poll();
    } while (work.run_one());
  }

  /// Runs one call and gives what it answers.
  template <typename T>
  T run(Task<T> task) {
    std::optional<T> answer;
    std::vector<Task<void>> tasks;
    tasks.push_back(keep(std::move(task), answer));
    run_all(std::move(tasks));
    return std::move(answer).value();
  }

  BucketEntry make_bucket(std::string name, std::string owner = "alice") {
    BucketEntry bucket;
    bucket.name = std::move(name);
    bucket.owner_id = std::move(owner);
    return run(filer.create_bucket(std::move(bucket))).value();
  }

  /// A needle that never was: `size` bytes under a fresh key.
  Chunk chunk(std::uint64_t size) {
    return {{VolumeId(1), NeedleKey(++last_key), Cookie(static_cast<std::uint32_t>(last_key))},
            size};
  }

  StillClock clock;
  std::unique_ptr<KvStore> store;
  ShuffledWork work;
  ShuffledKv kv;
  FilerService filer;
  std::uint64_t last_key = 0;

 private:
  template <typename T>
  static Task<void> keep(Task<T> task, std::optional<T>& answer) {
    answer.emplace(co_await std::move(task));
  }
};

inline PutObject put_of(std::string bucket, std::string key, std::string body) {
  PutObject put;
  put.bucket = std::move(bucket);
  put.key = std::move(key);
  put.entry.size_bytes = body.size();
  put.entry.etag = std::string(16, 'e');
  put.entry.owner_id = "alice";
  put.inline_body = std::move(body);
  return put;
}

/// Begins an upload through `filer`, of the world or beside it, and puts its only part, a needle
/// of `size` bytes; what completes it.
inline CompleteUpload upload_of(FilerWorld& world, FilerService& filer, std::string bucket,
                                std::string key, std::uint64_t size) {
  CreateUpload create;
  create.bucket = bucket;
  create.key = key;
  PutPart part;
  part.upload = {std::move(bucket), std::move(key),
                 world.run(filer.create_upload(create)).value().upload_id};
  part.part_number = 1;
  part.size_bytes = size;
  part.md5 = std::string(16, 'm');
  part.chunks = {world.chunk(size)};
  CompleteUpload complete;
  complete.upload = part.upload;
  complete.parts = {{.part_number = 1, .etag = hex_encode(part.md5), .checksums = {}}};
  const auto put = world.run(filer.put_part(std::move(part)));
  if (!put) throw std::runtime_error(put.error().message());
  return complete;
}

}  // namespace kelp::test
