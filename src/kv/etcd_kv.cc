#include "kv/etcd_kv.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <set>
#include <utility>

#include "base/log.h"
#include "kv/etcd_client.h"
#include "kv/etcd_group.h"
#include "kv/etcd_requests.h"
#include "kv/remote_kv.h"

namespace kelp {
namespace {

namespace json = boost::json;
using namespace etcd;

constexpr std::string_view kFormat = "1";
const std::string kFormatKey = "kelp/format";
const std::string kProbeKey = "kelp/probe";
const std::string kWriterPrefix = "kelp/w/";
constexpr std::size_t kNeededOps = 12'000;  // A completed upload of 10,000 parts.
// Of a transaction: etcd 3.4 cannot read an entry of its log back that is over 10 MiB, and so does
// not start any more.
constexpr std::size_t kMostBytes = 8 << 20;
constexpr std::size_t kCountersKept = 10'000;
constexpr int kMaxAttempts = 100;

bool has_range(const KvBatch& batch) {
  return std::ranges::any_of(batch.conditions, [](const KvCondition& condition) {
    return condition.kind == KvCondition::Kind::kEmptyRange;
  });
}

/// How often the member synced its log; nothing when it does not tell.
std::optional<double> syncs_of(const std::string& metrics) {
  constexpr std::string_view kName = "\netcd_disk_wal_fsync_duration_seconds_count ";
  const std::size_t at = metrics.find(kName);
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(metrics.c_str() + at + kName.size(), nullptr);
}

class EtcdLink final : public RemoteLink {
 public:
  EtcdLink(const RemoteKvOptions& options, std::shared_ptr<EtcdMembers> members)
      : client_(std::move(members)),
        allow_unsafe_(options.allow_unsafe),
        mark_key_(kWriterPrefix + fmt::format("{:016x}", options.writer)) {}

  Result<std::optional<GroupOutcomes>> open() override {
    if (!checked_) {
      KELP_CHECK(check_format());
      KELP_CHECK(check_promises());
      checked_ = true;
    }
    counters_.clear();
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      KELP_TRY(const auto answer,
               client_.call("/v3/kv/range", "{" + field("key", mark_key_) + "}"));
      KELP_TRY(const auto known, value_in(answer));
      WriterMark mark;
      if (known) {
        KELP_TRY(mark, WriterMark::parse(*known));
      }
      ++mark.epoch;
      List compare;
      compare_value(compare, mark_key_, known);
      List success;
      put(success, mark_key_, mark.text());
      KELP_TRY(const bool mine, commit(compare, success));
      if (!mine) continue;  // What we had sent before came in between.
      mark_ = mark;
      return numbers_.recover(mark.number, mark.outcomes);
    }
    return Error(Errc::kUnavailable, "etcd: the writer's mark keeps changing");
  }

  Result<GroupOutcomes> send(std::span<const KvBatch* const> group) override {
    for (const KvBatch* batch : group) {
      if (const std::size_t bytes = payload_bytes(*batch); bytes > kMostBytes) {
        return Error(Errc::kInvalidArgument,
                     fmt::format("etcd: a commit of {} bytes; at most {} are possible there", bytes,
                                 kMostBytes));
      }
    }
    EtcdGroup joined(most_ops_);
    std::vector<EtcdWrites> writes;
    std::vector<std::size_t> live;
    for (const KvBatch* batch : group) {
      EtcdWrites summed = sum_up(*batch);
      if (!joined.join(*batch, summed)) break;
      live.push_back(writes.size());
      writes.push_back(std::move(summed));
    }
    GroupOutcomes outcomes(group.size(), kBatchAgain);
    // A comparison over a range would read all of it: look first.
    const bool look_first =
        std::ranges::any_of(live, [&group](std::size_t i) { return has_range(*group[i]); });
    if (look_first) {
      KELP_CHECK(look(group, live, outcomes));
    }
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      if (live.empty()) return outcomes;
      KELP_TRY(const bool done, try_once(group, writes, live, outcomes));
      if (done) return outcomes;
    }
    return Error(Errc::kConflict, "etcd: others keep changing the same counters");
  }

 private:
  Result<void> check_format() {
    List compare;
    compare_value(compare, kFormatKey, std::nullopt);
    List success;
    put(success, kFormatKey, kFormat);
    List failure;
    look_at_key(failure, kFormatKey);
    KELP_TRY(const auto answer, client_.call("/v3/kv/txn", transaction(compare, success, failure)));
    if (succeeded(answer)) return {};
    KELP_TRY(const auto format, value_at(answer, 0));
    if (format == kFormat) return {};
    return Error(Errc::kInvalidArgument,
                 fmt::format("etcd: the rows have format {}; this Kelp knows {}",
                             format.value_or("?"), kFormat));
  }

  Result<void> check_promises() {
    KELP_TRY(std::string risks, look_at_limits());
    KELP_TRY(const bool synced, syncs_its_log());
    if (!synced) {
      risks +=
          "it does not sync its log (--unsafe-no-fsync): a power cut loses acknowledged "
          "writes; ";
    }
    return accept_risks("etcd", risks, allow_unsafe_);
  }

  /// What fails because etcd takes less at once than Kelp's largest commits; empty when nothing.
  Result<std::string> look_at_limits() {
    List compare;
    for (std::size_t i = 0; i < kNeededOps; ++i) compare_value(compare, kFormatKey, std::nullopt);
    const auto many = client_.call("/v3/kv/txn", transaction(compare, {}, {}));
    const auto large =
        client_.call("/v3/kv/range", "{" + field("key", std::string(kMostBytes, 'k')) + "}");
    std::string risks;
    for (const auto* answer : {&many, &large}) {
      if (*answer) continue;
      if (answer->error().code() != Errc::kInvalidArgument) return answer->error();
      risks += answer->error().detail() + "; ";
    }
    if (!many) most_ops_ = 128;
    if (risks.empty()) return risks;
    return risks +
           "completing uploads of many parts, and large rows, will fail: start it with "
           "--max-txn-ops=65536 --max-request-bytes=9437184; ";
  }

  /// Whether its count of syncs rises when something is written. A follower may answer before its
  /// own sync, so it is given some chances. True when it does not tell.
  Result<bool> syncs_its_log() {
    constexpr int kChances = 20;
    std::optional<double> first;
    for (int i = 0; i < kChances; ++i) {
      const auto metrics = client_.metrics();
      if (!metrics && metrics.error().code() == Errc::kIo) return metrics.error();
      const auto syncs = metrics ? syncs_of(*metrics) : std::nullopt;
      if (!syncs) {
        logger("kv").info("etcd_tells_no_syncs");
        return true;
      }
      if (first && *syncs > *first) return true;
      if (!first) first = syncs;
      List success;
      put(success, kProbeKey, "");
      KELP_CHECK(commit({}, success));
    }
    return false;
  }

  /// Whether the comparisons held, and so `success` was done.
  Result<bool> commit(const List& compare, const List& success) {
    KELP_TRY(const auto answer, client_.call("/v3/kv/txn", transaction(compare, success, {})));
    return succeeded(answer);
  }

  /// Takes the batches with a condition that does not hold out of `live`.
  Result<void> look(std::span<const KvBatch* const> group, std::vector<std::size_t>& live,
                    GroupOutcomes& outcomes) {
    List looks;
    for (const std::size_t i : live) {
      for (const KvCondition& condition : group[i]->conditions) look_at(looks, condition);
    }
    KELP_TRY(const auto answer, client_.call("/v3/kv/txn", transaction({}, looks, {})));
    std::size_t at = 0;
    return take_out_failed(group, answer, at, live, outcomes);
  }

  /// Of `answer`, which looked at all conditions of `live` from its `at`-th operation on.
  static Result<void> take_out_failed(std::span<const KvBatch* const> group,
                                      const json::object& answer, std::size_t& at,
                                      std::vector<std::size_t>& live, GroupOutcomes& outcomes) {
    std::vector<std::size_t> left;
    for (const std::size_t i : live) {
      std::int32_t failed = kBatchAgain;
      for (std::size_t c = 0; c < group[i]->conditions.size(); ++c) {
        KELP_TRY(const bool held, holds(group[i]->conditions[c], answer, at++));
        if (!held && failed == kBatchAgain) failed = static_cast<std::int32_t>(c);
      }
      outcomes[i] = failed;
      if (failed == kBatchAgain) left.push_back(i);
    }
    live = std::move(left);
    return {};
  }

  /// True when all of `live` is done. False: `live` lost those whose conditions do not hold, and
  /// the counters are known as they are.
  Result<bool> try_once(std::span<const KvBatch* const> group,
                        const std::vector<EtcdWrites>& writes, std::vector<std::size_t>& live,
                        GroupOutcomes& outcomes) {
    std::map<std::string, std::int64_t> adds;
    for (const std::size_t i : live) {
      for (const auto& [key, delta] : writes[i].adds) {
        auto [sum, fresh] = adds.try_emplace(key, delta);
        if (!fresh) sum->second = add_wrapping(sum->second, delta);
      }
    }
    std::set<std::string> counters;
    for (const auto& [key, delta] : adds) counters.insert(key);
    for (const std::size_t i : live) {
      for (const KvCondition& condition : group[i]->conditions) {
        if (condition.kind == KvCondition::Kind::kAtMost) counters.insert(condition.key);
      }
    }
    KELP_CHECK(learn_counters(counters));
    List compare;
    List success;
    List looks;
    compare_value(compare, mark_key_, mark_.text());
    look_at_key(looks, mark_key_);
    for (const std::size_t i : live) {
      for (const KvCondition& condition : group[i]->conditions) {
        if (condition.kind == KvCondition::Kind::kAtMost) {
          compare_counter(compare, condition, counters_.at(condition.key));
        } else {
          compare_condition(compare, condition);
        }
        look_at(looks, condition);
      }
    }
    for (const std::size_t i : live) change_rows(success, writes[i]);
    std::map<std::string, std::string> sums;
    for (const auto& [key, delta] : adds) {
      const std::optional<std::string>& base = counters_.at(key);
      compare_value(compare, row_key(key), base);
      const auto counter = decode_counter(base);
      if (!counter) continue;  // No counter: it stays as it is.
      sums[key] = encode_counter(add_wrapping(*counter, delta));
      put(success, row_key(key), sums[key]);
    }
    for (const std::string& key : counters) look_at_key(looks, row_key(key));
    GroupOutcomes all_done = outcomes;
    for (const std::size_t i : live) all_done[i] = kBatchDone;
    const WriterMark next{mark_.epoch, numbers_.next(), print_outcomes(all_done)};
    put(success, mark_key_, next.text());

    KELP_TRY(const auto answer, client_.call("/v3/kv/txn", transaction(compare, success, looks)));
    if (succeeded(answer)) {
      mark_ = next;
      numbers_.acknowledge();
      outcomes = std::move(all_done);
      for (const std::size_t i : live) forget_counters(writes[i]);
      for (auto& [key, value] : sums) counters_[key] = std::move(value);
      return true;
    }
    KELP_TRY(const auto mark, value_at(answer, 0));
    if (mark != mark_.text()) return Error(Errc::kIo, "etcd: a later connection took over");
    std::size_t at = 1;
    KELP_CHECK(take_out_failed(group, answer, at, live, outcomes));
    for (const std::string& key : counters) {
      KELP_TRY(counters_[key], value_at(answer, at++));
    }
    return false;
  }

  /// Reads those counters of `keys` that are not known.
  Result<void> learn_counters(const std::set<std::string>& keys) {
    if (counters_.size() > kCountersKept) counters_.clear();
    List looks;
    std::vector<std::string> unknown;
    for (const std::string& key : keys) {
      if (counters_.contains(key)) continue;
      unknown.push_back(key);
      look_at_key(looks, row_key(key));
    }
    if (unknown.empty()) return {};
    KELP_TRY(const auto answer, client_.call("/v3/kv/txn", transaction({}, looks, {})));
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      KELP_TRY(counters_[unknown[i]], value_at(answer, i));
    }
    return {};
  }

  void forget_counters(const EtcdWrites& writes) {
    for (const auto& [key, value] : writes.rows) counters_.erase(key);
    for (const auto& [begin, end] : writes.ranges) {
      counters_.erase(counters_.lower_bound(begin), counters_.lower_bound(end));
    }
  }

  EtcdClient client_;
  const bool allow_unsafe_;
  const std::string mark_key_;
  bool checked_ = false;
  std::size_t most_ops_ = kNeededOps;
  GroupNumbers numbers_;
  WriterMark mark_;  ///< A transaction compares it: none takes effect behind a later connect.
  /// What counters that were added to hold, as far as we know: a transaction compares it.
  std::map<std::string, std::optional<std::string>> counters_;
};

class EtcdReader final : public RemoteReader {
 public:
  EtcdReader(std::shared_ptr<EtcdMembers> members, char stamped_prefix)
      : client_(std::move(members)) {
    if (stamped_prefix != 0) stamped_ = row_key(std::string_view(&stamped_prefix, 1));
  }

  Result<std::optional<std::string>> get(std::string_view key) override {
    KELP_TRY(const auto answer,
             client_.call("/v3/kv/range", "{" + field("key", row_key(key)) + "}"));
    KELP_TRY(auto rows, rows_in(answer, stamped_));
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front().second);
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    const bool forward = direction == KvDirection::kForward;
    const std::string body = fmt::format(
        R"({{{},{},"limit":"{}","revision":"{}"{}}})", field("key", row_key(range.begin)),
        field("range_end", row_end(range.end)), std::min<std::size_t>(limit, 1 << 30), revision_,
        forward ? "" : R"(,"sort_order":"DESCEND","sort_target":"KEY")");
    KELP_TRY(const auto answer, client_.call("/v3/kv/range", body));
    KELP_TRY(auto rows, rows_in(answer, stamped_));
    for (KvRow& row : rows) row.first.erase(0, kRowPrefix.size());
    return rows;
  }

  Result<void> begin_snapshot() override {
    KELP_TRY(const auto answer, client_.call("/v3/kv/range", "{" + field("key", kFormatKey) + "}"));
    revision_ = revision_of(answer);
    if (revision_ > 0) return {};
    return Error(Errc::kIo, "etcd: an answer without a revision");
  }
  void end_snapshot() override { revision_ = 0; }

 private:
  EtcdClient client_;
  std::string stamped_;        ///< What the keys of stamped rows begin with; empty: none are.
  std::int64_t revision_ = 0;  ///< 0: the newest.
};

class EtcdEngine final : public RemoteEngine {
 public:
  EtcdEngine(RemoteKvOptions options, std::shared_ptr<EtcdMembers> members)
      : options_(std::move(options)), members_(std::move(members)) {}

  std::unique_ptr<RemoteLink> make_link() override {
    return std::make_unique<EtcdLink>(options_, members_);
  }
  Result<std::unique_ptr<RemoteReader>> make_reader() override {
    return std::make_unique<EtcdReader>(members_, options_.stamped_prefix);
  }

 private:
  const RemoteKvOptions options_;
  const std::shared_ptr<EtcdMembers> members_;
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_etcd_kv(RemoteKvOptions options, const Clock& clock) {
  KELP_TRY(auto members, parse_etcd_members(options));
  auto engine = std::make_unique<EtcdEngine>(options, std::move(members));
  return open_remote_kv(std::move(engine), options, clock);
}

}  // namespace kelp
