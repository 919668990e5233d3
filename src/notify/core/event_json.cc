#include "notify/core/event_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.h"
#include "wire/namespace.h"

namespace kelp::notify {
namespace {

namespace json = boost::json;

constexpr std::string_view kDefaultRegion = "us-east-1";

/// "2026-01-02T03:04:05.678Z"
std::string time_text(WallTime time) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto second = std::chrono::floor<std::chrono::seconds>(millis);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", second, (millis - second).count());
}

/// As in a form: a space is a plus.
std::string key_text(std::string_view key) {
  std::string out;
  const std::string encoded = url_encode(key, true);
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    if (encoded.compare(at, 3, "%20") == 0) {
      out += '+';
      at += 2;
    } else {
      out += encoded[at];
    }
  }
  return out;
}

/// 2.3 of the kinds that came with it.
std::string_view version_of(std::string_view name) {
  const bool early = name.starts_with("ObjectCreated:") || name.starts_with("ObjectRemoved:") ||
                     name.starts_with("ObjectRestore:");
  return early ? "2.1" : "2.3";
}

bool has_body(EventKind kind) {
  return kind != EventKind::kDelete && kind != EventKind::kDeleteMarker;
}

json::object object_of(const ObjectEvent& event) {
  json::object out;
  out["key"] = key_text(event.key);
  if (has_body(event.kind)) {
    out["size"] = event.size_bytes;
    out["eTag"] = event.etag;
  }
  if (event.version_id) out["versionId"] = version_text(*event.version_id);
  out["sequencer"] = sequencer(event);
  return out;
}

json::object bucket_of(const BucketEntry& bucket) {
  json::object out;
  out["name"] = bucket.name;
  out["ownerIdentity"] = json::object{{"principalId", bucket.owner_id}};
  out["arn"] = "arn:aws:s3:::" + bucket.name;
  return out;
}

}  // namespace

std::string version_text(std::uint64_t version_id) {
  return version_id == kNullVersion ? "null" : fmt::format("{:016x}", version_id);
}

std::string sequencer(const ObjectEvent& event) {
  return fmt::format("{:016X}{:016X}", event.time.time_since_epoch().count(), event.version);
}

std::string event_json(const EventContext& context, const ObjectEvent& event) {
  const BucketEntry& bucket = context.bucket;
  const std::string_view region =
      bucket.region.empty() ? kDefaultRegion : std::string_view(bucket.region);
  json::object s3;
  s3["s3SchemaVersion"] = "1.0";
  s3["configurationId"] = context.configuration_id;
  s3["bucket"] = bucket_of(bucket);
  s3["object"] = object_of(event);
  json::object record;
  record["eventVersion"] = version_of(context.name);
  record["eventSource"] = "aws:s3";
  record["awsRegion"] = region;
  record["eventTime"] = time_text(event.time);
  record["eventName"] = context.name;
  record["userIdentity"] = json::object{{"principalId", event.origin.requester}};
  record["requestParameters"] = json::object{{"sourceIPAddress", event.origin.address}};
  record["responseElements"] =
      json::object{{"x-amz-request-id", event.origin.request_id}, {"x-amz-id-2", ""}};
  record["s3"] = std::move(s3);
  json::object message;
  message["Records"] = json::array{std::move(record)};
  return json::serialize(message);
}

std::string test_event_json(const BucketEntry& bucket, WallTime now) {
  json::object message;
  message["Service"] = "Amazon S3";
  message["Event"] = "s3:TestEvent";
  message["Time"] = time_text(now);
  message["Bucket"] = bucket.name;
  message["RequestId"] = "";
  message["HostId"] = "";
  return json::serialize(message);
}

}  // namespace kelp::notify
