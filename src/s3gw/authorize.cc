#include "s3gw/authorize.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "policy/decision.h"
#include "s3gw/bucket_access.h"
#include "s3gw/core/actions.h"
#include "s3gw/core/bucket_arn.h"
#include "s3gw/core/header_text.h"
#include "s3gw/request_context.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

using policy::Naming;

/// What a decision is about.
struct Asked {
  std::string_view action;             ///< Lower case.
  std::string bucket = {};             ///< Empty: the account's own.
  std::string key = {};                ///< Empty: the bucket itself.
  const ObjectEntry* entry = nullptr;  ///< The object, where what stands in it may count.
  Facts facts = {};                    ///< What only the request's body tells.
};

std::string arn_of(const Asked& asked) {
  if (asked.bucket.empty()) return "*";
  std::string arn = bucket_arn(asked.bucket);
  if (!asked.key.empty()) arn += "/" + asked.key;
  return arn;
}

/// What the owner's root may do whatever the bucket's policy says, or nobody could mend a bad one.
bool mends_policy(std::string_view action) {
  return action == "s3:getbucketpolicy" || action == "s3:putbucketpolicy" ||
         action == "s3:deletebucketpolicy";
}

/// What access control lists grant of what is asked.
Naming granted_by_lists(const policy::Requester& who, const BucketAccess& access,
                        const Asked& asked) {
  if (!access.has_acls()) return Naming::kNot;
  const GrantFor needed = grant_for(asked.action);
  const bool but_public = access.blocked().ignore_acls;
  switch (needed.where) {
    case GrantFor::Where::kNowhere:
      return Naming::kNot;
    case GrantFor::Where::kBucket:
      return granted(access.acl, who, needed.permission, but_public);
    case GrantFor::Where::kObject:
      break;
  }
  if (asked.entry == nullptr) return Naming::kNot;
  const std::string& stored = asked.entry->headers.acl;
  const Acl acl = stored.empty() ? private_acl(asked.entry->owner_id) : decode_acl(stored);
  return granted(acl, who, needed.permission, but_public);
}

/// Whether the object's reading is its own owner's to allow: lists count, and another account wrote
/// it. The bucket's policy can still deny it.
bool is_foreign_object(const BucketAccess& access, const Asked& asked) {
  return access.has_acls() && asked.entry != nullptr &&
         grant_for(asked.action).where == GrantFor::Where::kObject &&
         asked.entry->owner_id != access.bucket.owner_id;
}

/// The other of the two actions that delete; empty for one that deletes nothing.
std::string_view other_deletion(std::string_view action) {
  if (action == "s3:deleteobject") return "s3:deleteobjectversion";
  if (action == "s3:deleteobjectversion") return "s3:deleteobject";
  return {};
}

/// Whether the bucket's policy keeps what has no versions by denying the other way of deleting it:
/// there, either denial does.
///
/// Source   API reference, DeleteObject, "Permissions".
bool is_kept(const BucketAccess& access, const policy::Request& asked) {
  const std::string_view other = other_deletion(asked.action);
  if (other.empty() || access.policy == nullptr) return false;
  if (access.bucket.versioning != Versioning::kNever) return false;
  const auto denies = [](const policy::Statement& each) {
    return each.effect() == policy::Effect::kDeny;
  };
  if (std::ranges::none_of(access.policy->statements(), denies)) return false;
  policy::Request request = asked;
  request.action = other;
  return access.policy->evaluate(request).denied;
}

/// Whether the root of the account `owner` asks.
bool is_own_root(const Call& call, std::string_view owner) {
  const Credential* const key = call.auth.credential;
  return key != nullptr && acts_as_root(*key) && key->who.account == owner;
}

bool is_allowed(const Call& call, const BucketAccess* access, const Asked& asked) {
  const Credential* const key = call.auth.credential;
  policy::Request request;
  if (key != nullptr) request.who = key->who;
  const bool no_policy = access == nullptr || access->policy == nullptr;
  const std::string owner = access != nullptr ? access->owner_number : request.who.account;
  const bool own_root = is_own_root(call, owner);
  const bool foreign = access != nullptr && is_foreign_object(*access, asked);
  if (own_root && !foreign && (no_policy || mends_policy(asked.action))) return true;
  if (access != nullptr && access->policy_is_unknown) return false;

  request.action = asked.action;
  request.resource = arn_of(asked);
  policy::Policies policies;
  if (key != nullptr) {
    policies.identity = key->permissions.identity;
    policies.boundary = key->permissions.boundary;
    policies.session = key->permissions.session;
  }
  if (access != nullptr) {
    policies.resource = access->policy;
    policies.granted = granted_by_lists(request.who, *access, asked);
  }
  request.context = request_context(call, owner);
  if (asked.entry != nullptr) add_existing_tags(*asked.entry, request.context);
  if (access != nullptr) add_bucket_tags(*access, request.context);
  for (const auto& [name, value] : asked.facts) request.context.add(name, value);
  if (access != nullptr && is_kept(*access, request)) return false;
  if (foreign) {
    // Its owner is who decides; the bucket's policy may deny, and allows nothing of it.
    const bool denied = policies.resource != nullptr && policies.resource->evaluate(request).denied;
    policies.resource.reset();
    return !denied && policy::allows(policies, request, account_number(asked.entry->owner_id));
  }
  const bool shut = access != nullptr && access->policy_is_public &&
                    access->blocked().restrict_all && request.who.account != owner;
  if (shut) {
    // A public policy lets in nobody from outside; what it denies stays denied.
    if (policies.resource->evaluate(request).denied) return false;
    policies.resource.reset();
  }
  return policy::allows(policies, request, owner);
}

/// Whether a policy that may speak of the request asks for the tags of the object.
bool asks_for_tags(const Call& call, const BucketAccess& access) {
  const auto asks = [](const auto& document) {
    return document != nullptr && document->asks_for("s3:existingobjecttag/");
  };
  if (asks(access.policy)) return true;
  if (call.auth.credential == nullptr) return false;
  const Permissions& own = call.auth.credential->permissions;
  return asks(own.boundary) || asks(own.session) || std::ranges::any_of(own.identity, asks);
}

/// The object as it is now; nothing when there is none.
Task<S3Result<std::optional<FoundObject>>> find_asked(Call& call, const Asked& asked) {
  ObjectKey name{.bucket = asked.bucket, .key = asked.key};
  if (asked.key == call.request.key && asked.bucket == call.request.bucket) {
    KELP_S3_CO_TRY(name.version_id, version_parameter(call));
  }
  auto found = co_await call.services.deps.filer.get_object(std::move(name), false);
  if (found) co_return *std::move(found);
  const Reason reason = found.error().reason();
  if (reason == Reason::kNoSuchKey || reason == Reason::kNoSuchVersion) co_return std::nullopt;
  co_return std::unexpected(from_error(found.error()));
}

/// Reads the object where its list or its tags may count.
Task<S3Result<bool>> judge(Call& call, const BucketAccess& access, Asked asked) {
  const bool by_list =
      access.has_acls() && grant_for(asked.action).where == GrantFor::Where::kObject;
  if (asked.key.empty() || asked.entry != nullptr || !(by_list || asks_for_tags(call, access))) {
    co_return is_allowed(call, &access, asked);
  }
  KELP_S3_CO_TRY(const auto found, co_await find_asked(call, asked));
  if (found) asked.entry = &found->entry;
  if (asked.key == call.request.key) call.judged_version = found ? found->entry.version : 0;
  if (is_allowed(call, &access, asked)) co_return true;
  // Who may list is told that it is not there, and may not be told anything else.
  const Asked list{.action = "s3:listbucket", .bucket = asked.bucket};
  co_return by_list && !found && is_allowed(call, &access, list);
}

/// A bucket's policy is its owner's account's alone, whatever it says itself.
///
/// Source   API reference, GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy.
S3Result<void> check_policy_owner(const Call& call, std::string_view action) {
  const Credential* const key = call.auth.credential;
  if (!mends_policy(action)) return {};
  if (key != nullptr && key->who.account == call.access->owner_number) return {};
  return std::unexpected(
      S3Error{S3Code::kMethodNotAllowed,
              {},
              {{"Method", std::string(call.http.method)}, {"ResourceType", "BUCKETPOLICY"}}});
}

/// Where the requester pays: that somebody is known who does, and says so.
S3Result<void> check_payer(Call& call, const BucketAccess& access) {
  if (!access.requester_pays) return {};
  const Credential* const key = call.auth.credential;
  if (key != nullptr && key->account.id == access.bucket.owner_id) return {};
  const auto payer = call.header("x-amz-request-payer");
  if (key == nullptr || !payer || !equals_lower(*payer, "requester")) {
    return s3_error(S3Code::kAccessDenied);
  }
  call.charged = true;
  return {};
}

/// By what is known, and when that refuses, by what is so now.
Task<S3Result<void>> decide(Call& call, Asked asked) {
  constexpr std::chrono::milliseconds kFresh{100};
  for (const std::chrono::nanoseconds most :
       {std::chrono::nanoseconds(BucketAccessCache::kLife), std::chrono::nanoseconds(kFresh)}) {
    auto known = co_await call.services.bucket_access.find(asked.bucket, most);
    if (!known) {
      S3Error error = from_error(known.error());
      if (error.code == S3Code::kNoSuchBucket)
        error.fields.emplace_back("BucketName", asked.bucket);
      co_return std::unexpected(std::move(error));
    }
    const BucketAccessPtr access = *std::move(known);
    if (asked.bucket == call.request.bucket) call.access = access;
    KELP_S3_CO_TRY(const bool allowed, co_await judge(call, *access, asked));
    if (allowed) co_return check_payer(call, *access);
  }
  co_return s3_error(S3Code::kAccessDenied);
}

/// What a write asks for beside its own action.
struct Besides {
  std::string_view header;  ///< When it is there; what begins with it, when it ends in '-'.
  std::string_view action;
};
constexpr auto kBesides = std::to_array<Besides>({
    {"x-amz-tagging", "s3:putobjecttagging"},
    {"x-amz-acl", "s3:putobjectacl"},
    {"x-amz-grant-", "s3:putobjectacl"},
    {"x-amz-object-lock-mode", "s3:putobjectretention"},
    {"x-amz-object-lock-retain-until-date", "s3:putobjectretention"},
    {"x-amz-object-lock-legal-hold", "s3:putobjectlegalhold"},
});

/// The same of a bucket's making.
constexpr auto kBesidesBucket = std::to_array<Besides>({
    {"x-amz-acl", "s3:putbucketacl"},
    {"x-amz-grant-", "s3:putbucketacl"},
    {"x-amz-object-ownership", "s3:putbucketownershipcontrols"},
    {"x-amz-bucket-object-lock-enabled", "s3:putbucketobjectlockconfiguration"},
});

bool makes_object(Operation operation) {
  using enum Operation;
  return operation == kPutObject || operation == kCopyObject || operation == kPostObject ||
         operation == kCreateMultipartUpload;
}

bool may_bypass(Operation operation) {
  using enum Operation;
  return operation == kDeleteObject || operation == kPutObjectRetention ||
         operation == kPutObjectAnnotation || operation == kDeleteObjectAnnotation;
}

bool has_header(const Call& call, std::string_view lower) {
  if (!lower.ends_with('-')) return call.header(lower).has_value();
  for (const HttpHeader& header : call.headers) {
    if (starts_with_lower(header.name, lower)) return true;
  }
  return false;
}

Task<S3Result<void>> authorize_besides(Call& call) {
  const Operation operation = *call.operation;
  if (makes_object(operation)) {
    for (const auto& [header, action] : kBesides) {
      if (!has_header(call, header)) continue;
      KELP_S3_CO_CHECK(co_await authorize_also(call, action, call.request.key));
    }
  }
  if (operation == Operation::kGetObjectAttributes) {
    const bool version = call.parameter("versionId").has_value();
    KELP_S3_CO_CHECK(
        co_await authorize_also(call, action_of(Operation::kGetObject, version), call.request.key));
  }
  if (may_bypass(operation) && bypasses_governance(call)) {
    KELP_S3_CO_CHECK(
        co_await authorize_also(call, "s3:bypassgovernanceretention", call.request.key));
  }
  co_return S3Result<void>{};
}

/// x-amz-expected-bucket-owner, by either name of the account.
S3Result<void> check_expected(std::optional<std::string_view> expected, const BucketEntry& bucket) {
  if (!expected || *expected == bucket.owner_id || *expected == account_number(bucket.owner_id)) {
    return {};
  }
  constexpr std::size_t kAccountDigits = 12;
  const bool account = expected->size() == kAccountDigits &&
                       std::ranges::all_of(*expected, [](char c) { return c >= '0' && c <= '9'; });
  return s3_error(account ? S3Code::kAccessDenied : S3Code::kInvalidBucketOwnerAWSAccountID);
}

/// What a caller does in its own account: a bucket that is to be made has nobody else's policies.
S3Result<void> authorize_own(const Call& call, std::string_view action) {
  const auto may = [&](std::string_view what) {
    return is_allowed(call, nullptr, {.action = what, .bucket = call.request.bucket});
  };
  if (call.auth.credential == nullptr || !may(action)) return s3_error(S3Code::kAccessDenied);
  if (*call.operation != Operation::kCreateBucket) return {};
  for (const auto& [header, also] : kBesidesBucket) {
    if (has_header(call, header) && !may(also)) return s3_error(S3Code::kAccessDenied);
  }
  return {};
}

}  // namespace

Task<S3Result<void>> authorize(Call& call) {
  const bool version = call.parameter("versionId").has_value();
  const std::string_view action = action_of(*call.operation, version);
  // What looks like a bucket's name in the last of these is none.
  if (call.request.scope == Scope::kService || *call.operation == Operation::kCreateBucket ||
      *call.operation == Operation::kWriteGetObjectResponse) {
    co_return authorize_own(call, action);
  }
  if (action.empty()) {
    // Each of the keys is decided on by itself.
    auto known = co_await call.services.bucket_access.find(call.request.bucket);
    KELP_S3_CO_TRY(call.access, std::move(known));
  } else {
    KELP_S3_CO_CHECK(co_await decide(
        call, {.action = action, .bucket = call.request.bucket, .key = call.request.key}));
    KELP_S3_CO_CHECK(check_policy_owner(call, action));
  }
  KELP_S3_CO_CHECK(check_expected(call.header("x-amz-expected-bucket-owner"), call.access->bucket));
  co_return co_await authorize_besides(call);
}

Task<S3Result<void>> authorize_also(Call& call, std::string_view action, std::string key) {
  co_return co_await authorize_in(call, call.request.bucket, action, std::move(key));
}

Task<S3Result<void>> authorize_with(Call& call, std::string_view action, Facts facts) {
  Asked asked{.action = action, .bucket = call.request.bucket, .facts = std::move(facts)};
  co_return co_await decide(call, std::move(asked));
}

S3Result<void> authorize_new(const Call& call, std::string_view action, Facts facts) {
  const Asked asked{.action = action, .bucket = call.request.bucket, .facts = std::move(facts)};
  if (is_allowed(call, nullptr, asked)) return {};
  return s3_error(S3Code::kAccessDenied);
}

Facts facts_of(const Tags& tags) {
  Facts facts;
  for (const auto& [name, value] : tags) {
    facts.emplace_back("aws:RequestTag/" + name, value);
    facts.emplace_back("aws:TagKeys", name);
  }
  return facts;
}

Task<S3Result<void>> authorize_in(Call& call, std::string bucket, std::string_view action,
                                  std::string key) {
  Asked asked{.action = action, .bucket = std::move(bucket), .key = std::move(key)};
  co_return co_await decide(call, std::move(asked));
}

Task<S3Result<void>> authorize_source(Call& call, const ObjectKey& name, const FoundObject& found) {
  const bool version = name.version_id.has_value();
  Asked asked{.action = action_of(Operation::kGetObject, version),
              .bucket = name.bucket,
              .key = name.key,
              .entry = &found.entry};
  KELP_S3_CO_CHECK(co_await decide(call, asked));
  const bool takes_tags = call.operation == Operation::kCopyObject &&
                          call.header("x-amz-tagging-directive") != "REPLACE";
  if (takes_tags && !found.entry.headers.tags.empty()) {
    asked.action = action_of(Operation::kGetObjectTagging, version);
    KELP_S3_CO_CHECK(co_await decide(call, asked));
  }
  co_return check_expected(call.header("x-amz-source-expected-bucket-owner"), found.bucket);
}

Task<S3Result<void>> authorize_listing(Call& call, std::string bucket, Facts facts) {
  Asked asked{.action = "s3:listbucket", .bucket = std::move(bucket), .facts = std::move(facts)};
  co_return co_await decide(call, std::move(asked));
}

bool may_all(const Call& call) {
  const BucketAccess& access = *call.access;
  return is_own_root(call, access.owner_number) && access.policy == nullptr && !access.has_acls();
}

Task<S3Result<void>> check_bucket(Call& call, BucketEntry bucket) {
  if (call.access != nullptr && call.access->bucket.id == bucket.id) co_return S3Result<void>{};
  call.services.bucket_access.forget(bucket.name);
  KELP_S3_CO_CHECK(co_await authorize(call));
  if (call.access->bucket.id == bucket.id) co_return S3Result<void>{};
  co_return s3_error(S3Code::kServiceUnavailable);
}

bool is_as_judged(const Call& call, const BucketEntry& bucket, const ObjectEntry& version) {
  return call.access != nullptr && call.access->bucket.id == bucket.id &&
         (!call.judged_version || *call.judged_version == version.version);
}

Task<S3Result<void>> check_version(Call& call, const BucketEntry& bucket,
                                   const ObjectEntry& version) {
  KELP_S3_CO_CHECK(co_await check_bucket(call, bucket));
  if (!call.judged_version || *call.judged_version == version.version) {
    co_return S3Result<void>{};
  }
  const bool by_version = call.parameter("versionId").has_value();
  const Asked asked{.action = action_of(*call.operation, by_version),
                    .bucket = call.request.bucket,
                    .key = call.request.key,
                    .entry = &version};
  if (is_allowed(call, call.access.get(), asked)) co_return S3Result<void>{};
  co_return s3_error(S3Code::kAccessDenied);
}

}  // namespace kelp::s3
