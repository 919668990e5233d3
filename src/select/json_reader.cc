// Records of JSON: what a path leads to in each value of a stream of values, built while the
// stream is read, so that no document need fit into memory.

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <deque>
#include <optional>

#include "base/json_events.h"
#include "select/reader.h"
#include "select/text.h"

namespace kelp::select {
namespace {

/// Between two looks at what was found so much is read: it bounds how many records wait.
constexpr std::size_t kSliceBytes = 4096;

/// Takes the parser's events. Outside of a record it only counts how far the path has led.
class RecordBuilder : public JsonEvents {
 public:
  explicit RecordBuilder(const Path* path) : path_(path) {}

  bool on_object_begin(Code& code) { return open(JsonType::kObject, code); }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code& code) { return open(JsonType::kArray, code); }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(Text part, std::size_t, Code& code) { return gather(part, code); }
  bool on_key(Text part, std::size_t, Code& code) {
    if (!gather(part, code)) return false;
    key_.swap(gathered_);
    gathered_.clear();
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code& code) { return gather_value(part, code); }
  bool on_string(Text part, std::size_t, Code& code) {
    return gather_value(part, code) && scalar(JsonType::kText, code);
  }
  bool on_number_part(Text part, Code& code) { return gather_value(part, code); }
  bool on_int64(std::int64_t, Text part, Code& code) { return number(part, code); }
  bool on_uint64(std::uint64_t, Text part, Code& code) { return number(part, code); }
  bool on_double(double, Text part, Code& code) { return number(part, code); }
  bool on_bool(bool truth, Code& code) {
    return scalar(truth ? JsonType::kTrue : JsonType::kFalse, code);
  }
  bool on_null(Code& code) { return scalar(JsonType::kNull, code); }

  /// What was found, in order; a tree without nodes: the path led nowhere.
  std::deque<JsonTree> found;
  bool too_large = false;

 private:
  /// An object or array that is open, outside of records.
  struct Level {
    bool object = false;
    bool on_path = false;        ///< The path led here.
    bool led_on = false;         ///< And on from here.
    std::uint32_t elements = 0;  ///< So far.
  };

  [[nodiscard]] bool building() const { return !open_.empty(); }

  /// Whether the value that begins is on the path.
  [[nodiscard]] bool is_on_path() const {
    if (levels_.empty()) return true;
    const Level& level = levels_.back();
    if (!level.on_path) return false;
    const Step& step = path_->steps[levels_.size() - 1];
    if (step.kind == Step::Kind::kEach) return !level.object;
    if (level.led_on) return false;
    if (step.kind == Step::Kind::kIndex) return !level.object && level.elements == step.index;
    if (!level.object) return false;
    return step.exact ? key_ == step.name : same_word(key_, step.name);
  }

  /// A value begins outside of a record. True when it is one itself.
  bool arrive(bool& on_path) {
    on_path = is_on_path();
    if (!levels_.empty()) {
      ++levels_.back().elements;
      levels_.back().led_on |= on_path;
    }
    return on_path && levels_.size() == path_->steps.size();
  }

  /// The path ended at something that does not lead on.
  void lead_nowhere() { found.emplace_back(); }

  bool open(JsonType type, Code& code) {
    if (!building()) {
      bool on_path = false;
      if (!arrive(on_path)) {
        levels_.push_back({.object = type == JsonType::kObject, .on_path = on_path});
        return true;
      }
      current_.clear();
    }
    if (!add(type, code)) return false;
    open_.push_back(static_cast<std::uint32_t>(current_.nodes.size() - 1));
    return true;
  }

  bool close() {
    if (!building()) {
      const Level level = levels_.back();
      levels_.pop_back();
      if (!level.on_path || level.led_on) return true;
      const Step& step = path_->steps[levels_.size()];
      // Of an array without elements there is none.
      if (step.kind != Step::Kind::kEach || level.object) lead_nowhere();
      return true;
    }
    current_.nodes[open_.back()].end = static_cast<std::uint32_t>(current_.nodes.size());
    open_.pop_back();
    if (!building()) complete();
    return true;
  }

  bool scalar(JsonType type, Code& code) {
    bool record = false;
    if (!building()) {
      bool on_path = false;
      record = arrive(on_path);
      if (!record) {
        if (on_path) lead_nowhere();
        gathered_.clear();
        return true;
      }
      current_.clear();
    }
    if (!add(type, code)) return false;
    JsonNode& node = current_.nodes.back();
    node.text_at = static_cast<std::uint32_t>(current_.texts.size());
    node.text_bytes = static_cast<std::uint32_t>(gathered_.size());
    node.end = static_cast<std::uint32_t>(current_.nodes.size());
    current_.texts += gathered_;
    gathered_.clear();
    if (record) complete();
    return true;
  }

  bool number(Text part, Code& code) {
    return gather_value(part, code) && scalar(JsonType::kNumber, code);
  }

  bool add(JsonType type, Code& code) {
    const bool member = building() && current_.nodes[open_.back()].type == JsonType::kObject;
    const std::size_t name_bytes = member ? key_.size() : 0;
    if (current_.nodes.size() >= kMaxJsonNodes ||
        current_.texts.size() + name_bytes + gathered_.size() > kMaxRecordBytes) {
      return refuse(code);
    }
    JsonNode node{.type = type};
    node.name_at = static_cast<std::uint32_t>(current_.texts.size());
    node.name_bytes = static_cast<std::uint32_t>(name_bytes);
    if (member) current_.texts += key_;
    current_.nodes.push_back(node);
    return true;
  }

  bool gather(Text part, Code& code) {
    if (gathered_.size() + part.size() > kMaxRecordBytes) return refuse(code);
    gathered_.append(part.data(), part.size());
    return true;
  }
  /// Values that are part of nothing are let go at once.
  bool gather_value(Text part, Code& code) {
    const bool wanted = building() || (levels_.size() == path_->steps.size() && is_on_path());
    return wanted ? gather(part, code) : true;
  }

  bool refuse(Code& code) {
    too_large = true;
    code = boost::json::error::exception;
    return false;
  }

  void complete() { found.push_back(std::move(current_)); }

  const Path* path_;
  std::vector<Level> levels_;
  std::string gathered_;  ///< The text, number or name that is being read.
  std::string key_;
  JsonTree current_;
  std::vector<std::uint32_t> open_;  ///< Objects and arrays of current_.
};

class JsonReader final : public RecordReader {
 public:
  explicit JsonReader(const Path& from) : parser_(options(), &from) {}

  void feed(std::string_view bytes) override {
    waiting_.assign(bytes);
    at_ = 0;
  }
  void finish() override { finished_ = true; }
  std::span<const std::string> names() const override { return {}; }

  Outcome<bool> next(Record& record) override {
    auto& found = parser_.handler().found;
    while (found.empty()) {
      if (broken_) return *broken_;
      KELP_TRY(const bool more, read_slice());
      if (!more) return false;
    }
    current_ = std::move(found.front());
    found.pop_front();
    record.json = {.tree = current_.nodes.empty() ? nullptr : &current_, .at = 0};
    return true;
  }

 private:
  static boost::json::parse_options options() {
    boost::json::parse_options made;
    made.max_depth = kMaxJsonDepth;
    return made;
  }

  /// False when nothing is left.
  Outcome<bool> read_slice() {
    std::string_view slice = std::string_view(waiting_).substr(at_, kSliceBytes);
    if (!within_) {
      // Values need nothing between them; blanks, and commas or a mark of byte order never hurt.
      const std::size_t blanks = std::min(slice.find_first_not_of(" \t\r\n"), slice.size());
      at_ += blanks;
      slice.remove_prefix(blanks);
      if (slice.empty()) return at_ < waiting_.size();
    }
    if (slice.empty() && !finished_) return false;
    const bool last = slice.empty();
    boost::system::error_code code;
    const std::size_t read = parser_.write_some(!last, slice.data(), slice.size(), code);
    at_ += read;
    // What was found before it is given out first.
    if (code) broken_ = failed();
    if (broken_) return true;
    within_ = !parser_.done();
    if (!within_) parser_.reset();
    return true;
  }

  Failure failed() {
    if (parser_.handler().too_large) {
      return {FailureKind::kOverMaxRecordSize,
              fmt::format("a record of more than {} bytes or {} values", kMaxRecordBytes,
                          kMaxJsonNodes)};
    }
    return {FailureKind::kJSONParsingError,
            fmt::format("no JSON, or JSON more than {} deep", kMaxJsonDepth)};
  }

  boost::json::basic_parser<RecordBuilder> parser_;
  std::string waiting_;
  std::size_t at_ = 0;
  bool within_ = false;  ///< A value was begun.
  bool finished_ = false;
  std::optional<Failure> broken_;
  JsonTree current_;
};

}  // namespace

std::unique_ptr<RecordReader> make_json_reader(const Path& from) {
  return std::make_unique<JsonReader>(from);
}

}  // namespace kelp::select
