#include <algorithm>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "tests/unit/s3gw/fake_rooms.h"

namespace kelp::s3::test {

Result<FakeFiler::Bucket*> FakeFiler::bucket(const std::string& name) {
  ++calls;
  const auto found = buckets.find(name);
  if (found == buckets.end()) return Error(Errc::kNotFound, name, Reason::kNoSuchBucket);
  return &found->second;
}

Result<FakeFiler::Upload*> FakeFiler::upload(const UploadName& name) {
  ++calls;
  const auto found = uploads.find(name.upload_id);
  if (found == uploads.end() || found->second.bucket != name.bucket ||
      found->second.info.key != name.key) {
    return Error(Errc::kNotFound, "upload", Reason::kNoSuchUpload);
  }
  return &found->second;
}

Result<void> FakeFiler::test(const Bucket& bucket, const std::string& key,
                             const WriteConditions& conditions) {
  const auto found = bucket.objects.find(key);
  const bool exists = found != bucket.objects.end();
  if (conditions.if_none_match_any && exists) {
    return Error(Errc::kPrecondition, "exists", Reason::kConditionFailed);
  }
  if (!conditions.if_match) return {};
  if (!exists) return Error(Errc::kNotFound, key, Reason::kNoSuchKey);
  if (*conditions.if_match != "*" && *conditions.if_match != etag_text(found->second.entry)) {
    return Error(Errc::kPrecondition, "differs", Reason::kConditionFailed);
  }
  return {};
}

Task<Result<BucketEntry>> FakeFiler::create_bucket(BucketEntry entry) {
  if (const auto found = buckets.find(entry.name); found != buckets.end()) {
    const bool mine = found->second.entry.owner_id == entry.owner_id;
    co_return Error(Errc::kAlreadyExists, entry.name,
                    mine ? Reason::kBucketOwnedByYou : Reason::kBucketExists);
  }
  entry.id = BucketId{++sequence_};
  entry.created = clock->wall();
  buckets[entry.name].entry = entry;
  co_return entry;
}

Task<Result<BucketEntry>> FakeFiler::get_bucket(std::string name) {
  KELP_CO_TRY(const Bucket* found, bucket(name));
  co_return found->entry;
}

Task<Result<void>> FakeFiler::delete_bucket(std::string name) {
  KELP_CO_TRY(const Bucket* found, bucket(name));
  if (!found->objects.empty()) co_return Error(Errc::kConflict, name, Reason::kBucketNotEmpty);
  buckets.erase(name);
  co_return Result<void>{};
}

Task<Result<ListedBuckets>> FakeFiler::list_buckets(ListBuckets request) {
  ListedBuckets page;
  for (const auto& [name, value] : buckets) {
    if (value.entry.owner_id != request.owner_id || name <= request.start_after) continue;
    if (!name.starts_with(request.prefix)) continue;
    if (page.buckets.size() == request.limit) {
      page.truncated = true;
      break;
    }
    page.buckets.push_back(value.entry);
  }
  co_return page;
}

Task<Result<BucketUsage>> FakeFiler::bucket_usage(std::string) {
  co_return BucketUsage{};
}

Task<Result<void>> FakeFiler::drop_bucket(std::string) {
  co_return Error(Errc::kUnimplemented, "S3 drops no bucket");
}

Task<Result<BucketEntry>> FakeFiler::set_bucket_quota(SetBucketQuota quota) {
  KELP_CO_TRY(Bucket * found, bucket(quota.name));
  found->entry.quota = {quota.max_bytes, quota.max_objects, ++sequence_};
  co_return found->entry;
}

Task<Result<void>> FakeFiler::ask_for_room(AskForRoom request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.bucket));
  asked_for_room.push_back(request);
  if (request.size_bytes <= found->entry.quota.max_bytes) co_return Result<void>();
  co_return Error(Errc::kPermissionDenied, "7 bytes are allowed", Reason::kQuotaExceeded);
}

Task<Result<WriteOutcome>> FakeFiler::put_object(PutObject request) {
  KELP_CO_TRY(Bucket * found, bucket(request.bucket));
  KELP_CO_CHECK(test(*found, request.key, request.conditions));
  request.entry.version = ++sequence_;
  request.entry.modified = clock->wall();
  if (request.inline_body) request.entry.layout.inline_id = sequence_;
  found->objects[request.key] = {std::move(request.entry), std::move(request.inline_body)};
  co_return WriteOutcome{.version = sequence_, .modified = clock->wall()};
}

Task<Result<FoundObject>> FakeFiler::get_object(ObjectKey name, bool with_inline_body) {
  KELP_CO_TRY(const Bucket* found, bucket(name.bucket));
  const auto object = found->objects.find(name.key);
  if (name.version_id && *name.version_id != kNullVersion) {
    co_return Error(Errc::kNotFound, name.key, Reason::kNoSuchVersion);
  }
  if (object == found->objects.end()) {
    co_return Error(Errc::kNotFound, name.key, Reason::kNoSuchKey);
  }
  FoundObject answer{.bucket = found->entry, .entry = object->second.entry};
  if (with_inline_body) answer.inline_body = object->second.body;
  co_return answer;
}

Task<Result<DeleteOutcome>> FakeFiler::delete_object(ObjectKey name, WriteConditions conditions) {
  KELP_CO_TRY(Bucket * found, bucket(name.bucket));
  KELP_CO_CHECK(test(*found, name.key, conditions));
  co_return DeleteOutcome{.existed = found->objects.erase(name.key) > 0};
}

Task<Result<BucketEntry>> FakeFiler::set_bucket_versioning(SetBucketVersioning) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<BucketSetting>> FakeFiler::get_bucket_setting(BucketSetting request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.bucket));
  const auto setting = found->settings.find(request.name);
  request.value.reset();
  if (setting != found->settings.end()) request.value = setting->second;
  co_return request;
}
Task<Result<BucketWithSettings>> FakeFiler::get_bucket_settings(GetBucketSettings request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.bucket));
  BucketWithSettings out{.bucket = found->entry, .values = {}};
  for (const std::string& name : request.names) {
    const auto setting = found->settings.find(name);
    auto& value = out.values.emplace_back();
    if (setting != found->settings.end()) value = setting->second;
  }
  co_return out;
}
Task<Result<void>> FakeFiler::set_bucket_setting(BucketSetting setting) {
  KELP_CO_TRY(Bucket * found, bucket(setting.bucket));
  if (setting.value) {
    found->settings[setting.name] = *std::move(setting.value);
  } else {
    found->settings.erase(setting.name);
  }
  co_return Result<void>();
}
Task<Result<ListedBucketSettings>> FakeFiler::list_bucket_settings(ListBucketSettings request) {
  KELP_CO_CHECK(bucket(request.bucket));
  co_return ListedBucketSettings{};
}
Task<Result<ListedVersions>> FakeFiler::list_versions(ListVersions request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.bucket));
  ListedVersions page;
  page.bucket = found->entry;
  co_return page;
}
Task<Result<TaggedVersion>> FakeFiler::set_object_acl(SetObjectAcl request) {
  KELP_CO_TRY(Bucket * found, bucket(request.name.bucket));
  const auto object = found->objects.find(request.name.key);
  if (object == found->objects.end()) {
    co_return Error(Errc::kNotFound, "fake", Reason::kNoSuchKey);
  }
  object->second.entry.headers.acl = std::move(request.acl);
  co_return TaggedVersion{};
}
Task<Result<TaggedVersion>> FakeFiler::set_object_tags(SetObjectTags) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<void>> FakeFiler::set_object_lock(SetObjectLock) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<TaggedVersion>> FakeFiler::rewrap_object(RewrapObject) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<RestoreOutcome>> FakeFiler::restore_object(RestoreObject) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<AnnotationOutcome>> FakeFiler::put_annotation(PutAnnotation) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<FoundAnnotation>> FakeFiler::get_annotation(GetAnnotation request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.object.bucket));
  FoundAnnotation answer{.bucket = found->entry, .object = annotated, .inline_body = "text"};
  answer.annotation.size_bytes = 4;
  answer.annotation.layout.inline_id = 1;
  co_return answer;
}
Task<Result<ListedAnnotations>> FakeFiler::list_annotations(ListAnnotations request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.object.bucket));
  co_return ListedAnnotations{.bucket = found->entry, .object = annotated};
}
Task<Result<TaggedVersion>> FakeFiler::delete_annotation(DeleteAnnotation) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<BucketEntry>> FakeFiler::set_bucket_lock(SetBucketLock) {
  co_return Error(Errc::kUnimplemented, "fake");
}
Task<Result<BucketEntry>> FakeFiler::set_bucket_class(SetBucketClass request) {
  KELP_CO_TRY(Bucket * found, bucket(request.name));
  found->entry.storage_class = request.storage_class;
  co_return found->entry;
}
Task<Result<BucketEntry>> FakeFiler::set_bucket_events(SetBucketEvents) {
  co_return Error(Errc::kUnimplemented, "no gateway asks");
}
Task<Result<EventPage>> FakeFiler::read_events(ReadEvents) {
  co_return Error(Errc::kUnimplemented, "no gateway asks");
}

Task<Result<std::vector<Result<DeleteOutcome>>>> FakeFiler::delete_objects(DeleteObjects request) {
  KELP_CO_TRY(Bucket * found, bucket(request.bucket));
  std::vector<Result<DeleteOutcome>> outcomes;
  for (const std::string& key : request.keys) {
    outcomes.emplace_back(DeleteOutcome{.existed = found->objects.erase(key) > 0});
  }
  co_return outcomes;
}

Task<Result<ListedPage>> FakeFiler::list_objects(ListObjects request) {
  KELP_CO_TRY(const Bucket* found, bucket(request.bucket));
  ListedPage page;
  page.bucket = found->entry;
  std::string last = request.start_after;
  for (const auto& [key, stored] : found->objects) {
    if (!key.starts_with(request.prefix) || key <= last) continue;
    std::string name = key;
    const auto at = request.delimiter.empty() ? std::string::npos
                                              : key.find(request.delimiter, request.prefix.size());
    if (at != std::string::npos) name = key.substr(0, at + request.delimiter.size());
    if (name <= request.start_after) continue;
    if (at != std::string::npos && !page.common_prefixes.empty() &&
        page.common_prefixes.back() == name) {
      continue;
    }
    if (page.objects.size() + page.common_prefixes.size() == request.limit) {
      page.truncated = request.limit > 0;
      break;
    }
    last = name;
    if (at != std::string::npos) {
      page.common_prefixes.push_back(name);
      continue;
    }
    page.objects.push_back({.key = key,
                            .size_bytes = stored.entry.size_bytes,
                            .modified = stored.entry.modified,
                            .etag = etag_text(stored.entry),
                            .owner_id = stored.entry.owner_id,
                            .storage_class = stored.entry.headers.storage_class,
                            .checksum_algorithms = {}});
  }
  page.next = last;
  co_return page;
}

Task<Result<UploadInfo>> FakeFiler::create_upload(CreateUpload request) {
  KELP_CO_CHECK(bucket(request.bucket));
  UploadInfo info{.upload_id = "upload-" + std::to_string(++sequence_),
                  .key = request.key,
                  .owner_id = request.owner_id,
                  .created = clock->wall(),
                  .headers = request.headers,
                  .checksum_algorithm = request.checksum_algorithm,
                  .checksum_type = request.checksum_type};
  uploads[info.upload_id] = {.bucket = request.bucket, .info = info, .parts = {}};
  co_return info;
}

Task<Result<UploadInfo>> FakeFiler::get_upload(UploadName name) {
  KELP_CO_TRY(const Upload* found, upload(name));
  co_return found->info;
}

Task<Result<void>> FakeFiler::put_part(PutPart request) {
  KELP_CO_TRY(Upload * found, upload(request.upload));
  const std::uint32_t number = request.part_number;
  found->parts.insert_or_assign(number, std::move(request));
  co_return Result<void>{};
}

Result<void> FakeFiler::test_shared(const ObjectKey& from, std::uint64_t version) {
  if (!shares) return Error(Errc::kUnimplemented, "rpc: no method");
  if (before_share) std::exchange(before_share, nullptr)();
  KELP_TRY(Bucket * found, bucket(from.bucket));
  const auto object = found->objects.find(from.key);
  if (object != found->objects.end() && object->second.entry.version == version) return {};
  return Error(Errc::kConflict, "changed", Reason::kConditionConflict);
}

Task<Result<WriteOutcome>> FakeFiler::share_object(ShareObject request) {
  KELP_CO_CHECK(test_shared(request.from, request.from_version));
  co_return co_await put_object(std::move(request.put));
}

Task<Result<WriteOutcome>> FakeFiler::append_object(AppendObject request) {
  KELP_CO_CHECK(test_shared({request.put.bucket, request.put.key}, request.version));
  co_return co_await put_object(std::move(request.put));
}

Task<Result<WriteOutcome>> FakeFiler::rename_object(RenameObject) {
  co_return Error(Errc::kUnimplemented, "not of this fake");
}

Task<Result<DoneRename>> FakeFiler::find_rename(FindRename) {
  co_return DoneRename{};
}

Task<Result<RenamedPrefix>> FakeFiler::rename_prefix(RenamePrefix) {
  co_return Error(Errc::kUnimplemented, "not of this fake");
}

Task<Result<void>> FakeFiler::share_part(SharePart request) {
  KELP_CO_CHECK(test_shared(request.from, request.from_version));
  co_return co_await put_part(std::move(request.put));
}

Task<Result<ListedParts>> FakeFiler::list_parts(UploadName name, std::uint32_t after_part,
                                                std::uint32_t limit) {
  KELP_CO_TRY(const Upload* found, upload(name));
  ListedParts page{.upload = found->info, .parts = {}};
  for (const auto& [number, part] : found->parts) {
    if (number <= after_part) continue;
    if (page.parts.size() == limit) {
      page.truncated = true;
      break;
    }
    page.parts.push_back({.part_number = number,
                          .size_bytes = part.size_bytes,
                          .modified = clock->wall(),
                          .md5 = part.md5,
                          .checksums = part.checksums});
  }
  co_return page;
}

Task<Result<ListedUploads>> FakeFiler::list_uploads(ListUploads request) {
  ListedUploads page;
  for (const auto& [id, value] : uploads) {
    if (value.bucket == request.bucket && value.info.key.starts_with(request.prefix)) {
      page.uploads.push_back(value.info);
    }
  }
  co_return page;
}

Task<Result<void>> FakeFiler::abort_upload(UploadName name) {
  KELP_CO_CHECK(upload(name));
  uploads.erase(name.upload_id);
  co_return Result<void>{};
}

Task<Result<CompletedUpload>> FakeFiler::complete_upload(CompleteUpload request) {
  KELP_CO_TRY(const Upload* found, upload(request.upload));
  KELP_CO_TRY(Bucket * into, bucket(request.upload.bucket));
  KELP_CO_CHECK(test(*into, request.upload.key, request.conditions));
  ObjectEntry entry{.modified = clock->wall(), .owner_id = found->info.owner_id};
  entry.headers = found->info.headers;
  Digest md5(DigestAlgorithm::kMd5);
  for (const NamedPart& named : request.parts) {
    const auto part = found->parts.find(named.part_number);
    if (part == found->parts.end() || hex_encode(part->second.md5) != named.etag) {
      co_return Error(Errc::kInvalidArgument, "part", Reason::kInvalidPart);
    }
    md5.update(part->second.md5);
    entry.size_bytes += part->second.size_bytes;
    entry.layout.chunks.insert(entry.layout.chunks.end(), part->second.chunks.begin(),
                               part->second.chunks.end());
    entry.parts.push_back({.part_number = named.part_number,
                           .size_bytes = part->second.size_bytes,
                           .checksums = part->second.checksums});
  }
  entry.etag = md5.finish();
  entry.etag_parts = static_cast<std::uint32_t>(request.parts.size());
  CompletedUpload done{.etag = etag_text(entry), .version = ++sequence_, .checksums = {}};
  into->objects[request.upload.key] = {std::move(entry), std::nullopt};
  uploads.erase(request.upload.upload_id);
  co_return done;
}

}  // namespace kelp::s3::test
