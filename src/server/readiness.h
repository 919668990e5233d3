#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "async/awaitable.h"
#include "base/clock.h"
#include "client/master_client.h"
#include "client/volume_admin.h"
#include "kv/kv_async.h"

namespace kelp::server {

/// What /readyz answers.
struct Readiness {
  bool ready = false;
  std::string text;  ///< Lines for people: "ready" or "not ready: why", then what else is wrong.
};

/// What a check looks at; all must outlive it.
struct ReadinessSeams {
  KvStore& store;
  WorkPool& pool;
  VolumeAdmin& volumes;
  MasterClient& master;
  const Clock& clock;
};

/// Finds out whether requests can be served: metadata can be read and takes writes, and the master
/// gives room on some volume, as it would to the next large body. A full disk is no reason to say
/// no, for reads and deletes go on; nor is a full queue of work; nor is a volume that takes no
/// writes or was refused while another takes them. All these are told in the text. Looks at most
/// once a second, and only when asked. Safe from any io thread.
class ReadinessCheck {
 public:
  explicit ReadinessCheck(ReadinessSeams seams) : seams_(seams), kv_(seams.store, seams.pool) {}

  Task<Readiness> look();

 private:
  Task<Readiness> look_now();
  Task<Result<void>> try_metadata();
  Task<Result<void>> try_master();

  const ReadinessSeams seams_;
  KvAsync kv_;
  std::mutex mutex_;
  std::optional<Readiness> last_;  ///< Guarded by mutex_, like the next.
  MonoTime looked_{};
};

}  // namespace kelp::server
