#include "ec/scheme.h"

#include <fmt/format.h>

#include <charconv>

namespace kelp {
namespace {

/// Reads a number of at most three digits off the front of `text`.
bool take_number(std::string_view& text, unsigned& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end - text.data() > 3) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

Result<void> check_numbers(unsigned data, unsigned parity) {
  if (data >= 2 && parity >= 1 && data + parity <= kMostShards) return {};
  return Error(
      Errc::kInvalidArgument,
      fmt::format("ec({},{}): a scheme has at least 2 data shards, at least 1 parity shard "
                  "and at most {} in all",
                  data, parity, kMostShards));
}

}  // namespace

Result<void> check_scheme(EcScheme scheme) {
  return check_numbers(scheme.data, scheme.parity);
}

std::string to_string(EcScheme scheme) {
  return fmt::format("ec({},{})", scheme.data, scheme.parity);
}

Result<EcScheme> parse_ec_scheme(std::string_view text) {
  unsigned data = 0;
  unsigned parity = 0;
  std::string_view rest = text;
  bool good = take(rest, "ec(") && take_number(rest, data) && take(rest, ",");
  while (good && take(rest, " ")) {
  }
  good = good && take_number(rest, parity) && rest == ")";
  if (!good) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is no erasure coding scheme; write it as ec(4,2): 4 data shards "
                             "and 2 of parity",
                             text));
  }
  KELP_CHECK(check_numbers(data, parity));
  return EcScheme{.data = static_cast<std::uint8_t>(data),
                  .parity = static_cast<std::uint8_t>(parity)};
}

}  // namespace kelp
