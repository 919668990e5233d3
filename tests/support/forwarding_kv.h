#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/kv_store.h"

namespace kelp::test {

/// Does what another store does: for stores that differ from it in one thing, and for views of one
/// that several share.
class ForwardingKv : public KvStore {
 public:
  /// `inner` must outlive it.
  explicit ForwardingKv(KvStore& inner) : inner_(inner) {}
  explicit ForwardingKv(std::unique_ptr<KvStore> inner)
      : owned_(std::move(inner)), inner_(*owned_) {}

  Result<std::optional<std::string>> get(std::string_view key) override { return inner_.get(key); }
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    return inner_.try_get(key);
  }
  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    return inner_.scan(range, limit, direction);
  }
  std::unique_ptr<KvCursor> cursor(const KvRange& range) override { return inner_.cursor(range); }
  void commit(KvBatch batch, CommitDone done) override {
    inner_.commit(std::move(batch), std::move(done));
  }
  [[nodiscard]] Stats stats() const override { return inner_.stats(); }

 private:
  std::unique_ptr<KvStore> owned_;
  KvStore& inner_;
};

/// Has no row in memory.
class ColdKv final : public ForwardingKv {
 public:
  using ForwardingKv::ForwardingKv;
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view) override {
    return std::nullopt;
  }
};

/// Lets something happen before a commit.
class LateKv final : public ForwardingKv {
 public:
  using Test = std::function<bool(const KvBatch&)>;
  using ForwardingKv::ForwardingKv;

  /// `act` runs once, right before the next commit that `is` holds for.
  void before(Test is, std::function<void()> act) {
    is_ = std::move(is);
    act_ = std::move(act);
  }
  void before_commit(std::function<void()> act) {
    before([](const KvBatch&) { return true; }, std::move(act));
  }

  void commit(KvBatch batch, CommitDone done) override {
    if (act_ && is_(batch)) std::exchange(act_, nullptr)();
    ForwardingKv::commit(std::move(batch), std::move(done));
  }

 private:
  Test is_;
  std::function<void()> act_;
};

}  // namespace kelp::test
