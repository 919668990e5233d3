#pragma once

#include <optional>

#include "crypto/digest.h"
#include "wire/entry.h"

namespace kelp {

/// The digest that a checksum is; nothing for the CRCs.
[[nodiscard]] constexpr std::optional<DigestAlgorithm> digest_of(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kSha1:
      return DigestAlgorithm::kSha1;
    case ChecksumAlgorithm::kSha256:
      return DigestAlgorithm::kSha256;
    case ChecksumAlgorithm::kSha512:
      return DigestAlgorithm::kSha512;
    case ChecksumAlgorithm::kMd5:
      return DigestAlgorithm::kMd5;
    case ChecksumAlgorithm::kXxhash64:
      return DigestAlgorithm::kXxhash64;
    case ChecksumAlgorithm::kXxhash3:
      return DigestAlgorithm::kXxhash3;
    case ChecksumAlgorithm::kXxhash128:
      return DigestAlgorithm::kXxhash128;
    default:
      return std::nullopt;
  }
}

}  // namespace kelp
