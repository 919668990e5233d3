#include "kv/remote_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"

namespace kelp {

Result<void> accept_risks(std::string_view engine, const std::string& risks, bool allow_unsafe) {
  if (risks.empty()) return {};
  if (!allow_unsafe) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} cannot keep what Kelp needs: {}correct that, or set "
                             "filer.allow_unsafe_engine = true",
                             engine, risks));
  }
  logger("kv").warn("unsafe_engine risks={}", log_value(risks));
  return {};
}

std::string print_outcomes(const GroupOutcomes& outcomes) {
  return fmt::format("{}", fmt::join(outcomes, ","));
}

Result<GroupOutcomes> parse_outcomes(std::string_view text) {
  GroupOutcomes outcomes;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    std::int32_t outcome = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), outcome);
    if (code != std::errc() || end != word.data() + word.size() || outcome < kBatchAgain) {
      return Error(Errc::kCorruption, fmt::format("kv: outcomes of a group: '{}'", word));
    }
    outcomes.push_back(outcome);
  }
  return outcomes;
}

std::string WriterMark::text() const {
  return fmt::format("{}.{}.{}", epoch, number, outcomes);
}

Result<WriterMark> WriterMark::parse(std::string_view text) {
  WriterMark mark;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, mark.epoch);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '.') {
    const auto second = std::from_chars(first.ptr + 1, end, mark.number);
    if (second.ec == std::errc() && second.ptr != end && *second.ptr == '.') {
      mark.outcomes = std::string(second.ptr + 1, end);
      return mark;
    }
  }
  return Error(Errc::kInternal, "kv: a writer's mark that cannot be read");
}

Result<std::optional<GroupOutcomes>> GroupNumbers::recover(std::uint64_t number,
                                                           std::string_view outcomes) {
  if (number == acknowledged_) return std::nullopt;
  if (number != acknowledged_ + 1) {
    return Error(Errc::kCorruption,
                 fmt::format("kv: the engine is at group {} of ours, and had acknowledged {}: it "
                             "lost commits, or went back to an older state",
                             number, acknowledged_));
  }
  KELP_TRY(GroupOutcomes parsed, parse_outcomes(outcomes));
  acknowledged_ = number;
  return std::move(parsed);
}

}  // namespace kelp
