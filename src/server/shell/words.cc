#include "server/shell/words.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp::server {
namespace {

/// Reads a script character by character.
class Splitter {
 public:
  explicit Splitter(std::string_view script) : rest_(script) {}

  Result<std::vector<ShellWords>> split() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\'' || c == '"') {
        KELP_CHECK(take_quoted(c));
      } else if (c == '\\' && !rest_.empty()) {
        add(rest_.front());
        rest_.remove_prefix(1);
      } else if (c == '#' && !in_word_) {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (c == ';' || c == '\n') {
        end_command();
      } else if (c == ' ' || c == '\t' || c == '\r') {
        end_word();
      } else {
        add(c);
      }
    }
    end_command();
    return std::move(commands_);
  }

 private:
  void add(char c) {
    in_word_ = true;
    word_.push_back(c);
  }
  Result<void> take_quoted(char quote) {
    in_word_ = true;
    while (!rest_.empty() && rest_.front() != quote) {
      if (quote == '"' && rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      add(rest_.front());
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) {
      return Error(Errc::kInvalidArgument, fmt::format("a {} is not closed", quote));
    }
    rest_.remove_prefix(1);
    return {};
  }
  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }
  void end_command() {
    end_word();
    if (!words_.empty()) commands_.push_back(std::move(words_));
    words_.clear();
  }

  std::string_view rest_;
  std::string word_;
  bool in_word_ = false;
  ShellWords words_;
  std::vector<ShellWords> commands_;
};

}  // namespace

Result<std::vector<ShellWords>> split_commands(std::string_view script) {
  return Splitter(script).split();
}

}  // namespace kelp::server
