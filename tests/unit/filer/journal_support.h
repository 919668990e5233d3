#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "filer/core/increment.h"
#include "filer/core/keys.h"
#include "filer/journal.h"
#include "filer/meta_copy.h"
#include "kv/mem_kv.h"
#include "tests/support/forwarding_kv.h"

namespace kelp::test {

using Rows = std::map<std::string, std::string>;

inline Result<void> commit_to(KvStore& store, KvBatch batch) {
  const auto outcome = std::make_shared<std::promise<Result<void>>>();
  store.commit(std::move(batch), [outcome](Result<void> done) { outcome->set_value(done); });
  return outcome->get_future().get();
}

/// A clock that says what it is told.
class ToldClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(now.load().time_since_epoch()); }
  [[nodiscard]] WallTime wall() const override { return now; }
  std::atomic<WallTime> now = WallTime(std::chrono::hours(400'000));
};

/// A process that writes to a store.
struct Writer {
  Writer(std::unique_ptr<KvStore> inner, bool on, bool shared, std::uint64_t stream) {
    auto opened =
        open_journal(std::move(inner), {.on = on, .stream = stream, .shared = shared}, clock);
    EXPECT_TRUE(opened) << opened.error().message();
    store = std::move(*opened);
  }
  ToldClock clock;
  std::unique_ptr<KvStore> store;
};

/// Batches whose keys meet: rows of several kinds, bodies, counters, ranges, numbered rows, and
/// conditions most of which hold.
class RandomBatches {
 public:
  explicit RandomBatches(std::uint64_t seed) : rng_(seed) {}

  KvBatch next(KvStore& store) {
    KvBatch batch;
    for (std::uint64_t i = rng_.below(3); i > 0; --i) batch.conditions.push_back(condition(store));
    for (std::uint64_t i = 1 + rng_.below(5); i > 0; --i) batch.writes.push_back(write());
    return batch;
  }
  Rng& rng() { return rng_; }

 private:
  std::string key() {
    static constexpr std::string_view kKinds = "Iobcd";
    return fmt::format("{}{}", kKinds[rng_.below(kKinds.size())], rng_.below(8));
  }
  std::pair<std::string, std::string> range() {
    const std::string begin = key();
    return {begin, begin.substr(0, 1) + std::to_string(rng_.below(9))};
  }
  std::string value() {
    if (rng_.chance(100'000)) return std::string(2000 + rng_.below(3000), 'L');
    return fmt::format("v{}", rng_.below(1000));
  }
  KvCondition condition(KvStore& store) {
    std::string name = key();
    if (rng_.chance(300'000)) {
      return KvCondition::at_most("c-sum", static_cast<std::int64_t>(rng_.below(40)) - 5);
    }
    auto row = store.get(name).value();
    if (rng_.chance(100'000)) row = value();
    return KvCondition::unchanged(std::move(name), std::move(row));
  }
  KvWrite write() {
    switch (rng_.below(9)) {
      case 0:
        return KvWrite::remove(key());
      case 1: {
        auto [begin, end] = range();
        return KvWrite::remove_range(std::move(begin), std::move(end));
      }
      case 2:
      case 3:
        return KvWrite::add("c-sum", static_cast<std::int64_t>(rng_.below(20)) - 9);
      case 4:
        return KvWrite::append("e-log", value());
      case 5:
        return KvWrite::put("c-sum", encode_counter(static_cast<std::int64_t>(rng_.below(9))));
      default:
        return KvWrite::put(key(), value());
    }
  }

  Rng rng_;
};

/// What dumps hold.
inline Rows rows_of(KvStore& store) {
  Rows rows;
  MetaWalk walk(store);
  for (; walk.valid(); walk.next()) rows.emplace(walk.key(), walk.value());
  EXPECT_TRUE(walk.status());
  return rows;
}

inline Result<std::string> all_of(DumpSource& source, WallTime taken) {
  source.set_taken(taken);
  std::string bytes;
  while (!source.ended()) {
    KELP_TRY(const std::string piece, source.next());
    bytes += piece;
  }
  return bytes;
}

inline std::string full_dump(KvStore& store, WallTime taken = {}) {
  MetaDump dump(store, {"cluster", "memory", {}});
  auto bytes = all_of(dump, taken);
  EXPECT_TRUE(bytes) << bytes.error().message();
  return bytes.value_or("");
}

inline DumpReader reader_of(std::string bytes) {
  return DumpReader([bytes = std::move(bytes), at = std::size_t{0}](MutableByteSpan out) mutable {
    const std::size_t count = std::min(out.size(), bytes.size() - at);
    std::memcpy(out.data(), bytes.data() + at, count);
    at += count;
    return Result<std::size_t>(count);
  });
}

inline DumpHeader header_of(const std::string& dump) {
  auto header = reader_of(dump).header();
  EXPECT_TRUE(header) << header.error().message();
  return header.value_or(DumpHeader{});
}

/// What changed since `dump` was taken.
inline Result<std::string> increment(KvStore& store, const std::string& dump) {
  MetaIncrement source(store, {"cluster", "memory", {}}, header_of(dump).position);
  return all_of(source, {});
}

/// Dumps one after the other, as the names of files in memory.
inline ChainChanges::Open open_each_of(std::deque<std::string> increments) {
  return [left = std::move(increments)]() mutable -> Result<std::optional<DumpReader>> {
    if (left.empty()) return std::nullopt;
    std::string next = std::move(left.front());
    left.pop_front();
    return reader_of(std::move(next));
  };
}

/// Loads a full dump and its increments into `to`, up to a time.
inline Result<DumpTotals> load_chain(KvStore& to, const std::deque<std::string>& chain,
                                     std::optional<WallTime> until) {
  for (std::size_t i = 1; i < chain.size(); ++i) {
    KELP_CHECK(check_link(header_of(chain[i - 1]), header_of(chain[i])));
  }
  DumpReader full = reader_of(chain.front());
  KELP_CHECK(full.header());
  ChainChanges changes(open_each_of({chain.begin() + 1, chain.end()}), until);
  return load_rows(to, [&full] { return full.next(); }, [&changes] { return changes.next(); });
}

inline Rows rows_at(const std::deque<std::string>& chain, std::optional<WallTime> until) {
  const auto store = make_mem_kv();
  const auto loaded = load_chain(*store, chain, until);
  EXPECT_TRUE(loaded) << loaded.error().message();
  return rows_of(*store);
}

}  // namespace kelp::test
