#include "s3gw/core/version_id.h"

#include <fmt/format.h>

#include <charconv>

#include "wire/namespace.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kNullText = "null";

}  // namespace

std::string version_id_text(std::uint64_t id) {
  return id == kNullVersion ? std::string(kNullText) : fmt::format("{:016x}", id);
}

S3Result<std::uint64_t> read_version_id(std::string_view argument, std::string_view text) {
  if (text == kNullText) return kNullVersion;
  std::uint64_t id = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  const bool whole = code == std::errc() && end == text.data() + text.size();
  // Each id has one text.
  if (whole && id != kNullVersion && version_id_text(id) == text) return id;
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              "Invalid version id specified",
              {{"ArgumentName", std::string(argument)}, {"ArgumentValue", std::string(text)}}});
}

}  // namespace kelp::s3
