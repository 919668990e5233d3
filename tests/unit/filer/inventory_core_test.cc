// What an inventory configuration asks for, when it is due, and how the parts of a list read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filer/core/gzip.h"
#include "filer/core/inventory.h"
#include "tests/unit/filer/unpack.h"

namespace kelp::inventory {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

const std::string kConfig =
    "<Destination><S3BucketDestination><AccountId>1</AccountId><Bucket>arn:aws:s3:::lists</Bucket>"
    "<Format>CSV</Format><Prefix>here</Prefix><Encryption><SSE-KMS><KeyId>k</KeyId></SSE-KMS>"
    "</Encryption></S3BucketDestination></Destination><IsEnabled>true</IsEnabled>"
    "<Filter><Prefix>a b/</Prefix></Filter><Id>week</Id>"
    "<IncludedObjectVersions>All</IncludedObjectVersions>"
    "<OptionalFields><Field>ETag</Field><Field>Size</Field></OptionalFields>"
    "<Schedule><Frequency>Weekly</Frequency></Schedule>";

WallTime day(int year, unsigned month, unsigned of_month) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(of_month)};
  return WallTime(std::chrono::sys_days(date));
}

std::string without(std::string text, const std::string& what) {
  const auto at = text.find(what);
  return at == std::string::npos ? text : text.erase(at, what.size());
}

TEST(InventoryConfig, IsReadAsItIsKept) {
  const auto config = parse_config(kConfig);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->id, "week");
  EXPECT_TRUE(config->enabled && config->all_versions && config->weekly);
  EXPECT_EQ(config->prefix, "a b/");
  EXPECT_EQ(config->destination, "lists");
  EXPECT_EQ(config->folder, "here");
  EXPECT_EQ(config->format, "CSV");
  EXPECT_EQ(config->encryption, "aws:kms");
  EXPECT_EQ(config->kms_key, "k");
  EXPECT_TRUE(config->has(Field::kSize) && config->has(Field::kETag));
  EXPECT_EQ(config->fields.count(), 2U);
  const auto bare = parse_config(without(kConfig, "<Filter><Prefix>a b/</Prefix></Filter>"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->prefix, "");
}

TEST(InventoryConfig, OfANewerVersionIsNotGuessed) {
  EXPECT_EQ(parse_config(kConfig + "<Sort/>").error().code(), Errc::kUnimplemented);
  EXPECT_EQ(parse_config("<OptionalFields><Field>Colour</Field></OptionalFields>").error().code(),
            Errc::kUnimplemented);
  EXPECT_EQ(parse_config("<Destination><S3BucketDestination><Zip/></S3BucketDestination>"
                         "</Destination>")
                .error()
                .code(),
            Errc::kUnimplemented);
  EXPECT_EQ(parse_config("<Id>a").error().code(), Errc::kCorruption);
}

TEST(InventoryState, RoundTripsAndAStrangeOneIsNone) {
  const State state{.done = day(2026, 1, 31), .attempt = day(2026, 2, 1), .files = 7};
  EXPECT_EQ(encode_state(state), "1769817600000000000 1769904000000000000 7");
  EXPECT_EQ(decode_state(encode_state(state)), state);
  for (const char* strange : {"", "1", "1 2", "1 2 -3", "1 2 3 4", "a b c", "1 2 99999999999"}) {
    EXPECT_EQ(decode_state(strange), State{}) << strange;
  }
}

// "Daily" and "Weekly": weeks begin on Sundays, in UTC.
TEST(InventorySchedule, IsDueOnceADayOrWeek) {
  const lifecycle::Calendar real;
  Config daily{.enabled = true};
  Config weekly{.enabled = true, .weekly = true};
  const WallTime sunday = day(2026, 2, 1);
  EXPECT_TRUE(is_due(daily, {}, sunday, real)) << "the first at once";
  EXPECT_TRUE(is_due(weekly, {}, sunday, real));
  EXPECT_FALSE(is_due(Config{}, {}, sunday, real)) << "it is not enabled";
  const State done{.done = sunday + hours(1)};
  EXPECT_FALSE(is_due(daily, done, sunday + hours(24) - seconds(1), real));
  EXPECT_TRUE(is_due(daily, done, sunday + hours(24), real)) << "midnight";
  EXPECT_FALSE(is_due(weekly, done, sunday + days(7) - seconds(1), real));
  EXPECT_TRUE(is_due(weekly, done, sunday + days(7), real));
  EXPECT_TRUE(is_due(weekly, {.done = sunday - seconds(1)}, sunday, real)) << "it was Saturday";
  const lifecycle::Calendar quick{.day = seconds(2)};
  EXPECT_FALSE(is_due(daily, done, done.done + seconds(1), quick));
  EXPECT_TRUE(is_due(daily, done, done.done + seconds(2), quick));
  EXPECT_FALSE(is_due(weekly, done, done.done + seconds(13), quick));
  EXPECT_TRUE(is_due(weekly, done, done.done + seconds(14), quick));
}

class InventoryLine : public testing::Test {
 protected:
  InventoryLine() {
    bucket.name = "source";
    bucket.owner_id = "owner";
    config.fields.set();
    entry.size_bytes = 5;
    entry.etag = std::string(16, '\x11');
    entry.modified = day(2026, 1, 31) + std::chrono::milliseconds(1500);
    entry.owner_id = "owner";
  }
  std::string line(std::string_view key, bool latest = true) {
    std::string out;
    append_line(config, {bucket, key, entry, latest, nullptr}, {}, out);
    return out;
  }

  BucketEntry bucket;
  Config config;
  ObjectEntry entry;
};

TEST_F(InventoryLine, HasTheColumnsOfItsSchema) {
  EXPECT_EQ(schema(config),
            "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, "
            "ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, "
            "ObjectLockLegalHoldStatus, IntelligentTieringAccessTier, BucketKeyStatus, "
            "ChecksumAlgorithm, ObjectAccessControlList, ObjectOwner, LifecycleExpirationDate");
  EXPECT_EQ(
      line("a/b"),
      "\"source\",\"a/b\",\"5\",\"2026-01-31T00:00:01.500Z\","
      "\"11111111111111111111111111111111\",\"STANDARD\",\"false\",\"\",\"NOT-SSE\",\"\",\"\","
      "\"\",\"\",\"\",\"\",\"\",\"owner\",\"\"\n");
  entry.etag_parts = 3;
  entry.headers.storage_class = "GLACIER";
  entry.headers.encryption = {.kind = EncryptionKind::kKms, .bucket_key = true};
  entry.headers.lock = {{RetentionMode::kCompliance, day(2030, 1, 1)}, LegalHold::kOn};
  entry.checksums.push_back({.algorithm = ChecksumAlgorithm::kCrc64Nvme});
  EXPECT_EQ(
      line("k"),
      "\"source\",\"k\",\"5\",\"2026-01-31T00:00:01.500Z\","
      "\"11111111111111111111111111111111-3\",\"GLACIER\",\"true\",\"\",\"SSE-KMS\","
      "\"2030-01-01T00:00:00.000Z\",\"COMPLIANCE\",\"ON\",\"\",\"ENABLED\",\"CRC64NVME\",\"\","
      "\"owner\",\"\"\n");
}

TEST_F(InventoryLine, KeysAreEncodedAndVersionsNamed) {
  config.fields.reset();
  EXPECT_EQ(line("a \"b\",\n+\xc3\xa9/c"), "\"source\",\"a%20%22b%22%2C%0A%2B%C3%A9/c\"\n");
  config.all_versions = true;
  EXPECT_EQ(schema(config), "Bucket, Key, VersionId, IsLatest, IsDeleteMarker");
  EXPECT_EQ(line("k"), "\"source\",\"k\",\"null\",\"true\",\"false\"\n");
  entry.version = 0xabc;
  entry.has_id = true;
  entry.delete_marker = true;
  EXPECT_EQ(line("k", false), "\"source\",\"k\",\"0000000000000abc\",\"false\",\"true\"\n");
}

TEST_F(InventoryLine, TellsWhenAnObjectExpires) {
  const auto rules = lifecycle::parse_rules(
      "<Rule><ID>r</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>"
      "<Expiration><Days>1</Days></Expiration></Rule>");
  ASSERT_TRUE(rules);
  config.fields.reset();
  config.fields.set(static_cast<std::size_t>(Field::kLifecycleExpirationDate));
  const auto expiry = [&](std::string_view key, bool latest) {
    std::string out;
    append_line(config, {bucket, key, entry, latest, &*rules}, {}, out);
    return out;
  };
  EXPECT_EQ(expiry("logs/a", true), "\"source\",\"logs/a\",\"2026-02-02T00:00:00.000Z\"\n");
  EXPECT_EQ(expiry("logs/a", false), "\"source\",\"logs/a\",\"\"\n");
  EXPECT_EQ(expiry("other", true), "\"source\",\"other\",\"\"\n");
}

// S3 User Guide, "Locating your inventory list".
TEST(InventoryName, IsThatOfAws) {
  Config config{.id = "week", .destination = "lists", .folder = "here/there"};
  const Name name{"source", BucketId{7}, config, day(2016, 11, 6) + hours(21) + seconds(32 * 60)};
  EXPECT_EQ(name.manifest(), "here/there/source/week/2016-11-06T21-32Z/manifest.json");
  EXPECT_EQ(name.checksum(), "here/there/source/week/2016-11-06T21-32Z/manifest.checksum");
  EXPECT_EQ(name.symlink(), "here/there/source/week/hive/dt=2016-11-06-21-32/symlink.txt");
  EXPECT_THAT(name.data(0),
              testing::MatchesRegex("here/there/source/week/data/[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-"
                                    "[0-9a-f]+-[0-9a-f]+.csv.gz"));
  EXPECT_NE(name.data(0), name.data(1));
  Name later = name;
  later.began += std::chrono::nanoseconds(1);
  EXPECT_NE(later.data(0), name.data(0));
  config.folder.clear();
  EXPECT_EQ((Name{"source", BucketId{7}, config, {}}).folder(), "source/week/");
}

TEST(InventoryManifest, NamesAllFiles) {
  const Config config{.id = "i", .destination = "lists", .fields = 1};
  const Name name{"source", BucketId{7}, config,
                  WallTime(std::chrono::milliseconds(1514944800000))};
  const std::vector<DataFile> files = {{"source/i/data/1.csv.gz", 10, "aa"},
                                       {"source/i/data/2.csv.gz", 20, "bb"}};
  EXPECT_EQ(manifest_json(name, files),
            R"({"sourceBucket":"source","destinationBucket":"arn:aws:s3:::lists",)"
            R"("version":"2016-11-30","creationTimestamp":"1514944800000","fileFormat":"CSV",)"
            R"("fileSchema":"Bucket, Key, Size","files":[)"
            R"({"key":"source/i/data/1.csv.gz","size":10,"MD5checksum":"aa"},)"
            R"({"key":"source/i/data/2.csv.gz","size":20,"MD5checksum":"bb"}]})");
  EXPECT_EQ(symlink_text(name, files),
            "s3://lists/source/i/data/1.csv.gz\ns3://lists/source/i/data/2.csv.gz\n");
}

TEST(Gzip, GivesBackWhatCame) {
  std::string all;
  GzipWriter writer;
  for (int i = 0; i < 50'000; ++i) {
    const std::string line = std::to_string(i * 7919) + ",line\n";
    ASSERT_TRUE(writer.add(line));
    all += line;
  }
  EXPECT_GT(writer.bytes(), 0U);
  const auto packed = writer.finish();
  ASSERT_TRUE(packed);
  EXPECT_LT(packed->size(), all.size());
  EXPECT_EQ(unpack(*packed, all.size()), all);
  GzipWriter empty;
  EXPECT_EQ(unpack(*empty.finish(), 0), "");
}

}  // namespace
}  // namespace kelp::inventory
