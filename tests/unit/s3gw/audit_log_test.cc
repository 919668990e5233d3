// The audit log as a file: nothing waits for it, what is lost is counted, a renamed one is left.

#include "s3gw/audit_log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/sim_disk.h"

namespace kelp::s3 {
namespace {

/// Work waits until the test runs it.
class HeldPool final : public WorkPool {
 public:
  [[nodiscard]] bool try_post(Work work) override {
    if (full) return false;
    held.push_back(std::move(work));
    return true;
  }
  void run() {
    auto work = std::exchange(held, {});
    for (Work& each : work) each();
  }
  std::vector<Work> held;
  bool full = false;
};

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() {
    EXPECT_TRUE(disk.make_dirs("/log").has_value());
    log = *AuditLog::open(disk, pool, metrics, "/log/audit");
  }
  void take(std::string_view id) { log->take({.request_id = id}); }
  void write() {
    log->flush();
    pool.run();
  }
  std::string lines(const std::string& path = "/log/audit") {
    const std::string text = disk.content(path).value_or("none");
    std::string ids;
    for (std::size_t at = 0; (at = text.find("request_id\":\"", at)) != text.npos;) {
      at += 13;
      ids += text.substr(at, text.find('"', at) - at) + ' ';
    }
    EXPECT_TRUE(text.empty() || text == "none" || text.ends_with("}\n")) << text;
    return ids;
  }
  double dropped() { return metrics.counter("kelp_s3_audit_dropped_total", "").Value(); }

  test::SimDisk disk;
  HeldPool pool;
  Metrics metrics;
  std::unique_ptr<AuditLog> log;
};

TEST_F(AuditLogTest, WritesOffTheThreadThatTakes) {
  take("a");
  take("b");
  log->flush();
  EXPECT_EQ(lines(), "") << "nothing is written by whoever takes, or flushes";
  EXPECT_EQ(pool.held.size(), 1U);
  write();
  EXPECT_EQ(lines(), "a b ");
  take("c");
  write();
  EXPECT_EQ(lines(), "a b c ");
  EXPECT_EQ(metrics.counter("kelp_s3_audit_lines_total", "").Value(), 3);
  EXPECT_EQ(dropped(), 0);
}

TEST_F(AuditLogTest, ThreadsAreWokenForManyLinesOnly) {
  take("a");
  log->flush();
  pool.run();
  log->flush();
  EXPECT_TRUE(pool.held.empty()) << "nothing waits";
  const std::string agent(200, 'x');
  std::size_t lines = 0;
  for (; pool.held.empty() && lines < 1000; ++lines) log->take({.user_agent = agent});
  EXPECT_GT(lines, 100U);
  EXPECT_LT(lines, 1000U) << "64 KiB do not wait for the flush";
}

TEST_F(AuditLogTest, GoesOnAtTheEndOfAFileThatIsThere) {
  take("a");
  write();
  log->close();
  log = *AuditLog::open(disk, pool, metrics, "/log/audit");
  take("b");
  write();
  EXPECT_EQ(lines(), "a b ");
}

TEST_F(AuditLogTest, WhatWaitsIsWrittenAtTheEnd) {
  ASSERT_TRUE(disk.sync_dir("/log").has_value());
  pool.full = true;
  take("a");
  take("b");
  log->close();
  disk.crash_losing_all();
  EXPECT_EQ(lines(), "a b ") << "synced";
}

TEST_F(AuditLogTest, TooManyAreDroppedAndCounted) {
  const std::string agent(200, 'x');
  const std::size_t line = 300;
  const std::size_t most = 2 * AuditLog::kMaxWaitingBytes / line;
  for (std::size_t i = 0; i < most; ++i) log->take({.request_id = "a", .user_agent = agent});
  EXPECT_GT(dropped(), 0);
  write();
  const std::string text = *disk.content("/log/audit");
  EXPECT_LE(text.size(), AuditLog::kMaxWaitingBytes);
  EXPECT_EQ(static_cast<double>(std::ranges::count(text, '\n')) + dropped(),
            static_cast<double>(most));
  take("after");
  write();
  EXPECT_TRUE(lines().ends_with("after "));
}

TEST_F(AuditLogTest, ARenamedFileIsLeft) {
  take("a");
  write();
  ASSERT_TRUE(disk.rename("/log/audit", "/log/audit.1").has_value());
  take("b");
  log->reopen();
  take("c");
  write();
  EXPECT_EQ(lines("/log/audit.1"), "a ");
  EXPECT_EQ(lines(), "b c ");
}

TEST_F(AuditLogTest, AFailedWriteLeavesNoHalfLine) {
  take("a");
  write();
  disk.fail_nth(test::DiskOp::kWrite, 1);
  take("lost");
  write();
  EXPECT_EQ(dropped(), 1);
  take("c");
  write();
  EXPECT_EQ(lines(), "a c ");
}

TEST_F(AuditLogTest, AFileThatCannotBeOpenedIsTriedAgain) {
  ASSERT_TRUE(disk.rename("/log/audit", "/log/audit.1").has_value());
  disk.fail_nth(test::DiskOp::kOpen, 1);
  log->reopen();
  take("lost");
  write();
  EXPECT_EQ(dropped(), 1);
  take("b");
  write();
  EXPECT_EQ(lines(), "b ");
}

}  // namespace
}  // namespace kelp::s3
