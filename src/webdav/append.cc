#include "webdav/append.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc_combine.h"
#include "crypto/md5.h"
#include "s3gw/archive.h"
#include "webdav/tree.h"

namespace kelp::webdav {
namespace {

/// A last needle of less is written anew together with what is appended.
constexpr std::uint64_t kSmallEndBytes = 256 * 1024;
constexpr std::size_t kMaxChunks = 10'000;

Failure raced() {
  return {409, "another writer was faster: read the file and append again"};
}

std::uint64_t big_endian(std::string_view raw) {
  std::uint64_t value = 0;
  for (const char c : raw) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// The CRC of both stretches; nothing when the first has none of the whole.
std::vector<Checksum> combined(const ObjectEntry& old, const LooseBody& added) {
  const auto is_whole = [](const Checksum& checksum) {
    return checksum.algorithm == ChecksumAlgorithm::kCrc64Nvme &&
           checksum.type == ChecksumType::kFullObject;
  };
  const auto found = std::ranges::find_if(old.checksums, is_whole);
  if (found == old.checksums.end()) return {};
  const std::uint64_t crc =
      crc64nvme_combine(big_endian(found->value), big_endian(added.crc64nvme), added.hashed_bytes);
  Checksum whole{.algorithm = ChecksumAlgorithm::kCrc64Nvme, .value = {}, .part_count = 0};
  for (int shift = 56; shift >= 0; shift -= 8) {
    whole.value += static_cast<char>(crc >> shift & 0xff);
  }
  return {whole};
}

/// Turns the old entry into that of old and new bytes. `kept` of its chunks stay.
void extend(ObjectEntry& entry, std::size_t kept, const LooseBody& added) {
  entry.checksums = combined(entry, added);
  entry.size_bytes += added.hashed_bytes;
  Md5 both;
  both.update(as_bytes(std::string_view(entry.etag)));
  both.update(as_bytes(std::string_view(added.md5)));
  entry.etag = both.finish();
  entry.etag_parts = std::max<std::uint32_t>(entry.etag_parts, 1) + 1;
  entry.parts.clear();
  entry.layout.chunks.resize(kept);
  std::ranges::copy(added.chunks, std::back_inserter(entry.layout.chunks));
}

/// A whole small file, or none: written anew with the body.
Task<Outcome<Appended>> rewrite(Visit& visit, BodyReader& body, LooseBodyPlan plan,
                                PutObject request) {
  KELP_DAV_CO_TRY(LooseBody stored, co_await store_loose(visit, body, std::move(plan)));
  take_body(stored, request);
  Appended appended{request.entry.size_bytes, etag_text(request.entry)};
  const auto written = co_await visit.filer().put_object(std::move(request));
  if (written) co_return appended;
  if (written.error().reason() == Reason::kConditionFailed ||
      written.error().reason() == Reason::kNoSuchKey) {
    co_return std::unexpected(raced());
  }
  s3::note_refusal(visit.call.services.deps, written.error());
  co_return std::unexpected(as_failure(written.error()));
}

/// The bytes of a needle.
Task<Outcome<std::string>> read_chunk(Visit& visit, Chunk chunk) {
  std::string bytes(chunk.size_bytes, '\0');
  const MutableByteSpan buffer = std::as_writable_bytes(std::span(bytes));
  KELP_DAV_CO_CHECK(co_await visit.call.services.deps.volumes.read(chunk.fid, 0, buffer));
  co_return bytes;
}

/// A large file: its chunks are named anew, with the new ones behind them.
Task<Outcome<Appended>> share(Visit& visit, BodyReader& body, LooseBodyPlan plan, FoundObject old) {
  const std::uint64_t version = old.entry.version;
  std::size_t kept = old.entry.layout.chunks.size();
  const Chunk& end = old.entry.layout.chunks.back();
  if (end.size_bytes < kSmallEndBytes && !end.is_manifest()) {
    KELP_DAV_CO_TRY(plan.front, co_await read_chunk(visit, end));
    --kept;
  }
  plan.hash_front = false;
  plan.may_be_inline = false;
  ShareObject request{.put = {.bucket = plan.bucket.name, .key = plan.key, .entry = old.entry},
                      .from = {.bucket = plan.bucket.name, .key = plan.key},
                      .from_version = version};
  KELP_DAV_CO_TRY(const LooseBody added, co_await store_loose(visit, body, std::move(plan)));
  if (added.hashed_bytes == 0) co_return Appended{old.entry.size_bytes, etag_text(old.entry)};
  ObjectEntry& entry = request.put.entry;
  entry.layout.annotations = {};  // They were the other file's.
  extend(entry, kept, added);
  KELP_DAV_CO_CHECK(give_owner(visit, entry));
  if (entry.layout.chunks.size() > kMaxChunks) {
    co_return failed(413, "the file has too many pieces to append to: write it anew");
  }
  Appended appended{entry.size_bytes, etag_text(entry)};
  const auto written = co_await visit.filer().share_object(std::move(request));
  if (written) co_return appended;
  if (written.error().reason() == Reason::kConditionConflict) co_return std::unexpected(raced());
  s3::note_refusal(visit.call.services.deps, written.error());
  co_return std::unexpected(as_failure(written.error()));
}

}  // namespace

Task<Outcome<Appended>> append_to_file(Visit& visit, BodyReader& body, BucketEntry bucket,
                                       std::string key, ObjectHeaders headers) {
  const ObjectKey name{.bucket = bucket.name, .key = key};
  auto old = co_await visit.filer().get_object(name, true);
  const bool none = !old && old.error().reason() == Reason::kNoSuchKey;
  if (!old && !none) co_return std::unexpected(as_failure(old.error()));
  PutObject request{.bucket = bucket.name, .key = key};
  LooseBodyPlan plan{.bucket = std::move(bucket), .key = std::move(key), .front = {}};
  if (none || old->entry.delete_marker) {
    KELP_DAV_CO_CHECK(co_await refuse_sealed(visit, plan.bucket));
    request.conditions.if_none_match_any = true;
    request.entry.headers = std::move(headers);
  } else {
    if (old->entry.headers.encryption.any()) {
      co_return failed(409, "the file is encrypted: append over S3, or write it anew");
    }
    KELP_DAV_CO_CHECK(s3::check_readable(visit.call, old->entry));
    const std::vector<Chunk>& chunks = old->entry.layout.chunks;
    const bool small = chunks.empty() || (chunks.size() == 1 && !chunks[0].is_manifest() &&
                                          chunks[0].size_bytes < kSmallEndBytes);
    if (!small) {
      co_return co_await share(visit, body, std::move(plan), *std::move(old));
    }
    request.conditions.if_match = etag_text(old->entry);
    request.entry.headers = old->entry.headers;
    plan.front = std::move(old->inline_body).value_or("");
    if (!chunks.empty()) {
      KELP_DAV_CO_TRY(plan.front, co_await read_chunk(visit, chunks[0]));
    }
  }
  KELP_DAV_CO_CHECK(give_owner(visit, request.entry));
  co_return co_await rewrite(visit, body, std::move(plan), std::move(request));
}

}  // namespace kelp::webdav
