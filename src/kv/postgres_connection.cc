#include "kv/postgres_connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <optional>
#include <utility>

namespace kelp {
namespace {

// The session: what Kelp's statements are written for. A sort or a sequential scan would be the
// planner's mistake: every statement has its index.
constexpr const char* kSession =
    "-c client_min_messages=warning -c default_transaction_isolation=read\\ committed "
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c enable_sort=off -c jit=off -c bytea_output=hex -c statement_timeout=15s";
constexpr std::chrono::seconds kAnswerTime(18);  // A server that is there keeps statement_timeout.

/// What SQLSTATE `state` means for who asked.
Errc code_of_state(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || kind == "57" || state == "25006" || state == "KE001") {
    // Gone, going, a standby after a change of roles, or shut out; a timeout (57014) leaves the
    // connection, but what was locked so long is best asked anew.
    return Errc::kIo;
  }
  if (kind == "40" || state == "55P03" || state == "53200") return Errc::kConflict;
  if (state == "53100") return Errc::kNoSpace;
  if (kind == "53") return Errc::kUnavailable;
  if (kind == "28") return Errc::kUnauthenticated;
  if (state == "42501") return Errc::kPermissionDenied;
  if (state == "XX001" || state == "XX002") return Errc::kCorruption;
  return Errc::kInternal;
}

Error error_of(const PGresult* answer) {
  const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view code = state == nullptr ? "" : state;
  return {state == nullptr ? Errc::kIo : code_of_state(code),
          fmt::format("PostgreSQL: {} ({})", text == nullptr ? "" : text, code)};
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

std::string_view postgres_field(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column),
          static_cast<std::size_t>(PQgetlength(result, row, column))};
}

PostgresConnection::PostgresConnection(const RemoteKvOptions& options, const Clock& clock)
    : clock_(clock) {
  std::vector<const char*> names = {"options", "application_name", "connect_timeout",
                                    "keepalives_idle", "tcp_user_timeout"};
  std::vector<const char*> values = {kSession, "kelp", "3", "10", "15000"};
  if (!options.password.empty()) {
    names.push_back("password");
    values.push_back(options.password.c_str());
  }
  // Behind ours, so that the operator's word wins.
  names.push_back("dbname");
  values.push_back(options.url.c_str());
  names.push_back("target_session_attrs");
  values.push_back("read-write");
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
  if (connection_ != nullptr) PQsetnonblocking(connection_.get(), 1);
}

Result<void> PostgresConnection::connected() const {
  if (connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK) return {};
  const std::string why =
      connection_ == nullptr ? "no memory" : one_line(PQerrorMessage(connection_.get()));
  const bool refused = why.find("authentication failed") != std::string::npos ||
                       why.find("no password supplied") != std::string::npos ||
                       why.find("does not exist") != std::string::npos;
  return Error(refused ? Errc::kUnauthenticated : Errc::kUnavailable, "PostgreSQL: " + why);
}

Result<void> PostgresConnection::run(const char* statements) {
  if (PQsendQuery(connection_.get(), statements) == 0) return lost();
  KELP_CHECK(wait());
  return {};
}

Result<void> PostgresConnection::prepare(const char* name, const char* statement) {
  if (PQsendPrepare(connection_.get(), name, statement, 0, nullptr) == 0) return lost();
  KELP_CHECK(wait());
  return {};
}

Result<PostgresAnswer> PostgresConnection::ask(const char* name,
                                               const std::vector<PostgresParameter>& parameters) {
  return ask_either(name, nullptr, parameters);
}

Result<PostgresAnswer> PostgresConnection::ask_once(
    const char* statement, const std::vector<PostgresParameter>& parameters) {
  return ask_either(nullptr, statement, parameters);
}

Result<PostgresAnswer> PostgresConnection::ask_either(
    const char* name, const char* statement, const std::vector<PostgresParameter>& parameters) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const PostgresParameter& parameter : parameters) {
    types.push_back(parameter.type);
    values.push_back(parameter.bytes.data());
    lengths.push_back(static_cast<int>(parameter.bytes.size()));
  }
  const std::vector<int> formats(parameters.size(), 1);
  const int count = static_cast<int>(parameters.size());
  const int sent = name != nullptr
                       ? PQsendQueryPrepared(connection_.get(), name, count, values.data(),
                                             lengths.data(), formats.data(), 1)
                       : PQsendQueryParams(connection_.get(), statement, count, types.data(),
                                           values.data(), lengths.data(), formats.data(), 1);
  if (sent == 0) return lost();
  return wait();
}

/// Sends what is to be sent and takes all answers; the last one counts, or the first failure.
Result<PostgresAnswer> PostgresConnection::wait() {
  const MonoTime until = clock_.mono() + kAnswerTime;
  while (const int more = PQflush(connection_.get())) {
    if (more < 0) return lost();
    KELP_CHECK(wait_for(POLLIN | POLLOUT, until));
    if (PQconsumeInput(connection_.get()) == 0) return lost();
  }
  PostgresAnswer last;
  std::optional<Error> failure;
  while (true) {
    while (PQisBusy(connection_.get()) != 0) {
      KELP_CHECK(wait_for(POLLIN, until));
      if (PQconsumeInput(connection_.get()) == 0) return lost();
    }
    PostgresAnswer answer(PQgetResult(connection_.get()));
    if (answer == nullptr) break;
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !failure) {
      failure = error_of(answer.get());
    }
    last = std::move(answer);
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) return lost();
  if (failure) return *failure;
  if (last == nullptr) return lost();
  return last;
}

Result<void> PostgresConnection::wait_for(int events, MonoTime until) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.mono()).count();
  pollfd socket{PQsocket(connection_.get()), static_cast<short>(events), 0};
  const int ready = left <= 0 ? 0 : ::poll(&socket, 1, static_cast<int>(left) + 1);
  if (ready > 0 || (ready < 0 && errno == EINTR)) return {};
  return Error(Errc::kIo, "PostgreSQL does not answer");
}

Error PostgresConnection::lost() const {
  return {Errc::kIo, "PostgreSQL: " + one_line(PQerrorMessage(connection_.get()))};
}

}  // namespace kelp
