// Request XML, as a client may send it: every reader on every input.

#include <climits>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/assert.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/cors.h"
#include "s3gw/core/names.h"
#include "s3gw/core/object_encryption.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/restore.h"
#include "s3gw/core/xml_writer.h"

namespace {

using namespace kelp::s3;

/// What is kept of a configuration is read again as the same.
void check_config(const ConfigKind& kind, const std::string& body) {
  const auto document = read_config(kind, body);
  if (!document) return;
  std::string kept;
  XmlWriter first(kept);
  write_inside(*document, first);
  const auto again = read_inside(kept, kind.root);
  KELP_ASSERT(again.has_value(), "what is kept can be read");
  std::string twice;
  XmlWriter second(twice);
  write_inside(*again, second);
  KELP_ASSERT(twice == kept, "there is one form of a document");
  if (kind.setting == cors_config().setting) {
    (void)cors_headers(*again, {.origin = "https://a", .method = "GET", .headers = "x-a, b"});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  (void)parse_create_bucket(body);
  for (const ConfigKind* kind :
       {&cors_config(), &lifecycle_config(), &website_config(), &logging_config(),
        &notification_config(), &replication_config(), &request_payment_config(),
        &analytics_config(), &intelligent_tiering_config(), &inventory_config(),
        &metrics_config()}) {
    check_config(*kind, body);
  }
  if (const auto how = parse_object_encryption(body)) {
    KELP_ASSERT(!how->key_id.empty(), "a key is named");
  }
  if (const auto order = parse_restore(body)) {
    KELP_ASSERT(order->days >= 1 && order->days <= INT32_MAX, "days are bounded");
  }
  if (const auto parts = parse_complete_upload(body)) {
    KELP_ASSERT(!parts->empty() && parts->size() <= 10'000, "a Complete has 1 to 10,000 parts");
    for (const auto& part : *parts) {
      KELP_ASSERT(part.part_number >= 1 && part.part_number <= 10'000, "part numbers are bounded");
      KELP_ASSERT(!part.etag.empty(), "a part has an ETag");
    }
  }
  const auto request = parse_delete(body);
  if (!request) return 0;
  KELP_ASSERT(!request->entries.empty() && request->entries.size() <= 1000,
              "a Delete has 1 to 1,000 keys");
  // What was read, written again, reads the same. XML cannot carry other control characters; a
  // carriage return survives as a reference.
  std::string again = "<Delete>";
  XmlWriter xml(again);
  for (const auto& entry : request->entries) {
    KELP_ASSERT(valid_utf8(entry.key), "keys are UTF-8");
    KELP_ASSERT(!entry.key.contains('\0'), "no key was cut short by a NUL");
    xml.open("Object");
    xml.element("Key", entry.key);
    xml.close("Object");
  }
  xml.close("Delete");
  const auto second = parse_delete(again);
  KELP_ASSERT(second.has_value(), "what we write we can read");
  KELP_ASSERT(second->entries.size() == request->entries.size(), "no entry is lost");
  for (std::size_t i = 0; i < second->entries.size(); ++i) {
    KELP_ASSERT(second->entries[i].key == request->entries[i].key, "keys survive");
  }
  return 0;
}
