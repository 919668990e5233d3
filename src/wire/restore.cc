#include "wire/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kelp {
namespace {

/// Takes the number in front of `text`.
std::optional<WallTime> take_time(std::string_view& text) {
  std::int64_t nanoseconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), nanoseconds);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return WallTime(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace

std::optional<RestoredCopy> restored_copy(const ObjectHeaders& headers) {
  for (const auto& [name, value] : headers.standard) {
    if (name != kRestoreHeader) continue;
    std::string_view text = value;
    const auto ready = take_time(text);
    if (!text.starts_with(' ')) return std::nullopt;
    text.remove_prefix(1);
    const auto until = take_time(text);
    if (!ready || !until || !text.empty()) return std::nullopt;
    return RestoredCopy{*ready, *until};
  }
  return std::nullopt;
}

void set_restored_copy(ObjectHeaders& headers, const RestoredCopy& copy) {
  drop_restored_copy(headers);
  headers.standard.emplace_back(kRestoreHeader,
                                fmt::format("{} {}", copy.ready.time_since_epoch().count(),
                                            copy.until.time_since_epoch().count()));
}

void drop_restored_copy(ObjectHeaders& headers) {
  std::erase_if(headers.standard, [](const auto& line) { return line.first == kRestoreHeader; });
}

}  // namespace kelp
