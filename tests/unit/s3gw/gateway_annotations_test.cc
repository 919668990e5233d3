// Annotations as clients see them: the gateway over a real filer whose rows are in memory.

#include <gmock/gmock.h>

#include "s3gw/core/annotation_names.h"
#include "s3gw/core/checksum.h"
#include "tests/unit/s3gw/encryption_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kEnabled =
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

class AnnotationsTest : public EncryptionTest {
 protected:
  static std::string target(const std::string& key, const std::string& name,
                            const std::string& more = {}) {
    return "/bucket/" + key + "?annotation&annotationName=" + name + more;
  }
  Answer annotate(const std::string& key, const std::string& name, std::string text,
                  const Lines& lines = {}, const std::string& more = {}) {
    return send_with("PUT", target(key, name, more), lines, std::move(text));
  }
  void must(const std::string& key, const std::string& name, std::string text) {
    const Answer answer = annotate(key, name, std::move(text));
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  Answer get(const std::string& key, const std::string& name, const std::string& more = {}) {
    return send("GET", target(key, name, more));
  }
  Answer list(const std::string& key, const std::string& more = {}) {
    return send("GET", "/bucket/" + key + "?annotation" + more);
  }
  static std::string crc32_of(const std::string& body) {
    ChecksumHasher hasher(ChecksumAlgorithm::kCrc32);
    hasher.update(as_bytes(body));
    return base64_encode(hasher.finish());
  }
  /// Nothing that any client wrote lies readable in a needle, or in a row.
  void expect_nowhere(const std::string& text) const {
    EXPECT_EQ(in_needles().find(text), std::string::npos);
    const auto rows = store_->scan({"A", "{"}, 100'000);
    for (const auto& [key, value] : *rows) {
      EXPECT_EQ(value.find(text), std::string::npos) << key;
    }
  }
};

TEST_F(AnnotationsTest, ComeBackAsTheyWerePut) {
  put("k", "body", {});
  for (const std::size_t size : {std::size_t{1}, std::size_t{8192}, std::size_t{8193},
                                 std::size_t{200'000}, std::size_t{1} << 20}) {
    const std::string text = noise(size);
    const Answer answer = annotate("k", "ml.labels", text);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.element("Key"), "k");
    EXPECT_EQ(answer.element("AnnotationName"), "ml.labels");
    EXPECT_EQ(answer.header("ETag"), etag_of(text));
    EXPECT_EQ(answer.header("x-amz-checksum-type"), "FULL_OBJECT");
    EXPECT_EQ(answer.header("x-amz-object-version-id"), "");
    const Answer found = get("k", "ml.labels");
    EXPECT_EQ(found.status, 200);
    EXPECT_TRUE(found.body == text) << size;
    EXPECT_EQ(found.header("ETag"), etag_of(text));
    EXPECT_NE(found.header("Last-Modified"), "");
    EXPECT_EQ(found.header("x-amz-checksum-crc64nvme"), "") << "was not asked for";
  }
  EXPECT_EQ(send("GET", "/bucket/k").body, "body");
  const Answer listed = list("k");
  EXPECT_EQ(listed.element("AnnotationName"), "ml.labels");
  EXPECT_EQ(listed.element("Size"), "1048576");
  EXPECT_EQ(listed.element("ChecksumAlgorithm"), "CRC64NVME");
  EXPECT_EQ(listed.element("AnnotationCount"), "1");
  EXPECT_EQ(listed.element("MaxAnnotationResults"), "1000");
  EXPECT_EQ(listed.element("Bucket"), "bucket");
  EXPECT_EQ(send("DELETE", target("k", "ml.labels")).status, 204);
  EXPECT_EQ(send("DELETE", target("k", "ml.labels")).status, 204);
  EXPECT_EQ(get("k", "ml.labels").element("Code"), "NoSuchAnnotation");
  EXPECT_EQ(get("k", "ml.labels").status, 404);
}

TEST_F(AnnotationsTest, AreTextOfAByteToAMebibyte) {
  put("k", "body", {});
  EXPECT_EQ(annotate("k", "a", "").element("Code"), "InvalidRequest");
  const Answer large = annotate("k", "a", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(large.element("Code"), "EntityTooLarge");
  EXPECT_EQ(large.element("MaxSizeAllowed"), "1048576");
  EXPECT_FALSE(large.body_was_read);
  for (const std::string& text : {std::string("\xff"), std::string("a\xc3"),
                                  std::string("\xed\xa0\x80"), std::string(9000, 'x') + "\xfe"}) {
    const Answer refused = annotate("k", "a", text);
    EXPECT_EQ(refused.status, 415) << refused.body;
    EXPECT_EQ(refused.element("Code"), "UnsupportedMediaType");
  }
  must("k", "a", "\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(get("k", "a").body, "\xc3\xa9\xf0\x9f\x98\x80");
}

TEST_F(AnnotationsTest, AreCheckedAsBodiesOfObjectsAre) {
  put("k", "body", {});
  const std::string text = "checked";
  EXPECT_EQ(annotate("k", "a", text, {{"x-amz-checksum-crc32", crc32_of("other")}}).element("Code"),
            "BadDigest");
  EXPECT_EQ(
      annotate("k", "a", text, {{"Content-MD5", base64_encode(md5_of("other"))}}).element("Code"),
      "BadDigest");
  EXPECT_EQ(get("k", "a").status, 404);
  const Answer put = annotate("k", "a", text, {{"x-amz-checksum-crc32", crc32_of(text)}});
  EXPECT_EQ(put.header("x-amz-checksum-crc32"), crc32_of(text));
  const Answer found = send_with("GET", target("k", "a"), {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(found.header("x-amz-checksum-crc32"), crc32_of(text));
  EXPECT_EQ(list("k").element("ChecksumAlgorithm"), "CRC32");
}

TEST_F(AnnotationsTest, HaveNamesThatAwsAllows) {
  for (const std::string& name :
       {std::string("a"), std::string("ml.x-y_Z9"), std::string("\xc3\xa9"), std::string(512, 'n'),
        std::string("aw"), std::string("1s3")}) {
    EXPECT_TRUE(check_annotation_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("aws.x"), std::string("AwS"), std::string("S3-x"),
        std::string("a b"), std::string("a/b"), std::string("a\xff"), std::string("a<")}) {
    EXPECT_EQ(check_annotation_name(name).error().code, S3Code::kInvalidAnnotationName) << name;
  }
  EXPECT_EQ(check_annotation_name(std::string(513, 'n')).error().code,
            S3Code::kAnnotationNameTooLong);
  put("k", "body", {});
  EXPECT_EQ(annotate("k", "s3x", "x").element("Code"), "InvalidAnnotationName");
  EXPECT_EQ(send("PUT", "/bucket/k?annotation", "x").element("Code"), "InvalidAnnotationName");
  EXPECT_EQ(send("DELETE", "/bucket/k?annotation").element("Code"), "InvalidAnnotationName");
  EXPECT_EQ(list("k", "&annotation-prefix=a%2Fb").element("Code"), "InvalidPrefix");
}

TEST_F(AnnotationsTest, AreListedInPages) {
  put("k", "body", {});
  for (const char* name : {"b", "a.2", "a.1", "c"}) must("k", name, "x");
  const Answer all = list("k");
  EXPECT_EQ(all.element("AnnotationCount"), "4");
  EXPECT_EQ(all.element("NextContinuationToken"), "");
  const Answer some = list("k", "&annotation-prefix=a.");
  EXPECT_THAT(some.body, HasSubstr("<AnnotationPrefix>a.</AnnotationPrefix>"));
  EXPECT_THAT(some.body, HasSubstr("a.2"));
  EXPECT_EQ(some.element("AnnotationCount"), "2");
  const Answer first = list("k", "&max-annotation-results=3");
  EXPECT_EQ(first.element("AnnotationCount"), "3");
  EXPECT_THAT(first.body, Not(HasSubstr("<AnnotationName>c<")));
  const std::string token = first.element("NextContinuationToken");
  ASSERT_NE(token, "");
  const Answer rest = list("k", "&continuation-token=" + token);
  EXPECT_EQ(rest.element("AnnotationName"), "c");
  EXPECT_EQ(rest.element("ContinuationToken"), token);
  EXPECT_EQ(rest.element("AnnotationCount"), "1");
  EXPECT_EQ(list("k", "&max-annotation-results=0").element("Code"), "InvalidArgument");
  EXPECT_EQ(list("k", "&continuation-token=x").element("Code"), "InvalidArgument");
  EXPECT_EQ(list("none").element("Code"), "NoSuchKey");
}

TEST_F(AnnotationsTest, BelongToOneVersion) {
  EXPECT_EQ(send("PUT", "/bucket?versioning", kEnabled).status, 200);
  const std::string first = put("k", "one", {}).header("x-amz-version-id");
  const Answer annotated = annotate("k", "a", "of the first");
  EXPECT_EQ(annotated.header("x-amz-object-version-id"), first);
  const std::string second = put("k", "two", {}).header("x-amz-version-id");
  EXPECT_EQ(get("k", "a").element("Code"), "NoSuchAnnotation");
  must("k", "a", "of the second");
  EXPECT_EQ(get("k", "a", "&versionId=" + first).body, "of the first");
  EXPECT_EQ(get("k", "a", "&versionId=" + first).header("x-amz-object-version-id"), first);
  EXPECT_EQ(list("k").header("x-amz-object-version-id"), second);
  const Answer marker = send("DELETE", "/bucket/k");
  EXPECT_EQ(get("k", "a").element("Code"), "NoSuchKey");
  EXPECT_EQ(get("k", "a", "&versionId=" + marker.header("x-amz-version-id")).status, 405);
  EXPECT_EQ(send("DELETE", target("k", "a", "&versionId=" + first)).status, 204);
  EXPECT_EQ(get("k", "a", "&versionId=" + first).status, 404);
  EXPECT_EQ(get("k", "a", "&versionId=" + second).body, "of the second");
  EXPECT_EQ(annotate("k", "a", "x", {}, "&versionId=00000000deadbeef").element("Code"),
            "NoSuchVersion");
}

TEST_F(AnnotationsTest, AreForTheObjectThatWasMeant) {
  const std::string etag = put("k", "body", {}).header("ETag");
  EXPECT_EQ(annotate("k", "a", "x", {{"x-amz-object-if-match", "\"0123\""}}).status, 412);
  EXPECT_EQ(get("k", "a").status, 404);
  EXPECT_EQ(annotate("k", "a", "x", {{"x-amz-object-if-match", etag}}).status, 200);
  EXPECT_EQ(send_with("DELETE", target("k", "a"), {{"x-amz-object-if-match", "0123"}}).status, 412);
  EXPECT_EQ(send_with("DELETE", target("k", "a"), {{"x-amz-object-if-match", etag}}).status, 204);
}

TEST_F(AnnotationsTest, AreEncryptedAsTheirObject) {
  put("plain", "body", {});
  put("s3", "body", kS3);
  put("kms", "body", kKms);
  for (const std::size_t size : {std::size_t{50}, std::size_t{100'000}}) {
    const std::string text = noise(size);
    EXPECT_EQ(annotate("plain", "a", text).header(kName), "AES256") << "of what is not";
    EXPECT_EQ(annotate("s3", "a", text).header(kName), "AES256");
    const Answer kms = annotate("kms", "a", text);
    EXPECT_EQ(kms.header(kName), "aws:kms");
    EXPECT_EQ(kms.header(kName + "-aws-kms-key-id"),
              send("HEAD", "/bucket/kms").header(kName + "-aws-kms-key-id"));
    EXPECT_NE(kms.header("ETag"), etag_of(text));
    for (const char* key : {"plain", "s3", "kms"}) {
      EXPECT_TRUE(get(key, "a").body == text) << key;
    }
    expect_nowhere(text.substr(0, 50));
  }
  put("customer", "body", customer('c'));
  const Answer refused = annotate("customer", "a", "x");
  EXPECT_EQ(refused.element("Code"), "InvalidRequest");
  EXPECT_FALSE(refused.body_was_read);
}

TEST_F(AnnotationsTest, AreCopiedWithTheirObject) {
  put("k", noise(200'000), {});
  must("k", "small", "text");
  const std::string large = noise(100'000);
  must("k", "large", large);
  for (const auto& [to, lines] : {std::pair<std::string, Lines>{"plain", {}}, {"kms", kKms}}) {
    const Answer copied = copy("k", to, lines);
    EXPECT_EQ(copied.status, 200) << copied.body;
    EXPECT_EQ(get(to, "small").body, "text");
    EXPECT_TRUE(get(to, "large").body == large);
    EXPECT_EQ(list(to).element("AnnotationCount"), "2");
    EXPECT_EQ(get(to, "small").header(kName), to == "kms" ? "aws:kms" : "AES256");
  }
  EXPECT_EQ(get("plain", "large").header("ETag"), etag_of(large));
  EXPECT_EQ(copy("kms", "back", kS3).status, 200);
  EXPECT_EQ(get("back", "large").header("ETag"), etag_of(large)) << "not the one of SSE-KMS";
  EXPECT_EQ(send("DELETE", "/bucket/k").status, 204);
  EXPECT_EQ(get("plain", "small").body, "text");

  const std::string directive = "x-amz-object-annotation-directive";
  EXPECT_EQ(copy("plain", "without", {{directive, "EXCLUDE"}}).status, 200);
  EXPECT_EQ(list("without").element("AnnotationCount"), "0");
  EXPECT_EQ(copy("plain", "with", {{directive, "COPY"}}).status, 200);
  EXPECT_EQ(list("with").element("AnnotationCount"), "2");
  EXPECT_EQ(copy("plain", "none", {{directive, "REPLACE"}}).element("Code"), "InvalidArgument");
  EXPECT_EQ(copy("plain", "c", customer('c')).element("Code"), "InvalidRequest");
  Lines excluded = customer('c');
  excluded.emplace_back(directive, "EXCLUDE");
  EXPECT_EQ(copy("plain", "c", excluded).status, 200);
}

TEST_F(AnnotationsTest, StayWhenAnObjectIsCopiedOntoItself) {
  put("k", "body", {});
  must("k", "a", "text");
  EXPECT_EQ(copy("k", "k", {{"x-amz-metadata-directive", "REPLACE"}}).status, 200);
  EXPECT_EQ(get("k", "a").body, "text");
}

TEST_F(AnnotationsTest, ADamagedOneIsNotServed) {
  put("k", "body", {});
  must("k", "a", noise(100'000));
  volumes.corrupt_read = volumes.reads;
  const Answer answer = get("k", "a");
  EXPECT_EQ(answer.status, 500) << answer.body.size();
  EXPECT_EQ(answer.element("Code"), "InternalError");
}

}  // namespace
}  // namespace kelp::s3::test
