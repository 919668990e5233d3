#include "server/storage_classes.h"

#include <fmt/format.h>

#include <set>

#include "base/config_value.h"
#include "s3gw/core/storage_class.h"
#include "server/config.h"
#include "server/toml_text.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kLeastLarge = 64ULL << 10;
constexpr std::uint64_t kMostLarge = 8ULL << 20;

Result<void> check_class(const StorageClassConfig& each) {
  KELP_CHECK(parse_spread(each.spread));
  if (!each.large.empty()) {
    KELP_CHECK(parse_ec_scheme(each.large));
  }
  if (!each.seal.empty()) {
    KELP_CHECK(parse_ec_scheme(each.seal));
  }
  if (each.large_from < kLeastLarge || each.large_from > kMostLarge) {
    return Error(Errc::kInvalidArgument, "large_from must lie between 64KiB and 8MiB");
  }
  if (each.name == "STANDARD") {
    return Error(Errc::kInvalidArgument, "STANDARD is set by master.spread, large, seal and tag");
  }
  if (!s3::is_storage_class(each.name)) {
    return Error(Errc::kInvalidArgument,
                 "S3 has no such class; it has STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, "
                 "REDUCED_REDUNDANCY, GLACIER_IR, GLACIER and DEEP_ARCHIVE");
  }
  return {};
}

}  // namespace

Result<bool> set_class_value(StorageClassConfig& to, std::string_view name,
                             const std::string& text) {
  if (name == "large_from") {
    KELP_TRY(to.large_from, parse_bytes(text));
    return true;
  }
  std::string* const target = name == "name"     ? &to.name
                              : name == "spread" ? &to.spread
                              : name == "large"  ? &to.large
                              : name == "seal"   ? &to.seal
                              : name == "tag"    ? &to.tag
                                                 : nullptr;
  if (target != nullptr) *target = text;
  return target != nullptr;
}

Result<void> check_classes(std::span<const StorageClassConfig> classes) {
  std::set<std::string_view> names;
  for (const StorageClassConfig& each : classes) {
    auto checked = check_class(each);
    if (checked.has_value() && !names.insert(each.name).second) {
      checked = Error(Errc::kInvalidArgument, "it is there twice");
    }
    if (!checked.has_value()) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("master.class '{}': {}", each.name, checked.error().detail()));
    }
  }
  return {};
}

std::string print_classes(std::span<const StorageClassConfig> classes) {
  std::string out;
  for (const StorageClassConfig& each : classes) {
    out += fmt::format(
        "\n[[master.class]]\nname = {}\nspread = {}\nlarge = {}\nlarge_from = {}\nseal = {}\n"
        "tag = {}\n",
        toml_quoted(each.name), toml_quoted(each.spread), toml_quoted(each.large), each.large_from,
        toml_quoted(each.seal), toml_quoted(each.tag));
  }
  return out;
}

master::StorageLayout layout_of(const StorageClassConfig& from) {
  return {.spread = *parse_spread(from.spread),
          .large = from.large.empty() ? EcScheme{} : *parse_ec_scheme(from.large),
          .large_from = from.large_from,
          .seal = from.seal.empty() ? EcScheme{} : *parse_ec_scheme(from.seal),
          .tag = from.tag};
}

}  // namespace kelp::server
