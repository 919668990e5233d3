#pragma once

#include "kv/mem_kv.h"
#include "kv/rocks_kv.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {

class MemEngine final : public Engine {
 public:
  KvStore& store() override { return *store_; }

 private:
  std::unique_ptr<KvStore> store_ = make_mem_kv();
};

/// Rows that begin with 'B' are bulk, so that the contract covers both column families.
class RocksEngine final : public Engine {
 public:
  RocksEngine() { reopen(); }
  KvStore& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = open_rocks_kv(options()).value();
  }
  [[nodiscard]] RocksKvOptions options() const {
    return {.path = dir_.path() + "/kv", .sync = false, .bulk_prefix = 'B'};
  }

 private:
  TempDir dir_;
  std::unique_ptr<KvStore> store_;
};

}  // namespace kelp::test
