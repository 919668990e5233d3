// What readers do with odd input, and where they stop.

#include "select/reader.h"

#include <gtest/gtest.h>

#include "tests/unit/select/scan_support.h"

namespace kelp::select::test {
namespace {

Request csv(CsvInput input) {
  Request request = csv_request("SELECT * FROM S3Object");
  request.input = std::move(input);
  request.output = JsonOutput{};
  return request;
}

TEST(SelectCsv, TakesTheDelimitersOfTheRequest) {
  const CsvInput input{.field_delimiter = "||",
                       .record_delimiter = ";;",
                       .quote = '\'',
                       .quote_escape = '\\',
                       .comment = '%'};
  EXPECT_EQ(scan(csv(input), "a||'b\\'||c';;%x;;d||e", 1).result,
            "{\"_1\":\"a\",\"_2\":\"b'||c\"}\n{\"_1\":\"d\",\"_2\":\"e\"}\n");
  EXPECT_EQ(scan(csv({.field_delimiter = "ä"}), "1ä2\n", 1).result,
            "{\"_1\":\"1\",\"_2\":\"2\"}\n");
}

TEST(SelectCsv, EmptyFieldsAreFields) {
  EXPECT_EQ(scan(csv({}), ",\n\"\",x\n1,").result,
            "{\"_1\":\"\",\"_2\":\"\"}\n{\"_1\":\"\",\"_2\":\"x\"}\n{\"_1\":\"1\",\"_2\":\"\"}\n");
}

TEST(SelectCsv, QuotedRecordDelimitersMustBeAllowed) {
  EXPECT_EQ(scan(csv({}), "\"a\nb\"\n").failure, FailureKind::kCSVEscapingRecordDelimiter);
  EXPECT_EQ(scan(csv({.quoted_record_delimiter = true}), "\"a\nb\"\n", 2).result,
            "{\"_1\":\"a\\nb\"}\n");
}

TEST(SelectCsv, RefusesBrokenQuotes) {
  EXPECT_EQ(scan(csv({}), "\"a").failure, FailureKind::kCSVUnescapedQuote);
  EXPECT_EQ(scan(csv({}), "\"a\"b\n").failure, FailureKind::kCSVUnescapedQuote);
  EXPECT_EQ(scan(csv({.quote = 0}), "\"a\n").result, "{\"_1\":\"\\\"a\"}\n");
}

TEST(SelectCsv, RecordsHaveALimit) {
  const std::string most(kMaxRecordBytes - 1, 'a');
  EXPECT_FALSE(scan(csv_request("SELECT _9 FROM S3Object"), most + "\n", 100'000).failure);
  EXPECT_EQ(
      scan(csv_request("SELECT _9 FROM S3Object"), most + "aaaaaaaaaaaaaaaa\n", 100'000).failure,
      FailureKind::kOverMaxRecordSize);
  EXPECT_EQ(scan(csv({}), "#" + most + most, 100'000).failure, FailureKind::kOverMaxRecordSize);
  EXPECT_EQ(scan(csv({}), std::string(kMaxFields + 1, ',')).failure, FailureKind::kOverMaxColumn);
}

TEST(SelectCsv, AResultHasALimitToo) {
  const std::string half(kMaxRecordBytes / 2, 'a');
  EXPECT_EQ(scan(csv_request("SELECT _1, _1, _1 FROM S3Object"), half + "\n").failure,
            FailureKind::kOverMaxRecordSize);
  EXPECT_EQ(scan(csv_request("SELECT _1 || _1 || _1 FROM S3Object"), half + "\n").failure,
            FailureKind::kOverMaxRecordSize);
}

TEST(SelectText, IsUtf8) {
  for (const std::string bad :
       {"\xff", "a\xc3\n", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(scan(csv({}), bad, 1).failure, FailureKind::kInvalidTextEncoding);
  }
  EXPECT_EQ(scan(csv({}), "a\xc3").failure, FailureKind::kInvalidTextEncoding);
  EXPECT_EQ(scan(csv({}), "0123456789 \xc3\xa4 \xf0\x9f\x98\x80 0123456789\n", 3).result,
            "{\"_1\":\"0123456789 \xc3\xa4 \xf0\x9f\x98\x80 0123456789\"}\n");
  EXPECT_EQ(scan(csv({}),
                 "\xef\xbb\xbf"
                 "a\n")
                .result,
            "{\"_1\":\"a\"}\n")
      << "a mark of byte order";
  EXPECT_EQ(scan(csv_request("SELECT '\xff' FROM S3Object"), "a\n").failure,
            FailureKind::kInvalidTextEncoding);
}

TEST(SelectJson, RefusesWhatIsNone) {
  for (const std::string bad : {"{", "[1,]", "{\"a\":}", "nul", "{\"a\":1}}", "\"\\x\""}) {
    EXPECT_EQ(scan(json_request("SELECT * FROM S3Object"), bad, 1).failure,
              FailureKind::kJSONParsingError)
        << bad;
  }
}

TEST(SelectJson, WhatCameBeforeTheFaultIsGivenOut) {
  for (const std::size_t piece_bytes : {std::size_t(-1), std::size_t{1}}) {
    const Outcomes outcomes =
        scan(json_request("SELECT * FROM S3Object[*][*]"), "[1,2}", piece_bytes);
    EXPECT_EQ(outcomes.result, "{\"_1\":1}\n{\"_1\":2}\n");
    EXPECT_EQ(outcomes.failure, FailureKind::kJSONParsingError);
  }
}

TEST(SelectJson, HasALimitOfDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  const Request request = json_request("SELECT * FROM S3Object");
  EXPECT_EQ(scan(request, nested(kMaxJsonDepth)).result,
            "{\"_1\":" + nested(kMaxJsonDepth) + "}\n");
  EXPECT_EQ(scan(request, nested(kMaxJsonDepth + 1)).failure, FailureKind::kJSONParsingError);
  EXPECT_EQ(scan(request, std::string(1 << 20, '[')).failure, FailureKind::kJSONParsingError);
}

TEST(SelectJson, RecordsHaveALimitAndDocumentsHaveNone) {
  const std::string text(600'000, 'a');
  const std::string large = "{\"skipped\":\"" + text + text + "\",\"r\":[{\"n\":1},{\"n\":2}]}";
  EXPECT_EQ(scan(json_request("SELECT s.n FROM S3Object[*].r[*] s"), large, 50'000).result,
            "{\"n\":1}\n{\"n\":2}\n");
  EXPECT_EQ(scan(json_request("SELECT * FROM S3Object"), large, 50'000).failure,
            FailureKind::kOverMaxRecordSize);
  std::string many = "[0";
  for (std::size_t i = 0; i < kMaxJsonNodes; ++i) many += ",1";
  EXPECT_EQ(scan(json_request("SELECT * FROM S3Object"), many + "]").failure,
            FailureKind::kOverMaxRecordSize);
  std::string rows = "[0";
  for (std::size_t i = 0; i < 2 * kMaxJsonNodes; ++i) rows += ",1";
  EXPECT_EQ(scan(json_request("SELECT COUNT(*) FROM S3Object[*][*]"), rows + "]").result,
            "{\"_1\":262145}\n");
}

TEST(SelectLike, CostsTextTimesPattern) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "%a";
  const std::string text(20'000, 'a');
  EXPECT_EQ(scan(csv_request("SELECT COUNT(*) FROM S3Object WHERE _1 LIKE '" + pattern + "b'"),
                 text + "\n")
                .result,
            "0\n");
}

}  // namespace
}  // namespace kelp::select::test
