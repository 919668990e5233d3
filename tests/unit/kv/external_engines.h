#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "kv/remote_link.h"
#include "tests/unit/kv/engine_servers.h"

namespace kelp::test {

/// An engine that is a server of its own.
struct ExternalKind {
  std::string name;
  /// With settings of the server's own; null when it is not installed.
  std::function<std::unique_ptr<EngineServer>(const std::vector<std::string>&)> start;
  std::function<Result<std::unique_ptr<KvStore>>(RemoteKvOptions, const Clock&)> open;
  std::size_t largest_value = kMaxKvValueBytes;
  /// Settings each of which breaks a promise, with a word of what is then said.
  std::vector<std::pair<std::string, std::string>> unsafe;
  /// The setting by which it asks for the password "hush"; empty: it has none.
  std::string with_password;

  friend void PrintTo(const ExternalKind& kind, std::ostream* out) { *out << kind.name; }
};

/// Those that are installed; only the one that KELP_ENGINE names, if it does.
const std::vector<ExternalKind>& external_kinds();
/// The server of a kind that all tests of the process share.
EngineServer& shared_server(const ExternalKind& kind);
/// For a store of `server`, as another process would have them.
RemoteKvOptions options_for(const std::string& url);
/// Removes every row of the shared server.
void clear(const ExternalKind& kind);

}  // namespace kelp::test
