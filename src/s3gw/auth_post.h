#pragma once

#include <span>

#include "s3gw/auth.h"
#include "s3gw/core/post_form.h"

namespace kelp::s3 {

/// Proves who signed the policy of a form upload: SigV4 or SigV2 over the policy's text, in the
/// fields. A form without any of their fields is kAnonymous. Thread-safe.
///
/// Errors    InvalidArgument for a field that is missing or wrong, InvalidAccessKeyId,
///           InvalidToken, ExpiredToken, SignatureDoesNotMatch; with AWS's texts and
///           fields.
/// Source    "Authenticating requests in browser-based uploads using POST" of the S3 developer
///           guide.
[[nodiscard]] S3Result<Authenticated> authenticate_form(std::span<const PostField> fields,
                                                        const CredentialStore& store, WallTime now,
                                                        const AuthOptions& options);

}  // namespace kelp::s3
