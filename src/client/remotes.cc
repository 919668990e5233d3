#include "client/remotes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "wire/remote_volume.h"

namespace kelp {
namespace {

/// What another call need not meet: the remote answered, or was not asked.
bool says_nothing(const Error& error) {
  return error.code() == Errc::kNotFound || error.code() == Errc::kCorruption ||
         error.code() == Errc::kCancelled || error.code() == Errc::kResourceExhausted;
}

}  // namespace

Remote::Remote(RemoteParts parts, Metrics& metrics)
    : parts_(std::move(parts)),
      uploads_(parts_.upload_bytes),
      put_(operation(metrics, "put")),
      get_(operation(metrics, "get")),
      remove_(operation(metrics, "remove")),
      list_(operation(metrics, "list")),
      read_bytes_(metrics.counter("kelp_remote_read_bytes_total",
                                  "Bytes of needles that came from a remote.",
                                  {{"remote", parts_.name}})),
      written_bytes_(metrics.counter("kelp_remote_written_bytes_total",
                                     "Bytes of needles that were put into a remote.",
                                     {{"remote", parts_.name}})),
      damaged_(metrics.counter("kelp_remote_damaged_total",
                               "Answers of a remote that were not what was written there.",
                               {{"remote", parts_.name}})),
      failing_(metrics.gauge("kelp_remote_failing", "1 while calls of a remote fail.",
                             {{"remote", parts_.name}})) {
  KELP_ASSERT(is_remote(parts_.volume), "a remote has a number of its own");
}

Remote::Operation Remote::operation(Metrics& metrics, std::string_view what) const {
  const prometheus::Labels labels{{"remote", parts_.name}, {"operation", std::string(what)}};
  return {&metrics.counter("kelp_remote_requests_total", "Calls of a remote.", labels),
          &metrics.counter("kelp_remote_failures_total", "Calls of a remote without a good answer.",
                           labels)};
}

template <typename T>
Task<Result<T>> Remote::ask(Operation operation, std::move_only_function<Result<T>()> work) {
  operation.asked->Increment();
  const MonoTime end = parts_.clock.mono() + parts_.patience;
  std::move_only_function<Result<T>()> in_time = [this, end, work = std::move(work)]() mutable {
    if (parts_.clock.mono() < end) return work();
    return Result<T>(Error(Errc::kUnavailable, "it answers too slowly, and too many wait"));
  };
  Result<T> answer = co_await offload<T>(*parts_.pool, std::move(in_time));
  if (answer) {
    worked();
  } else {
    operation.failed->Increment();
    if (!says_nothing(answer.error())) failed(answer.error());
  }
  co_return answer;
}

Result<MemoryBudget::Share> Remote::memory_for(std::uint64_t bytes) {
  if (auto share = uploads_.take(bytes)) return *std::move(share);
  return Error(Errc::kResourceExhausted, "too many bodies are on their way to the remote");
}

Task<Result<void>> Remote::put(std::string name, std::string bytes) {
  const auto size = static_cast<double>(bytes.size());
  std::move_only_function<Result<void>()> work = [this, name = std::move(name),
                                                  bytes = std::move(bytes)] {
    return parts_.bucket->put(name, bytes);
  };
  KELP_CO_CHECK(co_await ask<void>(put_, std::move(work)));
  written_bytes_.Increment(size);
  co_return Result<void>();
}

Task<Result<std::string>> Remote::get(std::string name, std::uint64_t offset, std::uint64_t bytes) {
  std::move_only_function<Result<std::string>()> work = [this, name = std::move(name), offset,
                                                         bytes] {
    return parts_.bucket->get(name, offset, bytes);
  };
  KELP_CO_TRY(std::string got, co_await ask<std::string>(get_, std::move(work)));
  read_bytes_.Increment(static_cast<double>(got.size()));
  co_return got;
}

Task<Result<void>> Remote::remove(std::string name) {
  std::move_only_function<Result<void>()> work = [this, name = std::move(name)] {
    return parts_.bucket->remove(name);
  };
  co_return co_await ask<void>(remove_, std::move(work));
}

Task<Result<std::vector<RemoteObject>>> Remote::list(std::string after) {
  std::move_only_function<Result<std::vector<RemoteObject>>()> work =
      [this, after = std::move(after)] { return parts_.bucket->list(after); };
  co_return co_await ask<std::vector<RemoteObject>>(list_, std::move(work));
}

void Remote::note_damage(const Error& error) {
  damaged_.Increment();
  logger("client").error("remote_damaged remote={} error={}", parts_.name,
                         log_value(error.message()));
}

void Remote::failed(const Error& error) {
  if (fails_.exchange(true)) return;
  failing_.Set(1);
  logger("client").warn("remote_fails remote={} error={}", parts_.name, log_value(error.message()));
}

void Remote::worked() {
  if (!fails_.load(std::memory_order_relaxed) || !fails_.exchange(false)) return;
  failing_.Set(0);
  logger("client").info("remote_works_again remote={}", parts_.name);
}

Result<Remote*> Remotes::of(VolumeId volume) const {
  const auto found =
      std::ranges::find(all_, volume, [](const auto& each) { return each->volume(); });
  if (found != all_.end()) return found->get();
  return Error(Errc::kUnavailable, fmt::format("no remote with the id {} is configured here",
                                               volume.value - kRemoteVolumes));
}

Remote* Remotes::of_class(std::string_view storage_class) const {
  const auto has = [storage_class](const auto& each) {
    return std::ranges::find(each->classes(), storage_class) != each->classes().end();
  };
  const auto found = std::ranges::find_if(all_, has);
  return found == all_.end() ? nullptr : found->get();
}

void Remotes::stop() const {
  for (const auto& each : all_) each->stop();
}

}  // namespace kelp
