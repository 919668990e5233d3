#pragma once

#include <cstdint>
#include <memory>

#include "async/awaitable.h"
#include "base/clock.h"
#include "kelp/result.h"
#include "kv/kv_async.h"
#include "kv/kv_store.h"

namespace kelp {

/// How a process keeps the journal of a store.
struct JournalOptions {
  bool on = false;
  std::uint64_t stream = 0;  ///< Names this process; random, not 0.
  /// Others may write to the store too, and it stamps the journal's rows (kJournalPrefix).
  bool shared = false;
};

/// The store `inner` with a journal (core/journal_format.h), or without one: every commit that goes
/// through what is returned writes what it changes into the journal while there is one, in the same
/// commit. Whether there is one stands in the store. Opening switches it on or off; of processes
/// that share the store the last one to open decides for all of them, in one commit, so that there
/// is no change without its record. What was on before goes on; what is switched on begins anew,
/// and increments to older dumps are refused.
///
/// `clock` must outlive it. Blocks. Errors of the store.
[[nodiscard]] Result<std::unique_ptr<KvStore>> open_journal(std::unique_ptr<KvStore> inner,
                                                            const JournalOptions& options,
                                                            const Clock& clock);

/// Cuts off what is older than `before`, and what is left of journals that ended. In how many
/// commits. `kv` must outlive the call; kCancelled when the coroutine is.
Task<Result<std::uint64_t>> cut_old_journal(KvAsync& kv, WallTime before);

}  // namespace kelp
