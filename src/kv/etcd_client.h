#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "kv/remote_link.h"

namespace kelp {

/// The members of an etcd cluster, and which of them is asked first. Thread-safe.
struct EtcdMembers {
  std::vector<std::string> urls;  ///< `http://host:port`, without a user.
  std::string user;               ///< Empty: none.
  std::string password;
  std::atomic<std::size_t> current = 0;
};

/// kInvalidArgument unless options.url is as open_etcd_kv() says.
[[nodiscard]] Result<std::shared_ptr<EtcdMembers>> parse_etcd_members(
    const RemoteKvOptions& options);

/// A connection to etcd's JSON gateway, for one thread at a time. Blocks, for seconds at most.
class EtcdClient {
 public:
  explicit EtcdClient(std::shared_ptr<EtcdMembers> members);
  ~EtcdClient();
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  /// POSTs `body` to `/v3/…`. kIo: whether it was done is unknown, and the next call goes to the
  /// next member. kInvalidArgument, kNoSpace, kUnavailable, kUnauthenticated: it was not.
  Result<boost::json::object> call(std::string_view path, const std::string& body);
  /// The member's /metrics, as text.
  Result<std::string> metrics();

 private:
  struct Handle;
  struct Reply {
    long status = 0;
    std::string body;
  };
  Result<Reply> exchange(const std::string& url, const std::string* body);
  Result<void> authenticate(std::size_t member);

  const std::shared_ptr<EtcdMembers> members_;
  std::unique_ptr<Handle> handle_;
  std::string token_;
};

}  // namespace kelp
