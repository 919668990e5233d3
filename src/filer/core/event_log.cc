#include "filer/core/event_log.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/encoding.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr std::uint8_t kPositionFormat = 1;
constexpr std::uint32_t kMaxPage = 1000;
constexpr std::uint64_t kDeletes = UINT64_MAX;  // Behind all streams.
constexpr std::uint32_t kDeleteCounters = 256;

/// An event with its place.
struct Placed {
  WallTime at;  ///< As late as any event before it in its stream.
  std::uint64_t stream = 0;
  std::uint64_t number = 0;
  ObjectEvent event;
};

/// What is to be read of a log, stream by stream.
struct Merge {
  std::vector<Placed> found;
  /// Of a stream of which not all was taken: nothing later than this may go out before the rest.
  std::optional<WallTime> horizon;
  bool more = false;
};

Error gone() {
  return Error(Errc::kNotFound,
               "events behind the position are not kept any more: read from the oldest");
}

/// Visits each stream of a log with the number up to which it was cut off; the cursor stands at its
/// first event, if there is one, and may be left anywhere in the log.
Result<void> for_each_stream(
    KvCursor& rows, std::uint64_t log,
    const std::function<Result<void>(std::uint64_t stream, std::uint64_t cut)>& visit) {
  for (rows.seek(keys::events_of(log)); rows.valid();) {
    KELP_TRY(const keys::EventRowKey at, keys::parse_event(rows.key()));
    if (at.stream == kDeletes) break;
    std::uint64_t cut = 0;
    if (at.number == 0) {
      KELP_TRY(cut, decode_number(rows.value(), "events' cut"));
      rows.next();
    }
    KELP_CHECK(visit(at.stream, cut));
    rows.seek(keys::behind(keys::event_stream(log, at.stream)));
  }
  return rows.status();
}

/// Takes events of `stream` from where the cursor stands, at most `limit`.
Result<void> take_stream(KvCursor& rows, std::uint64_t stream, std::size_t limit, Merge& merge) {
  WallTime latest{};
  for (std::size_t taken = 0; rows.valid(); rows.next(), ++taken) {
    KELP_TRY(const keys::EventRowKey at, keys::parse_event(rows.key()));
    if (at.stream != stream) return {};
    if (taken == limit) {
      merge.horizon = std::min(merge.horizon.value_or(latest), latest);
      merge.more = true;
      return {};
    }
    KELP_TRY(ObjectEvent event, decode_event(rows.value()));
    latest = std::max(latest, event.time);
    merge.found.push_back({latest, stream, at.number, std::move(event)});
  }
  return {};
}

/// The first `limit` of what was found, in order, and the position behind them.
EventPage page_of(Merge merge, EventPosition position, std::size_t limit) {
  std::ranges::sort(merge.found, {}, [](const Placed& placed) {
    return std::tuple(placed.at, placed.stream, placed.number);
  });
  EventPage page{.events = {}, .position = {}, .more = merge.more};
  for (Placed& placed : merge.found) {
    if (page.events.size() == limit || (merge.horizon && placed.at > *merge.horizon)) {
      page.more = true;
      break;
    }
    position.read[placed.stream] = placed.number;
    page.events.push_back(std::move(placed.event));
  }
  page.position = position.text();
  return page;
}

/// The position behind everything that is there.
Result<EventPosition> end_of(KvStore& store, std::uint64_t log) {
  EventPosition end{.log = log, .read = {}};
  const auto rows = store.cursor(keys::within(keys::events_of(log)));
  KELP_CHECK(for_each_stream(*rows, log, [&](std::uint64_t stream, std::uint64_t cut) {
    end.read[stream] = cut;
    return Result<void>();
  }));
  for (auto& [stream, number] : end.read) {
    KELP_TRY(const auto last,
             store.scan(keys::within(keys::event_stream(log, stream)), 1, KvDirection::kBackward));
    if (last.empty()) continue;
    KELP_TRY(const keys::EventRowKey at, keys::parse_event(last.front().first));
    number = std::max(number, at.number);
  }
  return end;
}

}  // namespace

std::string EventPosition::text() const {
  std::string bytes;
  ByteWriter to(bytes);
  to.fixed(kPositionFormat);
  to.varint(log);
  to.varint(read.size());
  for (const auto& [stream, number] : read) {
    to.fixed(stream);
    to.varint(number);
  }
  return hex_encode(bytes);
}

Result<EventPosition> EventPosition::parse(std::string_view text) {
  const auto bytes = hex_decode(text);
  ByteReader in(bytes ? std::string_view(*bytes) : std::string_view());
  EventPosition position;
  const auto format = in.fixed<std::uint8_t>();
  position.log = in.varint();
  for (std::uint64_t count = in.varint(); count > 0 && !in.failed(); --count) {
    const auto stream = in.fixed<std::uint64_t>();
    position.read[stream] = in.varint();
  }
  if (format != kPositionFormat || !in.finish("position")) {
    return Error(Errc::kInvalidArgument, "this is no position in a log of events");
  }
  return position;
}

void add_event(std::uint64_t log, std::uint64_t stream, const ObjectEvent& event, KvBatch& batch) {
  batch.writes.push_back(KvWrite::append(keys::event_stream(log, stream), encode_event(event)));
  if (event.kind == EventKind::kDelete) {
    batch.writes.push_back(KvWrite::add(deletes_of(log, event.key), 1));
  }
}

std::string deletes_of(std::uint64_t log, std::string_view key) {
  return keys::event(log, kDeletes, crc32c(as_bytes(key)) % kDeleteCounters);
}

void end_event_log(const BucketEvents& events, KvBatch& batch) {
  if (events.log == 0) return;
  KvRange rows = keys::within(keys::events_of(events.log));
  batch.writes.push_back(KvWrite::remove_range(std::move(rows.begin), std::move(rows.end)));
}

Result<EventPage> read_events(KvStore& store, std::uint64_t log, const ReadEvents& request) {
  EventPosition position{.log = log, .read = {}};
  if (request.from == EventsFrom::kNow) {
    KELP_TRY(position, end_of(store, log));
    return EventPage{.events = {}, .position = position.text()};
  }
  if (request.from == EventsFrom::kPosition) {
    KELP_TRY(position, EventPosition::parse(request.position));
    if (position.log != log) return gone();
  }
  const std::size_t limit = std::clamp(request.limit, 1U, kMaxPage);
  Merge merge;
  const auto rows = store.cursor(keys::within(keys::events_of(log)));
  const auto take = [&](std::uint64_t stream, std::uint64_t cut) -> Result<void> {
    std::uint64_t& read = position.read[stream];
    if (read < cut) {
      if (request.from == EventsFrom::kPosition) return gone();
      read = cut;
    }
    if (read > cut) rows->seek(keys::event(log, stream, read + 1));
    return take_stream(*rows, stream, limit, merge);
  };
  KELP_CHECK(for_each_stream(*rows, log, take));
  return page_of(std::move(merge), std::move(position), limit);
}

Result<std::optional<KvBatch>> cut_events(KvStore& store, std::uint64_t log, WallTime before,
                                          std::size_t most) {
  KvBatch batch;
  std::size_t looked = 0;
  const auto rows = store.cursor(keys::within(keys::events_of(log)));
  const auto cut = [&](std::uint64_t stream, std::uint64_t already) -> Result<void> {
    std::uint64_t last = already;
    for (; rows->valid() && looked < most; rows->next(), ++looked) {
      KELP_TRY(const keys::EventRowKey at, keys::parse_event(rows->key()));
      if (at.stream != stream) break;
      KELP_TRY(const ObjectEvent event, decode_event(rows->value()));
      if (event.time >= before) break;
      last = at.number;
    }
    if (last == already) return {};
    batch.writes.push_back(KvWrite::remove_range(keys::event(log, stream, already + 1),
                                                 keys::event(log, stream, last + 1)));
    batch.writes.push_back(KvWrite::put(keys::event(log, stream, 0), encode_number(last)));
    return {};
  };
  KELP_CHECK(for_each_stream(*rows, log, cut));
  if (batch.writes.empty()) return std::nullopt;
  return batch;
}

}  // namespace kelp
