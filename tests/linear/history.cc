#include "tests/linear/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace kelp::linear {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds = {{
    {"put", Kind::kPut},
    {"put-if-absent", Kind::kPutIfAbsent},
    {"put-if-match", Kind::kPutIfMatch},
    {"delete", Kind::kDelete},
    {"delete-if-match", Kind::kDeleteIfMatch},
    {"get", Kind::kGet},
    {"list", Kind::kList},
}};
constexpr std::array<std::pair<std::string_view, Outcome>, 4> kOutcomes = {{
    {"ok", Outcome::kOk},
    {"refused", Outcome::kRefused},
    {"missing", Outcome::kMissing},
    {"unknown", Outcome::kUnknown},
}};

template <typename Table>
auto value_of(const Table& table, std::string_view name)
    -> std::optional<typename Table::value_type::second_type> {
  const auto at = std::ranges::find(table, name, &Table::value_type::first);
  if (at == table.end()) return std::nullopt;
  return at->second;
}

template <typename Table, typename Wanted>
std::string_view name_of(const Table& table, Wanted wanted) {
  return std::ranges::find(table, wanted, &Table::value_type::second)->first;
}

/// One line of the file, before its names are numbers.
struct Line {
  Operation operation;
  std::string key;
  std::optional<std::string> value, expected, seen;
  std::map<std::string, std::string> listed;
};

std::optional<std::string> text_of(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string(found->as_string());
}

std::int64_t time_of(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  return found == nullptr || !found->is_int64() ? kNever : found->as_int64();
}

bool writes(Kind kind) {
  return kind == Kind::kPut || kind == Kind::kPutIfAbsent || kind == Kind::kPutIfMatch;
}
bool expects(Kind kind) {
  return kind == Kind::kPutIfMatch || kind == Kind::kDeleteIfMatch;
}

/// Whether an operation of that kind can end so.
bool possible(Kind kind, Outcome outcome) {
  switch (outcome) {
    case Outcome::kRefused:
      return kind == Kind::kPutIfAbsent || expects(kind);
    case Outcome::kMissing:
      return expects(kind);
    default:
      return true;
  }
}

Result<Line> parse_operation(const json::object& object) {
  Line line;
  Operation& operation = line.operation;
  const auto kind = value_of(kKinds, text_of(object, "op").value_or(""));
  const auto outcome = value_of(kOutcomes, text_of(object, "outcome").value_or(""));
  if (!kind || !outcome || !possible(*kind, *outcome)) {
    return Error(Errc::kInvalidArgument, "no operation that ends so");
  }
  operation.kind = *kind;
  operation.outcome = *outcome;
  line.key = text_of(object, "key").value_or("");
  line.value = text_of(object, "value");
  line.expected = text_of(object, "expect");
  line.seen = text_of(object, "seen");
  operation.who = text_of(object, "who").value_or("");
  operation.call_ns = time_of(object, "call");
  operation.return_ns = *outcome == Outcome::kUnknown ? kNever : time_of(object, "return");
  const bool times = operation.call_ns != kNever &&
                     (*outcome == Outcome::kUnknown ||
                      (operation.return_ns != kNever && operation.call_ns <= operation.return_ns));
  if (!times || (*kind != Kind::kList && line.key.empty()) || (writes(*kind) && !line.value) ||
      (expects(*kind) && !line.expected)) {
    return Error(Errc::kInvalidArgument, "an operation without its key, value or times");
  }
  const json::value* const listed = object.if_contains("list");
  if (listed != nullptr && listed->is_object()) {
    for (const auto& item : listed->as_object()) {
      if (!item.value().is_string()) return Error(Errc::kInvalidArgument, "a list of no values");
      line.listed.emplace(item.key(), item.value().as_string());
    }
  }
  return line;
}

/// Numbers the names of some lines.
class Builder {
 public:
  explicit Builder(std::string name) { out_.name = std::move(name), value("nothing"); }

  Result<Partition> build(std::vector<const Line*> lines) {
    for (const Line* line : lines) {
      if (!line->key.empty()) key(line->key);
      for (const auto& [name, unused] : line->listed) key(name);
    }
    if (out_.keys.size() > kMaxKeys) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("{}: {} keys are listed together, at most {}", out_.name,
                               out_.keys.size(), kMaxKeys));
    }
    std::vector<Value> written;
    for (const Line* line : lines) {
      Operation operation = line->operation;
      if (!line->key.empty()) operation.key = key(line->key);
      if (line->value) written.push_back(operation.written = value(*line->value));
      if (line->expected) operation.expected = value(*line->expected);
      if (line->seen) operation.seen = value(*line->seen);
      if (operation.kind == Kind::kList) {
        operation.listed.resize(out_.keys.size(), kAbsent);
        for (const auto& [name, content] : line->listed) {
          operation.listed[key(name)] = value(content);
        }
      }
      out_.operations.push_back(std::move(operation));
    }
    std::ranges::sort(written);
    if (std::ranges::adjacent_find(written) != written.end()) {
      return Error(Errc::kInvalidArgument, out_.name + ": two puts of one value");
    }
    return std::move(out_);
  }

 private:
  std::uint32_t key(const std::string& name) { return number_of(name, key_numbers_, out_.keys); }
  Value value(const std::string& name) { return number_of(name, value_numbers_, out_.values); }

  static std::uint32_t number_of(const std::string& name,
                                 std::map<std::string, std::uint32_t>& numbers,
                                 std::vector<std::string>& names) {
    const auto [at, is_new] = numbers.emplace(name, names.size());
    if (is_new) names.push_back(name);
    return at->second;
  }

  Partition out_;
  std::map<std::string, std::uint32_t> key_numbers_, value_numbers_;
};

void count(const Operation& operation, History& history) {
  switch (operation.outcome) {
    case Outcome::kOk:
      ++history.ok;
      break;
    case Outcome::kUnknown:
      ++history.unknown;
      break;
    default:
      ++history.failed;
  }
}

using Groups = std::map<std::string, std::vector<Line>>;

/// A group that is listed is one partition; of another each key is one.
Result<void> split(const Groups& groups, History& history) {
  for (const auto& [name, lines] : groups) {
    const bool is_listed = std::ranges::any_of(
        lines, [](const Line& line) { return line.operation.kind == Kind::kList; });
    std::map<std::string, std::vector<const Line*>> parts;
    for (const Line& line : lines) {
      parts[is_listed ? name : name + "/" + line.key].push_back(&line);
    }
    for (auto& [part, own] : parts) {
      KELP_TRY(Partition partition, Builder(part).build(std::move(own)));
      history.partitions.push_back(std::move(partition));
    }
  }
  return {};
}

}  // namespace

Result<History> read_history(std::istream& in) {
  History history;
  Groups groups;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    boost::system::error_code error;
    const json::value parsed = json::parse(text, error);
    if (error || !parsed.is_object()) {
      return Error(Errc::kInvalidArgument, fmt::format("line {} is no JSON object", number));
    }
    const json::object& object = parsed.as_object();
    if (const auto note = text_of(object, "note")) {
      history.notes.push_back({.at_ns = time_of(object, "at"), .text = *note});
      continue;
    }
    auto line = parse_operation(object);
    const auto group = text_of(object, "group");
    if (!line || !group) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("line {}: {}", number, line ? "no group" : line.error().detail()));
    }
    count(line->operation, history);
    const bool reads = line->operation.kind == Kind::kGet || line->operation.kind == Kind::kList;
    if (reads && line->operation.outcome == Outcome::kUnknown) continue;
    groups[*group].push_back(std::move(*line));
  }
  KELP_CHECK(split(groups, history));
  return history;
}

std::string describe(const Partition& partition, const Operation& operation) {
  const auto& values = partition.values;
  std::string text(name_of(kKinds, operation.kind));
  if (operation.kind != Kind::kList) text += " " + partition.keys[operation.key];
  if (expects(operation.kind)) text += fmt::format(" (if {})", values[operation.expected]);
  if (writes(operation.kind)) text += " = " + values[operation.written];
  text += " -> ";
  if (operation.outcome != Outcome::kOk) return text.append(name_of(kOutcomes, operation.outcome));
  if (operation.kind == Kind::kGet) return text + values[operation.seen];
  if (operation.kind != Kind::kList) return text + "ok";
  for (std::size_t key = 0; key < operation.listed.size(); ++key) {
    text += fmt::format("{}{}: {}", key == 0 ? "{" : ", ", partition.keys[key],
                        values[operation.listed[key]]);
  }
  return text + "}";
}

}  // namespace kelp::linear
