#include "lifecycle/due.h"

namespace kelp::lifecycle {
namespace {

/// The earlier one counts; of two at once the rule that stands first.
void add(std::optional<Due>& first, const Due& due) {
  if (!first || due.at < first->at) first = due;
}

WallTime moment_of(const When& when, WallTime made, const Calendar& calendar) {
  return when.date ? *when.date : calendar.after(made, when.days);
}

/// Small objects take more room in other classes than they save.
bool is_large_enough(const Rules& rules, const Rule& rule, const Subject& subject,
                     std::string_view to) {
  if (subject.size_bytes >= kSmallestMoved) return true;
  if (rule.filter.larger_than || rule.filter.smaller_than) return true;
  return rules.smallest_varies && (to == "GLACIER" || to == "DEEP_ARCHIVE");
}

/// The lower one counts.
void add_move(std::optional<Due>& lowest, const Due& due) {
  if (!lowest || rank_of(due.to) > rank_of(lowest->to)) lowest = due;
}

}  // namespace

WallTime Calendar::after(WallTime from, std::uint32_t days) const {
  const WallTime then = from + days * day;
  if (day != std::chrono::days(1)) return then;
  return std::chrono::ceil<std::chrono::days>(then);
}

std::optional<Due> expiry(const Rules& rules, const Subject& subject, WallTime made,
                          const Calendar& calendar) {
  std::optional<Due> first;
  for (const Rule& rule : rules.rules) {
    if (!rule.expires || !rule.filter.matches(subject)) continue;
    add(first, {moment_of(*rule.expires, made, calendar), &rule});
  }
  return first;
}

std::optional<Due> marker_expiry(const Rules& rules, std::string_view key, WallTime made,
                                 const Calendar& calendar) {
  std::optional<Due> first;
  const Subject marker{.key = key};
  for (const Rule& rule : rules.rules) {
    if ((!rule.expires && !rule.expired_markers) || !rule.filter.matches(marker)) continue;
    add(first, {rule.expired_markers ? made : moment_of(*rule.expires, made, calendar), &rule});
  }
  return first;
}

std::optional<Due> noncurrent_expiry(const Rules& rules, const Subject& subject, WallTime since,
                                     std::uint32_t newer, const Calendar& calendar) {
  std::optional<Due> first;
  for (const Rule& rule : rules.rules) {
    if (!rule.noncurrent || newer < rule.noncurrent->newer) continue;
    if (!rule.filter.matches(subject)) continue;
    add(first, {.at = calendar.after(since, rule.noncurrent->days),
                .rule = &rule,
                .newer = rule.noncurrent->newer});
  }
  return first;
}

std::optional<Due> move(const Rules& rules, const Subject& subject, std::string_view from,
                        WallTime made, const Calendar& calendar, WallTime now) {
  std::optional<Due> lowest;
  for (const Rule& rule : rules.rules) {
    if (rule.moves.empty() || !rule.filter.matches(subject)) continue;
    for (const Move& each : rule.moves) {
      const Due due{.at = moment_of(each.when, made, calendar), .rule = &rule, .to = each.to};
      const bool down = rank_of(each.to) > rank_of(from);
      if (due.at <= now && down && is_large_enough(rules, rule, subject, each.to)) {
        add_move(lowest, due);
      }
    }
  }
  return lowest;
}

std::optional<Due> noncurrent_move(const Rules& rules, const Subject& subject,
                                   std::string_view from, WallTime since, std::uint32_t newer,
                                   const Calendar& calendar, WallTime now) {
  std::optional<Due> lowest;
  for (const Rule& rule : rules.rules) {
    if (rule.noncurrent_moves.empty() || !rule.filter.matches(subject)) continue;
    for (const NoncurrentMove& each : rule.noncurrent_moves) {
      const Due due{.at = calendar.after(since, each.when.days),
                    .rule = &rule,
                    .to = each.to,
                    .newer = each.when.newer};
      const bool down = rank_of(each.to) > rank_of(from) && newer >= each.when.newer;
      if (due.at <= now && down && is_large_enough(rules, rule, subject, each.to)) {
        add_move(lowest, due);
      }
    }
  }
  return lowest;
}

std::optional<Due> upload_expiry(const Rules& rules, std::string_view key, WallTime began,
                                 const Calendar& calendar) {
  std::optional<Due> first;
  for (const Rule& rule : rules.rules) {
    if (!rule.abort_days || !key.starts_with(rule.filter.prefix)) continue;
    add(first, {calendar.after(began, *rule.abort_days), &rule});
  }
  return first;
}

}  // namespace kelp::lifecycle
