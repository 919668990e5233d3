#include "tests/support/sim_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "async/event.h"

namespace kelp::test {

/// One direction of a connection.
struct SimNetwork::Pipe {
  struct Chunk {
    MonoTime arrives;
    std::string bytes;  ///< Empty: the end of the stream.
  };
  std::string from, to;
  std::deque<Chunk> flying;
  std::string arrived;
  std::size_t taken = 0;  ///< Of `arrived`.
  std::size_t unread = 0;
  bool ended = false;  ///< The end has arrived.
  bool broken = false;
  bool reader_closed = false;
  bool writer_closed = false;
  MonoTime last_arrival{};
  Event readable, writable;
  void wake() {
    readable.notify_all();
    writable.notify_all();
  }
};

struct SimNetwork::Backlog {
  std::deque<std::unique_ptr<Stream>> streams;
  Event arrived;
  bool closed = false;
};

class SimStream final : public Stream {
 public:
  SimStream(SimNetwork& network, SimNetwork::PipePtr in, SimNetwork::PipePtr out)
      : network_(network), in_(std::move(in)), out_(std::move(out)), peer_(out_->to + ":sim") {}
  ~SimStream() override { close(); }

  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
    if (buffer.empty()) co_return std::size_t{0};
    const auto in = in_;
    while (in->taken == in->arrived.size()) {
      if (in->reader_closed) co_return closed_here();
      if (in->broken) co_return reset();
      if (in->ended) co_return std::size_t{0};
      KELP_CO_CHECK(co_await in->readable.wait());
    }
    if (in->reader_closed) co_return closed_here();
    if (in->broken) co_return reset();
    std::size_t count = std::min(buffer.size(), in->arrived.size() - in->taken);
    if (network_.rng_.chance(network_.options_.short_read_per_million)) {
      count = 1 + static_cast<std::size_t>(network_.rng_.below(count));
    }
    std::memcpy(buffer.data(), in->arrived.data() + in->taken, count);
    in->taken += count;
    if (in->taken == in->arrived.size()) {
      in->arrived.clear();
      in->taken = 0;
    }
    in->unread -= count;
    in->writable.notify_all();
    co_return count;
  }

  Task<Result<void>> write(std::span<const ByteSpan> pieces) override {
    const auto out = out_;
    ++network_.writes_;
    if (network_.rng_.chance(network_.options_.reset_per_million))
      network_.reset(out->from, out->to);
    std::string bytes;
    for (const auto piece : pieces) bytes.append(as_text(piece));
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      if (out->writer_closed) co_return closed_here();
      if (out->broken || out->reader_closed) co_return reset();
      const std::size_t room =
          network_.options_.window_bytes - std::min(network_.options_.window_bytes, out->unread);
      if (room == 0) {
        KELP_CO_CHECK(co_await out->writable.wait());
        continue;
      }
      const std::size_t count = std::min(room, bytes.size() - sent);
      send(bytes.substr(sent, count));
      sent += count;
    }
    co_return Result<void>();
  }

  void close() override {
    if (out_->writer_closed) return;
    send("");
    out_->writer_closed = true;
    in_->reader_closed = true;
    in_->wake();
    out_->wake();
  }

  [[nodiscard]] const std::string& peer() const override { return peer_; }

 private:
  [[nodiscard]] Error closed_here() const { return {Errc::kCancelled, peer_ + ": closed here"}; }
  [[nodiscard]] Error reset() const { return {Errc::kUnavailable, peer_ + ": connection reset"}; }
  void send(std::string bytes) {
    out_->unread += bytes.size();
    out_->last_arrival = std::max(out_->last_arrival, network_.arrival());
    SimNetwork::Pipe::Chunk chunk{.arrives = out_->last_arrival, .bytes = std::move(bytes)};
    out_->flying.push_back(std::move(chunk));
    network_.schedule(out_, out_->last_arrival);
  }

  SimNetwork& network_;
  SimNetwork::PipePtr in_, out_;
  std::string peer_;
};

class SimListener final : public Listener {
 public:
  SimListener(std::shared_ptr<SimNetwork::Backlog> backlog, std::uint16_t port)
      : backlog_(std::move(backlog)), port_(port) {}
  ~SimListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    const auto backlog = backlog_;
    while (!backlog->closed && backlog->streams.empty()) {
      KELP_CO_CHECK(co_await backlog->arrived.wait());
    }
    if (backlog->closed) co_return Error(Errc::kCancelled, "listener closed");
    auto stream = std::move(backlog->streams.front());
    backlog->streams.pop_front();
    co_return stream;
  }
  Task<Result<std::unique_ptr<Stream>>> accept_for(Executor) override { return accept(); }
  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void close() override {
    backlog_->closed = true;
    backlog_->streams.clear();
    backlog_->arrived.notify_all();
  }

 private:
  std::shared_ptr<SimNetwork::Backlog> backlog_;
  std::uint16_t port_;
};

class SimHost final : public Network {
 public:
  SimHost(SimNetwork& network, std::string name) : network_(network), name_(std::move(name)) {}
  Task<Result<std::unique_ptr<Stream>>> connect(std::string address, MonoTime deadline) override {
    return network_.connect(name_, std::move(address), deadline);
  }
  Result<std::unique_ptr<Listener>> listen(Executor, std::string address) override {
    return network_.listen(name_, address);
  }

 private:
  SimNetwork& network_;
  std::string name_;
};

SimNetwork::SimNetwork(SimContext& context, SimNetworkOptions options)
    : context_(context), options_(options), rng_(context.rng().next()), timers_(context) {}

SimNetwork::~SimNetwork() = default;

Network& SimNetwork::host(const std::string& name) {
  auto& host = hosts_[name];
  if (!host) host = std::make_unique<SimHost>(*this, name);
  return *host;
}

Result<std::unique_ptr<Listener>> SimNetwork::listen(const std::string& host,
                                                     const std::string& address) {
  KELP_TRY(HostPort where, parse_host_port(address));
  if (where.host != host && where.host != "0.0.0.0") {
    return Error(Errc::kInvalidArgument, address + ": not an address of " + host);
  }
  if (where.port == 0) where.port = next_port_++;
  auto& backlog = listeners_[{host, where.port}];
  if (backlog && !backlog->closed) return Error(Errc::kUnavailable, address + ": taken");
  backlog = std::make_shared<Backlog>();
  return std::make_unique<SimListener>(backlog, where.port);
}

Task<Result<std::unique_ptr<Stream>>> SimNetwork::connect(std::string from, std::string to,
                                                          MonoTime deadline) {
  KELP_CO_TRY(const HostPort where, parse_host_port(to));
  context_.note("connect", where.port);
  while (true) {  // the first packet is sent again until it passes
    if (off_.contains(from)) co_return Error(Errc::kUnavailable, from + ": is switched off");
    const MonoTime wake = std::min(arrival(), deadline);
    KELP_CO_CHECK(co_await timers_.sleep_until(wake));
    const bool passes = !is_cut(from, where.host) && !is_cut(where.host, from);
    if (passes && context_.now() < deadline) break;
    if (context_.now() >= deadline) co_return Error(Errc::kDeadlineExceeded, to + ": connect");
    const MonoTime again = std::min(context_.now() + std::chrono::milliseconds(200), deadline);
    KELP_CO_CHECK(co_await timers_.sleep_until(again));
  }
  const auto found = listeners_.find({where.host, where.port});
  if (found == listeners_.end() || found->second->closed) {
    co_return Error(Errc::kUnavailable, to + ": connection refused");
  }
  ++connections_;
  auto there = std::make_shared<Pipe>();
  auto back = std::make_shared<Pipe>();
  there->from = back->to = from;
  there->to = back->from = where.host;
  std::erase_if(pipes_, [](const auto& pipe) { return pipe.expired(); });
  pipes_.emplace_back(there);
  pipes_.emplace_back(back);
  found->second->streams.push_back(std::make_unique<SimStream>(*this, there, back));
  found->second->arrived.notify_all();
  std::unique_ptr<Stream> stream = std::make_unique<SimStream>(*this, back, there);
  co_return stream;
}

MonoTime SimNetwork::arrival() {
  const auto spread =
      static_cast<std::uint64_t>((options_.max_latency - options_.min_latency).count());
  return context_.now() + options_.min_latency + std::chrono::nanoseconds(rng_.below(spread + 1));
}

bool SimNetwork::is_cut(const std::string& from, const std::string& to) const {
  return cuts_.contains({from, to});
}

void SimNetwork::schedule(const PipePtr& pipe, MonoTime when) {
  auto job = [this, weak = std::weak_ptr<Pipe>(pipe)] {
    if (const auto alive = weak.lock()) pump(alive);
  };
  context_.at(when, std::move(job));
}

/// Moves what has arrived by now to the reader.
void SimNetwork::pump(const PipePtr& pipe) {
  if (pipe->broken || is_cut(pipe->from, pipe->to)) return;
  bool news = false;
  while (!pipe->flying.empty() && pipe->flying.front().arrives <= context_.now()) {
    const auto& bytes = pipe->flying.front().bytes;
    context_.note("deliver", bytes.size());
    if (bytes.empty()) pipe->ended = true;
    pipe->arrived += bytes;
    pipe->flying.pop_front();
    news = true;
  }
  if (news) pipe->wake();
}

void SimNetwork::pump_all() {
  for (const auto& weak : pipes_) {
    if (const auto pipe = weak.lock()) schedule(pipe, arrival());
  }
}

void SimNetwork::cut(const std::string& from, const std::string& to) {
  context_.note("cut");
  cuts_.emplace(from, to);
}

void SimNetwork::heal(const std::string& from, const std::string& to) {
  context_.note("heal");
  cuts_.erase({from, to});
  pump_all();
}

void SimNetwork::partition(const std::string& a, const std::string& b) {
  cut(a, b);
  cut(b, a);
}

void SimNetwork::heal_all() {
  context_.note("heal all");
  cuts_.clear();
  pump_all();
}

template <typename Matches>
void SimNetwork::break_pipes(Matches matches) {
  for (const auto& weak : pipes_) {
    const auto pipe = weak.lock();
    if (!pipe || pipe->broken || !matches(*pipe)) continue;
    pipe->broken = true;
    pipe->wake();
  }
}

void SimNetwork::crash_host(const std::string& name) {
  context_.note("crash host");
  for (const auto& [where, backlog] : listeners_) {
    if (where.first != name) continue;
    backlog->closed = true;
    backlog->streams.clear();
    backlog->arrived.notify_all();
  }
  break_pipes([&](const Pipe& pipe) { return pipe.from == name || pipe.to == name; });
}

void SimNetwork::reset(const std::string& a, const std::string& b) {
  context_.note("reset");
  break_pipes([&](const Pipe& pipe) {
    return (pipe.from == a && pipe.to == b) || (pipe.from == b && pipe.to == a);
  });
}

}  // namespace kelp::test
