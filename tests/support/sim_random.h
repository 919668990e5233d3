#pragma once

#include <cstdint>

namespace kelp::test {

/// In a test that links kelp_test_random, crypto/random.h draws from this seed: cookies, salts and
/// ids of a simulated world are the same in every run of it.
void seed_random_bytes(std::uint64_t seed);

}  // namespace kelp::test
