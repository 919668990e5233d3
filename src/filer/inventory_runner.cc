#include "filer/inventory_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "filer/core/gzip.h"
#include "filer/core/keys.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr std::size_t kBucketsPerRead = 1000;
constexpr int kShareOfTime = 10;
constexpr std::chrono::seconds kLook{10};  // Whether it is time, and whose turn.

using inventory::Field;

std::string md5_hex(std::string_view text) {
  Digest digest(DigestAlgorithm::kMd5);
  digest.update(text);
  return hex_encode(digest.finish());
}

InventoryObject object_of(const BucketEntry& source, const inventory::Config& config,
                          std::string key, std::string type) {
  return {.bucket = config.destination,
          .key = std::move(key),
          .content_type = std::move(type),
          .source_bucket = source.name,
          .owner_id = source.owner_id,
          .encryption = config.encryption,
          .kms_key = config.kms_key};
}

Error others_turn() {
  return Error(Errc::kConflict, "it is another filer's turn");
}

Error changed() {
  return Error(Errc::kConflict, "the configuration changed while its list was made",
               Reason::kConditionConflict);
}

}  // namespace

struct InventoryRunner::Making {
  Making(Due made, const lifecycle::Calendar& calendar)
      : due(std::move(made)),
        name{due.bucket.name, due.bucket.id, due.config, due.state.attempt},
        scan({due.bucket, due.config, calendar, due.rules}) {}

  /// Reads the next rows into the file; false at the end. Blocks.
  Result<bool> read(KvStore& store, std::size_t rows) {
    csv.clear();
    KELP_TRY(const bool more, scan.read(store, rows, csv));
    KELP_CHECK(file.add(csv));
    return more;
  }
  [[nodiscard]] bool has_lines() const { return scan.lines() > lines_before; }
  void begin_file() {
    file = GzipWriter();
    lines_before = scan.lines();
  }

  Due due;
  inventory::Name name;
  inventory::Scan scan;
  GzipWriter file;
  std::uint64_t lines_before = 0;  ///< The scan's, when the file was begun.
  std::string csv;
  std::vector<inventory::DataFile> files;
};

InventoryRunner::Probe::Probe(Metrics& metrics)
    : lists(metrics.counter("kelp_filer_inventory_lists_total",
                            "Inventory lists that were made and put")),
      lines(metrics.counter("kelp_filer_inventory_lines_total", "Versions that they list")),
      begun(metrics.counter("kelp_filer_inventory_begun_total", "Inventory lists that were begun")),
      failures(
          metrics.counter("kelp_filer_inventory_failures_total", "Inventory lists that broke off")),
      unknown(metrics.gauge("kelp_filer_inventory_unknown",
                            "Inventory configurations that are not understood or ask for a format "
                            "that there is not")) {}

InventoryRunner::InventoryRunner(InventorySeams seams, InventoryOptions options)
    : seams_(seams),
      options_(options),
      kv_(seams_.store, seams_.pool),
      turn_(kv_, options_.holder, keys::job("inventory.turn")),
      probe_(seams_.metrics) {}

Task<void> InventoryRunner::run() {
  MonoTime next{};
  while (!co_await was_cancelled()) {
    Result<bool> ours = false;
    if (seams_.clock.mono() >= next) ours = co_await turn_.is_ours(seams_.clock);
    if (ours && *ours) {
      // What failed is logged with its configuration.
      const auto looked = co_await look();
      if (!looked && looked.error().code() == Errc::kCancelled) co_return;
      next = seams_.clock.mono() + options_.interval;
    }
    if (co_await was_cancelled()) co_return;
    const auto pause = std::min<std::chrono::nanoseconds>(kLook, options_.interval);
    if (!co_await seams_.timers.sleep_until(seams_.clock.mono() + pause)) co_return;
  }
}

Task<Result<void>> InventoryRunner::look() {
  Result<void> outcome;
  std::size_t unknown = 0;
  std::string from;
  for (bool more = true; more;) {
    std::move_only_function<Result<Page>(KvStore&)> find = [this, &from](KvStore& store) {
      return find_due(store, from);
    };
    KELP_CO_TRY(Page page, co_await kv_.read<Page>(std::move(find)));
    for (const std::string& each : page.unknown)
      logger("filer").error("inventory_unknown {}", each);
    unknown += page.unknown.size();
    for (Due& due : page.due) {
      const std::string bucket = due.bucket.name;
      const std::string id = due.config.id;
      auto made = co_await make(std::move(due));
      if (made) continue;
      if (made.error().code() == Errc::kCancelled) co_return made;
      probe_.failures.Increment();
      logger("filer").warn("inventory_failed bucket={} id={} error={}", log_value(bucket),
                           log_value(id), log_value(made.error().message()));
      if (outcome) outcome = std::move(made);
    }
    from = std::move(page.next);
    more = !from.empty();
  }
  probe_.unknown.Set(static_cast<double>(unknown));
  co_return outcome;
}

/// Blocks.
Result<InventoryRunner::Page> InventoryRunner::find_due(KvStore& store,
                                                        const std::string& from) const {
  Page page;
  const WallTime now = seams_.clock.wall();
  const KvRange all{keys::bucket(from), keys::behind(std::string(1, keys::kBucket))};
  const auto buckets = store.cursor(all);
  std::size_t looked_at = 0;
  for (buckets->seek(all.begin); buckets->valid(); buckets->next()) {
    const std::string name(keys::bucket_name(buckets->key()));
    if (looked_at++ == kBucketsPerRead) {
      page.next = name;
      return page;
    }
    KELP_TRY(BucketEntry bucket, decode_bucket(buckets->value()));
    bucket.name = name;
    const KvRange configs = keys::within(keys::setting(bucket.id, inventory::kSettings));
    const auto rows = store.cursor(configs);
    for (rows->seek(configs.begin); rows->valid(); rows->next()) {
      Due due{.bucket = bucket,
              .config = {},
              .setting = {std::string(rows->key()), std::string(rows->value())},
              .state = {},
              .rules = {}};
      KELP_TRY(const std::string kept, decode_setting(due.setting.second));
      auto config = inventory::parse_config(kept);
      if (!config || (config->enabled && config->format != "CSV")) {
        page.unknown.push_back(fmt::format(
            "bucket={} error={}", log_value(name),
            log_value(config ? "lists are made as CSV only" : config.error().message())));
        continue;
      }
      due.config = *std::move(config);
      KELP_TRY(const auto state, store.get(keys::setting(
                                     bucket.id, std::string(inventory::kStates) + due.config.id)));
      if (state) {
        KELP_TRY(const std::string text, decode_setting(*state));
        due.state = inventory::decode_state(text);
      }
      if (!is_due(due.config, due.state, now, options_.calendar)) continue;
      if (due.config.has(Field::kLifecycleExpirationDate)) {
        KELP_TRY(const auto rules, store.get(keys::setting(bucket.id, lifecycle::kSetting)));
        if (rules) {
          KELP_TRY(const std::string text, decode_setting(*rules));
          // Rules that are not understood expire nothing.
          if (auto read = lifecycle::parse_rules(text)) due.rules = *std::move(read);
        }
      }
      page.due.push_back(std::move(due));
    }
    KELP_CHECK(rows->status());
  }
  KELP_CHECK(buckets->status());
  return page;
}

Task<Result<void>> InventoryRunner::make(Due due) {
  KELP_CO_TRY(const bool mine, co_await turn_.is_ours(seams_.clock));
  if (!mine) co_return others_turn();
  KELP_CO_CHECK(co_await remove_attempt(due));
  due.state.attempt = seams_.clock.wall();
  due.state.files = 0;
  KELP_CO_CHECK(co_await save(due));
  probe_.begun.Increment();
  Making making(std::move(due), options_.calendar);
  for (bool more = true; more;) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "inventory cancelled");
    KELP_CO_TRY(const bool ours, co_await turn_.is_ours(seams_.clock));
    if (!ours) co_return others_turn();
    const MonoTime began = seams_.clock.mono();
    std::move_only_function<Result<bool>(KvStore&)> read =
        [&making, rows = options_.rows_at_once](KvStore& store) {
          return making.read(store, rows);
        };
    KELP_CO_TRY(more, co_await kv_.read<bool>(std::move(read)));
    const bool full = making.file.bytes() >= options_.file_bytes;
    if ((full || !more) && making.has_lines()) {
      KELP_CO_CHECK(co_await put_data(making));
    }
    const MonoTime now = seams_.clock.mono();
    if (now == began || !more) continue;
    const auto slept = co_await seams_.timers.sleep_until(now + (kShareOfTime - 1) * (now - began));
    if (!slept) co_return slept.error();
  }
  KELP_CO_CHECK(co_await publish(making));
  probe_.lists.Increment();
  probe_.lines.Increment(static_cast<double>(making.scan.lines()));
  co_return Result<void>();
}

/// The data files that one which broke off may have put, and that nothing names.
Task<Result<void>> InventoryRunner::remove_attempt(const Due& due) {
  const inventory::Name name{due.bucket.name, due.bucket.id, due.config, due.state.attempt};
  for (std::uint32_t index = 0; index < due.state.files; ++index) {
    InventoryObject object = object_of(due.bucket, due.config, name.data(index), {});
    KELP_CO_CHECK(co_await seams_.writer.remove(std::move(object)));
  }
  co_return Result<void>();
}

Task<Result<void>> InventoryRunner::put_data(Making& making) {
  std::move_only_function<Result<std::string>(KvStore&)> end = [&making](KvStore&) {
    return making.file.finish();
  };
  KELP_CO_TRY(std::string body, co_await kv_.read<std::string>(std::move(end)));
  making.begin_file();
  // Before it is there, so that whoever comes after a crash knows of it.
  ++making.due.state.files;
  KELP_CO_CHECK(co_await save(making.due));
  const auto index = static_cast<std::uint32_t>(making.files.size());
  inventory::DataFile file{making.name.data(index), body.size(), md5_hex(body)};
  KELP_CO_CHECK(co_await put(making, file.key, "application/octet-stream", std::move(body)));
  making.files.push_back(std::move(file));
  co_return Result<void>();
}

/// The manifest last, and its checksum behind it: who waits for that finds all of the list.
Task<Result<void>> InventoryRunner::publish(Making& making) {
  KELP_CO_TRY(const bool same, co_await is_as_it_was(making.due));
  if (!same) co_return changed();
  const inventory::Name& name = making.name;
  std::string manifest = manifest_json(name, making.files);
  std::string checksum = md5_hex(manifest);
  // From here on something may name the data files: nobody deletes them any more.
  making.due.state.files = 0;
  KELP_CO_CHECK(co_await save(making.due));
  KELP_CO_CHECK(
      co_await put(making, name.symlink(), "text/plain", symlink_text(name, making.files)));
  KELP_CO_CHECK(co_await put(making, name.manifest(), "application/json", std::move(manifest)));
  KELP_CO_CHECK(co_await put(making, name.checksum(), "text/plain", std::move(checksum)));
  making.due.state = {.done = name.began, .attempt = {}, .files = 0};
  co_return co_await save(making.due);
}

Task<Result<void>> InventoryRunner::put(const Making& making, std::string key, std::string type,
                                        std::string body) {
  InventoryObject object =
      object_of(making.due.bucket, making.due.config, std::move(key), std::move(type));
  co_return co_await seams_.writer.put(std::move(object), std::move(body));
}

Task<Result<void>> InventoryRunner::save(const Due& due) {
  BucketSetting setting{.bucket = due.bucket.name,
                        .name = std::string(inventory::kStates) + due.config.id,
                        .value = encode_state(due.state)};
  co_return co_await seams_.filer.set_bucket_setting(std::move(setting));
}

/// The same bucket with the same configuration, and nobody began another list of it.
Task<Result<bool>> InventoryRunner::is_as_it_was(const Due& due) {
  KELP_CO_TRY(const BucketEntry bucket, co_await seams_.filer.get_bucket(due.bucket.name));
  KELP_CO_TRY(const auto row, co_await kv_.get(due.setting.first));
  const std::string state_name = std::string(inventory::kStates) + due.config.id;
  KELP_CO_TRY(const auto state, co_await kv_.get(keys::setting(due.bucket.id, state_name)));
  if (bucket.id != due.bucket.id || row != due.setting.second || !state) co_return false;
  KELP_CO_TRY(const std::string text, decode_setting(*state));
  co_return inventory::decode_state(text) == due.state;
}

}  // namespace kelp
