#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "iam/core/jwt.h"
#include "policy/outgoing.h"

namespace kelp::iam {

/// One GET, without redirects, of at most 256 KiB; the body of a 200. Blocks, some seconds at most.
/// kUnavailable, kInvalidArgument for what is neither https nor http, kPermissionDenied when
/// `rules` let no address be called that the name has; they are asked of the address that is
/// connected to.
[[nodiscard]] Result<std::string> fetch(const std::string& url, const policy::OutgoingRules& rules);

/// The keys with which identity providers sign, as their addresses tell (OpenID Connect Discovery
/// 1.0, section 4). Kept for some minutes. Thread-safe.
class WebKeys {
 public:
  using Fetch = std::function<Result<std::string>(const std::string& url)>;

  /// All must outlive this. `pool`: one that may be kept waiting by strangers' servers.
  WebKeys(Clock& clock, WorkPool& pool, Fetch fetch_url)
      : clock_(clock), pool_(pool), fetch_(std::move(fetch_url)) {}

  /// Those of the provider at `url` (without scheme). A key that is not among them is looked for
  /// anew, at most every half minute, and what could not be had as seldom. kUnavailable when they
  /// cannot be had.
  Task<Result<std::vector<WebKey>>> keys_of(std::string url, std::string key_id);

 private:
  struct Kept {
    MonoTime since;
    Result<std::vector<WebKey>> keys;
  };
  Result<std::vector<WebKey>> read(const std::string& url) const;

  Clock& clock_;
  WorkPool& pool_;
  const Fetch fetch_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

}  // namespace kelp::iam
