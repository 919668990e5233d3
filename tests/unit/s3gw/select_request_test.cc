#include "s3gw/core/select_request.h"

#include <gtest/gtest.h>

#include "s3gw/core/select_codes.h"

namespace kelp::s3 {
namespace {

const std::string kCsv = "<CSV/>";

std::string request_of(const std::string& input, const std::string& output = kCsv,
                       const std::string& more = {}) {
  return "<SelectObjectContentRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
         "<Expression>SELECT 1 FROM S3Object WHERE 1 &lt; 2</Expression>"
         "<ExpressionType>SQL</ExpressionType><InputSerialization>" +
         input + "</InputSerialization><OutputSerialization>" + output + "</OutputSerialization>" +
         more + "</SelectObjectContentRequest>";
}

S3Code code_of(const std::string& body) {
  const auto parsed = parse_select(body);
  return parsed ? S3Code::kNotModified : parsed.error().code;
}

TEST(SelectRequest, IsReadWithAllItSays) {
  const auto request = parse_select(
      request_of("<CompressionType>GZIP</CompressionType><CSV><FileHeaderInfo>Use</FileHeaderInfo>"
                 "<FieldDelimiter>\t</FieldDelimiter><RecordDelimiter>&#13;&#10;</RecordDelimiter>"
                 "<QuoteCharacter>'</QuoteCharacter><QuoteEscapeCharacter>\\</QuoteEscapeCharacter>"
                 "<Comments></Comments>"
                 "<AllowQuotedRecordDelimiter>TRUE</AllowQuotedRecordDelimiter></CSV>",
                 "<JSON><RecordDelimiter>\n</RecordDelimiter></JSON>",
                 "<RequestProgress><Enabled>true</Enabled></RequestProgress>"));
  ASSERT_TRUE(request) << text_of(request.error().code).code;
  EXPECT_EQ(request->expression, "SELECT 1 FROM S3Object WHERE 1 < 2");
  const auto& csv = std::get<select::CsvInput>(request->input);
  EXPECT_EQ(csv.header, select::HeaderInfo::kUse);
  EXPECT_EQ(csv.field_delimiter, "\t");
  EXPECT_EQ(csv.record_delimiter, "\r\n");
  EXPECT_EQ(csv.quote, '\'');
  EXPECT_EQ(csv.quote_escape, '\\');
  EXPECT_EQ(csv.comment, '\0');
  EXPECT_TRUE(csv.quoted_record_delimiter);
  EXPECT_EQ(request->compression, select::Compression::kGzip);
  EXPECT_EQ(std::get<select::JsonOutput>(request->output).record_delimiter, "\n");
  EXPECT_TRUE(request->progress);
}

TEST(SelectRequest, DefaultsAreAsOnAws) {
  const auto request = parse_select(request_of("<CSV/>"));
  ASSERT_TRUE(request);
  const auto& csv = std::get<select::CsvInput>(request->input);
  EXPECT_EQ(csv.header, select::HeaderInfo::kNone);
  EXPECT_EQ(csv.field_delimiter + csv.record_delimiter, ",\n");
  EXPECT_EQ(csv.quote, '"');
  EXPECT_EQ(csv.comment, '#');
  EXPECT_FALSE(csv.quoted_record_delimiter);
  EXPECT_FALSE(std::get<select::CsvOutput>(request->output).quote_always);
  EXPECT_FALSE(request->progress);
  EXPECT_FALSE(request->scan_range);
}

TEST(SelectRequest, WhatIsWrongHasItsCode) {
  EXPECT_EQ(code_of(""), s3_code(SelectCode::kEmptyRequestBody));
  EXPECT_EQ(code_of("<Other/>"), S3Code::kMalformedXML);
  EXPECT_EQ(code_of("<SelectObjectContentRequest/>"),
            s3_code(SelectCode::kMissingRequiredParameter));
  EXPECT_EQ(code_of(request_of("")), s3_code(SelectCode::kMissingRequiredParameter));
  EXPECT_EQ(code_of(request_of(kCsv, "")), s3_code(SelectCode::kMissingRequiredParameter));
  EXPECT_EQ(code_of(request_of("<JSON/>")), s3_code(SelectCode::kMissingRequiredParameter));
  EXPECT_EQ(code_of(request_of("<Parquet/>")), s3_code(SelectCode::kInvalidDataSource));
  EXPECT_EQ(code_of(request_of("<CSV/><CSV/>")), S3Code::kMalformedXML);
  EXPECT_EQ(code_of(request_of(kCsv, "<CSV/><JSON/>")),
            s3_code(SelectCode::kObjectSerializationConflict));
  for (const std::string field :
       {"<FieldDelimiter/>", "<RecordDelimiter>123456789</RecordDelimiter>",
        "<QuoteCharacter>ab</QuoteCharacter>", "<Comments>\xc3\xa4</Comments>",
        "<FieldDelimiter>;</FieldDelimiter><RecordDelimiter>;</RecordDelimiter>",
        "<AllowQuotedRecordDelimiter>maybe</AllowQuotedRecordDelimiter>"}) {
    EXPECT_EQ(code_of(request_of("<CSV>" + field + "</CSV>")),
              s3_code(SelectCode::kInvalidRequestParameter))
        << field;
  }
}

TEST(SelectRequest, RangesAreOfWhatCanBeCut) {
  const auto range = [](const std::string& inside, const std::string& input = kCsv) {
    return request_of(input, kCsv, "<ScanRange>" + inside + "</ScanRange>");
  };
  const auto whole = parse_select(range("<Start>5</Start><End>9</End>"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->scan_range->first, 5U);
  EXPECT_EQ(whole->scan_range->last, 9U);
  EXPECT_TRUE(parse_select(range("<End>9</End>", "<JSON><Type>LINES</Type></JSON>")));
  EXPECT_EQ(code_of(range("")), s3_code(SelectCode::kMissingRequiredParameter));
  for (const std::string bad : {"<Start>-1</Start>", "<Start>9</Start><End>5</End>",
                                "<Start>x</Start>", "<End>99999999999999999999</End>"}) {
    EXPECT_EQ(code_of(range(bad)), s3_code(SelectCode::kInvalidScanRange)) << bad;
  }
  for (const std::string input :
       {"<JSON><Type>DOCUMENT</Type></JSON>", "<CompressionType>BZIP2</CompressionType><CSV/>",
        "<CSV><AllowQuotedRecordDelimiter>true</AllowQuotedRecordDelimiter></CSV>"}) {
    EXPECT_EQ(code_of(range("<Start>1</Start>", input)),
              s3_code(SelectCode::kUnsupportedScanRangeInput));
  }
}

TEST(SelectRequest, EveryFailureHasACodeOfItsName) {
#define KELP_SELECT_CHECK(name)                                                      \
  EXPECT_EQ(text_of(select_error({select::FailureKind::k##name}).code).code, #name); \
  EXPECT_EQ(select::name_of(select::FailureKind::k##name), #name);
  KELP_SELECT_FAILURES(KELP_SELECT_CHECK)
#undef KELP_SELECT_CHECK
  EXPECT_NE(select_error({select::FailureKind::kCastFailed, "'x'"}).message.find("'x'"),
            std::string::npos);
}

}  // namespace
}  // namespace kelp::s3
