#include "s3gw/request_id.h"

#include <atomic>
#include <cstdint>

#include "crypto/random.h"

namespace kelp::s3 {

std::array<char, 16> next_request_id() {
  // A counter from a random start, mixed by a bijection (splitmix64): no id comes twice.
  static std::atomic<std::uint64_t> sequence = random_u64();
  std::uint64_t id = sequence.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
  id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9;
  id = (id ^ id >> 27) * 0x94d049bb133111eb;
  id ^= id >> 31;
  std::array<char, 16> text{};
  for (char& digit : text) {
    digit = "0123456789ABCDEF"[id >> 60];
    id <<= 4;
  }
  return text;
}

}  // namespace kelp::s3
