#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "select/scan.h"

namespace kelp::select::test {

/// 2026-01-02T03:04:05Z.
inline constexpr Moment kNow{.micros = 1'767'323'045'000'000};

/// What came of a scan: its result, or the code of its failure.
struct Outcomes {
  std::string result;
  std::optional<FailureKind> failure;
  std::string detail;
  Progress progress;
  std::size_t most_bytes = 0;  ///< That one step made.
  std::size_t steps = 0;
};

/// Runs `request` over `object`, fed in pieces of `piece_bytes`.
inline Outcomes scan(Request request, std::string_view object,
                     std::size_t piece_bytes = std::size_t(-1),
                     std::optional<ByteStretch> stretch = std::nullopt) {
  Outcomes outcomes;
  const auto failed = [&](const Failure& failure) {
    outcomes.failure = failure.kind;
    outcomes.detail = failure.message;
    return outcomes;
  };
  auto opened = Scan::open(std::move(request), stretch, kNow);
  if (!opened) return failed(opened.error());
  Scan& scan = **opened;
  for (std::size_t at = 0; scan.wants_header();) {
    const std::string_view piece = object.substr(at, std::min<std::size_t>(piece_bytes, 7));
    at += piece.size();
    const auto done = scan.feed_header(piece, at == object.size());
    if (!done) return failed(done.error());
  }
  std::size_t at = static_cast<std::size_t>(scan.read_from());
  for (;;) {
    const std::size_t before = outcomes.result.size();
    const auto state = scan.run(outcomes.result);
    ++outcomes.steps;
    outcomes.most_bytes = std::max(outcomes.most_bytes, outcomes.result.size() - before);
    outcomes.progress = scan.progress();
    if (!state) return failed(state.error());
    if (*state == ScanState::kDone) return outcomes;
    if (*state == ScanState::kGoesOn) continue;
    if (at >= object.size()) {
      scan.finish();
      continue;
    }
    const std::string_view piece = object.substr(at, piece_bytes);
    scan.feed(piece);
    at += piece.size();
  }
}

/// A request for CSV without a header, answered as CSV.
inline Request csv_request(std::string expression, HeaderInfo header = HeaderInfo::kNone) {
  Request request;
  request.expression = std::move(expression);
  request.input = CsvInput{.header = header};
  request.output = CsvOutput{};
  return request;
}
/// The same of JSON.
inline Request json_request(std::string expression) {
  Request request;
  request.expression = std::move(expression);
  request.input = JsonInput{};
  request.output = JsonOutput{};
  return request;
}

}  // namespace kelp::select::test
