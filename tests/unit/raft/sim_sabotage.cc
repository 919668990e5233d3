// The planted bugs: how each is played from outside the core.
#include <algorithm>

#include "raft/core/membership.h"
#include "raft/core/quorum.h"
#include "tests/unit/raft/sim_group.h"

namespace kelp::raft {
namespace {

void drop_joint_sets(std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    if (entry.kind != EntryKind::kMembership) continue;
    entry.data = encode_membership(leave_change(decode_membership(entry.data).value()));
  }
}

}  // namespace

void SimGroup::tamper_ready(Node& node, Ready& ready) {
  if (sabotage_ == Sabotage::kSpeaksBeforeStored) {
    std::ranges::move(ready.send_when_stored, std::back_inserter(ready.send_now));
    ready.send_when_stored.clear();
  }
  if (sabotage_ == Sabotage::kStoredTooEarly) node.core->stored(ready.sequence);
  if (sabotage_ == Sabotage::kSingleStep) {
    drop_joint_sets(ready.entries);
    drop_joint_sets(ready.committed);
  }
}

void SimGroup::tamper_sent(Node& node, Message& message) {
  auto* append = std::get_if<AppendRequest>(&message.body);
  if (append == nullptr) return;
  if (sabotage_ == Sabotage::kSingleStep) drop_joint_sets(append->entries);
  if (sabotage_ == Sabotage::kCommitByCounting && message.term == node.leading) {
    const std::uint64_t counted = quorum_reached(node.core->membership(), [&](NodeId member) {
      return member == node.id ? node.disk.last().value : node.acknowledged[member].value;
    });
    append->commit = std::max(append->commit, LogIndex{counted});
  }
  if (sabotage_ == Sabotage::kReadWithoutQuorum && append->read_sequence > 0) {
    node.core->step(
        {.from = message.to,
         .to = node.id,
         .term = message.term,
         .body = AppendAnswer{.accepted = true, .read_sequence = append->read_sequence}});
  }
}

bool SimGroup::tamper_received(Node& to, Envelope& envelope) {
  Message& message = envelope.message;
  if (auto* answer = std::get_if<AppendAnswer>(&message.body)) {
    if (message.term == to.leading && answer->accepted) {
      LogIndex& acknowledged = to.acknowledged[message.from];
      acknowledged = std::max(acknowledged, answer->match);
    }
    if (sabotage_ == Sabotage::kDoubleCounted && envelope.copy) message.from = any_node().id;
  } else if (std::holds_alternative<VoteAnswer>(message.body)) {
    if (sabotage_ == Sabotage::kOldVotes) message.term = std::max(message.term, to.core->term());
  } else if (auto* request = std::get_if<VoteRequest>(&message.body)) {
    if (sabotage_ == Sabotage::kVotesForAnyLog) request->last_term = Term{1'000'000};
    if (sabotage_ == Sabotage::kLeaseIgnored) {
      request->transfer = true;
      if (!request->pre) return true;
      bag_.push_back({.message = {.from = to.id,
                                  .to = message.from,
                                  .term = message.term,
                                  .body = VoteAnswer{.pre = true, .granted = true}}});
      return false;
    }
  } else if (auto* append = std::get_if<AppendRequest>(&message.body)) {
    const LogIndex agreed{append->previous_index.value + append->entries.size()};
    if (sabotage_ == Sabotage::kCommitsOnArrival) append->commit = agreed;
    if (sabotage_ == Sabotage::kPreviousIgnored) {
      append->previous_term = to.view.term_at(append->previous_index).value_or(Term{});
    }
    if (sabotage_ == Sabotage::kCutsOnAppend && !append->entries.empty() &&
        message.term == to.disk.hard.term && agreed >= to.disk.snapshot.index &&
        to.disk.term_at(agreed) == append->entries.back().term && agreed < to.disk.last()) {
      DiskImage cut = to.disk;
      cut.entries.resize(agreed.value - cut.snapshot.index.value);
      cut.hard.commit = std::min(cut.hard.commit, agreed);
      restart_with(to, std::move(cut));
    }
  }
  return true;
}

void SimGroup::restart_with(Node& node, DiskImage disk) {
  crash(node);
  node.disk = std::move(disk);
  start(node);
}

}  // namespace kelp::raft
