#include "server/cluster_link.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "crypto/random.h"
#include "os/posix_file_io.h"
#include "server/process.h"

namespace kelp::server {
namespace {

/// After so long without a leader's answer the masters are asked in turn.
constexpr std::chrono::seconds kSearch{5};

/// "root@host:1234": what other operators are told.
std::string lock_owner() {
  const passwd* const user = ::getpwuid(::geteuid());
  return fmt::format("{}@{}:{}", user == nullptr ? std::to_string(::geteuid()) : user->pw_name,
                     machine_name(), ::getpid());
}

/// Cancels `work` at the first signal; the next one does what it does without us.
Task<void> cancel_at(asio::signal_set& signals, TaskGroup& work, bool& interrupted) {
  const auto [failed, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
  if (failed) co_return;
  signals.clear();
  interrupted = true;
  work.cancel();
}

}  // namespace

ClusterLink::ClusterLink(std::unique_ptr<RpcLink> rpc, std::string cluster_id,
                         std::vector<std::string> addresses, std::vector<std::string> filers)
    : cluster_id_(std::move(cluster_id)), addresses_(std::move(addresses)), rpc_(std::move(rpc)) {
  rpc_->run(find_leader());
  if (leader_.has_value()) std::swap(addresses_.front(), addresses_[*leader_]);
  masters_ = std::make_unique<RpcMasterClient>(rpc_->channels(), addresses_);
  volumes_ = std::make_unique<RpcVolumeNodes>(rpc_->channels());
  if (!filers.empty()) {
    filer_ = std::make_unique<RpcFilerClient>(rpc_->channels(), std::move(filers));
  }
  lock_ = std::make_unique<AdminLockHolder>(*masters_, clock(), timers(), lock_owner(),
                                            random_u64() | 1);
}

Result<std::unique_ptr<ClusterLink>> ClusterLink::open(const Config& config) {
  const auto io = make_posix_file_io();
  const std::string path =
      config.cluster.file.empty() ? config.dir + "/cluster" : config.cluster.file;
  KELP_TRY(const ClusterIdentity identity, read_cluster_file(*io, path, KeyPair{}));
  KELP_TRY(const auto masters, parse_masters(config.cluster.masters));
  if (masters.empty()) {
    return Error(Errc::kInvalidArgument, "say where the masters are: --masters 1=host:port,…");
  }
  std::vector<std::string> addresses;
  for (const auto& [id, address] : masters) addresses.push_back(address);
  KELP_TRY(auto rpc, RpcLink::open(config, {identity.cluster_id, identity.cluster_secret}));
  return std::unique_ptr<ClusterLink>(new ClusterLink(std::move(rpc), identity.cluster_id,
                                                      std::move(addresses), config.cluster.filers));
}

Task<void> ClusterLink::run_until_interrupted(Task<void> task) {
  const bool locked = lock_->held();
  bool interrupted = false;
  TaskGroup work(executor());
  asio::signal_set signals(executor(), SIGINT);
  TaskGroup watch(executor());
  watch.spawn(cancel_at(signals, work, interrupted));
  work.spawn(std::move(task));
  co_await work.join();
  watch.cancel();
  co_await watch.join();
  if (interrupted && !locked) {
    [[maybe_unused]] const auto given = co_await lock_->give_back();
  }
}

Task<void> ClusterLink::find_leader() {
  if (addresses_.size() < 2) co_return;
  TaskGroup asking(executor());
  silent_ = addresses_.size();
  for (std::size_t at = 0; at < addresses_.size(); ++at) asking.spawn(ask(at));
  asking.spawn(give_up());
  while (!leader_.has_value() && silent_ > 0 && !late_) {
    if (!(co_await answered_.wait()).has_value()) break;
  }
  asking.cancel();
  co_await asking.join();
}

Task<void> ClusterLink::ask(std::size_t at) {
  RpcMasterClient one(rpc_->channels(), {addresses_[at]});
  const auto floor = co_await one.key_floor();  // what only a leader answers, in few bytes
  if (floor.has_value() && !leader_.has_value()) leader_ = at;
  --silent_;
  answered_.notify_all();
}

Task<void> ClusterLink::give_up() {
  [[maybe_unused]] const auto slept = co_await timers().sleep_until(clock().mono() + kSearch);
  late_ = true;
  answered_.notify_all();
}

}  // namespace kelp::server
