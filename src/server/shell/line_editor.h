#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/shell/shell.h"

namespace kelp::server {

/// Reads lines from a terminal, with keys to edit them, a history and Tab (libedit). The history is
/// kept in a file that only its owner reads; one that cannot be read or written is no obstacle.
class LineEditor {
 public:
  /// `complete` is asked on Tab, with what stands before the cursor. `history_file` may be empty:
  /// nothing is kept.
  LineEditor(std::string history_file, std::function<Completion(std::string_view)> complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// One line without its end; empty after Control-C; nothing at the end of the input (Control-D).
  [[nodiscard]] std::optional<std::string> read(const std::string& prompt);

 private:
  void remember(const std::string& line);

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Where a shell's history belongs: $XDG_STATE_HOME/kelp/shell_history, else below ~/.local/state
/// (XDG Base Directory Specification 0.8). Empty without a home.
[[nodiscard]] std::string default_history_file();

}  // namespace kelp::server
