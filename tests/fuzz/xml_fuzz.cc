// Request XML, as a client may send it: every reader on every input.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/assert.h"
#include "s3gw/core/names.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::s3;
  const std::string body(reinterpret_cast<const char*>(data), size);
  (void)parse_create_bucket(body);
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
