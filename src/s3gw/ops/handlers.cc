#include "s3gw/ops/handlers.h"

namespace kelp::s3 {

Handler handler_of(Operation operation) {
  using enum Operation;
  switch (operation) {
    case kListBuckets:
      return list_buckets;
    case kCreateBucket:
      return create_bucket;
    case kHeadBucket:
      return head_bucket;
    case kDeleteBucket:
      return delete_bucket;
    case kGetBucketLocation:
      return get_bucket_location;
    case kListObjects:
      return list_objects;
    case kListObjectsV2:
      return list_objects_v2;
    case kListObjectVersions:
      return list_object_versions;
    case kPutObject:
      return put_object;
    case kGetObject:
    case kHeadObject:
      return get_object;
    case kDeleteObject:
      return delete_object;
    case kDeleteObjects:
      return delete_objects;
    case kCopyObject:
      return copy_object;
    case kRenameObject:
      return rename_object;
    case kCreateMultipartUpload:
      return create_multipart_upload;
    case kUploadPart:
      return upload_part;
    case kUploadPartCopy:
      return upload_part_copy;
    case kCompleteMultipartUpload:
      return complete_multipart_upload;
    case kAbortMultipartUpload:
      return abort_multipart_upload;
    case kListParts:
      return list_parts;
    case kListMultipartUploads:
      return list_multipart_uploads;
    case kGetObjectAttributes:
      return get_object_attributes;
    case kGetBucketVersioning:
      return get_bucket_versioning;
    case kPutBucketVersioning:
      return put_bucket_versioning;
    case kGetObjectTagging:
      return get_object_tagging;
    case kPutObjectTagging:
      return put_object_tagging;
    case kDeleteObjectTagging:
      return delete_object_tagging;
    case kGetBucketTagging:
      return get_bucket_tagging;
    case kPutBucketTagging:
      return put_bucket_tagging;
    case kDeleteBucketTagging:
      return delete_bucket_tagging;
    case kGetObjectLockConfiguration:
      return get_object_lock_configuration;
    case kPutObjectLockConfiguration:
      return put_object_lock_configuration;
    case kGetObjectRetention:
      return get_object_retention;
    case kPutObjectRetention:
      return put_object_retention;
    case kGetObjectLegalHold:
      return get_object_legal_hold;
    case kPutObjectLegalHold:
      return put_object_legal_hold;
    case kGetBucketAcl:
      return get_bucket_acl;
    case kGetObjectAcl:
      return get_object_acl;
    case kPutBucketAcl:
      return put_bucket_acl;
    case kPutObjectAcl:
      return put_object_acl;
    case kGetBucketPolicy:
      return get_bucket_policy;
    case kPutBucketPolicy:
      return put_bucket_policy;
    case kDeleteBucketPolicy:
      return delete_bucket_policy;
    case kGetBucketPolicyStatus:
      return get_bucket_policy_status;
    case kGetPublicAccessBlock:
      return get_public_access_block;
    case kPutPublicAccessBlock:
      return put_public_access_block;
    case kDeletePublicAccessBlock:
      return delete_public_access_block;
    case kGetBucketOwnershipControls:
      return get_bucket_ownership_controls;
    case kPutBucketOwnershipControls:
      return put_bucket_ownership_controls;
    case kDeleteBucketOwnershipControls:
      return delete_bucket_ownership_controls;
    case kPreflight:
      return preflight;
    default:
      return has_default_answer(operation) ? answer_default : not_implemented;
  }
}

}  // namespace kelp::s3
