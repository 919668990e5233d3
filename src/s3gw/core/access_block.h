#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// What a bucket does not let its policy and its access control lists do.
struct PublicAccessBlock {
  bool block_acls = false;    ///< No list that lets the public in is taken.
  bool ignore_acls = false;   ///< What lists grant to the public does not count.
  bool block_policy = false;  ///< No policy that lets the public in is taken.
  bool restrict_all = false;  ///< A public policy lets in nobody but the bucket's account.
  friend bool operator==(const PublicAccessBlock&, const PublicAccessBlock&) = default;
};

/// That of a new bucket.
inline constexpr PublicAccessBlock kAllBlocked{true, true, true, true};

/// PublicAccessBlockConfiguration. MalformedXML.
[[nodiscard]] S3Result<PublicAccessBlock> parse_public_access_block(std::string body);
/// The same as XML.
[[nodiscard]] std::string public_access_block_xml(const PublicAccessBlock& block);
/// As a setting of the bucket keeps it: four digits, 0 or 1, in the order of the fields.
[[nodiscard]] std::string encode_public_access_block(const PublicAccessBlock& block);
/// kAllBlocked for what is no such setting: closed when in doubt.
[[nodiscard]] PublicAccessBlock decode_public_access_block(std::string_view setting);

/// Whose the objects of a bucket are.
enum class ObjectOwnership : unsigned char {
  kBucketOwnerEnforced,   ///< The bucket's owner's; there are no access control lists.
  kBucketOwnerPreferred,  ///< The writer's, unless it grants the bucket's owner full control.
  kObjectWriter,          ///< The writer's.
};

/// "BucketOwnerEnforced" and so on; nothing for another text.
[[nodiscard]] std::optional<ObjectOwnership> ownership_of(std::string_view name);
[[nodiscard]] std::string_view name_of(ObjectOwnership ownership);
/// OwnershipControls, of one rule. MalformedXML.
[[nodiscard]] S3Result<ObjectOwnership> parse_ownership_controls(std::string body);
/// The same as XML.
[[nodiscard]] std::string ownership_controls_xml(ObjectOwnership ownership);

}  // namespace kelp::s3
