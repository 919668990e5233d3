// Events as AWS's readers know them.
#include "notify/core/event_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace kelp::notify {
namespace {

BucketEntry bucket() {
  BucketEntry bucket;
  bucket.name = "photos";
  bucket.owner_id = "owner";
  return bucket;
}

ObjectEvent put() {
  ObjectEvent event{.kind = EventKind::kPut,
                    .time = WallTime(std::chrono::milliseconds(1'767'323'045'678)),
                    .key = "in/a b+\xc3\xa9"};
  event.version = 0x12;
  event.size_bytes = 300;
  event.etag = "d41d";
  event.origin = {.requester = "AIDA", .address = "10.0.0.7", .request_id = "18AF"};
  return event;
}

TEST(EventJson, SaysWhatAwsSays) {
  EXPECT_EQ(event_json({bucket(), "rule", "ObjectCreated:Put"}, put()),
            R"({"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1",)"
            R"("eventTime":"2026-01-02T03:04:05.678Z","eventName":"ObjectCreated:Put",)"
            R"("userIdentity":{"principalId":"AIDA"},"requestParameters":)"
            R"({"sourceIPAddress":"10.0.0.7"},)"
            R"("responseElements":{"x-amz-request-id":"18AF","x-amz-id-2":""},"s3":{)"
            R"("s3SchemaVersion":"1.0","configurationId":"rule","bucket":{"name":"photos",)"
            R"("ownerIdentity":{"principalId":"owner"},"arn":"arn:aws:s3:::photos"},"object":{)"
            R"("key":"in/a+b%2B%C3%A9","size":300,"eTag":"d41d",)"
            R"("sequencer":"1886CAF244FFA7800000000000000012"}}}]})");
}

TEST(EventJson, OfADeleteThereIsNoBodyToTellOf) {
  ObjectEvent event = put();
  event.kind = EventKind::kDeleteMarker;
  event.version_id = 0x12;
  const auto read = boost::json::parse(
      event_json({bucket(), "rule", "LifecycleExpiration:DeleteMarkerCreated"}, event));
  const auto& record = read.at("Records").at(0);
  EXPECT_EQ(record.at("eventVersion").as_string(), "2.3");
  const auto& object = record.at("s3").at("object").as_object();
  EXPECT_EQ(object.at("versionId").as_string(), "0000000000000012");
  EXPECT_FALSE(object.contains("size"));
  EXPECT_FALSE(object.contains("eTag"));
}

TEST(EventJson, KeysAndIdsThatAreNoTextStayReadable) {
  ObjectEvent event = put();
  event.key = std::string("\0\xff\"", 3);
  event.version_id = 0;
  const auto read = boost::json::parse(event_json({bucket(), "a\"b", "ObjectCreated:Put"}, event));
  const auto& s3 = read.at("Records").at(0).at("s3");
  EXPECT_EQ(s3.at("object").at("key").as_string(), "%00%FF%22");
  EXPECT_EQ(s3.at("object").at("versionId").as_string(), "null");
  EXPECT_EQ(s3.at("configurationId").as_string(), "a\"b");
}

TEST(EventJson, TheSequencerRisesWithTime) {
  ObjectEvent early = put();
  ObjectEvent late = put();
  late.time += std::chrono::nanoseconds(1);
  late.version = 1;
  EXPECT_LT(sequencer(early), sequencer(late));
  EXPECT_EQ(sequencer(early).size(), sequencer(late).size());
}

TEST(EventJson, ATestEventNamesTheBucket) {
  EXPECT_EQ(test_event_json(bucket(), put().time),
            R"({"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-02T03:04:05.678Z",)"
            R"("Bucket":"photos","RequestId":"","HostId":""})");
}

}  // namespace
}  // namespace kelp::notify
