#pragma once

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kelp/result.h"
#include "kv/remote_link.h"

namespace kelp {

/// Frees an answer.
struct EndPostgresResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PostgresAnswer = std::unique_ptr<PGresult, EndPostgresResult>;

/// A parameter of a statement, in PostgreSQL's binary form.
struct PostgresParameter {
  unsigned type;
  std::string bytes;
};

inline constexpr unsigned kPostgresInt4 = 23;
inline constexpr unsigned kPostgresInt8 = 20;
inline constexpr unsigned kPostgresBytea = 17;
inline constexpr unsigned kPostgresInt4Array = 1007;
inline constexpr unsigned kPostgresInt8Array = 1016;
inline constexpr unsigned kPostgresByteaArray = 1001;

/// An integer in PostgreSQL's binary form: big-endian.
template <typename T>
[[nodiscard]] std::string postgres_bytes(T value) {
  auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  std::ranges::reverse(bytes);
  return {bytes.data(), bytes.size()};
}

/// The bytes of a field, which is not null; valid as long as `result` is.
[[nodiscard]] std::string_view postgres_field(const PGresult* result, int row, int column);

/// A connection to PostgreSQL, for one thread at a time. Blocks, for seconds at most.
///
/// Errors of all calls: kIo, whether it was done is unknown and the connection is finished;
/// kConflict, kNoSpace, kUnavailable, kUnauthenticated, kPermissionDenied, kCorruption, kInternal:
/// it was not done.
class PostgresConnection {
 public:
  /// Connects; see connected(). `clock` must outlive this.
  PostgresConnection(const RemoteKvOptions& options, const Clock& clock);

  /// How connecting went. kUnavailable, or kUnauthenticated when asking again will not help.
  [[nodiscard]] Result<void> connected() const;

  /// Several statements at once, without parameters or answers.
  Result<void> run(const char* statements);
  /// Names a statement for ask().
  Result<void> prepare(const char* name, const char* statement);
  /// Asks with a prepared statement. Answers are binary.
  Result<PostgresAnswer> ask(const char* name, const std::vector<PostgresParameter>& parameters);
  /// Asks with a statement of its own.
  Result<PostgresAnswer> ask_once(const char* statement,
                                  const std::vector<PostgresParameter>& parameters = {});

 private:
  struct End {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  Result<PostgresAnswer> ask_either(const char* name, const char* statement,
                                    const std::vector<PostgresParameter>& parameters);
  Result<PostgresAnswer> wait();
  Result<void> wait_for(int events, MonoTime until);
  [[nodiscard]] Error lost() const;

  std::unique_ptr<PGconn, End> connection_;
  const Clock& clock_;
};

}  // namespace kelp
