#include "filer/filer_dumps.h"

#include <utility>

#include "crypto/random.h"

namespace kelp {

FilerDumps::FilerDumps(KvStore& store, WorkPool& pool, Clock& clock, Timers& timers,
                       DumpHeader header)
    : kv_(store, pool), clock_(clock), timers_(timers), header_(std::move(header)) {}

Result<std::shared_ptr<FilerDumps::Session>> FilerDumps::take(std::uint64_t& dump) {
  const std::lock_guard lock(mutex_);
  if (dump == 0) {
    if (sessions_.size() >= kMostDumps) {
      return Error(Errc::kResourceExhausted, "other dumps of this filer are under way");
    }
    dump = random_u64() | 1;
    sessions_[dump] = std::make_shared<Session>();
  }
  const auto found = sessions_.find(dump);
  if (found == sessions_.end() || found->second->busy) {
    return Error(Errc::kNotFound, "this filer has no such dump, or gave it up: begin anew");
  }
  found->second->busy = true;
  return found->second;
}

Task<Result<DumpPiece>> FilerDumps::next_piece(std::uint64_t dump) {
  if (dump == 0) co_await end_forgotten();
  KELP_CO_TRY(const std::shared_ptr<Session> session, take(dump));
  std::move_only_function<Result<DumpPiece>(KvStore&)> make =
      [session, dump, header = header_, now = clock_.wall()](KvStore& store) mutable {
        header.taken = now;
        return make_piece(store, header, *session, dump);
      };
  auto piece = co_await kv_.read<DumpPiece>(std::move(make));
  const std::lock_guard lock(mutex_);
  session->busy = false;
  session->asked = clock_.mono();
  if (!piece || piece->last) sessions_.erase(dump);
  co_return piece;
}

Task<void> FilerDumps::run() {
  while ((co_await timers_.sleep_until(clock_.mono() + kPatience / 4)).has_value()) {
    co_await end_forgotten();
  }
}

/// On the pool: the end of a cursor may ask the engine.
Task<void> FilerDumps::end_forgotten() {
  auto forgotten = take_forgotten();
  if (forgotten.empty()) co_return;
  std::move_only_function<Result<bool>(KvStore&)> end =
      [sessions = std::move(forgotten)](KvStore&) mutable {
        sessions.clear();
        return Result<bool>(true);
      };
  [[maybe_unused]] const auto ended = co_await kv_.read<bool>(std::move(end));
}

std::vector<std::shared_ptr<FilerDumps::Session>> FilerDumps::take_forgotten() {
  std::vector<std::shared_ptr<Session>> forgotten;
  const std::lock_guard lock(mutex_);
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const bool over = !at->second->busy && clock_.mono() - at->second->asked > kPatience;
    if (over) forgotten.push_back(std::move(at->second));
    at = over ? sessions_.erase(at) : std::next(at);
  }
  return forgotten;
}

Result<DumpPiece> FilerDumps::make_piece(KvStore& store, const DumpHeader& header, Session& session,
                                         std::uint64_t dump) {
  if (session.dump == nullptr) session.dump = std::make_unique<MetaDump>(store, header);
  auto bytes = session.dump->next();
  const bool last = !bytes || session.dump->ended();
  if (last) session.dump.reset();
  if (!bytes) return bytes.error();
  return DumpPiece{.dump = dump, .last = last, .bytes = *std::move(bytes)};
}

}  // namespace kelp
