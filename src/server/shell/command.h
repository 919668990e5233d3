#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/timers.h"
#include "base/clock.h"
#include "client/admin_lock.h"
#include "client/filer_client.h"
#include "client/master_control.h"
#include "client/volume_nodes.h"
#include "server/shell/words.h"

namespace kelp::server {

/// The running cluster, as commands reach it. Everything on one executor.
struct ShellWorld {
  MasterControl& masters;
  VolumeNodes& volumes;
  FilerClient* filer;  ///< Null: nobody said where one is.
  AdminLockHolder& lock;
  Clock& clock;
  Timers& timers;
  std::string cluster_id;
};

/// What followed a command's name, checked against its row of the table.
struct ShellArguments {
  std::map<std::string, std::string, std::less<>> values;  ///< Of arguments and options, by name.
  bool json = false;
  bool apply = false;

  [[nodiscard]] bool has(std::string_view name) const { return values.contains(name); }
  /// Empty when it was not given.
  [[nodiscard]] std::string get(std::string_view name) const;
  /// kInvalidArgument when it is no whole number from 0 on; `otherwise` when it was not given.
  [[nodiscard]] Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise) const;
};

/// What a command found or did.
struct ShellReply {
  boost::json::value json;
  std::string text;
  bool good = true;  ///< False: it found something that is wrong; the shell's exit code is 1 then.
};

/// A row of the table of commands.
struct ShellCommand {
  std::string_view name;
  /// Names of its arguments, in [] those that may be left out, then its options, with the name of
  /// their value: "VOLUME [NODE] --limit COUNT --recursive".
  std::string_view usage;
  std::string_view help;
  /// It changes the cluster: without --apply it only says what it would do.
  bool changes = false;
  /// Null: the shell itself does it, without a cluster.
  Task<Result<ShellReply>> (*run)(ShellWorld& world, ShellArguments arguments) = nullptr;
};

/// All commands, sorted by name.
[[nodiscard]] std::span<const ShellCommand> shell_commands();
/// Null when there is none.
[[nodiscard]] const ShellCommand* find_command(std::string_view name);
/// Reads the words behind a command's name; --json and, where something is changed, --apply are
/// known everywhere, and -word is --word. kInvalidArgument says what the command takes.
[[nodiscard]] Result<ShellArguments> parse_arguments(const ShellCommand& command,
                                                     std::span<const std::string> words);
/// "volume.move VOLUME FROM TO [--apply] [--json]".
[[nodiscard]] std::string usage_text(const ShellCommand& command);
/// Names of what a command takes in place `position` (from 0) or as the value of `option`
/// ("--node"); empty: nothing. For completion.
[[nodiscard]] std::string argument_name(const ShellCommand& command, std::size_t position);
[[nodiscard]] std::string option_value(const ShellCommand& command, std::string_view option);
/// The command's own options and the common ones, with their dashes.
[[nodiscard]] std::vector<std::string> options_of(const ShellCommand& command);

/// What a changing command is about to do, and how.
struct ShellChange {
  std::vector<std::string> steps;  ///< "move volume 3 from a to b", one a line.
  boost::json::object result;      ///< Filled while it is done; goes into the reply.
};
/// With --apply does `work` under the lock of operators; else says what would be done. `change`
/// must outlive the call.
[[nodiscard]] Task<Result<ShellReply>> apply_or_show(ShellWorld& world, bool apply,
                                                     ShellChange& change, Task<Result<void>> work);

/// The change alone, of a call that answers with what it made.
template <typename T>
Task<Result<void>> without_value(Task<Result<T>> call) {
  KELP_CO_CHECK(co_await std::move(call));
  co_return Result<void>();
}

}  // namespace kelp::server
