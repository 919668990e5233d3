#include "server/shell/line_editor.h"

#include <fmt/format.h>
#include <histedit.h>
#include <sys/stat.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace kelp::server {
namespace {

constexpr int kHistoryLines = 1000;
constexpr std::size_t kScreenColumns = 80;

/// What all of `words` begin with.
std::string common_beginning(const std::vector<std::string>& words) {
  std::string out = words.front();
  for (const std::string& word : words) {
    const auto end = std::ranges::mismatch(out, word).in1;
    out.erase(end, out.end());
  }
  return out;
}

/// The words in as many columns as fit.
void print_words(const std::vector<std::string>& words) {
  std::size_t width = 0;
  for (const std::string& word : words) width = std::max(width, word.size() + 2);
  const std::size_t columns = std::max<std::size_t>(kScreenColumns / width, 1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size() || (i + 1) % columns == 0;
    fmt::print("{:<{}}{}", words[i], last ? 0 : width, last ? "\n" : "");
  }
  std::fflush(stdout);
}

}  // namespace

struct LineEditor::Parts {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string history_file;
  std::string prompt;
  bool interrupted = false;
  std::function<Completion(std::string_view)> complete;

  static Parts& of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<Parts*>(self);
  }
  static char* show_prompt(EditLine* editor) { return of(editor).prompt.data(); }

  static unsigned char on_tab(EditLine* editor, int) {
    const LineInfo* const line = el_line(editor);
    const std::string_view before(line->buffer,
                                  static_cast<std::size_t>(line->cursor - line->buffer));
    const Completion found = of(editor).complete(before);
    if (found.words.empty()) return CC_REFRESH_BEEP;
    const std::string_view typed = before.substr(found.begin);
    std::string more = common_beginning(found.words).substr(typed.size());
    if (found.words.size() == 1 && !found.words.front().ends_with('/')) more += ' ';
    if (!more.empty()) return el_insertstr(editor, more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    std::fputc('\n', stdout);
    print_words(found.words);
    return CC_REDISPLAY;
  }

  /// Drops the line and gives an empty one back.
  static unsigned char on_interrupt(EditLine* editor, int) {
    of(editor).interrupted = true;
    std::fputs("^C", stdout);
    return CC_NEWLINE;
  }
};

LineEditor::LineEditor(std::string history_file,
                       std::function<Completion(std::string_view)> complete)
    : parts_(std::make_unique<Parts>()) {
  std::setlocale(LC_CTYPE, "");
  parts_->history_file = std::move(history_file);
  parts_->complete = std::move(complete);
  parts_->history = history_init();
  HistEvent event;
  history(parts_->history, &event, H_SETSIZE, kHistoryLines);
  history(parts_->history, &event, H_SETUNIQUE, 1);
  if (!parts_->history_file.empty()) {
    history(parts_->history, &event, H_LOAD, parts_->history_file.c_str());
  }
  EditLine* const editor = el_init("kelp", stdin, stdout, stderr);
  parts_->editor = editor;
  el_set(editor, EL_CLIENTDATA, parts_.get());
  el_set(editor, EL_PROMPT, Parts::show_prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);  // a window that changes its size, a suspended shell
  el_set(editor, EL_HIST, history, parts_->history);
  el_set(editor, EL_ADDFN, "kelp-complete", "completes a word", Parts::on_tab);
  el_set(editor, EL_ADDFN, "kelp-interrupt", "drops the line", Parts::on_interrupt);
  el_set(editor, EL_BIND, "\t", "kelp-complete", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // While a line is edited Control-C is a key, not a signal.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^C", "kelp-interrupt", nullptr);
  el_source(editor, nullptr);  // ~/.editrc
}

LineEditor::~LineEditor() {
  el_end(parts_->editor);
  history_end(parts_->history);
}

void LineEditor::remember(const std::string& line) {
  HistEvent event;
  history(parts_->history, &event, H_ENTER, line.c_str());
  if (parts_->history_file.empty()) return;
  std::error_code ignored;
  const std::filesystem::path file(parts_->history_file);
  const mode_t before = umask(077);
  std::filesystem::create_directories(file.parent_path(), ignored);
  history(parts_->history, &event, H_SAVE, file.c_str());
  umask(before);
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  parts_->prompt = prompt;
  parts_->interrupted = false;
  int bytes = 0;
  const char* const text = el_gets(parts_->editor, &bytes);
  if (text == nullptr || bytes <= 0) return std::nullopt;
  if (parts_->interrupted) return std::string();
  std::string line(text, static_cast<std::size_t>(bytes));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(' ') != std::string::npos) remember(line);
  return line;
}

std::string default_history_file() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  // Relative paths are to be ignored.
  std::string state = variable("XDG_STATE_HOME");
  if (!state.starts_with('/')) {
    const std::string home = variable("HOME");
    if (home.empty()) return {};
    state = home + "/.local/state";
  }
  return state + "/kelp/shell_history";
}

}  // namespace kelp::server
