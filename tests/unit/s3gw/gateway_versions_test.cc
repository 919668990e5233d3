// Versions and tags as clients see them: the gateway over a real filer whose rows are in memory.

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "filer/filer_service.h"
#include "kv/mem_kv.h"
#include "s3gw/core/checksum.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kEnabled =
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
constexpr const char* kSuspended =
    "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
constexpr const char* kUnknownId = "00000000deadbeef";

class VersionsTest : public GatewayTest {
 protected:
  VersionsTest() {
    send("PUT", "/bucket");
    EXPECT_EQ(send("PUT", "/bucket?versioning", kEnabled).status, 200);
  }
  FilerClient& filer_client() override { return real_; }

  /// Puts an object; its version id.
  std::string put(const std::string& key, std::string body = "body") {
    const Answer answer = send("PUT", "/bucket/" + key, std::move(body));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.header("x-amz-version-id");
  }
  /// Deletes the current version; the delete marker's id.
  std::string remove(const std::string& key) {
    const Answer answer = send("DELETE", "/bucket/" + key);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.header("x-amz-delete-marker"), "true");
    return answer.header("x-amz-version-id");
  }
  Answer post_delete(std::string body) {
    Outgoing request = outgoing("POST", "/bucket?delete", std::move(body));
    add(request, "x-amz-checksum-crc32", crc32_of(request.body));
    return send(request);
  }
  static std::string crc32_of(const std::string& body) {
    ChecksumHasher hasher(ChecksumAlgorithm::kCrc32);
    hasher.update(as_bytes(body));
    return base64_encode(hasher.finish());
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  FilerService real_{*store_, pool, clock};
};

TEST_F(VersionsTest, StateIsWhatWasPut) {
  send("PUT", "/plain");
  EXPECT_EQ(send("GET", "/plain?versioning").element("Status"), "");
  EXPECT_EQ(send("GET", "/bucket?versioning").element("Status"), "Enabled");
  EXPECT_EQ(send("PUT", "/bucket?versioning", kSuspended).status, 200);
  EXPECT_EQ(send("GET", "/bucket?versioning").element("Status"), "Suspended");
  for (const auto& [body, code] : std::vector<std::pair<std::string, std::string>>{
           {"<VersioningConfiguration/>", "IllegalVersioningConfigurationException"},
           {"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
            "MalformedXML"},
           {"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"
            "</VersioningConfiguration>",
            "NotImplemented"},
           {"<Other/>", "MalformedXML"}}) {
    EXPECT_EQ(send("PUT", "/bucket?versioning", body).element("Code"), code) << body;
  }
  EXPECT_EQ(send("PUT", "/none?versioning", kEnabled).element("Code"), "NoSuchBucket");
}

TEST_F(VersionsTest, EachHasItsIdAndIsReadByIt) {
  const std::string first = put("k", "first");
  const std::string second = put("k", "second");
  EXPECT_EQ(first.size(), 16U);
  EXPECT_LT(first, second);
  EXPECT_EQ(send("GET", "/bucket/k").body, "second");
  EXPECT_EQ(send("GET", "/bucket/k").header("x-amz-version-id"), second);
  const Answer old = send("GET", "/bucket/k?versionId=" + first);
  EXPECT_EQ(old.body, "first");
  EXPECT_EQ(old.header("x-amz-version-id"), first);
  EXPECT_EQ(send("HEAD", "/bucket/k?versionId=" + first).announced, 5U);
  Outgoing attributes = outgoing("GET", "/bucket/k?attributes&versionId=" + first);
  add(attributes, "x-amz-object-attributes", "ObjectSize");
  const Answer described = send(attributes);
  EXPECT_EQ(described.element("ObjectSize"), "5");
  EXPECT_EQ(described.header("x-amz-version-id"), first);
  Outgoing cached = outgoing("GET", "/bucket/k?versionId=" + first);
  add(cached, "if-none-match", old.header("ETag"));
  EXPECT_EQ(send(cached).status, 304);
}

TEST_F(VersionsTest, IdsThatAreNoneAreToldFromUnknownOnes) {
  put("k");
  for (const char* method : {"GET", "DELETE"}) {
    for (const char* bad : {"", "abc", "0", "00000000DEADBEEF", "0000000000000000", "Null"}) {
      const Answer answer = send(method, std::string("/bucket/k?versionId=") + bad);
      EXPECT_EQ(answer.element("Code"), "InvalidArgument") << method << ' ' << bad;
      EXPECT_EQ(answer.element("ArgumentName"), "versionId");
    }
  }
  const Answer unknown = send("GET", std::string("/bucket/k?versionId=") + kUnknownId);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.element("Code"), "NoSuchVersion");
  EXPECT_EQ(unknown.element("VersionId"), kUnknownId);
  EXPECT_EQ(send("GET", "/bucket/k?versionId=null").element("Code"), "NoSuchVersion");
  EXPECT_EQ(send("DELETE", std::string("/bucket/k?versionId=") + kUnknownId).status, 204);
  EXPECT_EQ(send("GET", "/bucket/k").status, 200);
}

TEST_F(VersionsTest, ABucketThatNeverHadThemKnowsTheNullVersionOnly) {
  send("PUT", "/plain");
  const Answer stored = send("PUT", "/plain/k", "v");
  EXPECT_EQ(stored.header("x-amz-version-id"), "");
  EXPECT_EQ(send("GET", "/plain/k?versionId=null").body, "v");
  EXPECT_EQ(send("GET", "/plain/k").header("x-amz-version-id"), "");
  const std::string unknown = std::string("/plain/k?versionId=") + kUnknownId;
  EXPECT_EQ(send("GET", unknown).element("Code"), "NoSuchVersion");
  EXPECT_EQ(send("DELETE", unknown).status, 204);
  EXPECT_EQ(send("GET", "/plain/k").body, "v");
  const Answer listed = send("GET", "/plain?versions");
  EXPECT_EQ(listed.element("VersionId"), "null");
  EXPECT_EQ(listed.element("IsLatest"), "true");
  const Answer deleted = send("DELETE", "/plain/k?versionId=null");
  EXPECT_EQ(deleted.header("x-amz-delete-marker"), "");
  EXPECT_EQ(send("GET", "/plain/k").status, 404);
}

TEST_F(VersionsTest, DeleteMarkersHideAndAreTakenAway) {
  const std::string version = put("k", "kept");
  const std::string marker = remove("k");
  for (const char* method : {"GET", "HEAD"}) {
    const Answer gone = send(method, "/bucket/k");
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(gone.header("x-amz-delete-marker"), "true");
    EXPECT_EQ(gone.header("x-amz-version-id"), marker);
    const Answer named = send(method, "/bucket/k?versionId=" + marker);
    EXPECT_EQ(named.status, 405);
    EXPECT_EQ(named.header("x-amz-delete-marker"), "true");
    EXPECT_EQ(named.header("Allow"), "DELETE");
    EXPECT_NE(named.header("Last-Modified"), "");
  }
  EXPECT_EQ(send("GET", "/bucket/k").element("Code"), "NoSuchKey");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=" + marker).element("Code"), "MethodNotAllowed");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=" + version).body, "kept");
  EXPECT_THAT(send("GET", "/bucket?list-type=2").body, Not(HasSubstr("<Key>k</Key>")));
  EXPECT_EQ(send("DELETE", "/bucket").element("Code"), "BucketNotEmpty");

  const Answer taken = send("DELETE", "/bucket/k?versionId=" + marker);
  EXPECT_EQ(taken.status, 204);
  EXPECT_EQ(taken.header("x-amz-delete-marker"), "true");
  EXPECT_EQ(taken.header("x-amz-version-id"), marker);
  EXPECT_EQ(send("GET", "/bucket/k").body, "kept");
  const Answer last = send("DELETE", "/bucket/k?versionId=" + version);
  EXPECT_EQ(last.header("x-amz-delete-marker"), "");
  EXPECT_EQ(last.header("x-amz-version-id"), version);
  EXPECT_EQ(send("GET", "/bucket/k").header("x-amz-delete-marker"), "");
  EXPECT_EQ(send("DELETE", "/bucket").status, 204);
}

TEST_F(VersionsTest, SuspendedBucketsReplaceTheNullVersion) {
  const std::string kept = put("k", "kept");
  send("PUT", "/bucket?versioning", kSuspended);
  EXPECT_EQ(put("k", "null 1"), "null");
  EXPECT_EQ(put("k", "null 2"), "null");
  EXPECT_EQ(send("GET", "/bucket/k").header("x-amz-version-id"), "null");
  EXPECT_EQ(remove("k"), "null");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=null").status, 405) << "the marker replaced it";
  EXPECT_EQ(send("GET", "/bucket/k?versionId=" + kept).body, "kept");
  EXPECT_EQ(send("DELETE", "/bucket/k?versionId=null").header("x-amz-delete-marker"), "true");
  EXPECT_EQ(send("GET", "/bucket/k").body, "kept");
}

TEST_F(VersionsTest, AreListedByKeyAndAge) {
  const std::string a1 = put("a");
  const std::string a2 = put("a");
  const std::string b = remove("b");
  put("dir/x");
  put("dir/y");
  const Answer all = send("GET", "/bucket?versions&delimiter=/");
  EXPECT_THAT(all.body, HasSubstr("<Version><VersionId>" + a2 + "</VersionId><IsLatest>true<"));
  EXPECT_THAT(all.body, HasSubstr("<Version><VersionId>" + a1 + "</VersionId><IsLatest>false<"));
  EXPECT_THAT(all.body, HasSubstr("<DeleteMarker><VersionId>" + b +
                                  "</VersionId><IsLatest>true</IsLatest><Key>b</Key>"));
  EXPECT_THAT(all.body, HasSubstr("<CommonPrefixes><Prefix>dir/</Prefix>"));
  EXPECT_LT(all.body.find(a2), all.body.find(a1));

  const Answer first = send("GET", "/bucket?versions&max-keys=1");
  EXPECT_EQ(first.element("IsTruncated"), "true");
  EXPECT_EQ(first.element("NextKeyMarker"), "a");
  EXPECT_EQ(first.element("NextVersionIdMarker"), a2);
  const Answer second =
      send("GET", "/bucket?versions&max-keys=1&key-marker=a&version-id-marker=" + a2);
  EXPECT_EQ(second.element("VersionId"), a1);
  EXPECT_EQ(second.element("IsLatest"), "false");
  EXPECT_EQ(send("GET", "/bucket?versions&key-marker=a").element("VersionId"), b);
  EXPECT_EQ(send("GET", "/bucket?versions&version-id-marker=" + a2).element("Code"),
            "InvalidArgument");
  EXPECT_EQ(send("GET", "/bucket?versions&key-marker=a&version-id-marker=x").element("Code"),
            "InvalidArgument");
  EXPECT_THAT(send("GET", "/bucket?versions&prefix=dir&encoding-type=url").body,
              HasSubstr("<Key>dir/x</Key>"));
}

TEST_F(VersionsTest, AreDeletedManyAtOnce) {
  const std::string a1 = put("a");
  put("a");
  const std::string marker = remove("b");
  const Answer done =
      post_delete("<Delete><Object><Key>a</Key><VersionId>" + a1 + "</VersionId></Object>" +
                  "<Object><Key>b</Key><VersionId>" + marker + "</VersionId></Object>" +
                  "<Object><Key>c</Key></Object>" +
                  "<Object><Key>a</Key><VersionId>bad</VersionId></Object></Delete>");
  EXPECT_EQ(done.status, 200);
  EXPECT_THAT(done.body, HasSubstr("<Deleted><Key>a</Key><VersionId>" + a1 + "</VersionId></Del"));
  EXPECT_THAT(done.body,
              HasSubstr("<Deleted><Key>b</Key><VersionId>" + marker +
                        "</VersionId><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>" +
                        marker + "</DeleteMarkerVersionId></Deleted>"));
  EXPECT_THAT(done.body, HasSubstr("<Deleted><Key>c</Key><DeleteMarker>true</DeleteMarker>"
                                   "<DeleteMarkerVersionId>"));
  EXPECT_THAT(done.body, HasSubstr("<VersionId>bad</VersionId><Code>NoSuchVersion</Code>"));
  EXPECT_EQ(send("GET", "/bucket/a").status, 200);
  EXPECT_EQ(send("GET", "/bucket/a?versionId=" + a1).status, 404);
}

TEST_F(VersionsTest, AreCopiedByTheirId) {
  const std::string first = put("k", "first");
  put("k", "second");
  const auto copy = [this](const std::string& source, const std::string& target) {
    Outgoing request = outgoing("PUT", target);
    add(request, "x-amz-copy-source", source);
    return send(request);
  };
  const Answer restored = copy("bucket/k?versionId=" + first, "/bucket/k");
  EXPECT_EQ(restored.status, 200) << restored.body;
  EXPECT_EQ(restored.header("x-amz-copy-source-version-id"), first);
  EXPECT_EQ(restored.header("x-amz-version-id").size(), 16U);
  EXPECT_EQ(send("GET", "/bucket/k").body, "first");
  EXPECT_EQ(copy("bucket/k", "/bucket/k").element("Code"), "InvalidRequest");
  const std::string marker = remove("k");
  EXPECT_EQ(copy("bucket/k", "/bucket/other").element("Code"), "NoSuchKey");
  EXPECT_EQ(copy("bucket/k?versionId=" + marker, "/bucket/other").element("Code"),
            "InvalidRequest");
  EXPECT_EQ(copy(std::string("bucket/k?versionId=") + kUnknownId, "/bucket/o").element("Code"),
            "NoSuchVersion");
}

TEST_F(VersionsTest, LargeOnesShareTheirNeedlesWithCopies) {
  const std::string body = bytes_of(100'000);
  const std::string first = put("k", body);
  put("k", "small");
  Outgoing request = outgoing("PUT", "/bucket/k");
  add(request, "x-amz-copy-source", "bucket/k?versionId=" + first);
  ASSERT_EQ(send(request).status, 200);
  EXPECT_EQ(volumes.opened.size(), 1U) << "no byte is copied";
  EXPECT_EQ(send("GET", "/bucket/k").body, body);

  const std::string id = send("POST", "/bucket/film?uploads").element("UploadId");
  Outgoing part = outgoing("PUT", "/bucket/film?partNumber=1&uploadId=" + id);
  add(part, "x-amz-copy-source", "bucket/k?versionId=" + first);
  const Answer copied = send(part);
  ASSERT_EQ(copied.status, 200) << copied.body;
  EXPECT_EQ(copied.header("x-amz-copy-source-version-id"), first);
  const Answer done = send("POST", "/bucket/film?uploadId=" + id,
                           "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
                               copied.element("ETag") + "</ETag></Part></CompleteMultipartUpload>");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.header("x-amz-version-id").size(), 16U);
  EXPECT_EQ(send("GET", "/bucket/film").body, body);
}

std::string tagging(const std::vector<std::pair<std::string, std::string>>& tags) {
  std::string body = "<Tagging><TagSet>";
  for (const auto& [key, value] : tags) {
    body += "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>";
  }
  return body + "</TagSet></Tagging>";
}

TEST_F(VersionsTest, HaveTagsOfTheirOwn) {
  const std::string first = put("k");
  const std::string second = put("k");
  const Answer set = send("PUT", "/bucket/k?tagging&versionId=" + first, tagging({{"a", "1"}}));
  EXPECT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(set.header("x-amz-version-id"), first);
  EXPECT_EQ(send("PUT", "/bucket/k?tagging", tagging({{"b", "2"}, {"c", ""}})).status, 200);
  const Answer old = send("GET", "/bucket/k?tagging&versionId=" + first);
  EXPECT_THAT(old.body, HasSubstr("<Tag><Key>a</Key><Value>1</Value></Tag>"));
  EXPECT_EQ(old.header("x-amz-version-id"), first);
  EXPECT_THAT(send("GET", "/bucket/k?tagging").body, HasSubstr("<Key>c</Key><Value></Value>"));
  EXPECT_EQ(send("HEAD", "/bucket/k").header("x-amz-tagging-count"), "2");
  EXPECT_EQ(send("HEAD", "/bucket/k").header("x-amz-version-id"), second) << "no new version";
  EXPECT_EQ(send("DELETE", "/bucket/k?tagging").status, 204);
  EXPECT_THAT(send("GET", "/bucket/k?tagging").body, HasSubstr("<TagSet></TagSet>"));
  EXPECT_EQ(send("GET", "/bucket/k").body, "body");

  const std::string marker = remove("k");
  EXPECT_EQ(send("PUT", "/bucket/k?tagging", tagging({})).element("Code"), "NoSuchKey");
  EXPECT_EQ(send("PUT", "/bucket/k?tagging&versionId=" + marker, tagging({})).element("Code"),
            "MethodNotAllowed");
  EXPECT_EQ(send("GET", "/bucket/k?tagging&versionId=" + marker).status, 405);
  EXPECT_EQ(send("DELETE", std::string("/bucket/k?tagging&versionId=") + kUnknownId).status, 404);
}

TEST_F(VersionsTest, TagsHaveTheLimitsOfAws) {
  put("k");
  const auto code = [this](std::string body) {
    return send("PUT", "/bucket/k?tagging", std::move(body)).element("Code");
  };
  std::vector<std::pair<std::string, std::string>> ten;
  for (int i = 0; i < 10; ++i) ten.emplace_back("k" + std::to_string(i), "v");
  EXPECT_EQ(code(tagging(ten)), "");
  ten.emplace_back("eleven", "v");
  EXPECT_EQ(code(tagging(ten)), "BadRequest");
  EXPECT_EQ(code(tagging({{std::string(128, 'k'), std::string(256, 'v')}})), "");
  EXPECT_EQ(code(tagging({{std::string(129, 'k'), "v"}})), "InvalidTag");
  EXPECT_EQ(code(tagging({{"k", std::string(257, 'v')}})), "InvalidTag");
  EXPECT_EQ(code(tagging({{"", "v"}})), "InvalidTag");
  EXPECT_EQ(code(tagging({{"k", "1"}, {"k", "2"}})), "InvalidTag");
  EXPECT_EQ(code(tagging({{"aws:k", "v"}})), "InvalidTag");
  EXPECT_EQ(code("<Tagging/>"), "MalformedXML");
  EXPECT_EQ(code("<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>"), "MalformedXML");
  EXPECT_EQ(code("<Tagging><TagSet><Other/></TagSet></Tagging>"), "MalformedXML");
  EXPECT_THAT(send("GET", "/bucket/k?tagging").body, HasSubstr(std::string(128, 'k')))
      << "refused ones change nothing";
}

TEST_F(VersionsTest, BucketsHaveTagsToo) {
  EXPECT_EQ(send("GET", "/bucket?tagging").element("Code"), "NoSuchTagSet");
  EXPECT_EQ(send("PUT", "/bucket?tagging", tagging({{"team", "a:b"}})).status, 204);
  EXPECT_THAT(send("GET", "/bucket?tagging").body,
              HasSubstr("<TagSet><Tag><Key>team</Key><Value>a:b</Value></Tag></TagSet>"));
  EXPECT_EQ(send("DELETE", "/bucket?tagging").status, 204);
  EXPECT_EQ(send("GET", "/bucket?tagging").element("Code"), "NoSuchTagSet");
}

}  // namespace
}  // namespace kelp::s3::test
