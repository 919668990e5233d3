#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/annotations.h"
#include "wire/bucket_settings.h"
#include "wire/events.h"
#include "wire/message_codec.h"
#include "wire/namespace.h"
#include "wire/node_messages.h"
#include "wire/restore.h"
#include "wire/rewrap.h"

namespace kelp {

// What the calls of client/filer_client.h carry.

/// Answer of the call that asks what this filer takes.
struct FilerLimits {
  std::uint64_t inline_limit_bytes = 0;
};
/// Of FilerClient::create_bucket; also an answer.
struct BucketMessage {
  BucketEntry bucket;
};
/// Of the calls that name a bucket and nothing else.
struct BucketName {
  std::string name;
};
/// Of FilerClient::get_object.
struct GetObject {
  ObjectKey name;
  bool with_inline_body = false;
};
/// Of FilerClient::get_manifest.
struct GetManifest {
  std::uint64_t manifest = 0;
};
/// Answer of GetManifest.
struct ManifestChunks {
  std::vector<Chunk> chunks;
};
/// Of FilerClient::delete_object.
struct DeleteObject {
  ObjectKey name;
  WriteConditions conditions;
};
/// One of the outcomes of DeleteObjects.
struct DeletedObject {
  DeleteOutcome outcome;
  std::string error;  ///< As an error frame carries it; empty: it went well.
};
/// Answer of DeleteObjects, in the order of its keys.
struct DeletedObjects {
  std::vector<DeletedObject> objects;
};
/// Of FilerClient::list_parts.
struct ListParts {
  UploadName name;
  std::uint32_t after_part = 0;
  std::uint32_t limit = 0;
};

/// Of MetadataDumps::next_piece.
struct AskForDump {
  std::uint64_t dump = 0;
  std::string since;
};
/// Answer of AskForDump; the bytes are the attachment.
struct DumpPieceHead {
  std::uint64_t dump = 0;
  bool last = false;
  std::uint32_t bytes_crc = 0;  ///< CRC-32C of the attachment.
};

/// What travels of each, in order.
template <>
inline constexpr auto kFields<FilerLimits> = std::tuple(&FilerLimits::inline_limit_bytes);
template <>
inline constexpr auto kFields<BucketMessage> = std::tuple(&BucketMessage::bucket);
template <>
inline constexpr auto kFields<BucketName> = std::tuple(&BucketName::name);
template <>
inline constexpr auto kFields<ListBuckets> = std::tuple(
    &ListBuckets::owner_id, &ListBuckets::prefix, &ListBuckets::start_after, &ListBuckets::limit);
template <>
inline constexpr auto kFields<ListedBuckets> =
    std::tuple(&ListedBuckets::buckets, &ListedBuckets::truncated);
template <>
inline constexpr auto kFields<BucketUsage> =
    std::tuple(&BucketUsage::objects, &BucketUsage::bytes, since(2, &BucketUsage::upload_bytes));
template <>
inline constexpr auto kFields<SetBucketQuota> =
    std::tuple(&SetBucketQuota::name, &SetBucketQuota::max_bytes, &SetBucketQuota::max_objects);
template <>
inline constexpr auto kFields<AskForRoom> =
    std::tuple(&AskForRoom::bucket, &AskForRoom::key, &AskForRoom::size_bytes,
               &AskForRoom::upload_id, &AskForRoom::part_number);
template <>
inline constexpr std::pair kEnumerators<EventCause> = {EventCause::kUnknown,
                                                       EventCause::kTransition};
template <>
inline constexpr auto kFields<EventOrigin> =
    std::tuple(&EventOrigin::cause, &EventOrigin::requester, since(5, &EventOrigin::address),
               since(5, &EventOrigin::request_id));
template <>
inline constexpr auto kFields<WriteConditions> =
    std::tuple(&WriteConditions::if_none_match_any, &WriteConditions::if_match,
               since(2, &WriteConditions::bypass_governance), since(4, &WriteConditions::origin));
template <>
inline constexpr auto kFields<PutObject> =
    std::tuple(&PutObject::bucket, &PutObject::key, &PutObject::entry, &PutObject::inline_body,
               &PutObject::conditions);
template <>
inline constexpr auto kFields<WriteOutcome> = std::tuple(
    &WriteOutcome::version, &WriteOutcome::modified, since(2, &WriteOutcome::version_id));
template <>
inline constexpr auto kFields<ObjectKey> =
    std::tuple(&ObjectKey::bucket, &ObjectKey::key, since(2, &ObjectKey::version_id));
template <>
inline constexpr auto kFields<ShareObject> =
    std::tuple(&ShareObject::put, &ShareObject::from, &ShareObject::from_version);
template <>
inline constexpr auto kFields<AppendObject> =
    std::tuple(&AppendObject::put, &AppendObject::version);
template <>
inline constexpr auto kFields<IdempotencyToken> =
    std::tuple(&IdempotencyToken::id, &IdempotencyToken::digest);
template <>
inline constexpr auto kFields<RenameObject> =
    std::tuple(&RenameObject::from, &RenameObject::from_version, &RenameObject::to,
               &RenameObject::conditions, since(5, &RenameObject::token));
template <>
inline constexpr auto kFields<FindRename> = std::tuple(&FindRename::bucket, &FindRename::token);
template <>
inline constexpr auto kFields<DoneRename> = std::tuple(&DoneRename::digest, &DoneRename::outcome);
template <>
inline constexpr auto kFields<RenamePrefix> =
    std::tuple(&RenamePrefix::bucket, &RenamePrefix::from, &RenamePrefix::to,
               &RenamePrefix::start_after, &RenamePrefix::limit);
template <>
inline constexpr auto kFields<RenamedPrefix> =
    std::tuple(&RenamedPrefix::objects, &RenamedPrefix::more, &RenamedPrefix::next);
template <>
inline constexpr auto kFields<GetObject> =
    std::tuple(&GetObject::name, &GetObject::with_inline_body);
template <>
inline constexpr auto kFields<GetManifest> = std::tuple(&GetManifest::manifest);
template <>
inline constexpr auto kFields<ManifestChunks> = std::tuple(&ManifestChunks::chunks);
template <>
inline constexpr auto kFields<FoundObject> =
    std::tuple(&FoundObject::bucket, &FoundObject::entry, &FoundObject::inline_body);
template <>
inline constexpr auto kFields<DeleteObject> =
    std::tuple(&DeleteObject::name, &DeleteObject::conditions);
template <>
inline constexpr auto kFields<DeleteOutcome> =
    std::tuple(&DeleteOutcome::existed, since(2, &DeleteOutcome::delete_marker),
               since(2, &DeleteOutcome::version_id));
template <>
inline constexpr auto kFields<DeleteObjects> =
    std::tuple(&DeleteObjects::bucket, &DeleteObjects::keys, since(2, &DeleteObjects::version_ids),
               since(2, &DeleteObjects::bypass_governance), since(4, &DeleteObjects::origin));
template <>
inline constexpr auto kFields<DeletedObject> =
    std::tuple(&DeletedObject::outcome, &DeletedObject::error);
template <>
inline constexpr auto kFields<DeletedObjects> = std::tuple(&DeletedObjects::objects);
template <>
inline constexpr auto kFields<ListObjects> =
    std::tuple(&ListObjects::bucket, &ListObjects::prefix, &ListObjects::delimiter,
               &ListObjects::start_after, &ListObjects::limit);
template <>
inline constexpr auto kFields<ListedObject> =
    std::tuple(&ListedObject::key, &ListedObject::size_bytes, &ListedObject::modified,
               &ListedObject::etag, &ListedObject::owner_id, &ListedObject::storage_class,
               &ListedObject::checksum_algorithms, &ListedObject::checksum_type);
template <>
inline constexpr auto kFields<ListedPage> =
    std::tuple(&ListedPage::bucket, &ListedPage::objects, &ListedPage::common_prefixes,
               &ListedPage::truncated, &ListedPage::next);
template <>
inline constexpr auto kFields<PutAnnotation> =
    std::tuple(&PutAnnotation::object, &PutAnnotation::name, &PutAnnotation::entry,
               &PutAnnotation::inline_body, &PutAnnotation::if_match,
               &PutAnnotation::bypass_governance, &PutAnnotation::staged, &PutAnnotation::set);
template <>
inline constexpr auto kFields<AnnotationOutcome> =
    std::tuple(&AnnotationOutcome::full, &AnnotationOutcome::modified, &AnnotationOutcome::set,
               &AnnotationOutcome::version_id);
template <>
inline constexpr auto kFields<GetAnnotation> =
    std::tuple(&GetAnnotation::object, &GetAnnotation::name, &GetAnnotation::with_inline_body);
template <>
inline constexpr auto kFields<FoundAnnotation> =
    std::tuple(&FoundAnnotation::bucket, &FoundAnnotation::object, &FoundAnnotation::annotation,
               &FoundAnnotation::inline_body);
template <>
inline constexpr auto kFields<ListAnnotations> =
    std::tuple(&ListAnnotations::object, &ListAnnotations::prefix, &ListAnnotations::start_after,
               &ListAnnotations::limit);
template <>
inline constexpr auto kFields<ListedAnnotations> =
    std::tuple(&ListedAnnotations::bucket, &ListedAnnotations::object,
               &ListedAnnotations::annotations, &ListedAnnotations::truncated);
template <>
inline constexpr auto kFields<DeleteAnnotation> =
    std::tuple(&DeleteAnnotation::object, &DeleteAnnotation::name, &DeleteAnnotation::if_match,
               &DeleteAnnotation::bypass_governance);
template <>
inline constexpr auto kFields<ListVersions> =
    std::tuple(&ListVersions::bucket, &ListVersions::prefix, &ListVersions::delimiter,
               &ListVersions::key_marker, &ListVersions::version_id_marker, &ListVersions::limit);
template <>
inline constexpr auto kFields<ListedVersion> =
    std::tuple(&ListedVersion::object, &ListedVersion::version_id, &ListedVersion::is_latest,
               &ListedVersion::delete_marker);
template <>
inline constexpr auto kFields<ListedVersions> = std::tuple(
    &ListedVersions::bucket, &ListedVersions::versions, &ListedVersions::common_prefixes,
    &ListedVersions::truncated, &ListedVersions::next_key, &ListedVersions::next_version_id);
template <>
inline constexpr auto kFields<Tag> = std::tuple(&Tag::key, &Tag::value);
template <>
inline constexpr auto kFields<SetObjectTags> =
    std::tuple(&SetObjectTags::name, &SetObjectTags::tags, since(4, &SetObjectTags::origin));
template <>
inline constexpr auto kFields<SetObjectAcl> =
    std::tuple(&SetObjectAcl::name, &SetObjectAcl::acl, since(4, &SetObjectAcl::origin));
template <>
inline constexpr std::pair kEnumerators<RetentionMode> = {RetentionMode::kNone,
                                                          RetentionMode::kCompliance};
template <>
inline constexpr std::pair kEnumerators<LegalHold> = {LegalHold::kNever, LegalHold::kOn};
template <>
inline constexpr auto kFields<Retention> = std::tuple(&Retention::mode, &Retention::until);
template <>
inline constexpr auto kFields<SetObjectLock> =
    std::tuple(&SetObjectLock::name, &SetObjectLock::retention, &SetObjectLock::hold,
               &SetObjectLock::bypass_governance);
template <>
inline constexpr auto kFields<BucketLock> =
    std::tuple(&BucketLock::enabled, &BucketLock::mode, &BucketLock::days, &BucketLock::years);
template <>
inline constexpr auto kFields<SetBucketLock> =
    std::tuple(&SetBucketLock::name, &SetBucketLock::lock);
template <>
inline constexpr auto kFields<RestoredCopy> =
    std::tuple(&RestoredCopy::ready, &RestoredCopy::until);
template <>
inline constexpr auto kFields<RestoreObject> =
    std::tuple(&RestoreObject::name, &RestoreObject::version, &RestoreObject::now,
               &RestoreObject::copy, &RestoreObject::origin);
template <>
inline constexpr auto kFields<RestoreOutcome> =
    std::tuple(&RestoreOutcome::extended, &RestoreOutcome::version_id);
template <>
inline constexpr std::pair kEnumerators<EncryptionKind> = {EncryptionKind::kNone,
                                                           EncryptionKind::kCustomer};
template <>
inline constexpr auto kFields<Encryption> =
    std::tuple(&Encryption::kind, &Encryption::bucket_key, &Encryption::key_id,
               &Encryption::context, &Encryption::wrapped_key);
template <>
inline constexpr auto kFields<RewrapObject> =
    std::tuple(&RewrapObject::name, &RewrapObject::version, &RewrapObject::wrapped_key,
               &RewrapObject::encryption, &RewrapObject::origin);
template <>
inline constexpr auto kFields<TaggedVersion> = std::tuple(&TaggedVersion::version_id);
template <>
inline constexpr auto kFields<SetBucketVersioning> =
    std::tuple(&SetBucketVersioning::name, &SetBucketVersioning::enabled);
template <>
inline constexpr std::pair kEnumerators<EventKind> = {EventKind::kPut, EventKind::kEncryption};
template <>
inline constexpr std::pair kEnumerators<EventsFrom> = {EventsFrom::kPosition, EventsFrom::kNow};
template <>
inline constexpr auto kFields<SetBucketClass> =
    std::tuple(&SetBucketClass::name, &SetBucketClass::storage_class);
template <>
inline constexpr auto kFields<SetBucketEvents> =
    std::tuple(&SetBucketEvents::name, &SetBucketEvents::keep_seconds);
template <>
inline constexpr auto kFields<ReadEvents> =
    std::tuple(&ReadEvents::bucket, &ReadEvents::from, &ReadEvents::position, &ReadEvents::limit);
template <>
inline constexpr auto kFields<ObjectEvent> =
    std::tuple(&ObjectEvent::kind, &ObjectEvent::time, &ObjectEvent::key, &ObjectEvent::version,
               &ObjectEvent::version_id, &ObjectEvent::size_bytes, &ObjectEvent::etag,
               since(4, &ObjectEvent::origin));
template <>
inline constexpr auto kFields<EventPage> =
    std::tuple(&EventPage::events, &EventPage::position, &EventPage::more);
template <>
inline constexpr auto kFields<BucketSetting> =
    std::tuple(&BucketSetting::bucket, &BucketSetting::name, &BucketSetting::value);
template <>
inline constexpr auto kFields<GetBucketSettings> =
    std::tuple(&GetBucketSettings::bucket, &GetBucketSettings::names);
template <>
inline constexpr auto kFields<BucketWithSettings> =
    std::tuple(&BucketWithSettings::bucket, &BucketWithSettings::values);
template <>
inline constexpr auto kFields<ListBucketSettings> =
    std::tuple(&ListBucketSettings::bucket, &ListBucketSettings::prefix,
               &ListBucketSettings::start_after, &ListBucketSettings::limit);
template <>
inline constexpr auto kFields<ListedBucketSettings> =
    std::tuple(&ListedBucketSettings::settings, &ListedBucketSettings::truncated);
template <>
inline constexpr auto kFields<CreateUpload> = std::tuple(
    &CreateUpload::bucket, &CreateUpload::key, &CreateUpload::owner_id, &CreateUpload::headers,
    &CreateUpload::checksum_algorithm, &CreateUpload::checksum_type);
template <>
inline constexpr auto kFields<UploadInfo> = std::tuple(
    &UploadInfo::upload_id, &UploadInfo::key, &UploadInfo::owner_id, &UploadInfo::created,
    &UploadInfo::headers, &UploadInfo::checksum_algorithm, &UploadInfo::checksum_type);
template <>
inline constexpr auto kFields<UploadName> =
    std::tuple(&UploadName::bucket, &UploadName::key, &UploadName::upload_id);
template <>
inline constexpr auto kFields<PutPart> =
    std::tuple(&PutPart::upload, &PutPart::part_number, &PutPart::size_bytes, &PutPart::md5,
               &PutPart::checksums, &PutPart::chunks);
template <>
inline constexpr auto kFields<SharePart> =
    std::tuple(&SharePart::put, &SharePart::from, &SharePart::from_version);
template <>
inline constexpr auto kFields<ListParts> =
    std::tuple(&ListParts::name, &ListParts::after_part, &ListParts::limit);
template <>
inline constexpr auto kFields<ListedPart> =
    std::tuple(&ListedPart::part_number, &ListedPart::size_bytes, &ListedPart::modified,
               &ListedPart::md5, &ListedPart::checksums);
template <>
inline constexpr auto kFields<ListedParts> =
    std::tuple(&ListedParts::upload, &ListedParts::parts, &ListedParts::truncated);
template <>
inline constexpr auto kFields<ListUploads> =
    std::tuple(&ListUploads::bucket, &ListUploads::prefix, &ListUploads::delimiter,
               &ListUploads::key_marker, &ListUploads::upload_id_marker, &ListUploads::limit);
template <>
inline constexpr auto kFields<ListedUploads> =
    std::tuple(&ListedUploads::uploads, &ListedUploads::common_prefixes, &ListedUploads::truncated,
               &ListedUploads::next_key_marker, &ListedUploads::next_upload_id_marker);
template <>
inline constexpr auto kFields<NamedPart> =
    std::tuple(&NamedPart::part_number, &NamedPart::etag, &NamedPart::checksums);
template <>
inline constexpr auto kFields<CompleteUpload> =
    std::tuple(&CompleteUpload::upload, &CompleteUpload::parts, &CompleteUpload::conditions,
               &CompleteUpload::object_bytes, &CompleteUpload::full_checksum);
template <>
inline constexpr auto kFields<AskForDump> =
    std::tuple(&AskForDump::dump, since(2, &AskForDump::since));
template <>
inline constexpr auto kFields<DumpPieceHead> =
    std::tuple(&DumpPieceHead::dump, &DumpPieceHead::last, &DumpPieceHead::bytes_crc);
template <>
inline constexpr auto kFields<CompletedUpload> =
    std::tuple(&CompletedUpload::etag, &CompletedUpload::version, &CompletedUpload::checksums,
               since(2, &CompletedUpload::version_id));

}  // namespace kelp
