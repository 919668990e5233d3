#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/timers.h"
#include "client/metadata_dumps.h"
#include "filer/meta_copy.h"
#include "kv/kv_async.h"

namespace kelp {

/// Dumps of a filer's store. Each keeps a point in time alive in the engine, so few are under way,
/// and none for long after whoever wanted it went away. Thread-safe.
class FilerDumps final : public MetadataDumps {
 public:
  static constexpr std::size_t kMostDumps = 2;
  static constexpr std::chrono::seconds kPatience{60};

  /// All references must outlive this. `header`: its time is filled in.
  FilerDumps(KvStore& store, WorkPool& pool, Clock& clock, Timers& timers, DumpHeader header);

  Task<Result<DumpPiece>> next_piece(std::uint64_t dump, std::string since) override;
  /// Ends dumps that nobody asks for, until cancelled; owned by the caller's TaskGroup.
  Task<void> run();

 private:
  struct Session {
    std::unique_ptr<DumpSource> dump;  ///< Null while its first piece is made.
    MonoTime asked;
    bool busy = false;
  };
  Result<std::shared_ptr<Session>> take(std::uint64_t& dump);
  Task<void> end_forgotten();
  std::vector<std::shared_ptr<Session>> take_forgotten();
  Result<std::unique_ptr<DumpSource>> begin(KvStore& store, const std::string& since);
  Result<DumpPiece> make_piece(KvStore& store, Session& session, std::uint64_t dump,
                               const std::string& since);

  KvAsync kv_;
  Clock& clock_;
  Timers& timers_;
  const DumpHeader header_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
};

}  // namespace kelp
