#include "filer/core/journal_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr std::size_t kAheadRows = 500;  // Of a stream, at once.
constexpr std::size_t kAheadBytes = 1 << 20;

bool stands_in(const KvCursor& rows, std::string_view prefix) {
  return rows.valid() && rows.key().starts_with(prefix);
}

/// Which journal is kept; 0: none. The cursor stands at its row, if there is one.
Result<std::uint64_t> read_id(KvCursor& rows) {
  rows.seek(keys::journal());
  if (rows.valid() && rows.key() == keys::journal())
    return decode_number(rows.value(), "the journal's id");
  KELP_CHECK(rows.status());
  return std::uint64_t{0};
}

/// The last number of a stream from `first`, which is there, on. The cursor only walks forward, and
/// numbers have gaps: looks further and further ahead, then nearer and nearer.
Result<std::uint64_t> last_number(KvCursor& rows, std::uint64_t journal, std::uint64_t stream,
                                  std::uint64_t first) {
  const std::string prefix = keys::journal_stream(journal, stream);
  std::uint64_t last = first;
  bool further = true;
  for (std::uint64_t step = 1; step > 0;) {
    if (step <= UINT64_MAX - last) {
      rows.seek(keys::journal_row(journal, stream, last + step));
    }
    if (step <= UINT64_MAX - last && stands_in(rows, prefix)) {
      KELP_TRY(const keys::JournalRowKey at, keys::parse_journal_row(rows.key()));
      last = at.number;
    } else {
      KELP_CHECK(rows.status());
      further = false;
    }
    step = further ? 2 * step : step / 2;
  }
  return last;
}

/// Up to where the streams of a journal were cut off.
Result<std::map<std::uint64_t, std::uint64_t>> read_cuts(KvCursor& rows, std::uint64_t journal) {
  std::map<std::uint64_t, std::uint64_t> cuts;
  for (rows.seek(keys::journal_cut(journal, 0)); stands_in(rows, keys::journal()); rows.next()) {
    KELP_TRY(const keys::JournalRowKey at, keys::parse_journal_cut(rows.key()));
    if (at.journal != journal) break;
    KELP_TRY(cuts[at.stream], decode_number(rows.value(), "the journal's cut"));
  }
  KELP_CHECK(rows.status());
  return cuts;
}

Error no_increment(Errc code, std::string_view why) {
  return {code, fmt::format("no increment is possible, take a full dump: {}", why)};
}

/// Whether everything behind `since` is there.
Result<void> check_since(const JournalPosition& since, const JournalPosition& until,
                         const std::map<std::uint64_t, std::uint64_t>& cuts) {
  if (since.journal == 0) {
    return no_increment(Errc::kInvalidArgument, "that dump was taken while no journal was kept");
  }
  if (until.journal != since.journal) {
    return no_increment(Errc::kNotFound,
                        "the journal was switched off since, or this is another store");
  }
  for (const auto& [stream, number] : since.read) {
    const auto now = until.read.find(stream);
    if (now == until.read.end() || now->second < number) {
      return no_increment(Errc::kInvalidArgument, "the store is older than that dump");
    }
  }
  for (const auto& [stream, cut] : cuts) {
    const auto read = since.read.find(stream);
    if (cut > (read == since.read.end() ? 0 : read->second)) {
      return no_increment(Errc::kNotFound, "what was changed since is not kept any more");
    }
  }
  return {};
}

}  // namespace

KvRange journal_and_rows() {
  return {std::string(1, kBulkPrefix), keys::all_metadata().end};
}

Result<JournalPosition> read_position(KvCursor& rows) {
  JournalPosition position;
  KELP_TRY(position.journal, read_id(rows));
  if (position.journal == 0) return position;
  KELP_TRY(position.read, read_cuts(rows, position.journal));
  const std::string all = keys::journal_rows(position.journal);
  for (rows.seek(all); stands_in(rows, all);) {
    KELP_TRY(const keys::JournalRowKey at, keys::parse_journal_row(rows.key()));
    KELP_TRY(position.read[at.stream], last_number(rows, position.journal, at.stream, at.number));
    rows.seek(keys::behind(keys::journal_stream(position.journal, at.stream)));
  }
  KELP_CHECK(rows.status());
  return position;
}

Result<JournalWalk> JournalWalk::open(KvStore& store, JournalPosition since) {
  auto rows = store.cursor(journal_and_rows());
  KELP_TRY(JournalPosition until, read_position(*rows));
  KELP_TRY(const auto cuts, read_cuts(*rows, until.journal));
  KELP_CHECK(check_since(since, until, cuts));
  JournalWalk walk(std::move(rows), std::move(until));
  for (const auto& [stream, last] : walk.until_.read) {
    walk.streams_[stream] = Stream{.read = since.read[stream], .until = last, .ahead = {}};
  }
  return walk;
}

/// Reads on in a stream, some records at once.
Result<void> JournalWalk::fill(std::uint64_t id, Stream& stream) {
  const std::string prefix = keys::journal_stream(until_.journal, id);
  std::size_t taken = 0;
  std::size_t bytes = 0;
  Record record;
  rows_->seek(keys::journal_row(until_.journal, id, stream.read + 1));
  for (; stands_in(*rows_, prefix); rows_->next()) {
    if (record.rows.empty() && (taken >= kAheadRows || bytes >= kAheadBytes)) return {};
    KELP_TRY(const keys::JournalRowKey at, keys::parse_journal_row(rows_->key()));
    KELP_TRY(const JournalPiece piece, decode_piece(rows_->value()));
    record.rows.push_back({id, at.number, std::string(rows_->value())});
    record.stamp = piece.stamp;
    ++taken;
    bytes += rows_->value().size();
    if (piece.left > 0) continue;
    stream.read = at.number;
    stream.ahead.push_back(std::exchange(record, {}));
  }
  KELP_CHECK(rows_->status());
  if (record.rows.empty() && stream.read == stream.until) return {};
  return Error(Errc::kCorruption, "journal: a stream ends too early");
}

Result<std::vector<JournalRow>> JournalWalk::next() {
  Stream* first = nullptr;
  for (auto at = streams_.begin(); at != streams_.end();) {
    auto& [id, stream] = *at;
    if (stream.ahead.empty() && stream.read < stream.until) {
      KELP_CHECK(fill(id, stream));
    }
    if (stream.ahead.empty()) {
      at = streams_.erase(at);
      continue;
    }
    const bool sooner = first == nullptr || stream.ahead.front().stamp < first->ahead.front().stamp;
    if (sooner) first = &stream;
    ++at;
  }
  if (first == nullptr) return std::vector<JournalRow>();
  std::vector<JournalRow> rows = std::move(first->ahead.front().rows);
  first->ahead.pop_front();
  return rows;
}

Result<std::optional<KvBatch>> cut_journal(KvStore& store, WallTime before, std::size_t most) {
  const auto rows = store.cursor(journal_and_rows());
  KELP_TRY(const std::uint64_t journal, read_id(*rows));
  KvBatch batch;
  if (journal != 0) {
    batch.conditions.push_back(KvCondition::equals(keys::journal(), std::string(rows->value())));
  }
  std::size_t looked = 0;
  for (rows->seek(std::string(1, kJournalPrefix));
       looked < most && stands_in(*rows, std::string(1, kJournalPrefix));) {
    KELP_TRY(const keys::JournalRowKey first, keys::parse_journal_row(rows->key()));
    const std::string prefix = keys::journal_stream(first.journal, first.stream);
    std::uint64_t last = 0;
    for (; looked < most && stands_in(*rows, prefix); rows->next(), ++looked) {
      KELP_TRY(const JournalPiece piece, decode_piece(rows->value()));
      if (first.journal == journal && piece.time >= before) break;
      KELP_TRY(const keys::JournalRowKey at, keys::parse_journal_row(rows->key()));
      last = at.number;
    }
    if (last > 0) {
      batch.writes.push_back(
          KvWrite::remove_range(keys::journal_row(first.journal, first.stream, first.number),
                                keys::journal_row(first.journal, first.stream, last + 1)));
    }
    if (last > 0 && first.journal == journal) {
      batch.writes.push_back(
          KvWrite::put(keys::journal_cut(first.journal, first.stream), encode_number(last)));
    }
    rows->seek(keys::behind(prefix));
  }
  KELP_CHECK(rows->status());
  if (batch.writes.empty()) return std::nullopt;
  return batch;
}

}  // namespace kelp
