#include "filer/core/listing.h"

#include <fmt/format.h>

#include <charconv>

#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr std::size_t kUploadIdDigits = 16;
constexpr std::size_t kManyObjects = 64;

/// The row at which a page of objects begins.
std::string first_row(const std::string& base, const ListObjects& request) {
  const std::string& marker = request.start_after;
  if (marker.empty() || (marker < request.prefix)) return base + request.prefix;
  if (marker.starts_with(request.prefix)) {
    // A marker inside a common prefix leaves the whole of it out.
    const auto group = common_prefix_of(marker, request.prefix, request.delimiter);
    if (group) return keys::behind(base + std::string(*group));
  }
  return base + marker + '\0';
}

/// The row at which a page of uploads begins.
Result<std::string> first_row(BucketId bucket, const ListUploads& request) {
  const std::string& marker = request.key_marker;
  if (marker.empty() || marker < request.prefix) return keys::uploads_of(bucket, request.prefix);
  if (marker.starts_with(request.prefix)) {
    const auto group = common_prefix_of(marker, request.prefix, request.delimiter);
    if (group) return keys::behind(keys::uploads_of(bucket, *group));
  }
  if (request.upload_id_marker.empty()) return keys::behind(keys::uploads_of_key(bucket, marker));
  const auto id = parse_upload_id(request.upload_id_marker);
  if (!id) return Error(Errc::kInvalidArgument, "the upload id marker is no upload id");
  return keys::behind(keys::upload(bucket, marker, *id));
}

Result<UploadInfo> listed_upload(keys::UploadRowKey at, std::string_view row,
                                 const BucketEntry& bucket) {
  KELP_TRY(UploadRow upload, decode_upload(row));
  UploadInfo info;
  info.upload_id = upload_id_text(at.upload_id);
  info.key = std::move(at.key);
  info.owner_id = upload.owner_id.empty() ? bucket.owner_id : std::move(upload.owner_id);
  info.created = upload.created;
  info.headers = std::move(upload.headers);
  info.checksum_algorithm = upload.checksum_algorithm;
  info.checksum_type = upload.checksum_type;
  return info;
}

}  // namespace

Result<ListedEntry> read_listed(std::string_view key, std::string_view row, ListedObject& object) {
  KELP_TRY(const ListedEntry entry, decode_listed(row));
  object.key = key;
  object.size_bytes = entry.size_bytes;
  object.modified = entry.modified;
  object.etag = etag_text(entry);
  if (!entry.owner.empty()) object.owner_id = owner_text(entry);
  object.storage_class = entry.storage_class;
  object.checksum_algorithms.assign(entry.checksum_algorithms.begin(),
                                    entry.checksum_algorithms.begin() + entry.checksum_count);
  object.checksum_type = entry.checksum_type;
  return entry;
}

std::optional<std::string_view> common_prefix_of(std::string_view key, std::string_view prefix,
                                                 std::string_view delimiter) {
  if (delimiter.empty()) return std::nullopt;
  const std::size_t at = key.find(delimiter, prefix.size());
  if (at == std::string_view::npos) return std::nullopt;
  return key.substr(0, at + delimiter.size());
}

Result<ListedPage> list_objects(KvStore& store, BucketEntry bucket, const ListObjects& request) {
  ListedPage page;
  page.bucket = std::move(bucket);
  if (request.limit == 0) return page;
  const std::string base = keys::object(page.bucket.id, "");
  const auto cursor = store.cursor(keys::within(base + request.prefix));
  std::string behind_group;
  std::uint32_t count = 0;
  for (cursor->seek(first_row(base, request)); cursor->valid(); ++count) {
    if (count == request.limit) {
      page.truncated = true;
      break;
    }
    const std::string_view key = cursor->key().substr(base.size());
    const auto group = common_prefix_of(key, request.prefix, request.delimiter);
    if (count + 1 == request.limit) page.next = group.value_or(key);
    if (group) {
      page.common_prefixes.emplace_back(*group);
      behind_group.assign(base).append(*group);
      behind_group = keys::behind(std::move(behind_group));
      cursor->seek(behind_group);
    } else {
      // Whoever has many objects here is likely to have a page full of them.
      if (page.objects.size() == kManyObjects) page.objects.reserve(request.limit);
      KELP_CHECK(read_listed(key, cursor->value(), page.objects.emplace_back()));
      cursor->next();
    }
  }
  KELP_CHECK(cursor->status());
  if (!page.truncated) page.next.clear();
  return page;
}

Result<ListedUploads> list_uploads(KvStore& store, const BucketEntry& bucket,
                                   const ListUploads& request) {
  ListedUploads page;
  if (request.limit == 0) return page;
  KELP_TRY(const std::string first, first_row(bucket.id, request));
  const auto cursor = store.cursor(keys::within(keys::uploads_of(bucket.id, request.prefix)));
  std::uint32_t count = 0;
  for (cursor->seek(first); cursor->valid();) {
    KELP_TRY(keys::UploadRowKey at, keys::parse_upload(cursor->key()));
    const std::string behind_upload =
        keys::behind(std::string(cursor->key().substr(0, at.upload_key_bytes)));
    if (at.part_number != 0) {  // left over by a race: the collector takes it
      cursor->seek(behind_upload);
      continue;
    }
    if (count++ == request.limit) {
      page.truncated = true;
      break;
    }
    if (const auto group = common_prefix_of(at.key, request.prefix, request.delimiter)) {
      page.next_key_marker = page.common_prefixes.emplace_back(*group);
      page.next_upload_id_marker.clear();
      cursor->seek(keys::behind(keys::uploads_of(bucket.id, page.next_key_marker)));
      continue;
    }
    KELP_TRY(UploadInfo upload, listed_upload(std::move(at), cursor->value(), bucket));
    page.next_key_marker = upload.key;
    page.next_upload_id_marker = upload.upload_id;
    page.uploads.push_back(std::move(upload));
    cursor->seek(behind_upload);
  }
  KELP_CHECK(cursor->status());
  if (!page.truncated) {
    page.next_key_marker.clear();
    page.next_upload_id_marker.clear();
  }
  return page;
}

std::string upload_id_text(std::uint64_t upload_id) {
  return fmt::format("{:016x}", upload_id);
}

std::optional<std::uint64_t> parse_upload_id(std::string_view text) {
  if (text.size() != kUploadIdDigits) return std::nullopt;
  std::uint64_t id = 0;
  const auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (code != std::errc() || at != text.data() + text.size()) return std::nullopt;
  if (upload_id_text(id) != text) return std::nullopt;
  return id;
}

}  // namespace kelp
