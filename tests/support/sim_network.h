#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "net/network.h"
#include "tests/support/sim_context.h"

namespace kelp::test {

struct SimNetworkOptions {
  std::chrono::nanoseconds min_latency = std::chrono::microseconds(50);
  std::chrono::nanoseconds max_latency = std::chrono::milliseconds(2);
  std::size_t window_bytes = 1 << 20;              ///< Sent and not read; a writer waits at it.
  std::uint32_t reset_per_million = 0;             ///< A write breaks the connection instead.
  std::uint32_t short_read_per_million = 100'000;  ///< read_some gives less than there is.
};

/// The network of a simulated world: TCP between named hosts. Bytes of one connection stay in
/// order, connections overtake each other; a cut link holds bytes back until it heals (as TCP
/// retransmits), a reset loses them. The context must outlive it, it must outlive its streams and
/// listeners.
class SimNetwork {
 public:
  explicit SimNetwork(SimContext& context, SimNetworkOptions options = {});
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  /// The network as host `name` sees it. It listens on "name:port" or "0.0.0.0:port".
  [[nodiscard]] Network& host(const std::string& name);

  /// Nothing passes from `from` to `to` any more (the other way is another cut).
  void cut(const std::string& from, const std::string& to);
  void heal(const std::string& from, const std::string& to);
  /// Both ways.
  void partition(const std::string& a, const std::string& b);
  void heal_all();
  /// Every connection of `name` breaks with kUnavailable at both ends; its listeners close.
  void crash_host(const std::string& name);
  /// A host without power reaches nobody until it is switched on again.
  void switch_off(const std::string& name) { off_.insert(name); }
  void switch_on(const std::string& name) { off_.erase(name); }
  /// Every connection between the two breaks.
  void reset(const std::string& a, const std::string& b);
  void set_options(SimNetworkOptions options) { options_ = options; }

  /// Connections ever made.
  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  /// Stream::write calls ever made: shows whether a writer coalesces.
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

 private:
  friend class SimHost;
  friend class SimStream;
  friend class SimListener;
  struct Pipe;
  struct Backlog;
  using PipePtr = std::shared_ptr<Pipe>;

  Task<Result<std::unique_ptr<Stream>>> connect(std::string from, std::string to,
                                                MonoTime deadline);
  Result<std::unique_ptr<Listener>> listen(const std::string& host, const std::string& address);
  [[nodiscard]] MonoTime arrival();
  [[nodiscard]] bool is_cut(const std::string& from, const std::string& to) const;
  void schedule(const PipePtr& pipe, MonoTime when);
  void pump(const PipePtr& pipe);
  void pump_all();
  template <typename Matches>
  void break_pipes(Matches matches);

  SimContext& context_;
  SimNetworkOptions options_;
  Rng rng_;
  SimTimers timers_;
  std::map<std::string, std::unique_ptr<Network>> hosts_;
  std::map<std::pair<std::string, std::uint16_t>, std::shared_ptr<Backlog>> listeners_;
  std::vector<std::weak_ptr<Pipe>> pipes_;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::set<std::string> off_;
  std::uint16_t next_port_ = 40'000;
  std::uint64_t connections_ = 0;
  std::uint64_t writes_ = 0;
};

}  // namespace kelp::test
