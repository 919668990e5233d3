#include "s3gw/core/storage_class.h"

#include <algorithm>
#include <array>

namespace kelp::s3 {
namespace {

constexpr std::array<std::string_view, 8> kStorageClasses{
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER",  "DEEP_ARCHIVE",       "GLACIER_IR"};

}  // namespace

bool is_storage_class(std::string_view name) {
  return std::ranges::find(kStorageClasses, name) != kStorageClasses.end();
}

}  // namespace kelp::s3
