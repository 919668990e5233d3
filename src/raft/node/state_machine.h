#pragma once

#include <string>
#include <string_view>

#include "kelp/result.h"
#include "raft/core/types.h"

namespace kelp::raft {

/// What a group replicates. Called from the node's executor only, one call at a time; must not wait
/// and must not read a clock or chance: every node comes to the same state.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  /// Applies a committed command and returns its answer, which goes to whoever proposed it here.
  /// A command that does not fit the state answers so inside the bytes; it cannot fail.
  virtual std::string apply(LogIndex index, std::string_view command) = 0;
  /// The whole state as bytes, for a snapshot at the last applied index.
  [[nodiscard]] virtual std::string snapshot() const = 0;
  /// Takes the place of the whole state. kCorruption, kUnimplemented for a newer format: the node
  /// stops.
  virtual Result<void> restore(std::string_view snapshot) = 0;
  /// This node became leader of `term` and has applied everything before it; or stopped leading.
  virtual void leading(Term term) = 0;
  virtual void following() = 0;
};

}  // namespace kelp::raft
