#include "tests/unit/raft/safety.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kelp::raft {

std::optional<Term> DiskImage::term_at(LogIndex index) const {
  if (index == snapshot.index) return snapshot.term;
  if (index < snapshot.index || index > last()) return std::nullopt;
  return entries[index.value - snapshot.index.value - 1].term;
}

void DiskImage::write(const Entry& entry) {
  if (entry.index <= snapshot.index) return;
  const std::uint64_t at = entry.index.value - snapshot.index.value - 1;
  if (at < entries.size()) entries.resize(at);
  entries.push_back(entry);
}

void DiskImage::install(const SnapshotMark& mark, std::uint64_t state) {
  if (mark.index < snapshot.index) return;  // the node made a newer one meanwhile
  snapshot = mark;
  snapshot_state = state;
  entries.clear();
}

void DiskImage::compact(const SnapshotMark& mark, std::uint64_t state) {
  const std::uint64_t gone = mark.index.value - snapshot.index.value;
  entries.erase(
      entries.begin(),
      entries.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(gone, entries.size())));
  snapshot = mark;
  snapshot_state = state;
}

void Safety::fail(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

void Safety::leads(NodeId node, Term term, const DiskImage& log) {
  const auto [known, first] = leaders_.emplace(term, node);
  if (!first) {
    if (known->second != node) {
      fail(fmt::format("election safety: {} and {} lead term {}", known->second.value, node.value,
                       term.value));
    }
    return;
  }
  // By log matching it is enough that the newest of them is there.
  const auto newest = chosen_.rbegin();
  if (newest == chosen_.rend() || log.snapshot.index >= newest->first) return;
  if (log.term_at(newest->first) != newest->second) {
    fail(fmt::format("leader completeness: {} leads term {} without entry {}", node.value,
                     term.value, newest->first.value));
  }
}

void Safety::appends(NodeId node, const std::vector<Entry>& entries, const DiskImage& log,
                     bool leading) {
  if (entries.empty()) return;
  LogIndex previous{entries.front().index.value - 1};
  if (previous > log.last()) return fail(fmt::format("{} stores a gap", node.value));
  if (leading && previous < log.last()) {
    fail(fmt::format("leader append-only: {} replaces entry {}", node.value,
                     entries.front().index.value));
  }
  auto previous_term = log.term_at(previous);
  for (const Entry& entry : entries) {
    if (previous_term) {
      const Place place{*previous_term, entry.kind, entry.data};
      const auto [known, first] = places_.emplace(std::pair(entry.index, entry.term), place);
      const Place& there = known->second;
      if (there.previous_term != place.previous_term || there.kind != place.kind ||
          there.data != place.data) {
        fail(fmt::format("log matching: {} has another entry {} of term {}", node.value,
                         entry.index.value, entry.term.value));
      }
    }
    previous_term = entry.term;
  }
}

void Safety::decided(NodeId node, const Entry& entry) {
  const auto [known, first] = chosen_.emplace(entry.index, entry.term);
  if (known->second != entry.term) {
    fail(fmt::format("state machine safety: {} commits entry {} of term {}, another has term {}",
                     node.value, entry.index.value, entry.term.value, known->second.value));
  }
  decided_ = std::max(decided_, entry.index);
}

void Safety::applies(NodeId node, const Entry& entry, std::uint64_t state) {
  const auto [known, first] = states_.emplace(entry.index, state);
  if (known->second != state) {
    fail(
        fmt::format("state machine safety: {} differs at entry {}", node.value, entry.index.value));
  }
}

void Safety::restores(NodeId node, const SnapshotMark& mark, std::uint64_t state) {
  const auto known = states_.find(mark.index);
  if (known == states_.end() || known->second != state || chosen_.at(mark.index) != mark.term) {
    fail(
        fmt::format("{} restores a snapshot at {} that nobody made", node.value, mark.index.value));
  }
}

void Safety::speaks(const Message& message, const DiskImage& disk, bool check_disk) {
  const auto* answer = std::get_if<VoteAnswer>(&message.body);
  const auto* request = std::get_if<VoteRequest>(&message.body);
  const bool votes = (answer != nullptr && answer->granted && !answer->pre) ||
                     (request != nullptr && !request->pre);
  if (votes) {
    const NodeId choice = request != nullptr ? message.from : message.to;
    const auto [known, first] = votes_.emplace(std::pair(message.from, message.term), choice);
    if (known->second != choice) {
      fail(fmt::format("{} votes twice in term {}", message.from.value, message.term.value));
    }
  }
  if (!check_disk) return;
  if (votes && disk.hard.term == message.term &&
      disk.hard.vote != votes_.at({message.from, message.term})) {
    fail(fmt::format("{} speaks of a vote that is not on its disk", message.from.value));
  }
  const auto* accepted = std::get_if<AppendAnswer>(&message.body);
  const bool claims = accepted != nullptr && accepted->accepted;
  if (disk.hard.term < message.term && (votes || claims)) {
    fail(fmt::format("{} speaks of a term that is not on its disk", message.from.value));
  }
  if (claims && disk.hard.term == message.term && disk.last() < accepted->match) {
    fail(fmt::format("{} accepts {}, its disk ends at {}", message.from.value,
                     accepted->match.value, disk.last().value));
  }
}

void Safety::read_ends(std::uint64_t request, std::optional<LogIndex> applied) {
  const auto read = reads_.find(request);
  if (read == reads_.end()) return fail("a read is answered twice");
  if (applied && *applied < read->second) {
    fail(fmt::format("stale read: served at {}, {} was decided before it began", applied->value,
                     read->second.value));
  }
  reads_.erase(read);
}

}  // namespace kelp::raft
