#include "kv/redis_kv.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <utility>

#include "kv/redis_scripts.h"
#include "kv/remote_kv.h"

namespace kelp {
namespace {

constexpr timeval kConnectTime{2, 0};
constexpr timeval kAnswerTime{15, 0};                 // A script on a large batch takes long.
constexpr std::string_view kSnapshotSeconds = "120";  // From one page of a cursor to the next.

struct EndContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct EndReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, EndReply>;

/// Where a server is, as options.url has it.
struct Place {
  std::string path;  ///< Of a socket; or:
  std::string host;
  int port = 6379;
  std::string user;
  std::string database;
};

Result<Place> parse_place(std::string_view url) {
  Place place;
  if (url.starts_with("unix:/")) {
    place.path = url.substr(5);
    return place;
  }
  constexpr std::string_view kScheme = "redis://";
  if (!url.starts_with(kScheme)) {
    return Error(Errc::kInvalidArgument, "Redis: the url is not redis://host:port");
  }
  url.remove_prefix(kScheme.size());
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    place.database = url.substr(slash + 1);
    url = url.substr(0, slash);
  }
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    place.user = url.substr(0, at);
    url.remove_prefix(at + 1);
  }
  const std::size_t colon = url.rfind(':');
  place.host = url.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view port = url.substr(colon + 1);
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), place.port);
    if (code != std::errc() || end != port.data() + port.size()) {
      return Error(Errc::kInvalidArgument, "Redis: the url's port is no number");
    }
  }
  return place;
}

std::string_view text_of(const redisReply* reply) {
  return reply->str == nullptr ? std::string_view() : std::string_view(reply->str, reply->len);
}

/// What an error reply means for who asked. A script is refused before its first write.
Error error_of(const redisReply* reply) {
  const std::string_view text = text_of(reply);
  const std::string detail = fmt::format("Redis: {}", text.substr(0, 300));
  const auto is = [text](std::string_view word) { return text.starts_with(word); };
  if (is("NOSCRIPT") || is("KELPOUT") || is("LOADING") || is("READONLY") || is("MASTERDOWN")) {
    return {Errc::kIo, detail};  // connect anew
  }
  if (is("BUSY") || is("TRYAGAIN")) return {Errc::kUnavailable, detail};
  if (is("OOM") || is("MISCONF")) return {Errc::kNoSpace, detail};
  if (is("NOAUTH") || is("WRONGPASS") || is("ERR invalid password") || is("ERR AUTH")) {
    return {Errc::kUnauthenticated, detail};
  }
  if (is("NOPERM")) return {Errc::kPermissionDenied, detail};
  if (is("KELPFORMAT")) return {Errc::kInvalidArgument, detail + ": rows of a newer Kelp"};
  if (is("KELPGONE")) return {Errc::kUnavailable, detail};
  return {Errc::kInternal, detail};
}

/// A connection; one thread at a time.
class Connection {
 public:
  Result<void> connect(const Place& place, const std::string& password) {
    context_.reset(place.path.empty()
                       ? redisConnectWithTimeout(place.host.c_str(), place.port, kConnectTime)
                       : redisConnectUnixWithTimeout(place.path.c_str(), kConnectTime));
    if (context_ == nullptr || context_->err != 0) {
      return Error(Errc::kUnavailable, fmt::format("Redis: {}", context_ ? context_->errstr : ""));
    }
    redisSetTimeout(context_.get(), kAnswerTime);
    if (place.path.empty()) redisEnableKeepAlive(context_.get());
    if (!password.empty() && place.user.empty()) {
      KELP_CHECK(ask({"AUTH", password}));
    } else if (!password.empty()) {
      KELP_CHECK(ask({"AUTH", place.user, password}));
    }
    if (!place.database.empty()) {
      KELP_CHECK(ask({"SELECT", place.database}));
    }
    return {};
  }

  Result<Reply> ask(const std::vector<std::string_view>& words) {
    std::vector<const char*> starts;
    std::vector<std::size_t> lengths;
    starts.reserve(words.size());
    lengths.reserve(words.size());
    for (const std::string_view word : words) {
      starts.push_back(word.data() == nullptr ? "" : word.data());
      lengths.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(redisCommandArgv(
        context_.get(), static_cast<int>(words.size()), starts.data(), lengths.data())));
    if (reply == nullptr) return Error(Errc::kIo, fmt::format("Redis: {}", context_->errstr));
    if (reply->type == REDIS_REPLY_ERROR) return error_of(reply.get());
    return reply;
  }

  /// The name by which a script is called from here on.
  Result<std::string> load(const char* script) {
    KELP_TRY(const Reply reply, ask({"SCRIPT", "LOAD", script}));
    return std::string(text_of(reply.get()));
  }

  /// Runs a script by its name.
  Result<Reply> run(const std::string& name, const std::vector<std::string_view>& arguments) {
    std::vector<std::string_view> words = {"EVALSHA", name, "0"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return ask(words);
  }

 private:
  std::unique_ptr<redisContext, EndContext> context_;
};

/// The value of a setting; nothing when the server does not tell.
Result<std::optional<std::string>> setting(Connection& connection, std::string_view name) {
  const auto reply = connection.ask({"CONFIG", "GET", name});
  if (!reply && reply.error().code() == Errc::kIo) return reply.error();
  if (!reply || (*reply)->type != REDIS_REPLY_ARRAY || (*reply)->elements != 2) return std::nullopt;
  return std::string(text_of((*reply)->element[1]));
}

/// What the server's settings put at risk; empty when nothing.
Result<std::string> risks_of(Connection& connection) {
  KELP_TRY(const auto appends, setting(connection, "appendonly"));
  KELP_TRY(const auto syncs, setting(connection, "appendfsync"));
  KELP_TRY(const auto pauses, setting(connection, "no-appendfsync-on-rewrite"));
  KELP_TRY(const auto memory, setting(connection, "maxmemory"));
  KELP_TRY(const auto policy, setting(connection, "maxmemory-policy"));
  if (!appends || !syncs || !pauses || !memory || !policy) {
    return std::string(
        "its settings cannot be read (CONFIG GET): what it loses in a crash is unknown; ");
  }
  std::string risks;
  if (*appends != "yes") {
    risks += "appendonly = no: a crash loses everything since the last save; ";
  } else if (*syncs != "always") {
    risks +=
        fmt::format("appendfsync = {}: a power cut loses the writes acknowledged last; ", *syncs);
  } else if (*pauses != "no") {
    risks +=
        "no-appendfsync-on-rewrite = yes: a power cut during a rewrite loses acknowledged "
        "writes; ";
  }
  if (*memory != "0" && *policy != "noeviction") {
    risks += fmt::format("maxmemory-policy = {}: rows are dropped when memory is short; ", *policy);
  }
  return risks;
}

/// A replica may be behind: neither for commits nor for reads.
Result<void> check_role(Connection& connection) {
  KELP_TRY(const Reply role, connection.ask({"ROLE"}));
  if (role->type == REDIS_REPLY_ARRAY && role->elements > 0 &&
      text_of(role->element[0]) == "master") {
    return {};
  }
  return Error(Errc::kUnavailable, "Redis: the server is a replica");
}

Result<void> check_promises(Connection& connection, bool allow_unsafe) {
  KELP_TRY(const std::string risks, risks_of(connection));
  return accept_risks("Redis", risks, allow_unsafe);
}

class RedisLink final : public RemoteLink {
 public:
  RedisLink(const RemoteKvOptions& options, Place place)
      : password_(options.password),
        writer_(fmt::format("{:016x}", options.writer)),
        allow_unsafe_(options.allow_unsafe),
        stamped_prefix_(options.stamped_prefix),
        place_(std::move(place)) {}

  Result<std::optional<GroupOutcomes>> open() override {
    connection_ = Connection();
    KELP_CHECK(connection_.connect(place_, password_));
    KELP_CHECK(check_role(connection_));
    KELP_CHECK(check_promises(connection_, allow_unsafe_));
    KELP_TRY(commit_, connection_.load(kRedisCommit));
    KELP_TRY(const std::string open, connection_.load(kRedisOpen));
    KELP_TRY(const Reply reply, connection_.run(open, {writer_}));
    KELP_TRY(const WriterMark mark, WriterMark::parse(text_of(reply.get())));
    epoch_ = mark.epoch;
    return numbers_.recover(mark.number, mark.outcomes);
  }

  Result<GroupOutcomes> send(std::span<const KvBatch* const> group) override {
    const std::string before = WriterMark{epoch_, numbers_.next() - 1, {}}.text();
    const std::string after = WriterMark{epoch_, numbers_.next(), {}}.text();
    std::vector<std::string> numbers;
    for (std::size_t i = 0; i < group.size(); ++i) {
      numbers.push_back(fmt::format("{}", i + 1));
    }
    const auto kind = [](std::size_t value) {
      constexpr std::string_view kKinds[] = {"0", "1", "2", "3", "4", "10", "11", "12", "13", "14"};
      return kKinds[value];
    };
    std::vector<std::string> deltas;  // Stays where it is: the words are views.
    std::size_t adds = 0;
    for (const KvBatch* batch : group) adds += batch->writes.size();
    deltas.reserve(adds);
    std::vector<std::string_view> words = {writer_, before, after, numbers[group.size() - 1]};
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (const KvCondition& condition : group[i]->conditions) {
        words.insert(words.end(), {numbers[i], kind(std::to_underlying(condition.kind)),
                                   condition.key, condition.value});
      }
      for (const KvWrite& write : group[i]->writes) {
        std::string_view value = write.value;
        if (write.kind == KvWrite::Kind::kAdd) {
          value = deltas.emplace_back(encode_counter(write.delta));
        }
        const bool stamped = is_stamped(write, stamped_prefix_);
        words.insert(
            words.end(),
            {numbers[i], kind(stamped ? 9 : 5 + std::to_underlying(write.kind)), write.key, value});
      }
    }
    KELP_TRY(const Reply reply, connection_.run(commit_, words));
    Result<GroupOutcomes> outcomes = parse_outcomes(text_of(reply.get()));
    if (!outcomes || outcomes->size() != group.size()) {
      return Error(Errc::kIo, "Redis: an answer that does not fit the group");
    }
    numbers_.acknowledge();
    return outcomes;
  }

 private:
  const std::string password_;
  const std::string writer_;
  const bool allow_unsafe_;
  const char stamped_prefix_;
  const Place place_;
  Connection connection_;
  std::string commit_;  ///< The script's name.
  std::uint64_t epoch_ = 0;
  GroupNumbers numbers_;
};

/// Keys and values in turn.
Result<std::vector<KvRow>> rows_of(const redisReply* reply) {
  std::vector<KvRow> rows;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
    return Error(Errc::kIo, "Redis: an answer that is no list of rows");
  }
  rows.reserve(reply->elements / 2);
  for (std::size_t i = 0; i < reply->elements; i += 2) {
    rows.emplace_back(text_of(reply->element[i]), text_of(reply->element[i + 1]));
  }
  return rows;
}

/// A page of a snapshot: `now`, but for what `before` says it was ("+value", or "-").
struct SnapshotPage {
  std::vector<KvRow> rows;
  std::string behind;  ///< Up to here, inclusive, nothing is missing; empty: to the end.
};

SnapshotPage merge(const std::vector<KvRow>& now, const std::vector<KvRow>& before,
                   std::size_t limit) {
  SnapshotPage page;
  if (now.size() == limit) page.behind = now.back().first;
  if (before.size() == limit && (page.behind.empty() || before.back().first < page.behind)) {
    page.behind = before.back().first;
  }
  auto a = now.begin();
  auto b = before.begin();
  while (a != now.end() || b != before.end()) {
    const bool changed = b != before.end() && (a == now.end() || b->first <= a->first);
    const std::string& key = changed ? b->first : a->first;
    if (!page.behind.empty() && key > page.behind) break;
    if (changed && b->second.starts_with('+')) page.rows.emplace_back(key, b->second.substr(1));
    if (!changed) page.rows.emplace_back(key, a->second);
    if (changed && a != now.end() && a->first == b->first) ++a;
    changed ? ++b : ++a;
  }
  return page;
}

class RedisReader final : public RemoteReader {
 public:
  explicit RedisReader(std::string id) : id_(std::move(id)) {}

  Result<void> connect(const Place& place, const std::string& password) {
    KELP_CHECK(connection_.connect(place, password));
    KELP_CHECK(check_role(connection_));
    KELP_TRY(scan_, connection_.load(kRedisScan));
    KELP_TRY(snapshot_begin_, connection_.load(kRedisSnapshot));
    KELP_TRY(snapshot_scan_, connection_.load(kRedisSnapshotScan));
    KELP_TRY(snapshot_end_, connection_.load(kRedisSnapshotEnd));
    return {};
  }

  Result<std::optional<std::string>> get(std::string_view key) override {
    KELP_TRY(const Reply reply, connection_.ask({"HGET", "{kelp}:values", key}));
    if (reply->type == REDIS_REPLY_NIL) return std::nullopt;
    return std::string(text_of(reply.get()));
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    const std::string end = range.end.empty() ? "+" : "(" + range.end;
    if (in_snapshot_) return scan_snapshot("[" + range.begin, end, limit);
    const std::string most = fmt::format("{}", std::min<std::size_t>(limit, 1 << 30));
    KELP_TRY(const Reply reply,
             connection_.run(scan_, {"[" + range.begin, end, most,
                                     direction == KvDirection::kBackward ? "1" : "0"}));
    return rows_of(reply.get());
  }

  Result<void> begin_snapshot() override {
    KELP_CHECK(connection_.run(snapshot_begin_, {id_, kSnapshotSeconds}));
    in_snapshot_ = true;
    return {};
  }

  void end_snapshot() override {
    in_snapshot_ = false;
    static_cast<void>(connection_.run(snapshot_end_, {id_}));
  }

 private:
  Result<std::vector<KvRow>> scan_snapshot(std::string begin, const std::string& end,
                                           std::size_t limit) {
    std::vector<KvRow> rows;
    const std::string most = fmt::format("{}", limit);
    while (true) {
      KELP_TRY(const Reply reply,
               connection_.run(snapshot_scan_, {id_, kSnapshotSeconds, begin, end, most}));
      if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return Error(Errc::kIo, "Redis: an answer that is no page of a snapshot");
      }
      KELP_TRY(const auto now, rows_of(reply->element[0]));
      KELP_TRY(const auto before, rows_of(reply->element[1]));
      SnapshotPage page = merge(now, before, limit);
      std::ranges::move(page.rows, std::back_inserter(rows));
      if (rows.size() > limit) rows.resize(limit);
      if (rows.size() == limit || page.behind.empty()) return rows;
      begin = "(" + page.behind;
    }
  }

  const std::string id_;
  Connection connection_;
  std::string scan_;  ///< The scripts' names.
  std::string snapshot_begin_;
  std::string snapshot_scan_;
  std::string snapshot_end_;
  bool in_snapshot_ = false;
};

class RedisEngine final : public RemoteEngine {
 public:
  RedisEngine(RemoteKvOptions options, Place place)
      : options_(std::move(options)), place_(std::move(place)) {}

  std::unique_ptr<RemoteLink> make_link() override {
    return std::make_unique<RedisLink>(options_, place_);
  }
  Result<std::unique_ptr<RemoteReader>> make_reader() override {
    auto reader =
        std::make_unique<RedisReader>(fmt::format("{:016x}.{}", options_.writer, ++readers_));
    KELP_CHECK(reader->connect(place_, options_.password));
    return reader;
  }

 private:
  const RemoteKvOptions options_;
  const Place place_;
  std::atomic<std::uint64_t> readers_ = 0;
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_redis_kv(RemoteKvOptions options, const Clock& clock) {
  KELP_TRY(Place place, parse_place(options.url));
  auto engine = std::make_unique<RedisEngine>(options, std::move(place));
  return open_remote_kv(std::move(engine), options, clock);
}

}  // namespace kelp
