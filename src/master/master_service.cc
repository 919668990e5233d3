#include "master/master_service.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>

#include "base/log.h"

namespace kelp::master {
namespace {

constexpr std::uint64_t kOldStateLimitBytes = 64ULL << 20;
constexpr std::chrono::seconds kTurn{1};

raft::NodeOptions node_options(const MasterOptions& options) {
  raft::NodeOptions out;
  out.dir = options.dir + "/raft";
  out.cluster_id = options.cluster_id;
  out.self = raft::NodeId{options.id};
  out.tick = options.tick;
  out.seed = options.seed;
  if (options.join) return out;
  for (const auto& [id, address] : options.bootstrap) out.bootstrap.emplace_back(id);
  if (out.bootstrap.empty()) out.bootstrap.emplace_back(options.id);
  return out;
}

/// A damaged log: what to do where the other masters still have everything.
Error with_way_out(Error error) {
  if (error.code() != Errc::kCorruption) return error;
  return {error.code(),
          error.detail() +
              " (kelp cluster remove-master ID; kelp master --join true --id NEW_ID --dir EMPTY; "
              "kelp cluster add-master NEW_ID HOST:PORT)"};
}

}  // namespace

MasterService::MasterService(MasterSeams seams, MasterOptions options)
    : context_(std::move(seams), std::move(options)),
      desk_(context_),
      jobs_(context_),
      tasks_(context_.seams.executor),
      volume_count_(
          context_.seams.metrics.gauge("kelp_master_volumes", "Volumes that were decided on.")),
      leading_(context_.seams.metrics.gauge("kelp_master_leading", "1 on the master that leads.")) {
}

MasterService::~MasterService() = default;

Task<Result<std::unique_ptr<MasterService>>> MasterService::open(MasterSeams seams,
                                                                 MasterOptions options) {
  std::unique_ptr<MasterService> service(new MasterService(std::move(seams), std::move(options)));
  MasterService* const self = service.get();
  const auto started = co_await self->here(self->start());
  if (!started.has_value()) {
    co_await service->stop();
    co_return started.error();
  }
  co_return std::move(service);
}

Task<Result<void>> MasterService::start() {
  context_.machine.on_change([this] { changed(); });
  const raft::NodeSeams seams{context_.seams.executor, context_.seams.io,
                              context_.seams.pool,     context_.seams.clock,
                              context_.seams.timers,   context_.seams.transport,
                              context_.seams.metrics,  context_.seams.boot_clock};
  changed();
  auto node =
      co_await raft::RaftNode::open(seams, node_options(context_.options), context_.machine);
  if (!node.has_value()) co_return with_way_out(std::move(node).error());
  context_.node = *std::move(node);
  tasks_.spawn(tick_forever());
  tasks_.spawn(desk_.grow_forever());
  tasks_.spawn(lead_or_follow());
  co_return Result<void>();
}

/// State or role changed: everything that waits looks again.
void MasterService::changed() {
  volume_count_.Set(static_cast<double>(context_.state().volumes.size()));
  leading_.Set(context_.machine.is_leading() ? 1 : 0);
  // Whom the configuration names is known before the state says anything, and stays known.
  auto masters = context_.options.bootstrap;
  for (const auto& [id, address] : context_.state().masters) masters[id] = address;
  if (masters != peers_) {
    peers_ = std::move(masters);
    if (context_.seams.peers_changed) context_.seams.peers_changed(peers_);
  }
  context_.changed.notify_all();
}

/// Tells the parts when leadership begins and ends.
Task<void> MasterService::lead_or_follow() {
  while (true) {
    const bool leading = context_.machine.is_leading();
    bool failed = false;
    if (leading != led_) {
      led_ = leading;
      context_.serving = false;
      desk_.forget_keys();
      co_await jobs_.stop();
      if (leading) {
        context_.topology.reset(context_.seams.clock.mono());
        context_.reservations = {};
        gateways_.begin(context_.seams.clock.mono());
        const auto imported = co_await import_old_state();
        context_.serving = imported.has_value();
        if (!imported.has_value()) {
          failed = true;
          led_ = false;  // once more, when a second has passed
          logger("master").error("begin_failed error={}", log_value(imported.error().message()));
        }
        context_.changed.notify_all();
      }
    }
    if (!failed && context_.machine.is_leading() != led_) continue;
    if (!(co_await context_.changed.wait()).has_value()) co_return;
  }
}

/// The first leader writes down where the masters are, and takes over what a single master kept in
/// a file before it had a log. Does nothing the second time.
Task<Result<void>> MasterService::import_old_state() {
  if (context_.state().masters.empty()) {
    auto masters = context_.options.bootstrap;
    if (masters.empty()) masters[context_.options.id] = context_.options.address;
    for (const auto& [id, address] : masters) {
      if (address.empty()) continue;
      KELP_CO_CHECK(co_await context_.commit(SetMaster{id, address}));
    }
  }
  const MasterState& state = context_.state();
  if (state.key_mark != NeedleKey{1} || !state.volumes.empty()) co_return Result<void>();
  const std::string path = context_.options.dir + "/state";
  auto read = [&io = context_.seams.io, path] {
    return read_whole_file(io, path, kOldStateLimitBytes);
  };
  auto old = co_await offload<std::string>(context_.seams.pool, std::move(read));
  if (!old.has_value()) {
    if (old.error().code() == Errc::kNotFound) co_return Result<void>();
    co_return old.error();
  }
  logger("master").info("old_state_imported path={}", log_value(path));
  co_return co_await context_.commit(ImportState{*std::move(old)});
}

Task<void> MasterService::tick_forever() {
  while (true) {
    const MonoTime next = context_.seams.clock.mono() + kTurn;
    co_await turn();
    if (!(co_await context_.seams.timers.sleep_until(next)).has_value()) co_return;
  }
}

Task<void> MasterService::turn() {
  context_.changed.notify_all();  // whoever waits looks at its deadline
  if (!context_.check_serving().has_value()) co_return;
  context_.reservations.expire(context_.seams.clock.mono());
  auto done = co_await desk_.refresh_keys();
  if (done.has_value()) done = co_await jobs_.turn();
  if (!done.has_value()) {
    logger("master").warn("turn_failed error={}", log_value(done.error().message()));
  }
}

void MasterService::end_waits() {
  asio::post(context_.seams.executor, [this] {
    ending_ = true;
    context_.changed.notify_all();
  });
}

Task<void> MasterService::stop() {
  co_await asio::co_spawn(context_.seams.executor, end(), asio::use_awaitable);
}

Task<void> MasterService::end() {
  context_.serving = false;
  tasks_.cancel();
  co_await tasks_.join();
  context_.machine.on_change({});
  co_await jobs_.stop();
  co_await desk_.stop();
  if (context_.node != nullptr) co_await context_.node->stop();
}

}  // namespace kelp::master
