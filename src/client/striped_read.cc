#include "client/striped_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "ec/reed_solomon.h"
#include "rpc/rpc_types.h"

namespace kelp {

StripedRead::StripedRead(StripedReadParts parts, VolumeLocation location, Range range)
    : parts_(parts), location_(std::move(location)), range_(range), scheme_(location_.scheme) {}

Task<Result<void>> StripedRead::run() {
  KELP_CO_CHECK(check_scheme(scheme_));
  for (const VolumeMember& member : location_.members) {
    if (member.shard < scheme_.shards()) members_[member.shard] = &member;
  }
  TaskGroup group(co_await asio::this_coro::executor);
  const MonoTime now = parts_.clock.mono();
  for (std::uint32_t shard = 0; shard < scheme_.data; ++shard) {
    wanted_[shard] = range_in_shard(scheme_, shard, range_.offset, range_.buffer.size());
    if (wanted_[shard].empty()) continue;
    const VolumeMember* const member = members_[shard];
    if (member == nullptr || parts_.health.failing(member->address, now)) {
      given_up_.insert(shard);
    } else {
      start(*member, wanted_[shard], group);
    }
  }
  Result<bool> done = look(group);
  while (done.has_value() && !*done) {
    const auto waited = co_await changed_.wait();
    done = waited.has_value() ? look(group) : Result<bool>(waited.error());
  }
  group.cancel();
  co_await group.join();
  KELP_CO_CHECK(done);
  co_return Result<void>();
}

void StripedRead::start(const VolumeMember& member, ShardRange range, TaskGroup& group) {
  fetches_.push_back(std::make_unique<Fetch>());
  Fetch* const begun = fetches_.back().get();
  begun->member = member;
  begun->range = range;
  group.spawn(fetch(begun));
  group.spawn(watch(begun));
}

Task<void> StripedRead::fetch(Fetch* fetch) {
  fetch->bytes = uninitialized(fetch->range.size());
  const std::string& address = fetch->member.address;
  const auto node = parts_.nodes.at(address);
  ShardRead request{.fid = range_.fid,
                    .scheme = scheme_,
                    .shard = fetch->member.shard,
                    .offset = fetch->range.begin,
                    .body_end = range_.offset + range_.buffer.size()};
  const MonoTime begin = parts_.clock.mono();
  fetch->outcome = co_await node->read_shard(std::move(request),
                                             std::as_writable_bytes(std::span(fetch->bytes)));
  if (fetch->outcome->has_value()) {
    parts_.health.answered(address, parts_.clock.mono() - begin);
  } else {
    const Error& error = fetch->outcome->error();
    if (node_failed(error)) parts_.health.failed(address, parts_.clock.mono());
    if (error.code() == Errc::kCorruption) {
      logger("client").error("shard_corrupt fid={} shard={} node={} error={}",
                             to_string(range_.fid), fetch->member.shard,
                             log_value(fetch->member.node_id), log_value(error.message()));
    }
  }
  changed_.notify_all();
}

Task<void> StripedRead::watch(Fetch* fetch) {
  const auto patience = parts_.health.patience(fetch->member.address);
  const auto slept = co_await parts_.timers.sleep_until(parts_.clock.mono() + patience);
  if (!slept.has_value() || fetch->outcome) co_return;
  fetch->late = true;
  parts_.hedged.Increment();
  changed_.notify_all();
}

/// Fills the buffer when enough is there, else begins what is missing.
Result<bool> StripedRead::look(TaskGroup& group) {
  for (const auto& fetch : fetches_) {
    const bool past_the_end = fetch->outcome && !fetch->outcome->has_value() &&
                              fetch->outcome->error().code() == Errc::kInvalidArgument;
    if (past_the_end) return fetch->outcome->error();
    const bool wanted = !wanted_[fetch->member.shard].empty();
    if (wanted && !fetch->hopeful()) given_up_.insert(fetch->member.shard);
  }
  while (const auto range = range_to_rebuild()) {
    std::size_t good = 0;
    std::size_t hopeful = 0;
    bool waiting = false;
    for (const auto& fetch : fetches_) {
      waiting = waiting || !fetch->outcome;
      if (!fetch->covers(*range)) continue;
      if (fetch->good()) ++good;
      if (fetch->hopeful()) ++hopeful;
    }
    if (good >= scheme_.data) {
      KELP_CHECK(rebuild(*range));
      break;
    }
    if (hopeful >= scheme_.data) return false;
    const VolumeMember* const source = next_source(*range);
    if (source != nullptr) {
      start(*source, *range, group);
    } else if (waiting) {
      return false;
    } else {
      return failure();
    }
  }
  for (std::uint32_t shard = 0; shard < scheme_.data; ++shard) {
    if (wanted_[shard].empty() || good_fetch(shard, wanted_[shard]) != nullptr) continue;
    if (rebuilt_[shard].empty()) return false;
  }
  gather();
  return true;
}

const StripedRead::Fetch* StripedRead::good_fetch(std::uint32_t shard, ShardRange range) const {
  for (const auto& fetch : fetches_) {
    if (fetch->member.shard == shard && fetch->good() && fetch->covers(range)) return fetch.get();
  }
  return nullptr;
}

/// What of each shard has to be known to compute those that were given up; nothing: none is.
std::optional<ShardRange> StripedRead::range_to_rebuild() const {
  std::optional<ShardRange> all;
  for (const std::uint32_t shard : given_up_) {
    const ShardRange range = wanted_[shard];
    if (good_fetch(shard, range) != nullptr) continue;  // it came after all
    if (!all) all = range;
    all = ShardRange{std::min(all->begin, range.begin), std::max(all->end, range.end)};
  }
  return all;
}

/// A server whose shard was not asked for yet, over this range; those that failed lately last.
const VolumeMember* StripedRead::next_source(ShardRange range) const {
  const VolumeMember* last = nullptr;
  const MonoTime now = parts_.clock.mono();
  for (std::uint32_t shard = 0; shard < scheme_.shards(); ++shard) {
    const VolumeMember* const member = members_[shard];
    const bool asked = std::ranges::any_of(fetches_, [&](const auto& fetch) {
      const bool failed = fetch->outcome && !fetch->outcome->has_value();
      return fetch->member.shard == shard && (fetch->covers(range) || failed);
    });
    if (member == nullptr || asked) continue;
    if (!parts_.health.failing(member->address, now)) return member;
    if (last == nullptr) last = member;
  }
  return last;
}

Result<void> StripedRead::rebuild(ShardRange range) {
  KELP_TRY(ReedSolomon* const code, ReedSolomon::shared(scheme_));
  std::vector<ByteSpan> shards(scheme_.shards());
  std::vector<WantedShard> wanted;
  for (std::uint32_t shard = 0; shard < scheme_.shards(); ++shard) {
    if (const Fetch* const fetch = good_fetch(shard, range)) {
      shards[shard] =
          as_bytes(fetch->bytes).subspan(range.begin - fetch->range.begin, range.size());
    } else if (given_up_.contains(shard)) {
      rebuilt_[shard] = uninitialized(range.size());
      wanted.push_back({shard, std::as_writable_bytes(std::span(rebuilt_[shard]))});
    }
  }
  rebuilt_range_ = range;
  parts_.rebuilt.Increment();
  return code->reconstruct(shards, wanted);
}

void StripedRead::gather() {
  for (const CellPiece& piece : cut_into_cells(scheme_, range_.offset, range_.buffer.size())) {
    const Fetch* const fetch = good_fetch(piece.shard, wanted_[piece.shard]);
    const std::string& from = fetch != nullptr ? fetch->bytes : rebuilt_[piece.shard];
    const std::uint64_t begin = fetch != nullptr ? fetch->range.begin : rebuilt_range_.begin;
    std::memcpy(range_.buffer.data() + (piece.body_offset - range_.offset),
                from.data() + (piece.shard_offset - begin), piece.bytes);
  }
}

Error StripedRead::failure() const {
  std::size_t good = 0;
  const Error* missing = nullptr;  // it was removed, or never whole
  const Error* other = nullptr;
  for (const auto& fetch : fetches_) {
    if (!fetch->outcome) continue;
    if (fetch->outcome->has_value()) {
      ++good;
    } else if (fetch->outcome->error().code() == Errc::kNotFound) {
      missing = &fetch->outcome->error();
    } else {
      other = &fetch->outcome->error();
    }
  }
  const Error* const shown = other != nullptr ? other : missing;
  const Errc code = shown == nullptr ? Errc::kUnavailable : shown->code();
  return {code, fmt::format("needle {}: {} shards could be read, {} needs {}: {}",
                            to_string(range_.fid), good, to_string(scheme_), scheme_.data,
                            shown == nullptr ? "nobody has the others" : shown->message())};
}

}  // namespace kelp
