#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/shell/command.h"

namespace kelp::server {

/// A cluster that commands run in: what they use, and a way to run them where it may be used.
struct ShellHost {
  ShellWorld& world;
  std::function<void(Task<void>)> run;  ///< Blocks until the task is done.
};

/// What a completion offers.
struct Completion {
  std::size_t begin = 0;           ///< Where in the line the word begins that is completed.
  std::vector<std::string> words;  ///< That may stand there, sorted.
};

/// Names of things in the cluster, for completion.
struct ShellNames {
  std::vector<std::string> nodes;
  std::vector<std::string> volumes;
  std::vector<std::string> collections;
  std::vector<std::string> masters;
  std::vector<std::string> buckets;
};

/// What may stand at the end of `line`: a command, one of its options, or a name that fits. Pure.
[[nodiscard]] Completion complete_line(std::string_view line, const ShellNames& names);

/// Runs commands of the table and writes what they answer. One thread.
class Shell {
 public:
  /// `connect` makes or finds the cluster when a command first needs it. Answers go to `out`,
  /// errors to `err`; with `json` both go to `out`, one JSON value a line.
  Shell(std::function<Result<ShellHost*>()> connect, std::FILE* out, std::FILE* err, bool json)
      : connect_(std::move(connect)), out_(out), err_(err), json_(json) {}

  static constexpr int kGood = 0;
  static constexpr int kFailed = 1;   ///< A command failed, or found something wrong.
  static constexpr int kMisused = 2;  ///< A command that does not exist, or not like that.

  /// Runs the commands of a script until one does not end well, and says how the last one ended.
  int run(std::string_view script);
  /// The command `exit` ran.
  [[nodiscard]] bool ended() const { return ended_; }
  /// As complete_line(), with the names of the cluster as they are now; without those when it does
  /// not answer.
  [[nodiscard]] Completion complete(std::string_view line);

 private:
  int run_command(const ShellWords& words);
  int refuse(std::string_view command, const Error& error, bool json);
  void answer(const ShellReply& reply, bool json);
  [[nodiscard]] Result<ShellReply> call(const ShellCommand& command, ShellArguments arguments);
  [[nodiscard]] static Result<ShellReply> help(const ShellArguments& arguments);

  const std::function<Result<ShellHost*>()> connect_;
  std::FILE* const out_;
  std::FILE* const err_;
  const bool json_;
  bool ended_ = false;
};

}  // namespace kelp::server
