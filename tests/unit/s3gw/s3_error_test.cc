#include "s3gw/s3_error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "s3gw/core/error_xml.h"

namespace kelp::s3 {
namespace {

TEST(S3ErrorTable, EveryCodeHasItsOwnNameAStatusAndAText) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kS3CodeCount; ++i) {
    const S3ErrorText text = text_of(static_cast<S3Code>(i));
    EXPECT_TRUE(names.insert(text.code).second) << text.code;
    EXPECT_GE(text.status, 301) << text.code;
    EXPECT_LE(text.status, 503) << text.code;
    EXPECT_FALSE(text.message.empty()) << text.code;
  }
}

TEST(S3ErrorTable, EveryReasonBecomesACodeOfItsOwn) {
  for (int i = 1; i <= static_cast<int>(Reason::kLockNeedsVersions); ++i) {
    const Error error(Errc::kInternal, "x", static_cast<Reason>(i));
    EXPECT_NE(from_error(error).code, S3Code::kInternalError) << i;
  }
}

TEST(S3ErrorTable, InnerFailuresAreNeverTheClients) {
  for (const Errc code : {Errc::kNotFound, Errc::kAlreadyExists, Errc::kUnauthenticated,
                          Errc::kPermissionDenied, Errc::kCorruption, Errc::kIo, Errc::kInternal}) {
    EXPECT_EQ(text_of(from_error(Error(code, "secret 42")).code).status, 500) << name_of(code);
    EXPECT_TRUE(from_error(Error(code, "secret 42")).message.empty());
  }
  // Needles that went stale: clients send the request again, as after any 503.
  EXPECT_EQ(from_error(Error(Errc::kConflict, "")).code, S3Code::kServiceUnavailable);
  EXPECT_EQ(from_error(Error(Errc::kNoSpace, "")).code, S3Code::kSlowDown);
  EXPECT_EQ(from_error(Error(Errc::kResourceExhausted, "")).code, S3Code::kSlowDown);
}

TEST(ErrorXml, NamesWhatTheCodeIsAbout) {
  const ErrorContext context{
      .bucket = "b<", .key = "k&", .resource = "/b/k", .request_id = "ID", .host_id = "HOST"};
  EXPECT_EQ(error_xml({S3Code::kNoSuchKey, {}, {}}, context),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
            "<Key>k&amp;</Key><RequestId>ID</RequestId><HostId>HOST</HostId></Error>");
  EXPECT_NE(error_xml({S3Code::kNoSuchBucket, {}, {}}, context).find("<BucketName>b&lt;<"),
            std::string::npos);
  EXPECT_NE(error_xml({S3Code::kAccessDenied, "mine", {}}, context)
                .find("<Message>mine</Message><Resource>/b/k</Resource>"),
            std::string::npos);
  EXPECT_NE(error_xml({S3Code::kInvalidArgument, {}, {{"ArgumentName", "x"}}}, context)
                .find("<ArgumentName>x</ArgumentName><RequestId>"),
            std::string::npos);
}

}  // namespace
}  // namespace kelp::s3
