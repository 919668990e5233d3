#pragma once

#include "policy/document.h"

namespace kelp::policy {

/// Whether a bucket policy lets in people whom it cannot know: it allows something to everybody,
/// and no condition keeps that to a fixed set of accounts, networks or addresses. A range of
/// addresses is fixed when it is no wider than /8 (IPv6: /32).
///
/// Source   Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", the meaning
///          of "public".
[[nodiscard]] bool is_public(const Document& bucket_policy);

}  // namespace kelp::policy
