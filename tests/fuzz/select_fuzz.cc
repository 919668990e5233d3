// A query and an object, as a client may send them: the first line is the query, the rest the
// object, which is read as CSV and as JSON.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "select/scan.h"

namespace {

using namespace kelp::select;

/// Nothing is said of where text that is no UTF-8 is refused.
bool is_text(std::string_view object) {
  Utf8Check check;
  return check.feed(object) && check.complete();
}

/// The result, cut off where it becomes long; what a piece holds must not matter.
std::string run(const Request& request, std::string_view object, std::size_t piece_bytes) {
  auto scan = Scan::open(request, std::nullopt, Moment{});
  if (!scan) return std::string(name_of(scan.error().kind));
  std::string result;
  while (result.size() < (1 << 20)) {
    const std::size_t before = result.size();
    const auto state = (*scan)->run(result);
    if (!state) return std::string(name_of(state.error().kind));
    KELP_ASSERT(result.size() - before <= kResultBytes + kMaxRecordBytes + 16, "a step is bounded");
    if (*state == ScanState::kDone) return result;
    if (*state == ScanState::kGoesOn) continue;
    if (object.empty()) {
      (*scan)->finish();
    } else {
      (*scan)->feed(object.substr(0, piece_bytes));
      object.remove_prefix(std::min(piece_bytes, object.size()));
    }
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view object = input.substr(std::min(end + 1, input.size()));
  Request request;
  request.expression = input.substr(0, end);
  request.output = JsonOutput{};
  request.input = JsonInput{};
  // Of many pieces each is read again from a record's beginning: small objects only.
  const std::size_t small = object.size() < 4096 ? 3 : 1000;
  const bool text = is_text(object);
  const auto check = [&] {
    const std::string whole = run(request, object, size);
    if (!text) return;
    KELP_ASSERT(whole == run(request, object, small), "pieces do not matter");
  };
  check();
  request.output = CsvOutput{};
  for (const HeaderInfo header : {HeaderInfo::kNone, HeaderInfo::kUse}) {
    request.input = CsvInput{.header = header, .quoted_record_delimiter = true};
    check();
  }
  request.compression = Compression::kGzip;
  (void)run(request, object, size);
  return 0;
}
