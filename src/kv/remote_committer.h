#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "kv/remote_link.h"

namespace kelp {

/// The one thread that writes to an engine elsewhere: what gathers while a group is on its way is
/// the next one. So a commit is one round trip, many share one, and what one filer commits never
/// waits for itself. Rides out the loss of the connection: a group whose answer was lost is looked
/// up, and sent again only when it had no effect. Thread-safe.
class RemoteCommitter {
 public:
  /// `link` is open; `clock` must outlive this.
  RemoteCommitter(std::unique_ptr<RemoteLink> link, const RemoteKvOptions& options,
                  const Clock& clock);
  /// Carries out what is queued, as far as the engine answers, then stops.
  ~RemoteCommitter();
  RemoteCommitter(const RemoteCommitter&) = delete;
  RemoteCommitter& operator=(const RemoteCommitter&) = delete;

  /// See KvStore::commit.
  void commit(KvBatch batch, KvStore::CommitDone done);
  [[nodiscard]] KvStore::Stats stats() const;
  /// See KvStore::writable.
  [[nodiscard]] Result<void> writable() const;

 private:
  struct Pending {
    KvBatch batch;
    KvStore::CommitDone done;
    std::size_t bytes = 0;
    MonoTime until;
  };
  using Group = std::vector<Pending>;

  void run();
  bool gather(Group& group);
  void run_group(Group& group);
  void run_singly(Group& group);
  Result<GroupOutcomes> settle(const Group& group);
  Result<std::optional<GroupOutcomes>> reopen();
  void tell(Group& group, const GroupOutcomes& outcomes);
  void fail(Group& group, const Error& error);
  bool pause(std::chrono::nanoseconds time);

  const std::unique_ptr<RemoteLink> link_;
  const std::chrono::nanoseconds patience_;
  const std::size_t queue_limit_;
  const std::size_t queue_bytes_;
  const Clock& clock_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;  // Guarded by mutex_, like the next two.
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::atomic<bool> finished_ = false;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> groups_ = 0;
  std::uint64_t last_number_ = 0;  // Only the thread's, like the next two.
  bool open_ = true;
  bool warned_ = false;  ///< Of an outage that lasts.
  std::thread thread_;   // Last: it uses all of the above.
};

}  // namespace kelp
