#include "select/scan.h"

#include <bzlib.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "select/parser.h"
#include "tests/unit/select/scan_support.h"

namespace kelp::select::test {
namespace {

std::string gzip(const std::string& text) {
  std::string packed(text.size() + 1024, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string bzip2(std::string text) {
  std::string packed(text.size() + 1024, '\0');
  auto size = static_cast<unsigned>(packed.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(packed.data(), &size, text.data(),
                                     static_cast<unsigned>(text.size()), 9, 0, 0),
            BZ_OK);
  packed.resize(size);
  return packed;
}

Request packed_request(Compression compression) {
  Request request = csv_request("SELECT COUNT(*), MAX(_1) FROM S3Object");
  request.compression = compression;
  return request;
}

TEST(SelectScan, Unpacks) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + "\n";
  for (const auto& [compression, packed] :
       {std::pair{Compression::kGzip, gzip(text)}, std::pair{Compression::kBzip2, bzip2(text)}}) {
    for (const std::size_t piece_bytes : {std::size_t(-1), std::size_t{1000}, std::size_t{1}}) {
      const Outcomes outcomes = scan(packed_request(compression), packed, piece_bytes);
      EXPECT_EQ(outcomes.result, "100000,99999\n") << outcomes.detail;
      EXPECT_EQ(outcomes.progress.scanned_bytes, packed.size());
      EXPECT_EQ(outcomes.progress.processed_bytes, text.size());
    }
    EXPECT_EQ(scan(packed_request(compression), packed + packed, 1000).result, "200000,99999\n")
        << "two streams, one behind the other";
    EXPECT_EQ(scan(packed_request(compression), packed.substr(0, packed.size() - 9)).failure,
              FailureKind::kTruncatedInput);
    EXPECT_EQ(scan(packed_request(compression), packed + "junk")
                  .failure.value_or(FailureKind::kTruncatedInput),
              FailureKind::kInvalidCompressionFormat);
    EXPECT_EQ(scan(packed_request(compression), text).failure,
              FailureKind::kInvalidCompressionFormat);
  }
}

TEST(SelectScan, AStepIsBounded) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "a\n";
  Request request = csv_request("SELECT '" + std::string(1000, 'x') + "' FROM S3Object");
  const Outcomes wide = scan(request, text);
  EXPECT_EQ(wide.progress.returned_bytes, 50'000U * 1001);
  EXPECT_LE(wide.most_bytes, kResultBytes + 1001);
  std::string sum = "1";
  for (int i = 0; i < 10'000; ++i) sum += " + 1";
  const Outcomes heavy = scan(csv_request("SELECT COUNT(*) FROM S3Object WHERE " + sum + " > 1"),
                              text.substr(0, 2000));
  EXPECT_EQ(heavy.result, "1000\n");
  EXPECT_GE(heavy.steps, 90U) << "ten million nodes are not computed at once";
  const std::string bomb = gzip(std::string(50 << 20, '\n'));
  EXPECT_GE(scan(packed_request(Compression::kGzip), bomb).steps, 90U);
}

TEST(SelectScan, AnExpressionHasLimits) {
  const auto failure_of = [](const std::string& condition) {
    return scan(csv_request("SELECT _1 FROM S3Object WHERE " + condition), "a\n").failure;
  };
  EXPECT_EQ(failure_of(std::string(kMaxExpressionBytes, ' ')), FailureKind::kExpressionTooLong);
  const std::string deep(kMaxExpressionDepth - 1, '(');
  EXPECT_FALSE(failure_of(deep + "TRUE" + std::string(kMaxExpressionDepth - 1, ')')));
  EXPECT_EQ(failure_of(std::string(100'000, '(')), FailureKind::kUnsupportedSqlStructure);
  std::string cases;
  for (int i = 0; i < 1000; ++i) cases += "CASE WHEN ";
  EXPECT_EQ(failure_of(cases), FailureKind::kUnsupportedSqlStructure);
  std::string calls;
  for (int i = 0; i < 1000; ++i) calls += "LOWER(";
  EXPECT_EQ(failure_of(calls), FailureKind::kUnsupportedSqlStructure);
  std::string nots;
  for (int i = 0; i < 60'000; ++i) nots += "NOT ";
  EXPECT_FALSE(failure_of(nots + "TRUE"));
  EXPECT_FALSE(
      failure_of("1 = " + std::string(100'000, '-').replace(1, 99'999, 99'999, '+') + "1"));
  std::string ands = "TRUE";
  for (int i = 0; i < 10'000; ++i) ands += " AND TRUE";
  EXPECT_FALSE(failure_of(ands));
  std::string many = "1 IN (1";
  for (std::size_t i = 0; i < kMaxExpressionNodes; ++i) many += ",1";
  EXPECT_EQ(failure_of(many + ")"), FailureKind::kUnsupportedSqlStructure);
}

TEST(SelectScan, ALimitEndsIt) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "aaaaaaaa\n";
  const Outcomes outcomes = scan(csv_request("SELECT * FROM S3Object LIMIT 1"), text, 1000);
  EXPECT_EQ(outcomes.result, "aaaaaaaa\n");
  EXPECT_EQ(outcomes.progress.scanned_bytes, 1000U);
}

// However an object is cut into ranges, each record is in one of them.
TEST(SelectScan, RangesPartitionTheRecords) {
  const std::string text = "h,i\na,1\nbb,22\n\nccc,333\nd,4\ne,5";
  for (const HeaderInfo header : {HeaderInfo::kNone, HeaderInfo::kUse, HeaderInfo::kIgnore}) {
    const bool named = header == HeaderInfo::kUse;
    const Request request =
        csv_request(named ? "SELECT i FROM S3Object" : "SELECT _2 FROM S3Object", header);
    const std::string whole = scan(request, text).result;
    for (std::uint64_t cut = 1; cut < text.size(); ++cut) {
      for (const std::size_t piece_bytes : {std::size_t(-1), std::size_t{1}, std::size_t{3}}) {
        const std::string front = scan(request, text, piece_bytes, ByteStretch{0, cut}).result;
        const std::string back =
            scan(request, text, piece_bytes, ByteStretch{cut, text.size()}).result;
        // A header that begins the second range is a record to it: only the first line can be one.
        EXPECT_EQ(front + back, whole) << cut << ' ' << piece_bytes;
      }
    }
  }
}

TEST(SelectScan, RangesOfTwoLettersPartitionTheRecords) {
  const std::string text = "a\r\nb\n\r\nc\rd\r\n\r\ne";
  Request request = csv_request("SELECT _1 FROM S3Object");
  std::get<CsvInput>(request.input).record_delimiter = "\r\n";
  const std::string whole = scan(request, text).result;
  for (std::uint64_t cut = 1; cut < text.size(); ++cut) {
    EXPECT_EQ(scan(request, text, 2, ByteStretch{0, cut}).result +
                  scan(request, text, 2, ByteStretch{cut, text.size()}).result,
              whole)
        << cut;
  }
}

TEST(SelectScan, RangesAreAsAwsCountsThem) {
  const auto stretch = [](std::optional<std::uint64_t> first, std::optional<std::uint64_t> last) {
    const auto found = resolve({first, last}, 100);
    return found ? std::pair(found->begin, found->end) : std::pair<std::uint64_t, std::uint64_t>();
  };
  EXPECT_EQ(stretch(10, 19), (std::pair<std::uint64_t, std::uint64_t>(10, 20)));
  EXPECT_EQ(stretch(10, {}), (std::pair<std::uint64_t, std::uint64_t>(10, 100)));
  EXPECT_EQ(stretch({}, 10), (std::pair<std::uint64_t, std::uint64_t>(90, 100)));
  EXPECT_EQ(stretch({}, 1000), (std::pair<std::uint64_t, std::uint64_t>(0, 100)));
  EXPECT_EQ(stretch(99, 1000), (std::pair<std::uint64_t, std::uint64_t>(99, 100)));
  EXPECT_FALSE(resolve({100, {}}, 100));
  EXPECT_FALSE(resolve({20, 10}, 100));
  EXPECT_FALSE(resolve({{}, 0}, 100));
  EXPECT_TRUE(resolve({0, {}}, 0));
}

}  // namespace
}  // namespace kelp::select::test
