#include "tests/unit/raft/sim_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "raft/core/invariants.h"
#include "raft/core/membership.h"

namespace kelp::raft {
namespace {

std::uint64_t mix(std::uint64_t state, const Entry& entry) {
  state ^= std::hash<std::string>{}(entry.data) + entry.index.value * 0x9e3779b97f4a7c15 +
           entry.term.value;
  return state * 0xbf58476d1ce4e5b9 + 1;
}

}  // namespace

SimGroup::SimGroup(std::uint64_t seed, Sabotage sabotage) : rng_(seed), sabotage_(sabotage) {
  options_ = {.election_ticks = 4 + static_cast<std::uint32_t>(rng_.below(4)),
              .append_bytes = 1 + rng_.below(40),
              .append_window = 1 + static_cast<std::uint32_t>(rng_.below(4)),
              .unstored_bytes = 2000};
  nodes_.resize(3 + rng_.below(5));
  Membership first;
  const std::uint64_t voters = 1 + rng_.below(std::min<std::uint64_t>(nodes_.size(), 5));
  for (std::uint64_t i = 1; i <= voters; ++i) first.voters.push_back(NodeId{i});
  // Each world has its own mixture of faults, some of them none at all.
  drop_ = static_cast<std::uint32_t>(rng_.below(2) * rng_.below(150));
  copy_ = static_cast<std::uint32_t>(rng_.below(2) * rng_.below(200));
  crash_ = static_cast<std::uint32_t>(rng_.below(3) * rng_.below(10));
  lazy_ = static_cast<std::uint32_t>(rng_.below(2) * rng_.below(700));
  change_ = static_cast<std::uint32_t>(rng_.below(2) * rng_.below(20));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].id = NodeId{i + 1};
    if (i < voters) nodes_[i].disk.snapshot.membership = first;
    start(nodes_[i]);
  }
}

std::string SimGroup::run(std::uint32_t steps) {
  for (std::uint32_t i = 0; i < steps && safety_.violation().empty(); ++i) step();
  if (safety_.violation().empty()) must_settle();
  if (safety_.violation().empty()) must_not_disturb();
  counts.steps += steps;
  counts.leaderships += safety_.leaderships();
  counts.decided += safety_.decided_to().value;
  return safety_.violation();
}

void SimGroup::step() {
  Node& node = any_node();
  const std::uint64_t dice = rng_.below(1000);
  if (dice < 480) {
    if (bag_.empty()) return;
    const std::uint64_t reach = chance(150) ? bag_.size() : std::min<std::size_t>(bag_.size(), 4);
    const auto at = bag_.begin() + static_cast<std::ptrdiff_t>(rng_.below(reach));
    Envelope envelope = std::move(*at);
    bag_.erase(at);
    return deliver(std::move(envelope));
  }
  if (dice < 900 && !node.core) return;
  if (dice < 620) {
    node.core->tick();
    pump(node);
  } else if (dice < 760) {
    if (!node.writing.empty()) finish_write(node, 1 + rng_.below(node.writing.size()));
  } else if (dice < 820) {
    apply(node, 1 + rng_.below(8));
  } else if (dice < 870) {
    propose(node);
  } else if (dice < 900) {
    const std::uint64_t request = ++next_request_;
    safety_.read_begins(request);
    if (!node.core->read_index(request)) safety_.read_ends(request, std::nullopt);
    pump(node);
  } else if (dice < 920) {
    if (node.core) compact(node);
  } else if (dice < 940) {
    if (node.core && chance(250)) node.core->unreachable(any_node().id);
  } else if (dice < 950) {
    if (node.core && chance(150) && node.core->transfer_leadership(any_node().id)) {
      ++counts.transfers;
      pump(node);
    }
  } else if (dice < 960) {
    cut_links();
  } else if (dice < 970) {
    if (node.core && chance(change_ * 20)) change_members(node);
  } else if (!node.core) {
    start(node);
  } else if (chance(crash_ * 5)) {
    crash(node);
  }
}

void SimGroup::start(Node& node) {
  StoredState stored{node.disk.hard, node.disk.snapshot, node.disk.entries};
  CoreOptions options = options_;
  options.self = node.id;
  options.seed = rng_.next();
  auto core = RaftCore::start(options, std::move(stored));
  if (!core) {
    return safety_.fail(fmt::format("{} cannot restart: {}", node.id.value, core.error().detail()));
  }
  node.core = std::make_unique<RaftCore>(*std::move(core));
  node.view = node.disk;
  node.applied = node.disk.snapshot.index;
  node.applied_members = node.disk.snapshot.membership;
  node.state = node.disk.snapshot_state;
  node.leading = Term{};
}

void SimGroup::crash(Node& node) {
  ++counts.crashes;
  const std::size_t whole = rng_.below(node.writing.size() + 1);
  for (std::size_t i = 0; i < whole; ++i) {
    write(node, node.writing[i], SIZE_MAX);
  }
  if (whole < node.writing.size()) {
    write(node, node.writing[whole], rng_.below(node.writing[whole].entries.size() + 3));
  }
  for (const WaitingRead& read : node.reads) safety_.read_ends(read.request, std::nullopt);
  node.reads.clear();
  node.writing.clear();
  node.committed.clear();
  node.received.clear();
  node.core.reset();
  if (sabotage_ == Sabotage::kVoteForgotten) node.disk.hard.vote.reset();
  if (sabotage_ == Sabotage::kTermForgotten) {
    node.disk.hard.vote.reset();
    node.disk.hard.term = node.disk.term_at(node.disk.last()).value();
  }
  if (sabotage_ == Sabotage::kLosesSynced && !node.disk.entries.empty()) {
    node.disk.entries.pop_back();
    node.disk.hard.commit = std::min(node.disk.hard.commit, node.disk.last());
  }
}

/// A shell may take what is ready after several calls.
void SimGroup::pump(Node& node) {
  if (chance(lazy_)) return;
  while (node.core && node.core->has_ready()) {
    Ready ready = node.core->take_ready();
    watch(node);
    if (sabotage_ != Sabotage::kNone) tamper_ready(node, ready);
    take(node, std::move(ready));
  }
}

void SimGroup::take(Node& node, Ready ready) {
  if (ready.snapshot) {
    ++counts.snapshots;
    const std::uint64_t state = node.received[ready.snapshot->index];
    safety_.restores(node.id, *ready.snapshot, state);
    node.view.install(*ready.snapshot, state);
    node.committed.clear();
    node.applied = ready.snapshot->index;
    node.applied_members = ready.snapshot->membership;
    node.state = state;
    node.core->applied(node.applied);
  }
  const bool leading = node.core->role() == Role::kLeader && node.leading == node.core->term();
  safety_.appends(node.id, ready.entries, node.view, leading);
  if (!ready.entries.empty() && ready.entries.front().index <= node.view.last()) {
    ++counts.cut_entries;
  }
  for (const Entry& entry : ready.entries) node.view.write(entry);
  if (ready.hard) node.view.hard = *ready.hard;
  for (Entry& entry : ready.committed) {
    safety_.decided(node.id, entry);
    node.committed.push_back(std::move(entry));
  }
  send(node, ready.send_now);
  for (const ReadState& read : ready.reads) {
    if (read.index) {
      node.reads.push_back({read.request, *read.index});
    } else {
      safety_.read_ends(read.request, std::nullopt);
    }
  }
  serve_reads(node);
  const bool idle = !ready.hard && !ready.snapshot && ready.entries.empty();
  if (!idle || !ready.send_when_stored.empty()) node.writing.push_back(std::move(ready));
}

/// The first `parts` of what a Ready stores, in its order.
void SimGroup::write(Node& node, const Ready& ready, std::size_t parts) {
  if (parts == 0) return;
  if (ready.hard) node.disk.hard = *ready.hard;
  if (parts == 1) return;
  if (ready.snapshot) node.disk.install(*ready.snapshot, node.received[ready.snapshot->index]);
  for (std::size_t i = 0; i < ready.entries.size() && i + 2 < parts; ++i) {
    node.disk.write(ready.entries[i]);
  }
}

void SimGroup::finish_write(Node& node, std::size_t count) {
  std::uint64_t sequence = 0;
  const bool told_first = chance(500);
  std::vector<Message> promises;
  for (; count > 0; --count) {
    write(node, node.writing.front(), SIZE_MAX);
    sequence = node.writing.front().sequence;
    std::ranges::move(node.writing.front().send_when_stored, std::back_inserter(promises));
    node.writing.pop_front();
  }
  if (told_first) node.core->stored(sequence);
  send(node, promises);
  if (!told_first) node.core->stored(sequence);
  pump(node);
}

void SimGroup::apply(Node& node, std::size_t count) {
  for (; count > 0 && !node.committed.empty(); --count) {
    const Entry entry = std::move(node.committed.front());
    node.committed.pop_front();
    node.applied = entry.index;
    node.state = mix(node.state, entry);
    if (entry.kind == EntryKind::kMembership) {
      node.applied_members = decode_membership(entry.data).value();
      counts.changes += node.applied_members.old_voters.empty();
    }
    safety_.applies(node.id, entry, node.state);
    node.core->applied(entry.index);
  }
  serve_reads(node);
}

void SimGroup::serve_reads(Node& node) {
  std::erase_if(node.reads, [&](const WaitingRead& read) {
    if (node.applied < read.index && sabotage_ != Sabotage::kReadBeforeApplied) return false;
    ++counts.reads;
    safety_.read_ends(read.request, node.applied);
    return true;
  });
}

void SimGroup::send(Node& node, std::vector<Message>& messages) {
  for (Message& message : messages) {
    if (sabotage_ != Sabotage::kNone) tamper_sent(node, message);
    safety_.speaks(message, node.disk, sabotage_ == Sabotage::kNone);
    if (chance(drop_) || cut_.contains({message.from, message.to})) {
      lose(message);
      continue;
    }
    Envelope envelope{.message = std::move(message), .snapshot_state = node.disk.snapshot_state};
    if (chance(copy_)) {
      bag_.push_back(envelope);
      bag_.back().copy = true;
    }
    bag_.push_back(std::move(envelope));
    if (bag_.size() > 300) {
      lose(bag_.front().message);
      bag_.pop_front();
    }
  }
  messages.clear();
}

/// A shell notices when a snapshot does not get through.
void SimGroup::lose(const Message& message) {
  Node& from = nodes_[message.from.value - 1];
  if (!from.core || !std::holds_alternative<InstallSnapshot>(message.body)) return;
  from.core->snapshot_sent(message.to, false);
}

void SimGroup::deliver(Envelope envelope) {
  const NodeId from = envelope.message.from;
  Node& to = nodes_[envelope.message.to.value - 1];
  if (!to.core || cut_.contains({from, to.id})) return lose(envelope.message);
  if (std::holds_alternative<InstallSnapshot>(envelope.message.body)) {
    snapshot_arrives(to, envelope);
  } else if (sabotage_ == Sabotage::kNone || tamper_received(to, envelope)) {
    to.core->step(std::move(envelope.message));
  }
  watch(to);
  pump(to);
}

void SimGroup::snapshot_arrives(Node& to, const Envelope& envelope) {
  const Message& message = envelope.message;
  const SnapshotMark& mark = std::get<InstallSnapshot>(message.body).mark;
  if (sabotage_ == Sabotage::kStaleSnapshot && mark.index < to.applied) {
    DiskImage stale{.hard = to.disk.hard};
    stale.hard.commit = LogIndex{};
    stale.install(mark, envelope.snapshot_state);
    return restart_with(to, std::move(stale));
  }
  to.received[mark.index] = envelope.snapshot_state;
  to.core->snapshot_received(message.from, message.term, mark);
  Node& sender = nodes_[message.from.value - 1];
  if (sender.core) {
    sender.core->snapshot_sent(to.id, true);
    pump(sender);
  }
}

void SimGroup::compact(Node& node) {
  if (node.applied <= node.disk.snapshot.index || node.applied <= node.view.snapshot.index) return;
  const SnapshotMark mark{node.applied, node.view.term_at(node.applied).value(),
                          node.applied_members};
  node.disk.compact(mark, node.state);
  node.view.compact(mark, node.state);
  node.core->compacted(mark.index, rng_.below(4));
  pump(node);
}

void SimGroup::propose(Node& node) {
  for (std::uint64_t i = rng_.below(4) + 1; i > 0; --i) {
    static_cast<void>(node.core->propose(fmt::format("command {}", ++next_command_)));
  }
  pump(node);
}

void SimGroup::change_members(Node& node) {
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
  for (const Node& member : nodes_) {
    const std::uint64_t dice = rng_.below(5);
    if (dice < 3) voters.push_back(member.id);
    if (dice == 3) learners.push_back(member.id);
  }
  if (!voters.empty()) static_cast<void>(node.core->propose_change(voters, learners));
  pump(node);
}

/// Sometimes one way, sometimes a split of all, often nothing.
void SimGroup::cut_links() {
  cut_.clear();
  const std::uint64_t kind = rng_.below(4);
  if (kind < 2) return;
  const std::uint64_t side = rng_.next();
  for (const Node& a : nodes_) {
    for (const Node& b : nodes_) {
      const bool split = ((side >> a.id.value) & 1) != ((side >> b.id.value) & 1);
      if (kind == 2 ? split : chance(200)) cut_.insert({a.id, b.id});
    }
  }
}

void SimGroup::watch(Node& node) {
  const auto sound = check_invariants(*node.core);
  if (!sound) safety_.fail(fmt::format("{}: {}", node.id.value, sound.error().detail()));
  if (node.core->role() != Role::kLeader) {
    node.leading = Term{};
  } else if (node.leading != node.core->term() && !node.core->has_ready()) {
    node.leading = node.core->term();
    node.acknowledged.clear();
    safety_.leads(node.id, node.leading, node.view);
  }
}

}  // namespace kelp::raft
