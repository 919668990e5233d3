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

Task<Result<DumpPiece>> FilerDumps::next_piece(std::uint64_t dump, std::string since) {
  if (dump == 0) co_await end_forgotten();
  KELP_CO_TRY(const std::shared_ptr<Session> session, take(dump));
  std::move_only_function<Result<DumpPiece>(KvStore&)> make =
      [this, session, dump, from = std::move(since)](KvStore& store) {
        return make_piece(store, *session, dump, from);
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

Result<std::unique_ptr<DumpSource>> FilerDumps::begin(KvStore& store, const std::string& since) {
  if (since.empty()) return std::make_unique<MetaDump>(store, header_);
  ByteReader in(since);
  JournalPosition position = decode_position(in);
  if (!in.finish("position")) {
    return Error(Errc::kInvalidArgument, "this is no position of a dump");
  }
  return std::make_unique<MetaIncrement>(store, header_, std::move(position));
}

Result<DumpPiece> FilerDumps::make_piece(KvStore& store, Session& session, std::uint64_t dump,
                                         const std::string& since) {
  if (session.dump == nullptr) {
    KELP_TRY(session.dump, begin(store, since));
    session.dump->set_taken(clock_.wall());
  }
  auto bytes = session.dump->next();
  const bool last = !bytes || session.dump->ended();
  if (last) session.dump.reset();
  if (!bytes) return bytes.error();
  return DumpPiece{.dump = dump, .last = last, .bytes = *std::move(bytes)};
}

}  // namespace kelp
