#include "filer/core/increment.h"

#include <iterator>
#include <string>
#include <vector>

namespace kelp {

Result<IncrementReader> IncrementReader::open(DumpReader reader) {
  KELP_TRY(const DumpHeader header, reader.header());
  if (header.since) return IncrementReader(std::move(reader), header);
  return Error(Errc::kInvalidArgument, "a full dump stands where an increment should");
}

Result<std::optional<JournalChange>> IncrementReader::next() {
  while (true) {
    if (rows_.empty()) {
      KELP_TRY(std::vector<KvRow> rows, reader_.next());
      if (rows.empty()) {
        KELP_CHECK(replay_.finish());
        return std::nullopt;
      }
      rows_.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
    const std::string row = std::move(rows_.front().second);
    rows_.pop_front();
    KELP_TRY(auto change, replay_.take(row));
    if (change) return change;
  }
}

Result<void> check_link(const DumpHeader& before, const DumpHeader& next) {
  const auto refuse = [](std::string why) { return Error(Errc::kInvalidArgument, std::move(why)); };
  if (next.cluster_id != before.cluster_id) return refuse("it is of another cluster");
  if (!next.since) return refuse("it is a full dump; increments follow the first file");
  if (before.position.journal == 0) {
    return refuse("no increment follows a dump that was taken while no journal was kept");
  }
  if (next.position.journal != before.position.journal) {
    return refuse("it is of another journal than the file before it");
  }
  if (*next.since != before.position) {
    return refuse("it does not begin where the file before it ends: one between them is missing");
  }
  return {};
}

Result<std::optional<JournalChange>> ChainChanges::next() {
  while (!ended_) {
    if (!increment_) {
      KELP_TRY(auto reader, open_());
      if (!reader) break;
      KELP_TRY(increment_, IncrementReader::open(*std::move(reader)));
    }
    KELP_TRY(auto change, increment_->next());
    if (!change) {
      increment_.reset();
      continue;
    }
    if (until_ && change->time > *until_) break;
    ++made_;
    return change;
  }
  ended_ = true;
  return std::nullopt;
}

}  // namespace kelp
