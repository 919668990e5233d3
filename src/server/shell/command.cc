#include "server/shell/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

namespace kelp::server {
namespace {

/// One word of a usage.
struct Part {
  std::string_view name;   ///< "VOLUME", "--limit".
  std::string_view value;  ///< Of an option that has one: "COUNT".
  bool optional = false;
  [[nodiscard]] bool is_option() const { return name.starts_with("--"); }
};

std::vector<Part> parts_of(const ShellCommand& command) {
  std::vector<Part> parts;
  std::string_view rest = command.usage;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.starts_with('[')) {
      parts.push_back({word.substr(1, word.size() - 2), {}, true});
    } else if (!word.starts_with("--") && !parts.empty() && parts.back().is_option()) {
      parts.back().value = word;
    } else {
      parts.push_back({word, {}, word.starts_with("--")});
    }
  }
  return parts;
}

Error misuse(const ShellCommand& command, std::string_view why) {
  return {Errc::kInvalidArgument, fmt::format("{}; usage: {}", why, usage_text(command))};
}

/// "-apply" is "--apply"; a lone "-" and "-1" stay.
std::string option_word(const std::string& word) {
  const bool single = word.size() > 2 && word[0] == '-' && word[1] >= 'a' && word[1] <= 'z';
  return single ? "-" + word : word;
}

}  // namespace

std::string ShellArguments::get(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

Result<std::uint64_t> ShellArguments::number(std::string_view name, std::uint64_t otherwise) const {
  const auto found = values.find(name);
  if (found == values.end()) return otherwise;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return value;
  return Error(Errc::kInvalidArgument, fmt::format("{} '{}' is not a whole number", name, text));
}

const ShellCommand* find_command(std::string_view name) {
  const auto all = shell_commands();
  const auto found = std::ranges::find(all, name, &ShellCommand::name);
  return found == all.end() ? nullptr : &*found;
}

Result<ShellArguments> parse_arguments(const ShellCommand& command,
                                       std::span<const std::string> words) {
  const std::vector<Part> parts = parts_of(command);
  ShellArguments out;
  std::size_t at = 0;  // the next place of `parts`
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = option_word(words[i]);
    if (!word.starts_with("--")) {
      if (at == parts.size() || parts[at].is_option()) {
        return misuse(command, fmt::format("'{}' is one argument too many", word));
      }
      out.values[std::string(parts[at++].name)] = word;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    // Who writes --apply=false must not be taken for one who wrote --apply.
    if (equals != std::string::npos && option_value(command, name).empty()) {
      return misuse(command, fmt::format("there is no {} with a value", name));
    }
    if (name == "--json") {
      out.json = true;
      continue;
    }
    if (name == "--apply" && command.changes) {
      out.apply = true;
      continue;
    }
    const auto part = std::ranges::find(parts, name, &Part::name);
    if (part == parts.end()) return misuse(command, fmt::format("there is no {}", name));
    std::string value;
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (!part->value.empty()) {
      if (++i == words.size()) return misuse(command, fmt::format("{} needs a value", name));
      value = words[i];
    }
    out.values[name] = std::move(value);
  }
  if (at < parts.size() && !parts[at].optional) {
    return misuse(command, fmt::format("{} is missing", parts[at].name));
  }
  return out;
}

std::string usage_text(const ShellCommand& command) {
  std::string out(command.name);
  for (const Part& part : parts_of(command)) {
    out += part.optional ? " [" : " ";
    out += part.name;
    if (!part.value.empty()) out += fmt::format(" {}", part.value);
    out += part.optional ? "]" : "";
  }
  return out + (command.changes ? " [--apply] [--json]" : " [--json]");
}

std::string argument_name(const ShellCommand& command, std::size_t position) {
  const std::vector<Part> parts = parts_of(command);
  if (position >= parts.size() || parts[position].is_option()) return {};
  return std::string(parts[position].name);
}

std::string option_value(const ShellCommand& command, std::string_view option) {
  for (const Part& part : parts_of(command)) {
    if (part.name == option) return std::string(part.value);
  }
  return {};
}

std::vector<std::string> options_of(const ShellCommand& command) {
  std::vector<std::string> out;
  for (const Part& part : parts_of(command)) {
    if (part.is_option()) out.emplace_back(part.name);
  }
  if (command.changes) out.emplace_back("--apply");
  out.emplace_back("--json");
  return out;
}

Task<Result<ShellReply>> apply_or_show(ShellWorld& world, bool apply, ShellChange& change,
                                       Task<Result<void>> work) {
  ShellReply reply;
  boost::json::array steps;
  for (const std::string& step : change.steps) {
    steps.push_back(boost::json::string(step));
    reply.text += fmt::format("{}{}\n", apply ? "" : "would ", step);
  }
  if (apply && !change.steps.empty()) {
    KELP_CO_CHECK(co_await world.lock.run(std::move(work)));
    const std::string result = boost::json::serialize(change.result);
    reply.text += change.result.empty() ? "done\n" : fmt::format("done: {}\n", result);
  }
  if (change.steps.empty()) reply.text = "there is nothing to do\n";
  if (!apply && !change.steps.empty()) reply.text += "nothing was changed; --apply does it\n";
  boost::json::object out = std::move(change.result);
  out["applied"] = apply;
  out["steps"] = std::move(steps);
  reply.json = std::move(out);
  co_return reply;
}

}  // namespace kelp::server
