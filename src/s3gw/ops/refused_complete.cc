#include "s3gw/ops/refused_complete.h"

#include <algorithm>
#include <map>

#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/ops/handlers.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kMinPartBytes = 5 << 20;

struct Uploaded {
  std::string etag;
  std::uint64_t size_bytes = 0;
};

/// All parts by number; fewer when a page cannot be read.
Task<std::map<std::uint32_t, Uploaded>> uploaded_parts(Call& call) {
  std::map<std::uint32_t, Uploaded> parts;
  std::uint32_t after = 0;
  for (bool more = true; more;) {
    const auto page = co_await call.services.deps.filer.list_parts(upload_name(call), after, 1000);
    if (!page || page->parts.empty()) break;
    for (const ListedPart& part : page->parts) {
      parts[part.part_number] = {.etag = hex_encode(part.md5), .size_bytes = part.size_bytes};
    }
    after = page->parts.back().part_number;
    more = page->truncated;
  }
  co_return parts;
}

void name_wrong_part(const SaidOfUpload& said, const std::map<std::uint32_t, Uploaded>& uploaded,
                     S3Error& answer) {
  for (const auto& [number, etag] : said.parts) {
    const auto at = uploaded.find(number);
    if (at != uploaded.end() && at->second.etag == etag) continue;
    answer.fields.emplace_back("PartNumber", std::to_string(number));
    answer.fields.emplace_back("ETag", etag);
    return;
  }
  // Its checksum is what differs: of one part there is no doubt which.
  if (said.parts.size() != 1) return;
  answer.fields.emplace_back("PartNumber", std::to_string(said.parts.front().first));
  answer.fields.emplace_back("ETag", said.parts.front().second);
}

void name_small_part(const SaidOfUpload& said, const std::map<std::uint32_t, Uploaded>& uploaded,
                     S3Error& answer) {
  for (const auto& [number, etag] : said.parts) {
    const auto at = uploaded.find(number);
    if (at == uploaded.end() || at->second.size_bytes >= kMinPartBytes) continue;
    answer.fields.emplace_back("ProposedSize", std::to_string(at->second.size_bytes));
    answer.fields.emplace_back("MinSizeAllowed", std::to_string(kMinPartBytes));
    answer.fields.emplace_back("PartNumber", std::to_string(number));
    answer.fields.emplace_back("ETag", etag);
    return;
  }
}

/// The first part that does not stand behind the one in front of it.
void name_part_out_of_order(const SaidOfUpload& said, S3Error& answer) {
  const auto before = std::ranges::adjacent_find(
      said.parts, [](const auto& one, const auto& next) { return one.first >= next.first; });
  if (before == said.parts.end()) return;
  const auto& [number, etag] = *std::next(before);
  answer.fields.emplace_back("PartNumber", std::to_string(number));
  answer.fields.emplace_back("ETag", etag);
}

/// Size or checksum of the whole is not what was said.
void name_what_differs(const SaidOfUpload& said, const std::map<std::uint32_t, Uploaded>& uploaded,
                       S3Error& answer) {
  std::uint64_t size_bytes = 0;
  for (const auto& part : said.parts) {
    const auto at = uploaded.find(part.first);
    if (at != uploaded.end()) size_bytes += at->second.size_bytes;
  }
  if (said.object_bytes && *said.object_bytes != size_bytes) {
    answer.message = "The provided 'x-amz-mp-object-size' header value " +
                     std::to_string(*said.object_bytes) +
                     " does not match what was computed: " + std::to_string(size_bytes);
  } else if (said.full_checksum) {
    answer.code = S3Code::kBadDigest;
    answer.message = "The " + std::string(name_of(*said.full_checksum)) +
                     " you specified did not match the calculated checksum.";
  }
}

}  // namespace

SaidOfUpload said_of(const CompleteUpload& request) {
  SaidOfUpload said{.parts = {}, .object_bytes = request.object_bytes, .full_checksum = {}};
  said.parts.reserve(request.parts.size());
  for (const NamedPart& part : request.parts) said.parts.emplace_back(part.part_number, part.etag);
  if (request.full_checksum) said.full_checksum = request.full_checksum->algorithm;
  return said;
}

Task<S3Error> refused_complete(Call& call, Error refusal, SaidOfUpload said) {
  S3Error answer = upload_error(call, refusal);
  if (refusal.reason() == Reason::kInvalidPartOrder) {
    answer.fields.emplace_back("UploadId", call.parameter("uploadId").value_or(""));
    name_part_out_of_order(said, answer);
    co_return answer;
  }
  const bool of_a_part =
      refusal.reason() == Reason::kInvalidPart || refusal.reason() == Reason::kPartTooSmall;
  const bool of_the_whole =
      refusal.code() == Errc::kInvalidArgument && refusal.reason() == Reason::kNone;
  if (!of_a_part && !of_the_whole) co_return answer;
  const auto uploaded = co_await uploaded_parts(call);
  if (refusal.reason() == Reason::kInvalidPart) {
    answer.fields.emplace_back("UploadId", call.parameter("uploadId").value_or(""));
    name_wrong_part(said, uploaded, answer);
  } else if (refusal.reason() == Reason::kPartTooSmall) {
    name_small_part(said, uploaded, answer);
  } else {
    name_what_differs(said, uploaded, answer);
  }
  co_return answer;
}

}  // namespace kelp::s3
