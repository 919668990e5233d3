// Copies, and what has another name, of encrypted objects.

#include <gmock/gmock.h>

#include "tests/unit/s3gw/encryption_fixture.h"

namespace kelp::s3::test {
namespace {

TEST_F(EncryptionTest, CopiesBetweenAllKinds) {
  struct Kind {
    std::string name;
    Lines writing;
    Lines source;
  };
  const std::vector<Kind> kinds{{"plain", {}, {}},
                                {"s3", kS3, {}},
                                {"kms", kKms, {}},
                                {"kms2", {{kName, "aws:kms"}}, {}},
                                {"own", customer('c'), source_customer('c')},
                                {"own2", customer('d'), source_customer('d')}};
  for (const std::size_t size : {0, 100, 8'170, 200'000}) {
    const std::string body = noise(size);
    for (const Kind& from : kinds) {
      put("from", body, from.writing);
      for (const Kind& to : kinds) {
        Lines lines = to.writing;
        lines.insert(lines.end(), from.source.begin(), from.source.end());
        const Answer copied = copy("from", "to", lines);
        ASSERT_EQ(copied.status, 200) << from.name << " to " << to.name << copied.body;
        const Lines reading = to.writing.size() == 3 ? to.writing : Lines{};
        expect_body("to", body, reading);
        const Answer head = send_with("HEAD", "/bucket/to", reading);
        EXPECT_EQ(head.header("ETag"), '"' + copied.element("ETag").substr(6, 32) + '"');
        const bool md5 = to.name == "plain" || to.name == "s3";
        EXPECT_EQ(head.header("ETag") == etag_of(body), md5) << from.name << " to " << to.name;
        EXPECT_EQ(head.header(kName), copied.header(kName));
      }
    }
  }
}

TEST_F(EncryptionTest, ACopyWithTheSameKeySharesWhatLies) {
  put("from", noise(200'000), kS3);
  const std::size_t before = volumes.needles.size();
  EXPECT_EQ(copy("from", "same", kS3).status, 200);
  EXPECT_EQ(volumes.needles.size(), before);
  send("DELETE", "/bucket/from");
  expect_body("same", noise(200'000));
  EXPECT_EQ(copy("same", "other", kKms).status, 200);
  EXPECT_EQ(volumes.needles.size(), before + 1) << "written anew";
  EXPECT_EQ(copy("same", "plain", {}).status, 200);
  EXPECT_EQ(volumes.needles.size(), before + 2);
  EXPECT_EQ(send("HEAD", "/bucket/plain").header(kName), "");
}

TEST_F(EncryptionTest, ACopyForAnotherCustomersKeyIsSealedAnew) {
  put("from", noise(200'000), customer('c'));
  const std::size_t before = volumes.needles.size();
  for (const char fill : {'c', 'd'}) {
    Lines lines = customer(fill);
    const Lines source = source_customer('c');
    lines.insert(lines.end(), source.begin(), source.end());
    EXPECT_EQ(copy("from", "to", lines).status, 200);
    EXPECT_EQ(volumes.needles.size(), before + (fill == 'c' ? 0 : 1));
    expect_body("to", noise(200'000), customer(fill));
  }
}

TEST_F(EncryptionTest, CopiesOfPartsKeepTheirParts) {
  const std::string whole = part_body(2) + part_body(4);
  upload("parts", {}, {});
  EXPECT_EQ(copy("parts", "sealed", kS3).status, 200);
  expect_body("sealed", whole);
  EXPECT_TRUE(send("GET", "/bucket/sealed?partNumber=2").body == part_body(4));
  EXPECT_EQ(copy("sealed", "again", kKms).status, 200);
  expect_body("again", whole);
  EXPECT_TRUE(send("HEAD", "/bucket/again").header("ETag").ends_with("-2\""));
  EXPECT_EQ(copy("again", "plain", {}).status, 200);
  expect_body("plain", whole);
  EXPECT_EQ(send("HEAD", "/bucket/plain").header("ETag"), etag_of(whole)) << "one body";
}

TEST_F(EncryptionTest, ACopyNeedsTheKeyOfItsSource) {
  put("own", "body", customer('c'));
  EXPECT_EQ(copy("own", "to", {}).element("Code"), "InvalidRequest");
  EXPECT_EQ(copy("own", "to", source_customer('d')).element("Code"), "AccessDenied");
  EXPECT_EQ(copy("own", "own", source_customer('c')).element("Code"), "InvalidRequest")
      << "onto itself, nothing changed";
  Lines anew = source_customer('c');
  anew.emplace_back(kName, "AES256");
  EXPECT_EQ(copy("own", "own", anew).status, 200);
  expect_body("own", "body");
}

TEST_F(EncryptionTest, PartsAreCopiedFromAndToAnyKind) {
  const std::string body = noise(200'000);
  for (const auto& [writing, source] : std::vector<std::pair<Lines, Lines>>{
           {{}, {}}, {kS3, {}}, {customer('c'), source_customer('c')}}) {
    put("from", body, writing);
    for (const Lines& begin : {Lines{}, kKms, customer('d')}) {
      const Answer created = send_with("POST", "/bucket/to?uploads", begin);
      const std::string target = "/bucket/to?uploadId=" + created.element("UploadId");
      Lines lines = source;
      if (begin.size() == 3) lines.insert(lines.end(), begin.begin(), begin.end());
      lines.emplace_back("x-amz-copy-source", "/bucket/from");
      const Answer whole = send_with("PUT", target + "&partNumber=2", lines);
      ASSERT_EQ(whole.status, 200) << whole.body;
      lines.emplace_back("x-amz-copy-source-range", "bytes=70000-150000");
      const Answer part = send_with("PUT", target + "&partNumber=3", lines);
      ASSERT_EQ(part.status, 200) << part.body;
      EXPECT_EQ(
          send("POST", target,
               "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>" +
                   whole.element("ETag") + "</ETag></Part><Part><PartNumber>3</PartNumber><ETag>" +
                   part.element("ETag") + "</ETag></Part></CompleteMultipartUpload>")
              .status,
          200);
      expect_body("to", body + body.substr(70'000, 80'001), begin.size() == 3 ? begin : Lines{});
    }
  }
}

TEST_F(EncryptionTest, ARenamedObjectStaysReadable) {
  put("dir/a", noise(100'000), kKms);
  EXPECT_EQ(send_with("PUT", "/bucket/b?renameObject", {{"x-amz-rename-source", "dir/a"}}).status,
            200);
  expect_body("b", noise(100'000));
}

}  // namespace
}  // namespace kelp::s3::test
