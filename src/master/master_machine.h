#pragma once

#include <functional>
#include <optional>
#include <string>

#include "master/core/commands.h"
#include "master/core/location_log.h"
#include "raft/node/state_machine.h"

namespace kelp::master {

/// What a proposed command came to.
struct CommandOutcome {
  Result<void> result;       ///< As apply_command().
  NeedleKey reserved_first;  ///< Of ReserveKeys: the first key of the block.
};

/// The masters' state as Raft carries it. Everything on the node's executor.
class MasterMachine final : public raft::StateMachine {
 public:
  explicit MasterMachine(std::string cluster_id);

  std::string apply(raft::LogIndex index, std::string_view command) override;
  [[nodiscard]] std::string snapshot() const override;
  Result<void> restore(std::string_view snapshot) override;
  void leading(raft::Term term) override;
  void following() override;

  [[nodiscard]] const MasterState& state() const { return state_; }
  [[nodiscard]] const LocationLog& locations() const { return locations_; }
  /// Whether this node leads; with everything of earlier terms applied.
  [[nodiscard]] bool is_leading() const { return leading_; }
  /// Called after each change of state or role.
  void on_change(std::function<void()> callback) { changed_ = std::move(callback); }

 private:
  void note_locations(raft::LogIndex index, const Command& command);

  MasterState state_;
  LocationLog locations_;
  bool leading_ = false;
  std::function<void()> changed_;
};

/// Reads what MasterMachine::apply() answers. kCorruption for anything else.
[[nodiscard]] Result<CommandOutcome> decode_outcome(std::string_view answer);

}  // namespace kelp::master
