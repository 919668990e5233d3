// Archived objects as clients see them: the gateway over a real filer whose rows are in memory.

#include <gmock/gmock.h>

#include "filer/filer_service.h"
#include "kv/mem_kv.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

class ArchiveTest : public GatewayTest {
 protected:
  ArchiveTest() { send("PUT", "/bucket"); }
  FilerClient& filer_client() override { return real_; }

  /// Signed as of now, wherever the clock was moved.
  Answer send(Outgoing request) {
    const std::string date = basic_date(std::chrono::floor<std::chrono::seconds>(clock.now));
    request.set("x-amz-date", date);
    request.scope = date.substr(0, 8) + "/us-east-1/s3/aws4_request";
    return GatewayTest::send(std::move(request));
  }
  Answer send(std::string method, std::string target, std::string body = {}) {
    return send(outgoing(std::move(method), std::move(target), std::move(body)));
  }
  Answer put(const std::string& key, const std::string& storage_class = "GLACIER") {
    Outgoing request = outgoing("PUT", "/bucket/" + key, "body");
    add(request, "x-amz-storage-class", storage_class);
    return send(std::move(request));
  }
  Answer restore(const std::string& target, int days = 1, const std::string& more = {}) {
    return send(
        "POST", "/bucket/" + target,
        "<RestoreRequest><Days>" + std::to_string(days) + "</Days>" + more + "</RestoreRequest>");
  }
  Answer copy(const std::string& from, const std::string& to) {
    Outgoing request = outgoing("PUT", "/bucket/" + to);
    add(request, "x-amz-copy-source", "/bucket/" + from);
    return send(std::move(request));
  }
  Answer list(const std::string& query, const std::string& attributes = "RestoreStatus") {
    Outgoing request = outgoing("GET", "/bucket" + query);
    add(request, "x-amz-optional-object-attributes", attributes);
    return send(std::move(request));
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  FilerService real_{*store_, pool, clock};
};

TEST_F(ArchiveTest, IsReadWhileItIsRestored) {
  put("k");
  const Answer refused = send("GET", "/bucket/k");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.element("Code"), "InvalidObjectState");
  EXPECT_EQ(refused.element("StorageClass"), "GLACIER");
  const Answer head = send("HEAD", "/bucket/k");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("x-amz-storage-class"), "GLACIER");
  EXPECT_EQ(head.header("x-amz-restore"), "");

  EXPECT_EQ(restore("k?restore").status, 202);
  const std::string line =
      "ongoing-request=\"false\", expiry-date=\"Sat, 25 May 2013 00:00:00 GMT\"";
  EXPECT_EQ(send("HEAD", "/bucket/k").header("x-amz-restore"), line);
  const Answer got = send("GET", "/bucket/k");
  EXPECT_EQ(got.body, "body");
  EXPECT_EQ(got.header("x-amz-restore"), line);
  EXPECT_EQ(got.header("x-amz-storage-class"), "GLACIER");

  clock.now += hours(1);
  EXPECT_EQ(restore("k?restore", 2).status, 200);
  EXPECT_THAT(send("HEAD", "/bucket/k").header("x-amz-restore"), HasSubstr("Mon, 27 May"));
  clock.now += hours(71);
  EXPECT_EQ(send("GET", "/bucket/k").element("Code"), "InvalidObjectState");
  EXPECT_EQ(send("HEAD", "/bucket/k").header("x-amz-restore"), "");
  EXPECT_EQ(restore("k?restore").status, 202);
}

TEST_F(ArchiveTest, IsCopiedWhileItIsRestored) {
  put("k", "DEEP_ARCHIVE");
  const Answer refused = copy("k", "copy");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.element("Code"), "ObjectNotInActiveTierError");
  EXPECT_EQ(refused.element("StorageClass"), "");
  Outgoing part = outgoing("PUT", "/bucket/m?partNumber=1&uploadId=" +
                                      send("POST", "/bucket/m?uploads").element("UploadId"));
  add(part, "x-amz-copy-source", "/bucket/k");
  const Answer part_refused = send(part);
  EXPECT_EQ(part_refused.element("Code"), "InvalidObjectState");
  EXPECT_EQ(part_refused.element("StorageClass"), "DEEP_ARCHIVE");
  Outgoing append = outgoing("PUT", "/bucket/k", "more");
  add(append, "x-amz-write-offset-bytes", "4");
  EXPECT_EQ(send(append).element("Code"), "InvalidObjectState");

  EXPECT_EQ(restore("k?restore", 9).status, 202);
  EXPECT_EQ(copy("k", "copy").status, 200);
  const Answer got = send("GET", "/bucket/copy");
  EXPECT_EQ(got.body, "body");
  EXPECT_EQ(got.header("x-amz-storage-class"), "");
  Outgoing again = outgoing("PUT", "/bucket/archived");
  add(again, "x-amz-copy-source", "/bucket/k");
  add(again, "x-amz-storage-class", "GLACIER");
  EXPECT_EQ(send(again).status, 200);
  EXPECT_EQ(send("GET", "/bucket/archived").element("Code"), "InvalidObjectState")
      << "a copy is not restored because its source is";
}

TEST_F(ArchiveTest, ARestoreTakesItsTime) {
  options.restore_time = hours(2);
  put("k");
  EXPECT_EQ(restore("k?restore").status, 202);
  EXPECT_EQ(send("HEAD", "/bucket/k").header("x-amz-restore"), "ongoing-request=\"true\"");
  EXPECT_EQ(send("GET", "/bucket/k").status, 403);
  const Answer second = restore("k?restore", 5);
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(second.element("Code"), "RestoreAlreadyInProgress");
  EXPECT_THAT(list("?list-type=2").body,
              HasSubstr("<IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>"));
  clock.now += hours(2);
  EXPECT_EQ(send("GET", "/bucket/k").body, "body");
  EXPECT_THAT(send("HEAD", "/bucket/k").header("x-amz-restore"), HasSubstr("Sun, 26 May"))
      << "a day after it was there, of the first order";
}

TEST_F(ArchiveTest, OnlyArchivesAreRestored) {
  for (const char* name : {"STANDARD", "STANDARD_IA", "GLACIER_IR"}) {
    put("k", name);
    EXPECT_EQ(send("GET", "/bucket/k").body, "body");
    const Answer refused = restore("k?restore");
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.element("Code"), "InvalidObjectState") << name;
    EXPECT_EQ(refused.element("StorageClass"), name);
  }
  put("k", "INTELLIGENT_TIERING");
  EXPECT_EQ(restore("k?restore").element("Code"), "ObjectAlreadyInActiveTierError");
  EXPECT_EQ(restore("none?restore").element("Code"), "NoSuchKey");
  put("deep", "DEEP_ARCHIVE");
  EXPECT_EQ(restore("deep?restore", 1, "<Tier>Expedited</Tier>").element("Code"),
            "InvalidArgument");
  EXPECT_EQ(restore("deep?restore", 1, "<Type>SELECT</Type>").status, 501);
  EXPECT_EQ(send("POST", "/bucket/deep?restore").element("Code"), "MalformedXML");
  EXPECT_EQ(send("HEAD", "/bucket/deep").header("x-amz-restore"), "");
}

TEST_F(ArchiveTest, WhichClassesAreArchivesIsTheOperators) {
  put("glacier");
  put("deep", "DEEP_ARCHIVE");
  options.archive_classes = {"DEEP_ARCHIVE"};
  EXPECT_EQ(send("GET", "/bucket/glacier").body, "body");
  EXPECT_EQ(restore("glacier?restore").element("Code"), "InvalidObjectState");
  EXPECT_EQ(send("GET", "/bucket/deep").status, 403);
  options.archive_classes.clear();
  EXPECT_EQ(send("GET", "/bucket/deep").body, "body");
}

TEST_F(ArchiveTest, VersionsAreRestoredEachByItself) {
  send("PUT", "/bucket?versioning",
       "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  const std::string old = put("k").header("x-amz-version-id");
  put("k");
  const Answer restored = restore("k?restore&versionId=" + old);
  EXPECT_EQ(restored.status, 202);
  EXPECT_EQ(restored.header("x-amz-version-id"), old);
  EXPECT_EQ(send("GET", "/bucket/k?versionId=" + old).body, "body");
  EXPECT_EQ(send("GET", "/bucket/k").status, 403);
  const Answer marked = send("DELETE", "/bucket/k");
  EXPECT_EQ(restore("k?restore").element("Code"), "NoSuchKey");
  EXPECT_EQ(restore("k?restore&versionId=" + marked.header("x-amz-version-id")).element("Code"),
            "MethodNotAllowed");
  const Answer listed = list("?versions");
  EXPECT_EQ(listed.body.find("<RestoreStatus>"), listed.body.rfind("<RestoreStatus>"));
  EXPECT_THAT(listed.body.substr(listed.body.find(old)),
              HasSubstr("<RestoreExpiryDate>2013-05-25T00:00:00.000Z</RestoreExpiryDate>"));
}

TEST_F(ArchiveTest, ListingsSayWhatIsRestoredWhenTheyAreAsked) {
  put("a");
  put("b");
  put("c", "STANDARD");
  restore("b?restore");
  for (const char* query : {"", "?list-type=2"}) {
    const Answer listed = list(query);
    const std::size_t at = listed.body.find("<RestoreStatus>");
    EXPECT_THAT(listed.body, HasSubstr("<StorageClass>GLACIER</StorageClass><RestoreStatus>"
                                       "<IsRestoreInProgress>false</IsRestoreInProgress>"
                                       "<RestoreExpiryDate>2013-05-25T00:00:00.000Z"));
    EXPECT_LT(listed.body.find("<Key>b</Key>"), at) << query;
    EXPECT_GT(listed.body.find("<Key>c</Key>"), at) << query;
    EXPECT_EQ(listed.body.rfind("<RestoreStatus>"), at) << query;
    EXPECT_THAT(send("GET", "/bucket" + std::string(query)).body, Not(HasSubstr("RestoreStatus")));
    EXPECT_EQ(list(query, "Other").element("Code"), "InvalidArgument");
  }
}

}  // namespace
}  // namespace kelp::s3::test
