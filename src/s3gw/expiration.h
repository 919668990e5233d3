#pragma once

#include <string_view>

#include "net/http.h"
#include "s3gw/call.h"
#include "wire/entry.h"
#include "wire/namespace.h"

// What answers tell of the lifecycle rules of the bucket that the request names. Buckets without
// rules cost nothing: they are known since the request was authorized.

namespace kelp::s3 {

/// Adds x-amz-expiration, when and by which rule the object, its key's current version, expires.
void add_expiration(const Call& call, std::string_view key, const ObjectEntry& entry,
                    HttpResponse& head);
/// What add_expiration() needs to know of an entry that is about to be put, but for its time.
[[nodiscard]] ObjectEntry told_of_expiration(const Call& call, const ObjectEntry& entry);
/// Adds x-amz-abort-date and x-amz-abort-rule-id, when a rule aborts the upload.
void add_abort_date(const Call& call, const UploadInfo& upload, HttpResponse& head);

}  // namespace kelp::s3
