#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "async/work_pool.h"
#include "catalog/core/json.h"
#include "catalog/core/place.h"
#include "crypto/digest.h"
#include "s3gw/auth.h"
#include "s3gw/buffer_pool.h"
#include "s3gw/call.h"

namespace kelp::catalog {

/// One request on its way. Lives until the answer is sent.
struct Visit {
  s3::Services& services;
  const Sha256& token_key;
  const HttpRequest& http;
  BodyReader& body;
  std::string id;  ///< Of the request.

  std::optional<Action> action = {};  ///< Nothing until the path is understood.
  Place place = {};
  s3::Query query = {};
  std::string text = {};                            ///< The request's body, whole.
  s3::Authenticated auth = {};                      ///< Who asks.
  std::vector<s3::BufferPool::Buffer> memory = {};  ///< Reserved until the answer is sent.

  [[nodiscard]] std::int64_t now_ms() const;
};

/// An answer.
struct Reply {
  int status = 200;
  std::string json = {};
};
/// The same of a JSON value.
[[nodiscard]] Reply reply_of(const Object& object);

/// Answers one Action, with the caller known and the body read.
using Handler = Task<Outcome<Reply>> (*)(Visit& visit);

/// Reads the body: at most 4 MiB, or 64 KiB of who wants a token. 413; 503 when there is no memory
/// for it.
[[nodiscard]] Task<Outcome<void>> read_body(Visit& visit);
/// Counts memory that the answer needs against the budget of bodies. 503.
[[nodiscard]] Outcome<void> reserve(Visit& visit, std::size_t bytes);
/// Whether only the body tells who asks: the request is signed.
[[nodiscard]] bool signs_body(const Visit& visit);
/// Finds out who asks: a token of get_token(), or SigV4. 401.
[[nodiscard]] Task<Outcome<void>> authenticate(Visit& visit);
/// The lasting key of that name as it is now; null when there is none, or not any more.
[[nodiscard]] Task<std::shared_ptr<const s3::Credential>> lasting_key(const Visit& visit,
                                                                      std::string_view access_key);

/// Runs what takes time when `bytes` are many: on a worker then.
template <typename T>
Task<Outcome<T>> run_apart(Visit& visit, std::size_t bytes, std::function<Outcome<T>()> work) {
  constexpr std::size_t kInPlaceBytes = 16 * 1024;
  if (bytes <= kInPlaceBytes) co_return work();
  Outcome<T> outcome;
  std::move_only_function<Result<void>()> job = [&outcome, &work]() -> Result<void> {
    outcome = work();
    return {};
  };
  KELP_CATALOG_CO_CHECK(co_await offload<void>(visit.services.deps.pool, std::move(job)));
  co_return outcome;
}

/// What a client needs to reach the files of a table: endpoint, region, path style.
[[nodiscard]] Object file_config(const Visit& visit);

// ops/config.cc
Task<Outcome<Reply>> get_config(Visit& visit);
Task<Outcome<Reply>> get_token(Visit& visit);

// ops/namespaces.cc
Task<Outcome<Reply>> list_namespaces(Visit& visit);
Task<Outcome<Reply>> create_namespace(Visit& visit);
Task<Outcome<Reply>> load_namespace(Visit& visit);
Task<Outcome<Reply>> namespace_exists(Visit& visit);
Task<Outcome<Reply>> drop_namespace(Visit& visit);
Task<Outcome<Reply>> update_properties(Visit& visit);

// ops/tables.cc
Task<Outcome<Reply>> list_tables(Visit& visit);
Task<Outcome<Reply>> load_table(Visit& visit);
Task<Outcome<Reply>> table_exists(Visit& visit);
Task<Outcome<Reply>> rename_table(Visit& visit);
Task<Outcome<Reply>> drop_table(Visit& visit);
Task<Outcome<Reply>> report_metrics(Visit& visit);

// ops/commits.cc
Task<Outcome<Reply>> create_table(Visit& visit);
Task<Outcome<Reply>> register_table(Visit& visit);
Task<Outcome<Reply>> commit_table(Visit& visit);

}  // namespace kelp::catalog
