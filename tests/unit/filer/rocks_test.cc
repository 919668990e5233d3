// The same filer on the embedded engine, restarts included.

#include <gtest/gtest.h>

#include "async/runtime.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"
#include "filer/fsck.h"
#include "kv/rocks_kv.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::put_of;

std::unique_ptr<KvStore> open_store(const std::string& path) {
  RocksKvOptions options;
  options.path = path;
  options.sync = false;
  options.bulk_prefix = kBulkPrefix;
  auto store = open_rocks_kv(options);
  EXPECT_TRUE(store) << store.error().message();
  return *std::move(store);
}

struct Steps {
  static Task<void> fill(FilerService& filer) {
    BucketEntry bucket;
    bucket.name = "photos";
    bucket.owner_id = "alice";
    EXPECT_TRUE(co_await filer.create_bucket(bucket));
    for (int i = 0; i < 50; ++i) {
      const auto put = co_await filer.put_object(
          put_of("photos", "dir/" + std::to_string(i), std::string(1000, 'x')));
      EXPECT_TRUE(put) << put.error().message();
    }
    const auto removed = co_await filer.delete_object({"photos", "dir/7"}, {});
    EXPECT_TRUE(removed && removed->existed);
  }

  static Task<void> check(FilerService& filer, std::uint64_t& version) {
    const auto found = co_await filer.get_object({"photos", "dir/8"}, true);
    EXPECT_TRUE(found) << found.error().message();
    if (!found) co_return;
    EXPECT_EQ(found->inline_body, std::string(1000, 'x'));
    version = found->entry.version;
    ListObjects request;
    request.bucket = "photos";
    const auto page = co_await filer.list_objects(request);
    EXPECT_TRUE(page);
    if (page) EXPECT_EQ(page->objects.size(), 49U);
    request.delimiter = "/";
    const auto groups = co_await filer.list_objects(request);
    if (groups) EXPECT_EQ(groups->common_prefixes.size(), 1U);
    const auto usage = co_await filer.bucket_usage("photos");
    EXPECT_TRUE(usage && usage->objects == 49 && usage->bytes == 49'000);
    const auto put = co_await filer.put_object(put_of("photos", "dir/8", "new"));
    EXPECT_TRUE(put);
    if (put) EXPECT_GT(put->version, version);
    const auto full = co_await filer.delete_bucket("photos");
    EXPECT_FALSE(full);
    if (!full) EXPECT_EQ(full.error().reason(), Reason::kBucketNotEmpty);
  }

  static Task<void> check_disk(KvStore& store, WorkPool& pool) {
    test::FakeVolumes volumes;
    const auto report = co_await fsck(store, pool, volumes);
    EXPECT_TRUE(report) << report.error().message();
    if (!report) co_return;
    EXPECT_TRUE(report->clean()) << (report->findings.empty() ? "" : report->findings[0]);
    EXPECT_EQ(report->inline_bodies, 49U);
  }
};

TEST(FilerOnRocks, KeepsItsPromisesOverARestart) {
  const test::TempDir dir;
  test::StillClock clock;
  Runtime runtime(1);
  const auto pool = make_thread_pool({.threads = 2});
  {
    const auto store = open_store(dir.path() + "/kv");
    FilerService filer(*store, *pool, clock);
    runtime.run(Steps::fill(filer));
  }
  const auto store = open_store(dir.path() + "/kv");
  FilerService filer(*store, *pool, clock);
  std::uint64_t version = 0;
  runtime.run(Steps::check(filer, version));
  runtime.run(Steps::check_disk(*store, *pool));
}

}  // namespace
}  // namespace kelp
