#include "tests/support/sim_random.h"

#include "base/rng.h"
#include "crypto/random.h"

namespace kelp {
namespace {

/// A simulated world has one thread.
thread_local Rng source(1);

}  // namespace

namespace test {

void seed_random_bytes(std::uint64_t seed) {
  source = Rng(seed);
}

}  // namespace test

void random_bytes(MutableByteSpan out) {
  for (auto& byte : out) byte = static_cast<std::byte>(source.next() >> 56);
}

std::uint64_t random_u64() {
  return source.next();
}

std::string random_token(std::size_t count) {
  std::string token(count, 'a');
  for (char& letter : token) letter = static_cast<char>('a' + source.below(26));
  return token;
}

}  // namespace kelp
