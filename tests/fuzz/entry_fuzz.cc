// Every row that the filer keeps, from any bytes: no crash, and what reads can be written and reads
// the same. The first byte chooses the kind.

#include <cstdint>
#include <string>

#include "base/assert.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "wire/entry.h"

namespace {

using namespace kelp;

template <typename Row>
void read_twice(std::string_view bytes, Result<Row> (*decode)(std::string_view),
                std::string (*encode)(const Row&)) {
  const auto read = decode(bytes);
  if (!read) return;
  const auto again = decode(encode(*read));
  KELP_ASSERT(again.has_value() && *again == *read, "a row reads back as it was written");
}

void read_listed(std::string_view bytes) {
  const auto listed = decode_listed(bytes);
  if (!listed) {
    KELP_ASSERT(!decode_entry(bytes), "a whole entry has a front");
    return;
  }
  static_cast<void>(etag_text(*listed));
  static_cast<void>(owner_text(*listed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      read_twice(bytes, decode_entry, encode_entry);
      read_listed(bytes);
      break;
    case 1:
      read_twice(bytes, decode_bucket, encode_bucket);
      break;
    case 2:
      read_twice(bytes, decode_upload, encode_upload);
      break;
    case 3:
      read_twice(bytes, decode_part, encode_part);
      break;
    case 4:
      read_twice(bytes, decode_finished, encode_finished);
      break;
    case 5: {
      std::string body(bytes);
      static_cast<void>(open_body(7, body));
      break;
    }
    default: {
      if (const auto at = keys::parse_upload(bytes)) {
        std::string row = keys::upload(at->bucket, at->key, at->upload_id);
        if (at->part_number > 10'000) break;
        if (at->part_number != 0) row = keys::part(row, at->part_number);
        KELP_ASSERT(row == bytes, "a key has one form");
      }
      static_cast<void>(keys::parse_dead(bytes));
      static_cast<void>(keys::parse_count(bytes));
      break;
    }
  }
  return 0;
}
