#pragma once

#include <array>
#include <string_view>

namespace kelp {

/// The optional fields of an inventory, as its configuration names them and in the order of its
/// lists' columns ("InventoryConfiguration" of the S3 API reference).
inline constexpr std::array<std::string_view, 16> kInventoryFields = {
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
    "LifecycleExpirationDate"};

}  // namespace kelp
