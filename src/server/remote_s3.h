#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "client/remote_bucket.h"
#include "mount/core/signing.h"

namespace kelp::server {

/// Where a remote bucket is, and whose.
struct RemoteS3Parts {
  std::string endpoint;  ///< "https://host:port".
  std::string bucket;
  std::string prefix;  ///< Of all names, with the slash at its end; nothing in it is to be encoded.
  std::string ca_file;  ///< As HttpCalls'.
  mount::SigningKeys keys;
  std::chrono::milliseconds timeout{};
  const Clock& clock;
};

/// A bucket of any S3, by its REST interface, path style: PutObject, GetObject with a range,
/// DeleteObject and ListObjectsV2, signed with Signature Version 4, bodies too. Redirects are not
/// followed; what fails in a way that another try may mend is tried three times.
[[nodiscard]] std::unique_ptr<RemoteBucket> make_remote_s3(RemoteS3Parts parts);

}  // namespace kelp::server
