#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "filer/collector_turn.h"
#include "filer/core/inventory.h"
#include "filer/core/inventory_scan.h"
#include "filer/filer_service.h"
#include "kv/kv_async.h"

namespace kelp {

/// An object of an inventory on its way to its bucket.
struct InventoryObject {
  std::string bucket;
  std::string key;
  std::string content_type;
  std::string source_bucket;
  std::string owner_id;    ///< Of the source; the other bucket must be its, too.
  std::string encryption;  ///< As x-amz-server-side-encryption says it; empty: as the bucket does.
  std::string kms_key;
};

/// Puts what inventories are made of where it belongs, as any object is put. Its implementation is
/// the gateway's: encryption, quota and policies of the bucket hold.
class InventoryWriter {
 public:
  virtual ~InventoryWriter() = default;
  /// Durable when it returns. kNotFound, kPermissionDenied and others: it is not there.
  virtual Task<Result<void>> put(InventoryObject object, std::string body) = 0;
  /// Deletes one that nobody needs; one that is not there is no error.
  virtual Task<Result<void>> remove(InventoryObject object) = 0;
};

/// How inventories are made.
struct InventoryOptions {
  /// Between two looks at which lists are due.
  std::chrono::nanoseconds interval = std::chrono::minutes(10);
  lifecycle::Calendar calendar;
  /// As CollectorOptions::holder.
  std::uint64_t holder = 0;
  std::size_t rows_at_once = 5000;
  /// A data file of so many bytes, packed, is full.
  std::size_t file_bytes = 16 << 20;
};

/// What the runner needs; all must outlive it.
struct InventorySeams {
  FilerService& filer;
  KvStore& store;  ///< The filer's.
  WorkPool& pool;
  Clock& clock;
  Timers& timers;
  Metrics& metrics;
  InventoryWriter& writer;
};

/// Makes the lists that inventory configurations of all buckets ask for. Each is read at one point
/// in time; its manifest is put when all else of it is durable, so that a list that broke off has
/// none: it is made anew, and what it left is deleted. It works a tenth of the time at most.
class InventoryRunner {
 public:
  InventoryRunner(InventorySeams seams, InventoryOptions options = {});

  /// Looks and works until cancelled; owned by the caller's TaskGroup. Logs what fails and goes on.
  Task<void> run();
  /// Makes every list that is due. One that fails keeps no other; the error is that of the first.
  Task<Result<void>> look();

 private:
  /// A configuration whose list is due, as it was read.
  struct Due {
    BucketEntry bucket;
    inventory::Config config;
    KvRow setting;
    inventory::State state;
    std::optional<lifecycle::Rules> rules;
  };
  /// Buckets that were looked at.
  struct Page {
    std::vector<Due> due;
    std::string next;  ///< Where to go on; empty: nowhere.
    std::vector<std::string> unknown;
  };
  /// A list that is being made.
  struct Making;
  struct Probe {
    explicit Probe(Metrics& metrics);
    prometheus::Counter& lists;
    prometheus::Counter& lines;
    prometheus::Counter& begun;
    prometheus::Counter& failures;
    prometheus::Gauge& unknown;
  };

  [[nodiscard]] Result<Page> find_due(KvStore& store, const std::string& from) const;
  Task<Result<void>> make(Due due);
  // What these refer to lives until they are done.
  Task<Result<void>> remove_attempt(const Due& due);
  Task<Result<void>> put_data(Making& making);
  Task<Result<void>> publish(Making& making);
  Task<Result<void>> put(const Making& making, std::string key, std::string type, std::string body);
  Task<Result<void>> save(const Due& due);
  Task<Result<bool>> is_as_it_was(const Due& due);

  const InventorySeams seams_;
  const InventoryOptions options_;
  KvAsync kv_;
  HeldTurn turn_;
  Probe probe_;
};

}  // namespace kelp
