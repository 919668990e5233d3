#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "async/awaitable.h"
#include "base/clock.h"
#include "client/filer_client.h"
#include "lifecycle/rules.h"
#include "policy/document.h"
#include "s3gw/core/access_block.h"
#include "s3gw/core/access_line.h"
#include "s3gw/core/acl.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/tags.h"

namespace kelp::s3 {

// The settings of a bucket that requests are judged by, by their names. An empty one was
// deleted by its owner, which is not the same as none: that is the default of a new bucket.
inline constexpr std::string_view kPolicySetting = "policy";             ///< JSON, as it was put.
inline constexpr std::string_view kAccessBlockSetting = "access-block";  ///< core/access_block.h
inline constexpr std::string_view kOwnershipSetting = "ownership";       ///< name_of() it.
inline constexpr std::string_view kAclSetting = "acl";                   ///< core/acl.h
inline constexpr std::string_view kEncryptionSetting = "encryption";  ///< core/bucket_encryption.h
inline constexpr std::string_view kTagsSetting = "tagging";           ///< tag_set() of core/tags.h.

/// Who may do what in a bucket and how it encrypts, as it was when it was read.
struct BucketAccess {
  BucketEntry bucket;
  std::string owner_number;  ///< The owner's account, twelve digits.
  std::string policy_json;   ///< Empty: none.
  std::shared_ptr<const policy::Document> policy;
  bool policy_is_public = false;
  /// The policy, or the tags that it may ask for, were written by a version that knows more: nobody
  /// but the owner's root is let in.
  bool policy_is_unknown = false;
  std::optional<PublicAccessBlock> block;    ///< Nothing: deleted.
  std::optional<ObjectOwnership> ownership;  ///< Nothing: deleted.
  Acl acl;
  std::optional<std::string> encryption;   ///< The setting.
  std::shared_ptr<const Element> website;  ///< A document of website_config(); null: none.
  std::optional<LogTarget> logging;        ///< Where its access log goes.
  bool requester_pays = false;             ///< Others than the owner must say that they pay.
  /// Null: none are enabled, or they are not understood.
  std::shared_ptr<const lifecycle::Rules> lifecycle;
  /// The bucket's tags, where they count in policies: attribute-based access control is on.
  Tags tags;
  MonoTime read;

  /// Whether lists count in this bucket.
  [[nodiscard]] bool has_acls() const { return ownership != ObjectOwnership::kBucketOwnerEnforced; }
  [[nodiscard]] PublicAccessBlock blocked() const { return block.value_or(PublicAccessBlock{}); }
};
using BucketAccessPtr = std::shared_ptr<const BucketAccess>;

/// Keeps what was read of the buckets that are in use for a moment, so that requests need not ask
/// for it each time. Thread-safe.
class BucketAccessCache {
 public:
  /// What somebody else changed counts within this.
  static constexpr std::chrono::seconds kLife{2};

  /// Both must outlive this.
  BucketAccessCache(FilerClient& filer, const Clock& clock) : filer_(filer), clock_(clock) {}

  /// Not older than `most`. kNotFound with kNoSuchBucket.
  Task<Result<BucketAccessPtr>> find(std::string bucket, std::chrono::nanoseconds most = kLife);
  /// What is known already, however old; null: nothing.
  [[nodiscard]] BucketAccessPtr peek(const std::string& bucket);
  /// Whoever asks next reads it anew.
  void forget(const std::string& bucket);

 private:
  static constexpr std::size_t kMost = 10'000;

  FilerClient& filer_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, BucketAccessPtr> known_;
};

}  // namespace kelp::s3
