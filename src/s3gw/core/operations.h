#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Every operation of AWS's S3 model by its name there. Left out are five names that share a route
// with a newer one: GetBucketLifecycle, PutBucketLifecycle, GetBucketNotification,
// PutBucketNotification and ListDirectoryBuckets.
#define KELP_S3_OPERATIONS(X)                         \
  X(AbortMultipartUpload)                             \
  X(CompleteMultipartUpload)                          \
  X(CopyObject)                                       \
  X(CreateBucket)                                     \
  X(CreateBucketMetadataConfiguration)                \
  X(CreateBucketMetadataTableConfiguration)           \
  X(CreateMultipartUpload)                            \
  X(CreateSession)                                    \
  X(DeleteBucket)                                     \
  X(DeleteBucketAnalyticsConfiguration)               \
  X(DeleteBucketCors)                                 \
  X(DeleteBucketEncryption)                           \
  X(DeleteBucketIntelligentTieringConfiguration)      \
  X(DeleteBucketInventoryConfiguration)               \
  X(DeleteBucketLifecycle)                            \
  X(DeleteBucketMetadataConfiguration)                \
  X(DeleteBucketMetadataTableConfiguration)           \
  X(DeleteBucketMetricsConfiguration)                 \
  X(DeleteBucketOwnershipControls)                    \
  X(DeleteBucketPolicy)                               \
  X(DeleteBucketReplication)                          \
  X(DeleteBucketTagging)                              \
  X(DeleteBucketWebsite)                              \
  X(DeleteObject)                                     \
  X(DeleteObjectAnnotation)                           \
  X(DeleteObjectTagging)                              \
  X(DeleteObjects)                                    \
  X(DeletePublicAccessBlock)                          \
  X(GetBucketAbac)                                    \
  X(GetBucketAccelerateConfiguration)                 \
  X(GetBucketAcl)                                     \
  X(GetBucketAnalyticsConfiguration)                  \
  X(GetBucketCors)                                    \
  X(GetBucketEncryption)                              \
  X(GetBucketIntelligentTieringConfiguration)         \
  X(GetBucketInventoryConfiguration)                  \
  X(GetBucketLifecycleConfiguration)                  \
  X(GetBucketLocation)                                \
  X(GetBucketLogging)                                 \
  X(GetBucketMetadataConfiguration)                   \
  X(GetBucketMetadataTableConfiguration)              \
  X(GetBucketMetricsConfiguration)                    \
  X(GetBucketNotificationConfiguration)               \
  X(GetBucketOwnershipControls)                       \
  X(GetBucketPolicy)                                  \
  X(GetBucketPolicyStatus)                            \
  X(GetBucketReplication)                             \
  X(GetBucketRequestPayment)                          \
  X(GetBucketTagging)                                 \
  X(GetBucketVersioning)                              \
  X(GetBucketWebsite)                                 \
  X(GetObject)                                        \
  X(GetObjectAcl)                                     \
  X(GetObjectAnnotation)                              \
  X(GetObjectAttributes)                              \
  X(GetObjectLegalHold)                               \
  X(GetObjectLockConfiguration)                       \
  X(GetObjectRetention)                               \
  X(GetObjectTagging)                                 \
  X(GetObjectTorrent)                                 \
  X(GetPublicAccessBlock)                             \
  X(HeadBucket)                                       \
  X(HeadObject)                                       \
  X(ListBucketAnalyticsConfigurations)                \
  X(ListBucketIntelligentTieringConfigurations)       \
  X(ListBucketInventoryConfigurations)                \
  X(ListBucketMetricsConfigurations)                  \
  X(ListBuckets)                                      \
  X(ListMultipartUploads)                             \
  X(ListObjectAnnotations)                            \
  X(ListObjectVersions)                               \
  X(ListObjects)                                      \
  X(ListObjectsV2)                                    \
  X(ListParts)                                        \
  X(PutBucketAbac)                                    \
  X(PutBucketAccelerateConfiguration)                 \
  X(PutBucketAcl)                                     \
  X(PutBucketAnalyticsConfiguration)                  \
  X(PutBucketCors)                                    \
  X(PutBucketEncryption)                              \
  X(PutBucketIntelligentTieringConfiguration)         \
  X(PutBucketInventoryConfiguration)                  \
  X(PutBucketLifecycleConfiguration)                  \
  X(PutBucketLogging)                                 \
  X(PutBucketMetricsConfiguration)                    \
  X(PutBucketNotificationConfiguration)               \
  X(PutBucketOwnershipControls)                       \
  X(PutBucketPolicy)                                  \
  X(PutBucketReplication)                             \
  X(PutBucketRequestPayment)                          \
  X(PutBucketTagging)                                 \
  X(PutBucketVersioning)                              \
  X(PutBucketWebsite)                                 \
  X(PutObject)                                        \
  X(PutObjectAcl)                                     \
  X(PutObjectAnnotation)                              \
  X(PutObjectLegalHold)                               \
  X(PutObjectLockConfiguration)                       \
  X(PutObjectRetention)                               \
  X(PutObjectTagging)                                 \
  X(PutPublicAccessBlock)                             \
  X(RenameObject)                                     \
  X(RestoreObject)                                    \
  X(SelectObjectContent)                              \
  X(UpdateBucketMetadataAnnotationTableConfiguration) \
  X(UpdateBucketMetadataInventoryTableConfiguration)  \
  X(UpdateBucketMetadataJournalTableConfiguration)    \
  X(UpdateObjectEncryption)                           \
  X(UploadPart)                                       \
  X(UploadPartCopy)                                   \
  X(WriteGetObjectResponse)

namespace kelp::s3 {

/// What a request asks for.
enum class Operation : std::uint8_t {
#define KELP_S3_ENUMERATOR(name) k##name,
  KELP_S3_OPERATIONS(KELP_S3_ENUMERATOR)
#undef KELP_S3_ENUMERATOR
      kPostObject,  ///< Browser form upload: POST on a bucket; not an operation of the model.
  kPreflight,       ///< CORS preflight: OPTIONS; not an operation of the model.
};
inline constexpr std::size_t kOperationCount = static_cast<std::size_t>(Operation::kPreflight) + 1;

/// The operation's name in AWS's model, e.g. "GetObject".
[[nodiscard]] constexpr std::string_view name_of(Operation operation) {
  switch (operation) {
#define KELP_S3_NAME(name) \
  case Operation::k##name: \
    return #name;
    KELP_S3_OPERATIONS(KELP_S3_NAME)
#undef KELP_S3_NAME
    case Operation::kPostObject:
      return "PostObject";
    case Operation::kPreflight:
      return "Preflight";
  }
  return "Unknown";
}

}  // namespace kelp::s3
