#include "filer/core/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <optional>
#include <utility>

#include "base/crc.h"
#include "base/crc_combine.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "wire/checksum_digest.h"

namespace kelp {
namespace {

Error invalid(Reason reason, std::uint32_t part_number, std::string_view what) {
  return Error(Errc::kInvalidArgument, fmt::format("part {}: {}", part_number, what), reason);
}

const Checksum* find(const std::vector<Checksum>& checksums, ChecksumAlgorithm algorithm) {
  const auto at = std::ranges::find(checksums, algorithm, &Checksum::algorithm);
  return at == checksums.end() ? nullptr : &*at;
}

/// That `stored` is the part that the client means.
Result<void> check_named(const NamedPart& named, const PartRow& stored) {
  if (named.etag != hex_encode(stored.md5)) {
    return invalid(Reason::kInvalidPart, named.part_number, "another ETag");
  }
  for (const Checksum& checksum : named.checksums) {
    const Checksum* const ours = find(stored.checksums, checksum.algorithm);
    if (ours == nullptr || ours->value != checksum.value) {
      return invalid(Reason::kInvalidPart, named.part_number, "another checksum");
    }
  }
  return {};
}

/// Parts that were named, in their order; the needles of the others go to `unused`.
Result<std::vector<StoredPart>> choose(std::vector<StoredPart> stored,
                                       const std::vector<NamedPart>& named,
                                       std::uint64_t min_part_bytes, std::vector<Chunk>& unused) {
  std::uint32_t before = 0;
  for (const NamedPart& part : named) {
    if (part.part_number <= before) {
      return invalid(Reason::kInvalidPartOrder, part.part_number, "not behind the one before it");
    }
    before = part.part_number;
  }
  std::vector<StoredPart> chosen;
  chosen.reserve(named.size());
  auto candidate = stored.begin();
  const auto drop = [&unused](const StoredPart& part) {
    unused.insert(unused.end(), part.part.chunks.begin(), part.part.chunks.end());
  };
  for (const NamedPart& part : named) {
    for (; candidate != stored.end() && candidate->part_number < part.part_number; ++candidate) {
      drop(*candidate);
    }
    if (candidate == stored.end() || candidate->part_number != part.part_number) {
      return invalid(Reason::kInvalidPart, part.part_number, "not uploaded");
    }
    KELP_CHECK(check_named(part, candidate->part));
    if (chosen.size() + 1 < named.size() && candidate->part.size_bytes < min_part_bytes) {
      return invalid(Reason::kPartTooSmall, part.part_number,
                     fmt::format("{} bytes, at least {} are needed", candidate->part.size_bytes,
                                 min_part_bytes));
    }
    chosen.push_back(std::move(*candidate++));
  }
  std::for_each(candidate, stored.end(), drop);
  return chosen;
}

template <std::unsigned_integral T>
T from_big_endian(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return std::byteswap(value);
}

template <std::unsigned_integral T>
std::string to_big_endian(T value) {
  value = std::byteswap(value);
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

/// `algorithm` over `bytes`, raw.
std::string checksum_of(ChecksumAlgorithm algorithm, std::string_view bytes) {
  if (const auto kind = digest_of(algorithm)) {
    Digest hash(*kind);
    hash.update(bytes);
    return hash.finish();
  }
  if (algorithm == ChecksumAlgorithm::kCrc32) return to_big_endian(crc32(as_bytes(bytes)));
  if (algorithm == ChecksumAlgorithm::kCrc32c) return to_big_endian(crc32c(as_bytes(bytes)));
  return to_big_endian(crc64nvme(as_bytes(bytes)));
}

template <std::unsigned_integral T>
std::string combine_all(const std::vector<StoredPart>& parts, ChecksumAlgorithm algorithm,
                        T (*combine)(T, T, std::uint64_t)) {
  T crc = 0;
  for (const StoredPart& part : parts) {
    const Checksum* const own = find(part.part.checksums, algorithm);
    crc = combine(crc, from_big_endian<T>(own->value), part.part.size_bytes);
  }
  return to_big_endian(crc);
}

/// The checksum of the whole body out of those of the parts, each of which has one.
std::optional<std::string> full_value(const std::vector<StoredPart>& parts,
                                      ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc32:
      return combine_all(parts, algorithm, crc32_combine);
    case ChecksumAlgorithm::kCrc32c:
      return combine_all(parts, algorithm, crc32c_combine);
    case ChecksumAlgorithm::kCrc64Nvme:
      return combine_all(parts, algorithm, crc64nvme_combine);
    default:
      return std::nullopt;  // a digest of the whole needs the whole
  }
}

/// The object's checksum; nothing when a part lacks its own.
std::optional<Checksum> object_checksum(const std::vector<StoredPart>& parts,
                                        ChecksumAlgorithm algorithm, ChecksumType type) {
  std::string values;
  for (const StoredPart& part : parts) {
    const Checksum* const own = find(part.part.checksums, algorithm);
    if (own == nullptr || own->value.size() != checksum_bytes(algorithm)) return std::nullopt;
    values += own->value;
  }
  if (type == ChecksumType::kComposite) {
    return Checksum{algorithm, type, checksum_of(algorithm, values),
                    static_cast<std::uint32_t>(parts.size())};
  }
  auto value = full_value(parts, algorithm);
  if (!value) return std::nullopt;
  return Checksum{algorithm, type, *std::move(value), 0};
}

/// What the client said of the whole: its size, and a checksum of it or of its parts' checksums
/// (some clients name that without the number of parts).
Result<void> check_said(const CompleteUpload& request, const ObjectEntry& entry,
                        const std::vector<StoredPart>& parts) {
  if (request.object_bytes && *request.object_bytes != entry.size_bytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("the parts come to {} bytes, {} were announced", entry.size_bytes,
                             *request.object_bytes));
  }
  if (!request.full_checksum) return {};
  const ChecksumAlgorithm algorithm = request.full_checksum->algorithm;
  const Checksum* const ours = find(entry.checksums, algorithm);
  const auto of_parts =
      ours == nullptr ? object_checksum(parts, algorithm, ChecksumType::kComposite) : std::nullopt;
  const std::string* value = ours != nullptr ? &ours->value : nullptr;
  if (of_parts) value = &of_parts->value;
  if (value == nullptr || *value != request.full_checksum->value) {
    return Error(Errc::kInvalidArgument, "the object's checksum is not the one announced");
  }
  return {};
}

PartInfo info_of(const StoredPart& part, std::optional<ChecksumAlgorithm> algorithm) {
  PartInfo info{part.part_number, part.part.size_bytes, {}};
  if (!algorithm) return info;
  const Checksum* const own = find(part.part.checksums, *algorithm);
  if (own != nullptr) info.checksums.push_back(*own);
  return info;
}

}  // namespace

Result<CompletePlan> plan_complete(const UploadRow& upload, std::vector<StoredPart> stored,
                                   const CompleteUpload& request, std::uint64_t min_part_bytes) {
  if (request.parts.empty()) return Error(Errc::kInvalidArgument, "no part is named");
  CompletePlan plan;
  KELP_TRY(const std::vector<StoredPart> parts,
           choose(std::move(stored), request.parts, min_part_bytes, plan.unused));
  ObjectEntry& entry = plan.entry;
  entry.owner_id = upload.owner_id;
  entry.headers = upload.headers;
  entry.etag_parts = static_cast<std::uint32_t>(parts.size());
  Digest md5s(DigestAlgorithm::kMd5);
  for (const StoredPart& part : parts) {
    md5s.update(part.part.md5);
    entry.size_bytes += part.part.size_bytes;
    entry.parts.push_back(info_of(part, upload.checksum_algorithm));
    std::ranges::copy(part.part.chunks, std::back_inserter(entry.layout.chunks));
  }
  entry.etag = md5s.finish();
  const bool own = upload.checksum_algorithm.has_value();
  auto checksum =
      object_checksum(parts, upload.checksum_algorithm.value_or(ChecksumAlgorithm::kCrc64Nvme),
                      own ? upload.checksum_type : ChecksumType::kFullObject);
  if (checksum) entry.checksums.push_back(*std::move(checksum));
  KELP_CHECK(check_said(request, entry, parts));
  return plan;
}

}  // namespace kelp
