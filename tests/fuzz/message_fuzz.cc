// Every message between daemons, from any bytes: no crash, and what reads can be written and reads
// the same. The first byte chooses the message.

#include <cstdint>
#include <string>

#include "base/assert.h"
#include "tests/support/random_message.h"

namespace {

using namespace kelp;

template <typename T>
void read_twice(std::string_view bytes) {
  const auto read = decode_message<T>(bytes, "message");
  if (!read) return;
  const std::string again = encode_message(*read);
  const auto second = decode_message<T>(again, "message");
  KELP_ASSERT(second.has_value() && encode_message(*second) == again,
              "a message reads back as it was written");
}

template <typename... T>
void read_one(std::size_t choice, std::string_view bytes, std::tuple<T...>*) {
  std::size_t at = 0;
  ((at++ == choice ? read_twice<T>(bytes) : void()), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::size_t kCount = std::tuple_size_v<test::AllMessages>;
  read_one(data[0] % kCount, bytes, static_cast<test::AllMessages*>(nullptr));
  return 0;
}
