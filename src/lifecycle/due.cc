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
    add(first, {calendar.after(since, rule.noncurrent->days), &rule});
  }
  return first;
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
