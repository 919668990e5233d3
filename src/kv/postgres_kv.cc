#include "kv/postgres_kv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <utility>

#include "kv/postgres_connection.h"
#include "kv/postgres_schema.h"
#include "kv/remote_kv.h"

namespace kelp {
namespace {

constexpr int kVersion = 1;              // Of the tables.
constexpr std::size_t kMostLocks = 400;  // Of a group; one with more takes the one for all.

/// An array as PostgreSQL's binary format has it: dimensions, whether there are nulls, type, length
/// and first index, then each element behind its length.
class ArrayBytes {
 public:
  ArrayBytes(unsigned element_type, std::size_t count) {
    bytes_ += postgres_bytes(std::int32_t{count == 0 ? 0 : 1});
    bytes_ += postgres_bytes(std::int32_t{0});
    bytes_ += postgres_bytes(element_type);
    if (count == 0) return;
    bytes_ += postgres_bytes(static_cast<std::int32_t>(count));
    bytes_ += postgres_bytes(std::int32_t{1});
  }
  void add(std::string_view element) {
    bytes_ += postgres_bytes(static_cast<std::int32_t>(element.size()));
    bytes_ += element;
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// What the server's settings put at risk; empty when nothing.
std::string risks_of(const PGresult* settings) {
  const auto is_off = [settings](int column) {
    return postgres_field(settings, 0, column) == "off";
  };
  std::string risks;
  if (is_off(0)) risks += "fsync = off: a power cut loses acknowledged writes or the database; ";
  if (is_off(1)) {
    risks += "synchronous_commit = off: a crash loses the writes acknowledged last; ";
  }
  if (is_off(2)) risks += "full_page_writes = off: a power cut may tear pages; ";
  return risks;
}

/// Refuses, or warns of, a server that cannot keep the contract.
Result<void> check_promises(PostgresConnection& connection, bool allow_unsafe) {
  KELP_TRY(
      const PostgresAnswer settings,
      connection.ask_once("SELECT current_setting('fsync'), current_setting('synchronous_commit'), "
                          "current_setting('full_page_writes'), pg_is_in_recovery()::text"));
  if (postgres_field(settings.get(), 0, 3) == "true") {
    return Error(Errc::kUnavailable, "PostgreSQL: the server is a standby");
  }
  return accept_risks("PostgreSQL", risks_of(settings.get()), allow_unsafe);
}

Result<void> make_tables(PostgresConnection& connection) {
  KELP_CHECK(connection.run(kPostgresSchema));
  KELP_TRY(const PostgresAnswer version,
           connection.ask_once("SELECT max(version)::text FROM kelp_format"));
  if (postgres_field(version.get(), 0, 0) == fmt::format("{}", kVersion)) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("PostgreSQL: the tables have version {}; this Kelp knows {}",
                           postgres_field(version.get(), 0, 0), kVersion));
}

// Twice the lock's key, and 1 more when it is exclusive. Sorted, and at most kMostLocks; the first
// stands for everything and is shared by whoever names his rows.
constexpr std::int64_t kAllShared = 2;
constexpr std::int64_t kAllExclusive = 3;

/// Twice the key of a row's lock: never that for all, nor that of the schema (0).
std::uint64_t lock_of(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same in every filer
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash & ~std::uint64_t{1}) | 16;
}

bool is_range(const KvCondition& condition) {
  return condition.kind == KvCondition::Kind::kEmptyRange;
}
bool is_range(const KvWrite& write) {
  return write.kind == KvWrite::Kind::kDeleteRange;
}

std::vector<std::int64_t> locks_of(std::span<const KvBatch* const> group, char stamped_prefix) {
  std::map<std::uint64_t, bool> rows;  // Whether it is exclusive.
  for (const KvBatch* batch : group) {
    for (const KvCondition& condition : batch->conditions) {
      if (is_range(condition)) return {kAllExclusive};
      rows.try_emplace(lock_of(condition.key), false);
    }
    for (const KvWrite& write : batch->writes) {
      if (is_range(write)) return {kAllExclusive};
      if (is_stamped(write, stamped_prefix)) continue;  // Nobody else puts it or asks for it.
      rows[lock_of(write.key)] = true;
    }
    if (rows.size() > kMostLocks) return {kAllExclusive};
  }
  std::vector<std::int64_t> locks = {kAllShared};
  for (const auto& [row, exclusive] : rows) {
    locks.push_back(static_cast<std::int64_t>(row | (exclusive ? 1U : 0U)));
  }
  return locks;
}

constexpr std::int32_t kStampedPut = 14;  // A kind of write, beside 10 and those of KvWrite.

/// The group as kelp_commit_3 takes it.
std::vector<PostgresParameter> parameters_of(std::span<const KvBatch* const> group,
                                             char stamped_prefix) {
  std::size_t count = 0;
  for (const KvBatch* batch : group) count += batch->conditions.size() + batch->writes.size();
  ArrayBytes batches(kPostgresInt4, count);
  ArrayBytes kinds(kPostgresInt4, count);
  ArrayBytes keys(kPostgresBytea, count);
  ArrayBytes values(kPostgresBytea, count);
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::string nth = postgres_bytes(static_cast<std::int32_t>(i + 1));
    for (const KvCondition& condition : group[i]->conditions) {
      batches.add(nth);
      kinds.add(postgres_bytes(std::int32_t{std::to_underlying(condition.kind)}));
      keys.add(condition.key);
      values.add(condition.value);
    }
    for (const KvWrite& write : group[i]->writes) {
      batches.add(nth);
      const bool stamped = is_stamped(write, stamped_prefix);
      kinds.add(postgres_bytes(
          std::int32_t{stamped ? kStampedPut : 10 + std::to_underlying(write.kind)}));
      keys.add(write.key);
      values.add(write.kind == KvWrite::Kind::kAdd ? encode_counter(write.delta) : write.value);
    }
  }
  const std::vector<std::int64_t> locks = locks_of(group, stamped_prefix);
  ArrayBytes lock_array(kPostgresInt8, locks.size());
  for (const std::int64_t lock : locks) lock_array.add(postgres_bytes(lock));
  return {{kPostgresInt4, postgres_bytes(static_cast<std::int32_t>(group.size()))},
          {kPostgresInt8Array, lock_array.take()},
          {kPostgresInt4Array, batches.take()},
          {kPostgresInt4Array, kinds.take()},
          {kPostgresByteaArray, keys.take()},
          {kPostgresByteaArray, values.take()}};
}

class PostgresLink final : public RemoteLink {
 public:
  PostgresLink(const RemoteKvOptions& options, const Clock& clock)
      : options_(options), clock_(clock) {}

  Result<std::optional<GroupOutcomes>> open() override {
    connection_ = std::make_unique<PostgresConnection>(options_, clock_);
    KELP_CHECK(connection_->connected());
    KELP_CHECK(check_promises(*connection_, options_.allow_unsafe));
    if (!has_tables_) {
      KELP_CHECK(make_tables(*connection_));
      has_tables_ = true;
    }
    KELP_CHECK(
        connection_->prepare("commit",
                             "SELECT kelp_commit_3($1::bigint, $2::bigint, $3::bigint, $4::int, "
                             "$5::bigint[], $6::int[], $7::int[], $8::bytea[], $9::bytea[])"));
    // Waits for a group of an older connection that is under way: its row is locked.
    KELP_TRY(const PostgresAnswer last,
             connection_->ask_once(
                 "INSERT INTO kelp_writers AS w VALUES ($1, 1, 0, '') ON CONFLICT (writer) DO "
                 "UPDATE SET epoch = w.epoch + 1 RETURNING epoch, number, outcomes",
                 {{kPostgresInt8, postgres_bytes(options_.writer)}}));
    epoch_ = std::string(postgres_field(last.get(), 0, 0));
    std::array<char, 8> number{};
    std::ranges::copy(postgres_field(last.get(), 0, 1), number.begin());
    std::ranges::reverse(number);
    return numbers_.recover(std::bit_cast<std::uint64_t>(number), postgres_field(last.get(), 0, 2));
  }

  Result<GroupOutcomes> send(std::span<const KvBatch* const> group) override {
    std::vector<PostgresParameter> parameters = {{kPostgresInt8, postgres_bytes(options_.writer)},
                                                 {kPostgresInt8, epoch_},
                                                 {kPostgresInt8, postgres_bytes(numbers_.next())}};
    std::ranges::move(parameters_of(group, options_.stamped_prefix),
                      std::back_inserter(parameters));
    KELP_TRY(const PostgresAnswer answer, connection_->ask("commit", parameters));
    Result<GroupOutcomes> outcomes = parse_outcomes(postgres_field(answer.get(), 0, 0));
    if (!outcomes || outcomes->size() != group.size()) {
      return Error(Errc::kIo, "PostgreSQL: an answer that does not fit the group");
    }
    numbers_.acknowledge();
    return outcomes;
  }

 private:
  const RemoteKvOptions options_;
  const Clock& clock_;
  std::unique_ptr<PostgresConnection> connection_;
  GroupNumbers numbers_;
  std::string epoch_;  ///< As PostgreSQL sent it.
  bool has_tables_ = false;
};

#define KELP_FROM "(head, tail) >= (kelp_head_1($1), kelp_tail_1($1)) AND head >= kelp_head_1($1)"
#define KELP_TO "(head, tail) < (kelp_head_1($3), kelp_tail_1($3)) AND head <= kelp_head_1($3)"
#define KELP_SCAN "SELECT head || tail, value FROM kelp_rows WHERE " KELP_FROM
constexpr std::array<std::pair<const char*, const char*>, 5> kStatements = {
    {{"get",
      "SELECT value FROM kelp_rows WHERE head = kelp_head_1($1) AND "
      "tail_hash = kelp_tail_hash_1($1)"},
     {"scan", KELP_SCAN " ORDER BY head, tail LIMIT $2::bigint"},
     {"scan_to", KELP_SCAN " AND " KELP_TO " ORDER BY head, tail LIMIT $2::bigint"},
     {"back", KELP_SCAN " ORDER BY head DESC, tail DESC LIMIT $2::bigint"},
     {"back_to", KELP_SCAN " AND " KELP_TO " ORDER BY head DESC, tail DESC LIMIT $2::bigint"}}};
#undef KELP_SCAN
#undef KELP_TO
#undef KELP_FROM

class PostgresReader final : public RemoteReader {
 public:
  PostgresReader(const RemoteKvOptions& options, const Clock& clock)
      : connection_(options, clock) {}

  Result<void> prepare() {
    KELP_CHECK(connection_.connected());
    for (const auto& [name, statement] : kStatements) {
      KELP_CHECK(connection_.prepare(name, statement));
    }
    return {};
  }

  Result<std::optional<std::string>> get(std::string_view key) override {
    KELP_TRY(const PostgresAnswer rows,
             connection_.ask("get", {{kPostgresBytea, std::string(key)}}));
    if (PQntuples(rows.get()) == 0) return std::nullopt;
    return std::string(postgres_field(rows.get(), 0, 0));
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    const auto most = static_cast<std::int64_t>(
        std::min<std::size_t>(limit, std::numeric_limits<std::int32_t>::max()));
    std::vector<PostgresParameter> parameters = {{kPostgresBytea, range.begin},
                                                 {kPostgresInt8, postgres_bytes(most)}};
    const bool forward = direction == KvDirection::kForward;
    const char* name = forward ? "scan" : "back";
    if (!range.end.empty()) {
      name = forward ? "scan_to" : "back_to";
      parameters.push_back({kPostgresBytea, range.end});
    }
    KELP_TRY(const PostgresAnswer found, connection_.ask(name, parameters));
    std::vector<KvRow> rows;
    const int count = PQntuples(found.get());
    rows.reserve(static_cast<std::size_t>(count));
    for (int row = 0; row < count; ++row) {
      rows.emplace_back(postgres_field(found.get(), row, 0), postgres_field(found.get(), row, 1));
    }
    return rows;
  }

  Result<void> begin_snapshot() override {
    return connection_.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1");
  }
  void end_snapshot() override { static_cast<void>(connection_.run("COMMIT")); }

 private:
  PostgresConnection connection_;
};

class PostgresEngine final : public RemoteEngine {
 public:
  PostgresEngine(RemoteKvOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  std::unique_ptr<RemoteLink> make_link() override {
    return std::make_unique<PostgresLink>(options_, clock_);
  }
  Result<std::unique_ptr<RemoteReader>> make_reader() override {
    auto reader = std::make_unique<PostgresReader>(options_, clock_);
    KELP_CHECK(reader->prepare());
    return reader;
  }

 private:
  const RemoteKvOptions options_;
  const Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_postgres_kv(RemoteKvOptions options, const Clock& clock) {
  auto engine = std::make_unique<PostgresEngine>(options, clock);
  return open_remote_kv(std::move(engine), options, clock);
}

}  // namespace kelp
