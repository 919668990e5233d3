#include "mount/core/errors.h"

#include <algorithm>
#include <array>

namespace kelp::mount {
namespace {

struct Row {
  std::string_view code;
  int number;
};

// What a code says better than its status.
constexpr std::array kCodes = std::to_array<Row>({
    {"EntityTooLarge", EFBIG},
    {"TooManyParts", EFBIG},
    {"KeyTooLongError", ENAMETOOLONG},
    {"InvalidURI", EILSEQ},
    {"MetadataTooLarge", E2BIG},
    {"QuotaExceeded", EDQUOT},
    {"InvalidArgument", EINVAL},
    {"InvalidRequest", EINVAL},
});

}  // namespace

Errno errno_of(int status, std::string_view code) {
  if (const auto* row = std::ranges::find(kCodes, code, &Row::code); row != kCodes.end()) {
    return {row->number};
  }
  switch (status) {
    case 401:
    case 403:
      return {EACCES};
    case 404:
      return {ENOENT};
    case 405:
      return {EPERM};
    case 412:
      return {ESTALE};
    case 413:
      return {EFBIG};
    case 501:
      return {ENOTSUP};
    case 507:
      return {ENOSPC};
    default:
      return {EIO};
  }
}

bool may_pass(int status, std::string_view code) {
  return status == 500 || (status >= 502 && status <= 504) || code == "ConditionalRequestConflict";
}

}  // namespace kelp::mount
