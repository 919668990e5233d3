#include "kv/etcd_requests.h"

#include <bit>
#include <boost/json.hpp>
#include <charconv>

#include "base/encoding.h"

namespace kelp::etcd {

namespace json = boost::json;

namespace {

constexpr std::string_view kBehindRows = "kelp/r0";

/// The value of `name`, as a string that holds a number; 0 when it is not there, as etcd leaves
/// zeros out.
std::int64_t number_in(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  if (value == nullptr || !value->is_string()) return 0;
  const std::string_view text = value->as_string();
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<std::string> bytes_in(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::string();
  return base64_decode(value->as_string());
}

const json::array& list_in(const json::object& in, std::string_view name) {
  static const json::array kNone;
  const json::value* value = in.if_contains(name);
  return value != nullptr && value->is_array() ? value->as_array() : kNone;
}

const json::object& object_in(const json::object& in, std::string_view name) {
  static const json::object kNone;
  const json::value* value = in.if_contains(name);
  return value != nullptr && value->is_object() ? value->as_object() : kNone;
}

bool is_nothing(const KvCondition& condition) {
  return condition.kind == KvCondition::Kind::kEmptyRange && condition.key >= condition.value;
}

}  // namespace

std::string row_key(std::string_view key) {
  return std::string(kRowPrefix).append(key);
}
std::string row_end(std::string_view end) {
  return end.empty() ? std::string(kBehindRows) : row_key(end);
}

std::string field(std::string_view name, std::string_view bytes) {
  return fmt::format("\"{}\":\"{}\"", name, base64_encode(bytes));
}

std::string transaction(const List& compare, const List& success, const List& failure) {
  return fmt::format(R"({{"compare":[{}],"success":[{}],"failure":[{}]}})", compare.text(),
                     success.text(), failure.text());
}

Result<std::vector<KvRow>> rows_in(const json::object& answer, std::string_view stamped) {
  std::vector<KvRow> rows;
  for (const json::value& kv : list_in(answer, "kvs")) {
    if (!kv.is_object()) return Error(Errc::kIo, "etcd: a row that is no object");
    KELP_TRY(std::string key, bytes_in(kv.as_object(), "key"));
    KELP_TRY(std::string value, bytes_in(kv.as_object(), "value"));
    if (!stamped.empty() && key.starts_with(stamped)) {
      const auto revision = static_cast<std::uint64_t>(number_in(kv.as_object(), "mod_revision"));
      const std::uint64_t stamp = std::byteswap(revision);
      value.append(reinterpret_cast<const char*>(&stamp), sizeof stamp);
    }
    rows.emplace_back(std::move(key), std::move(value));
  }
  return rows;
}

Result<std::optional<std::string>> value_in(const json::object& answer) {
  KELP_TRY(auto rows, rows_in(answer));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front().second);
}

bool succeeded(const json::object& answer) {
  const json::value* done = answer.if_contains("succeeded");
  return done != nullptr && done->is_bool() && done->as_bool();
}

Result<std::optional<std::string>> value_at(const json::object& answer, std::size_t index) {
  const json::array& all = list_in(answer, "responses");
  if (index >= all.size() || !all[index].is_object() ||
      !all[index].as_object().contains("response_range")) {
    return Error(Errc::kIo, "etcd: a transaction whose reads are not answered");
  }
  return value_in(object_in(all[index].as_object(), "response_range"));
}

void compare_value(List& compare, const std::string& key, const std::optional<std::string>& value) {
  if (value) {
    compare.add(R"({},"target":"VALUE","result":"EQUAL",{})", field("key", key),
                field("value", *value));
  } else {
    compare.add(R"({},"target":"CREATE","result":"EQUAL","create_revision":"0")",
                field("key", key));
  }
}

void compare_condition(List& compare, const KvCondition& condition) {
  const std::string key = row_key(condition.key);
  switch (condition.kind) {
    case KvCondition::Kind::kAbsent:
      compare_value(compare, key, std::nullopt);
      break;
    case KvCondition::Kind::kPresent:
      compare.add(R"({},"target":"CREATE","result":"GREATER","create_revision":"0")",
                  field("key", key));
      break;
    case KvCondition::Kind::kEquals:
      compare_value(compare, key, condition.value);
      break;
    case KvCondition::Kind::kEmptyRange:
      if (is_nothing(condition)) break;
      compare.add(R"({},{},"target":"CREATE","result":"EQUAL","create_revision":"0")",
                  field("key", key), field("range_end", row_key(condition.value)));
      break;
    case KvCondition::Kind::kAtMost:
      break;  // etcd compares no numbers: compare_counter()
  }
}

void compare_counter(List& compare, const KvCondition& condition,
                     const std::optional<std::string>& known) {
  const std::string key = row_key(condition.key);
  compare_value(compare, key, known);
  if (counter_at_most(known, condition.value)) return;
  // What is known says no, and the engine has the last word: it answers with what it holds.
  compare.add(R"({},"target":"VERSION","result":"LESS","version":"0")", field("key", key));
}

void look_at(List& looks, const KvCondition& condition) {
  const std::string key = field("key", row_key(condition.key));
  switch (condition.kind) {
    case KvCondition::Kind::kEquals:
    case KvCondition::Kind::kAtMost:
      looks.add(R"("request_range":{{{}}})", key);
      break;
    case KvCondition::Kind::kEmptyRange:
      // Of a reversed range nothing: etcd would read all behind its begin.
      looks.add(R"("request_range":{{{},{},"limit":"1","keys_only":true}})", key,
                field("range_end",
                      row_key(is_nothing(condition) ? condition.key + '\0' : condition.value)));
      break;
    default:
      looks.add(R"("request_range":{{{},"keys_only":true}})", key);
  }
}

Result<bool> holds(const KvCondition& condition, const json::object& answer, std::size_t index) {
  if (is_nothing(condition)) return true;
  KELP_TRY(const auto value, value_at(answer, index));
  switch (condition.kind) {
    case KvCondition::Kind::kEquals:
      return value == condition.value;
    case KvCondition::Kind::kAtMost:
      return counter_at_most(value, condition.value);
    case KvCondition::Kind::kPresent:
      return value.has_value();
    default:
      return !value.has_value();
  }
}

void put(List& changes, const std::string& key, std::string_view value) {
  changes.add(R"("request_put":{{{},{}}})", field("key", key), field("value", value));
}

void change_rows(List& changes, const EtcdWrites& writes) {
  for (const auto& [begin, end] : ranges_between(writes)) {
    changes.add(R"("request_delete_range":{{{},{}}})", field("key", row_key(begin)),
                field("range_end", row_key(end)));
  }
  for (const auto& [key, value] : writes.rows) {
    if (value) {
      put(changes, row_key(key), *value);
    } else {
      changes.add(R"("request_delete_range":{{{}}})", field("key", row_key(key)));
    }
  }
}

std::int64_t revision_of(const json::object& answer) {
  return number_in(object_in(answer, "header"), "revision");
}

void look_at_key(List& looks, const std::string& key) {
  looks.add(R"("request_range":{{{}}})", field("key", key));
}

}  // namespace kelp::etcd
