#include "s3gw/bucket_access.h"

#include "base/log.h"
#include "policy/public_access.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/credentials.h"

namespace kelp::s3 {
namespace {

/// Null when there is none, and when a version wrote it that knows more.
std::shared_ptr<const Element> read_document_of(const ConfigKind& kind,
                                                const std::optional<std::string>& value) {
  if (!value) return nullptr;
  auto document = read_inside(*value, kind.root);
  if (!document) return nullptr;
  return std::make_shared<const Element>(*std::move(document));
}

/// What is not understood is not applied, so nothing is told of it.
std::shared_ptr<const lifecycle::Rules> read_lifecycle(const std::string& bucket,
                                                       const std::optional<std::string>& kept) {
  if (!kept) return nullptr;
  auto rules = lifecycle::parse_rules(*kept);
  if (!rules) {
    logger("s3gw").error("lifecycle_not_understood bucket={} error={}", bucket,
                         log_value(rules.error().message()));
    return nullptr;
  }
  if (rules->rules.empty()) return nullptr;
  return std::make_shared<const lifecycle::Rules>(*std::move(rules));
}

/// The tags that count in policies; nothing when that cannot be known, as a newer version wrote it.
std::optional<Tags> read_tags(const std::optional<std::string>& abac,
                              const std::optional<std::string>& kept) {
  if (!abac) return Tags{};
  const auto document = read_document_of(abac_config(), abac);
  if (document == nullptr) return std::nullopt;
  if (document->text_of("Status") != "Enabled" || !kept) return Tags{};
  auto tags = parse_tagging("<Tagging>" + *kept + "</Tagging>", kMaxBucketTags);
  if (!tags) return std::nullopt;
  return *std::move(tags);
}

std::shared_ptr<const BucketAccess> read_access(BucketWithSettings found, MonoTime now) {
  auto access = std::make_shared<BucketAccess>();
  access->read = now;
  access->bucket = std::move(found.bucket);
  const std::string& owner = access->bucket.owner_id;
  access->owner_number = account_number(owner);
  found.values.resize(11);
  access->policy_json = found.values[0].value_or("");
  if (!access->policy_json.empty()) {
    auto document = policy::Document::parse(access->policy_json, policy::PolicyKind::kBucket);
    if (document) {
      access->policy = std::make_shared<const policy::Document>(*std::move(document));
      access->policy_is_public = policy::is_public(*access->policy);
    } else {
      access->policy_is_unknown = true;
      logger("s3gw").error("policy_not_understood bucket={} error={}", access->bucket.name,
                           log_value(document.error().message()));
    }
  }
  access->block = kAllBlocked;
  if (const auto& block = found.values[1]) {
    access->block.reset();
    if (!block->empty()) access->block = decode_public_access_block(*block);
  }
  access->ownership = ObjectOwnership::kBucketOwnerEnforced;
  if (const auto& ownership = found.values[2]) access->ownership = ownership_of(*ownership);
  access->acl = found.values[3] ? decode_acl(*found.values[3]) : private_acl(owner);
  access->encryption = std::move(found.values[4]);
  access->website = read_document_of(website_config(), found.values[5]);
  if (const auto logging = read_document_of(logging_config(), found.values[6])) {
    access->logging = log_target(*logging);
  }
  if (const auto payment = read_document_of(request_payment_config(), found.values[7])) {
    access->requester_pays = payment->text_of("Payer") == "Requester";
  }
  access->lifecycle = read_lifecycle(access->bucket.name, found.values[8]);
  if (auto tags = read_tags(found.values[9], found.values[10])) {
    access->tags = *std::move(tags);
  } else {
    access->policy_is_unknown = true;
    logger("s3gw").error("tags_not_understood bucket={}", access->bucket.name);
  }
  return access;
}

}  // namespace

Task<Result<BucketAccessPtr>> BucketAccessCache::find(std::string bucket,
                                                      std::chrono::nanoseconds most) {
  const MonoTime now = clock_.mono();
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(bucket);
    if (known != known_.end() && now - known->second->read < most) co_return known->second;
  }
  GetBucketSettings request{
      .bucket = bucket,
      .names = {std::string(kPolicySetting), std::string(kAccessBlockSetting),
                std::string(kOwnershipSetting), std::string(kAclSetting),
                std::string(kEncryptionSetting), std::string(website_config().setting),
                std::string(logging_config().setting),
                std::string(request_payment_config().setting), std::string(lifecycle::kSetting),
                std::string(abac_config().setting), std::string(kTagsSetting)}};
  auto found = co_await filer_.get_bucket_settings(std::move(request));
  if (!found) {
    forget(bucket);
    co_return found.error();
  }
  // As old as the question: the answer may have been on its way while something changed.
  BucketAccessPtr access = read_access(*std::move(found), now);
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMost) known_.clear();
  known_[std::move(bucket)] = access;
  co_return access;
}

BucketAccessPtr BucketAccessCache::peek(const std::string& bucket) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(bucket);
  return known == known_.end() ? nullptr : known->second;
}

void BucketAccessCache::forget(const std::string& bucket) {
  const std::lock_guard lock(mutex_);
  known_.erase(bucket);
}

}  // namespace kelp::s3
