// SelectObjectContent as clients see it; what queries do is tested in tests/unit/select.

#include <gmock/gmock.h>

#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string query(const std::string& expression) {
  return "<SelectObjectContentRequest><Expression>" + expression +
         "</Expression><ExpressionType>SQL</ExpressionType>"
         "<InputSerialization><CSV/></InputSerialization>"
         "<OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>";
}

class SelectTest : public GatewayTest {
 protected:
  void SetUp() override {
    send("PUT", "/bucket");
    send("PUT", "/bucket/k", "a,1\nb,2\n");
  }
  Outgoing asking(const std::string& expression) {
    return outgoing("POST", "/bucket/k?select&select-type=2", query(expression));
  }
};

TEST_F(SelectTest, AnswersWithMessages) {
  const Answer answer = send(asking("SELECT _2 FROM S3Object"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.announced) << "nobody knows how long it will be";
  EXPECT_THAT(answer.body, HasSubstr("Records"));
  EXPECT_THAT(answer.body, HasSubstr("1\n2\n"));
  EXPECT_THAT(answer.body, HasSubstr("<BytesReturned>4</BytesReturned>"));
  EXPECT_TRUE(answer.body.contains("End")) << "the last message";
}

TEST_F(SelectTest, TheConditionsOfAReadCount) {
  Outgoing wrong = asking("SELECT _2 FROM S3Object");
  add(wrong, "if-match", "\"other\"");
  EXPECT_EQ(send(wrong).status, 412);
  Outgoing same = asking("SELECT _2 FROM S3Object");
  add(same, "if-none-match", send("HEAD", "/bucket/k").header("ETag"));
  EXPECT_EQ(send(same).status, 412);
  Outgoing range = asking("SELECT _2 FROM S3Object");
  add(range, "range", "bytes=0-1");
  EXPECT_EQ(send(range).element("Code"), "UnsupportedRangeHeader");
}

TEST_F(SelectTest, AnArchivedObjectIsRestoredFirst) {
  Outgoing archived = outgoing("PUT", "/bucket/k", "a\n");
  add(archived, "x-amz-storage-class", "GLACIER");
  send(archived);
  const Answer answer = send(asking("SELECT _1 FROM S3Object"));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.element("Code"), "InvalidObjectState");
}

TEST_F(SelectTest, AFullServerSaysSo) {
  pool.full = true;
  EXPECT_EQ(send(asking("SELECT _2 FROM S3Object")).element("Code"), "SlowDown");
}

TEST_F(SelectTest, AQueryTakesItsMemoryFromTheBudget) {
  options.body_memory_bytes = 4 << 20;  // The least that a gateway has; a query of JSON takes more.
  Outgoing query = asking("SELECT _2 FROM S3Object");
  EXPECT_EQ(send(query).status, 200);
  query.body.replace(query.body.find("<CSV/>"), 6, "<JSON><Type>LINES</Type></JSON>");
  query.content_length = query.body.size();
  EXPECT_EQ(send(query).element("Code"), "SlowDown");
}

// What a volume could not verify is never part of a record.
TEST_F(SelectTest, ABodyThatIsDamagedIsNoResult) {
  std::string body;
  while (body.size() < 9'000'000) body += bytes_of(60) + "\n";
  send("PUT", "/bucket/k", body);
  volumes.corrupt_read = volumes.reads + 3;
  const Answer answer = send(asking("SELECT _1 FROM S3Object"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(":error-code"));
  EXPECT_THAT(answer.body, HasSubstr("InternalError"));
  EXPECT_THAT(answer.body, Not(HasSubstr("Stats")));
}

TEST_F(SelectTest, AForeignObjectIsNotAsked) {
  make_foreign_bucket("foreign");
  filer.buckets["foreign"].objects["k"] = {};
  const std::string target = "/foreign/k?select&select-type=2";
  EXPECT_EQ(send("POST", target, query("SELECT 1 FROM S3Object")).status, 403);
}

}  // namespace
}  // namespace kelp::s3::test
