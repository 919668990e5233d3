#include "base/log_format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/json_text.h"
#include "base/log.h"

namespace kelp {
namespace {

/// A piece of a message between spaces; those inside of quotes part nothing.
struct Word {
  std::string_view text;   ///< As it stands there.
  std::string_view key;    ///< Before the `=`; empty: it has none.
  std::string_view value;  ///< Behind it, with the escapes of log_value().
  [[nodiscard]] bool named() const { return !key.empty(); }
};

bool plain_name(std::string_view text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto usual = [lower](char c) {
    return lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  return !text.empty() && lower(text.front()) && std::ranges::all_of(text, usual);
}

/// Where the value that `text` begins with ends: before a space that is in no quotes.
std::size_t value_bytes(std::string_view text) {
  std::size_t at = 0;
  if (text.starts_with('"')) {
    for (at = 1; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\') ++at;
    }
  }
  return std::min(text.find(' ', at), text.size());
}

Word take_word(std::string_view& rest) {
  Word word;
  const std::size_t equals = rest.find_first_of("= ");
  if (equals != rest.npos && rest[equals] == '=' && plain_name(rest.substr(0, equals))) {
    word.key = rest.substr(0, equals);
    word.value = rest.substr(equals + 1, value_bytes(rest.substr(equals + 1)));
    word.text = rest.substr(0, equals + 1 + word.value.size());
  } else {
    word.text = rest.substr(0, rest.find(' '));
  }
  rest.remove_prefix(std::min(word.text.size() + 1, rest.size()));
  return word;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

/// Takes the character behind a backslash, or what `\xHH` stands for, off the front of `rest`.
char take_escaped(std::string_view& rest) {
  const char c = rest.front();
  rest.remove_prefix(1);
  if (c != 'x' || rest.size() < 2) return c;
  const auto high = hex_digit(rest[0]);
  const auto low = hex_digit(rest[1]);
  if (!high || !low) return c;
  rest.remove_prefix(2);
  return static_cast<char>(*high << 4 | *low);
}

/// The value that log_value() was given.
std::string unquoted(std::string_view value) {
  if (!value.starts_with('"')) return std::string(value);
  value.remove_prefix(1);
  std::string out;
  while (!value.empty() && value.front() != '"') {
    const char c = value.front();
    value.remove_prefix(1);
    out += c == '\\' && !value.empty() ? take_escaped(value) : c;
  }
  out += value.substr(std::min<std::size_t>(1, value.size()));
  return out;
}

/// An object of JSON that grows, each key once.
class JsonObject {
 public:
  [[nodiscard]] bool has(std::string_view key) const {
    return std::ranges::find(keys_, key) != keys_.end();
  }
  void add(std::string_view key, std::string_view value) {
    text_ += keys_.empty() ? '{' : ',';
    append_json_text(key, text_);
    text_ += ':';
    append_json_text(value, text_);
    keys_.push_back(key);
  }
  [[nodiscard]] std::string take() && { return std::move(text_) + '}'; }

 private:
  std::string text_;
  std::vector<std::string_view> keys_;
};

std::string time_text(WallTime at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(at - second);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", second, millis.count());
}

/// Adds what a message says; nothing is left out.
void add_message(std::string_view message, JsonObject& line) {
  std::vector<Word> words;
  while (!message.empty()) words.push_back(take_word(message));
  std::string left;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Word& word = words[i];
    const bool event =
        i == 0 && !word.named() && plain_name(word.text) && (words.size() == 1 || words[1].named());
    if (event) {
      line.add("event", word.text);
    } else if (word.named() && word.key != "event" && word.key != "msg" && !line.has(word.key)) {
      line.add(word.key, unquoted(word.value));
    } else {
      if (!left.empty()) left += ' ';
      left += word.text;
    }
  }
  if (!left.empty()) line.add("msg", left);
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto text = [](spdlog::string_view_t view) {
      return std::string_view(view.data(), view.size());
    };
    std::string line =
        json_log_line({.at = std::chrono::time_point_cast<std::chrono::nanoseconds>(message.time),
                       .level = text(spdlog::level::to_string_view(message.level)),
                       .room = text(message.logger_name),
                       .message = text(message.payload)});
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

}  // namespace

std::string json_log_line(const LogRecord& record) {
  JsonObject line;
  line.add("ts", time_text(record.at));
  line.add("level", record.level);
  line.add("room", record.room);
  add_message(record.message, line);
  return std::move(line).take();
}

void log_as_json() {
  // All loggers have one sink.
  for (const auto& sink : logger("server").sinks()) {
    sink->set_formatter(std::make_unique<JsonFormatter>());
  }
}

}  // namespace kelp
