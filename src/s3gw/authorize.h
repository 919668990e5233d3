#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/awaitable.h"
#include "s3gw/call.h"
#include "s3gw/core/tags.h"

namespace kelp::s3 {

// Who may do what. One place decides: policies of the user (src/policy), the bucket's policy and
// its access control lists, and what is blocked for the public. Nothing is allowed that none of
// these allows.

/// Whether the request may be done at all; before its operation runs, once it is known who asks.
/// Sets Call::access when it names a bucket. Errors: AccessDenied; NoSuchBucket.
[[nodiscard]] Task<S3Result<void>> authorize(Call& call);

/// Whether the request may, besides, do `action` (lower case) to a key of its bucket; to the bucket
/// when `key` is empty. AccessDenied.
[[nodiscard]] Task<S3Result<void>> authorize_also(Call& call, std::string_view action,
                                                  std::string key);

/// Facts under names of condition keys.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// The same about the request's bucket, when only its body tells what else policies may ask for.
[[nodiscard]] Task<S3Result<void>> authorize_with(Call& call, std::string_view action, Facts facts);

/// The same about a bucket that is to be made, in the account of who asks.
[[nodiscard]] S3Result<void> authorize_new(const Call& call, std::string_view action, Facts facts);

/// What a request says that sets these tags.
[[nodiscard]] Facts facts_of(const Tags& tags);

/// The same in another bucket.
[[nodiscard]] Task<S3Result<void>> authorize_in(Call& call, std::string bucket,
                                                std::string_view action, std::string key);

/// Whether the request may read an object of any bucket, as it was found there: the source of a
/// copy. AccessDenied, as for x-amz-source-expected-bucket-owner.
[[nodiscard]] Task<S3Result<void>> authorize_source(Call& call, const ObjectKey& name,
                                                    const FoundObject& found);
/// Whether the request may know what is and what is not in a bucket, `facts` saying in which part
/// of it. AccessDenied.
[[nodiscard]] Task<S3Result<void>> authorize_listing(Call& call, std::string bucket,
                                                     Facts facts = {});

/// Whether the request may do everything to every key of the bucket that it was authorized for: of
/// its owner's root, where there is no policy and lists do not count.
[[nodiscard]] bool may_all(const Call& call);

/// That what an operation found of a bucket is of the one that the request was authorized for;
/// authorizes it anew when it has been made anew since.
[[nodiscard]] Task<S3Result<void>> check_bucket(Call& call, BucketEntry bucket);

/// Whether a version was found as the request was authorized for it, so that check_version() would
/// have nothing to ask: nearly always.
[[nodiscard]] bool is_as_judged(const Call& call, const BucketEntry& bucket,
                                const ObjectEntry& version);

/// The same of a version of an object, which may have been replaced since by one with another list.
[[nodiscard]] Task<S3Result<void>> check_version(Call& call, const BucketEntry& bucket,
                                                 const ObjectEntry& version);

}  // namespace kelp::s3
