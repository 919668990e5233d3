// Annotations and what happens to their object at the same time: each test runs many seeds.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filer/annotation_sweep.h"
#include "filer/fsck.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;
using testing::IsEmpty;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 64};

// A version that goes while it is annotated: whoever is first, nothing is left behind, and nothing
// is said of an object that it was not meant for.
TEST(AnnotationRaces, LeaveNothingBehind) {
  struct Run {
    static Task<void> annotate(FilerWorld& world, int who) {
      PutAnnotation request{.object = {kBucket, "k"}, .name = fmt::format("a{}", who % 3)};
      request.entry.size_bytes = 1;
      request.entry.etag = std::string(16, 'a');
      request.inline_body = "x";
      request.if_match = hex_encode(std::string(16, 'e'));
      const auto done = co_await world.filer.put_annotation(std::move(request));
      if (done) co_return;
      EXPECT_EQ(done.error().reason(), Reason::kConditionFailed) << done.error().message();
    }
    static Task<void> replace(FilerWorld& world) {
      PutObject other = put_of(kBucket, "k", "other");
      other.entry.etag = std::string(16, 'f');
      EXPECT_TRUE(co_await world.filer.put_object(std::move(other)));
    }
  };
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    test::FakeVolumes volumes;
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "body"))));
    std::vector<Task<void>> tasks;
    for (int who = 0; who < 6; ++who) tasks.push_back(Run::annotate(world, who));
    if (seed % 4 != 0) tasks.push_back(Run::replace(world));
    world.run_all(std::move(tasks));
    const auto page = world.run(world.filer.list_annotations({.object = {kBucket, "k"}}));
    ASSERT_TRUE(page);
    EXPECT_EQ(page->annotations.size(), seed % 4 != 0 ? 0U : 3U);
    KvAsync kv(world.kv, world.work);
    ASSERT_TRUE(world.run(sweep_annotations(kv, 1000, world.clock)));
    const auto report = world.run(fsck(*world.store, world.work, volumes));
    EXPECT_THAT(report->findings, IsEmpty());
    EXPECT_TRUE(report->clean());
  }
}

}  // namespace
}  // namespace kelp
