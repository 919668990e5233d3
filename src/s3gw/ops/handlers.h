#pragma once

#include "async/awaitable.h"
#include "s3gw/call.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Runs an operation and sends its answer, or returns the error that the gateway is to send. The
/// call outlives it.
using Handler = Task<S3Result<void>> (*)(Call& call);

/// The function of `operation`, which core/routes.inc names.
[[nodiscard]] Handler handler_of(Operation operation);

// ops/website.cc
/// Answers a request of the website of the bucket that `host` names, one of
/// GatewayOptions::website_domains, as AWS's website endpoints do: to anybody, errors as pages.
Task<S3Result<void>> website(Call& call, std::string_view host);

// ops/buckets.cc
Task<S3Result<void>> list_buckets(Call& call);
Task<S3Result<void>> create_bucket(Call& call);
Task<S3Result<void>> head_bucket(Call& call);
Task<S3Result<void>> delete_bucket(Call& call);
Task<S3Result<void>> get_bucket_location(Call& call);

// ops/list_objects.cc
Task<S3Result<void>> list_objects(Call& call);
Task<S3Result<void>> list_objects_v2(Call& call);
Task<S3Result<void>> list_object_versions(Call& call);

// ops/put_object.cc
Task<S3Result<void>> put_object(Call& call);

// ops/post_object.cc
Task<S3Result<void>> post_object(Call& call);

// ops/append_object.cc
Task<S3Result<void>> append_object(Call& call);  ///< PutObject with x-amz-write-offset-bytes.

// ops/rename_object.cc
Task<S3Result<void>> rename_object(Call& call);

// ops/update_encryption.cc
Task<S3Result<void>> update_object_encryption(Call& call);

// ops/restore_object.cc
Task<S3Result<void>> restore_object(Call& call);

// ops/get_object.cc
Task<S3Result<void>> get_object(Call& call);  ///< Also HeadObject.

// ops/delete_object.cc
Task<S3Result<void>> delete_object(Call& call);
Task<S3Result<void>> delete_objects(Call& call);

// ops/copy_object.cc
Task<S3Result<void>> copy_object(Call& call);

// ops/multipart.cc
Task<S3Result<void>> create_multipart_upload(Call& call);
Task<S3Result<void>> complete_multipart_upload(Call& call);
Task<S3Result<void>> abort_multipart_upload(Call& call);
Task<S3Result<void>> list_parts(Call& call);
Task<S3Result<void>> list_multipart_uploads(Call& call);

// ops/upload_part.cc
Task<S3Result<void>> upload_part(Call& call);
Task<S3Result<void>> upload_part_copy(Call& call);

// ops/versioning.cc
Task<S3Result<void>> get_bucket_versioning(Call& call);
Task<S3Result<void>> put_bucket_versioning(Call& call);

// ops/bucket_encryption.cc
Task<S3Result<void>> get_bucket_encryption(Call& call);
Task<S3Result<void>> put_bucket_encryption(Call& call);
Task<S3Result<void>> delete_bucket_encryption(Call& call);

// ops/tagging.cc
Task<S3Result<void>> get_object_tagging(Call& call);
Task<S3Result<void>> put_object_tagging(Call& call);
Task<S3Result<void>> delete_object_tagging(Call& call);
Task<S3Result<void>> get_bucket_tagging(Call& call);
Task<S3Result<void>> put_bucket_tagging(Call& call);
Task<S3Result<void>> delete_bucket_tagging(Call& call);

// ops/object_lock.cc
Task<S3Result<void>> get_object_lock_configuration(Call& call);
Task<S3Result<void>> put_object_lock_configuration(Call& call);
Task<S3Result<void>> get_object_retention(Call& call);
Task<S3Result<void>> put_object_retention(Call& call);
Task<S3Result<void>> get_object_legal_hold(Call& call);
Task<S3Result<void>> put_object_legal_hold(Call& call);

// ops/annotations.cc
Task<S3Result<void>> put_object_annotation(Call& call);
Task<S3Result<void>> get_object_annotation(Call& call);
Task<S3Result<void>> list_object_annotations(Call& call);
Task<S3Result<void>> delete_object_annotation(Call& call);

// ops/object_attributes.cc
Task<S3Result<void>> get_object_attributes(Call& call);

// ops/select_object.cc
Task<S3Result<void>> select_object_content(Call& call);

// ops/bucket_configs.cc
Task<S3Result<void>> put_bucket_config(Call& call);
Task<S3Result<void>> get_bucket_config(Call& call);
Task<S3Result<void>> delete_bucket_config(Call& call);

// ops/named_configs.cc
Task<S3Result<void>> put_named_config(Call& call);
Task<S3Result<void>> get_named_config(Call& call);
Task<S3Result<void>> delete_named_config(Call& call);
Task<S3Result<void>> list_named_configs(Call& call);

// ops/cors.cc
Task<S3Result<void>> preflight(Call& call);
/// Looks up what the bucket lets the request's Origin do, for the head of whatever is answered.
Task<void> find_cors(Call& call);

// ops/stubs.cc
Task<S3Result<void>> not_implemented(Call& call);  ///< Of the stubs.

// ops/acl.cc
Task<S3Result<void>> get_bucket_acl(Call& call);
Task<S3Result<void>> put_bucket_acl(Call& call);
Task<S3Result<void>> get_object_acl(Call& call);
Task<S3Result<void>> put_object_acl(Call& call);

// ops/bucket_access.cc
Task<S3Result<void>> get_bucket_policy(Call& call);
Task<S3Result<void>> put_bucket_policy(Call& call);
Task<S3Result<void>> delete_bucket_policy(Call& call);
Task<S3Result<void>> get_bucket_policy_status(Call& call);
Task<S3Result<void>> get_public_access_block(Call& call);
Task<S3Result<void>> put_public_access_block(Call& call);
Task<S3Result<void>> delete_public_access_block(Call& call);
Task<S3Result<void>> get_bucket_ownership_controls(Call& call);
Task<S3Result<void>> put_bucket_ownership_controls(Call& call);
Task<S3Result<void>> delete_bucket_ownership_controls(Call& call);

/// The upload that `?uploadId` names. ops/multipart.cc
[[nodiscard]] UploadName upload_name(const Call& call);
/// The error of a call about an upload: NoSuchUpload names its id. ops/multipart.cc
[[nodiscard]] S3Error upload_error(const Call& call, const Error& error);

}  // namespace kelp::s3
