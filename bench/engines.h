#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "kv/etcd_kv.h"
#include "kv/postgres_kv.h"
#include "kv/redis_kv.h"
#include "tests/unit/kv/engine_servers.h"

namespace kelp::bench {

// Metadata engines that are servers of their own: postgresql, etcd or redis.

/// Starts one with its folder in memory; ends the program with 77 when it is not installed.
inline std::unique_ptr<test::EngineServer> start_engine(const std::string& name) {
  const auto start = name == "postgresql" ? test::start_postgres
                     : name == "etcd"     ? test::start_etcd
                                          : test::start_redis;
  auto server = start({});
  if (server == nullptr) std::exit(77);
  return server;
}

/// A store on one that runs; `writer` is another one for each.
inline std::unique_ptr<KvStore> open_engine(const std::string& name, const std::string& url,
                                            std::uint64_t writer, const Clock& clock) {
  const auto open = name == "postgresql" ? open_postgres_kv
                    : name == "etcd"     ? open_etcd_kv
                                         : open_redis_kv;
  RemoteKvOptions options;
  options.url = url;
  options.writer = writer;
  return open(options, clock).value();
}

}  // namespace kelp::bench
