#include "webdav/core/write_options.h"

#include <gtest/gtest.h>

namespace kelp::webdav {
namespace {

Outcome<WriteOptions> read(std::string_view query) {
  static s3::Query parsed;
  parsed = *s3::Query::parse(query);
  return read_write_options(parsed.parameters(), {.bucket = "pictures", .replication = "001"});
}

TEST(WriteOptions, ReadsWhatIsKnown) {
  EXPECT_TRUE(read("op=append")->append);
  EXPECT_TRUE(read("recursive=true")->recursive);
  EXPECT_FALSE(read("recursive=false")->recursive);
  EXPECT_EQ(read("mv.from=/buckets/b/a%20b")->move_from, "/buckets/b/a b");
  EXPECT_EQ(read("cp.from=/x")->copy_from, "/x");
}

TEST(WriteOptions, TakesWishesThatHoldAnyway) {
  for (const auto* query :
       {"", "maxMB=32", "collection=pictures", "collection=", "replication=001",
        "replication=", "ttl=", "ttl=0", "rack=", "fsync=true", "saveInside=false"}) {
    EXPECT_TRUE(read(query).has_value()) << query;
  }
}

TEST(WriteOptions, RefusesTheOthersByName) {
  for (const auto* query :
       {"maxMB=", "maxMB=-1", "maxMB=1x", "collection=other", "replication=000", "ttl=3m",
        "rack=r1", "dataCenter=d", "dataNode=n", "disk=ssd", "fsync=maybe", "op=x",
        "op=", "recursive=1", "mv.from=", "Recursive=true", "mode=0644", "op=append&mv.from=/x",
        "mv.from=/x&cp.from=/y"}) {
    const auto options = read(query);
    ASSERT_FALSE(options.has_value()) << query;
    EXPECT_EQ(options.error().status, 400);
  }
  EXPECT_NE(read("ttl=3m").error().text.find("ttl=3m"), std::string::npos);
}

}  // namespace
}  // namespace kelp::webdav
