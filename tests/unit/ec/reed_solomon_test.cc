#include "ec/reed_solomon.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>

#include "base/encoding.h"
#include "base/rng.h"
#include "tests/support/golden.h"

namespace kelp {
namespace {

// --- a second implementation, byte by byte

std::uint8_t multiply(std::uint8_t a, std::uint8_t b) {
  unsigned product = 0;
  for (unsigned shifted = a; b != 0; b >>= 1, shifted <<= 1) {
    if ((shifted & 0x100) != 0) shifted ^= 0x11d;
    if ((b & 1) != 0) product ^= shifted;
  }
  return static_cast<std::uint8_t>(product);
}

std::uint8_t inverse(std::uint8_t a) {
  for (unsigned b = 1; b < 256; ++b) {
    if (multiply(a, static_cast<std::uint8_t>(b)) == 1) return static_cast<std::uint8_t>(b);
  }
  ADD_FAILURE() << "0 has no inverse";
  return 0;
}

/// Parity row `shard`, counted with the data shards, of column `data`.
std::uint8_t coefficient(unsigned shard, unsigned data) {
  return inverse(static_cast<std::uint8_t>(shard ^ data));
}

using Shards = std::vector<std::string>;

Shards reference(EcScheme scheme, Shards shards) {
  const std::size_t bytes = shards.front().size();
  for (unsigned i = scheme.data; i < scheme.shards(); ++i) {
    std::string parity(bytes, '\0');
    for (unsigned j = 0; j < scheme.data; ++j) {
      const std::uint8_t by = coefficient(i, j);
      for (std::size_t at = 0; at < bytes; ++at) {
        parity[at] ^= static_cast<char>(multiply(by, static_cast<std::uint8_t>(shards[j][at])));
      }
    }
    shards.push_back(std::move(parity));
  }
  return shards;
}

// --- helpers

MutableByteSpan writable(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

Shards random_data(Rng& rng, EcScheme scheme, std::size_t bytes) {
  Shards data(scheme.data, std::string(bytes, '\0'));
  for (std::string& shard : data) {
    for (char& byte : shard) byte = static_cast<char>(rng.next());
  }
  return data;
}

Shards encode(const ReedSolomon& code, Shards data) {
  const std::size_t bytes = data.front().size();
  data.resize(code.scheme().shards(), std::string(bytes, '\0'));
  std::vector<ByteSpan> in;
  std::vector<MutableByteSpan> out;
  for (std::uint32_t i = 0; i < data.size(); ++i) {
    if (i < code.scheme().data) {
      in.push_back(as_bytes(data[i]));
    } else {
      out.push_back(writable(data[i]));
    }
  }
  code.encode(in, out);
  return data;
}

/// What reconstruct() makes of the shards in `missing` (bits), in their order.
Result<Shards> rebuild(ReedSolomon& code, const Shards& all, std::uint32_t missing) {
  std::vector<ByteSpan> shards;
  Shards out(static_cast<std::size_t>(std::popcount(missing)), std::string(all[0].size(), '\0'));
  std::vector<WantedShard> wanted;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const bool lost = (missing >> i & 1) != 0;
    shards.push_back(lost ? ByteSpan() : as_bytes(all[i]));
    if (lost) wanted.push_back({.shard = i, .out = writable(out[wanted.size()])});
  }
  // The order in which they are asked for says nothing.
  std::ranges::reverse(wanted);
  KELP_CHECK(code.reconstruct(shards, wanted));
  return out;
}

void expect_rebuilt(ReedSolomon& code, const Shards& all, std::uint32_t missing) {
  const auto rebuilt = rebuild(code, all, missing);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if ((missing >> i & 1) == 0) continue;
    ASSERT_EQ((*rebuilt)[next++], all[i])
        << to_string(code.scheme()) << " missing " << missing << " shard " << i;
  }
}

constexpr EcScheme kSmall[] = {{2, 1}, {2, 2}, {3, 1}, {3, 2}, {3, 3},
                               {4, 2}, {5, 3}, {6, 3}, {4, 6}};

// --- tests

TEST(ReedSolomon, ComputesTheParityThatTheFormatSays) {
  Rng rng(1);
  for (const EcScheme scheme : {EcScheme{2, 1}, EcScheme{4, 2}, EcScheme{10, 4}, EcScheme{31, 1},
                                EcScheme{16, 16}, EcScheme{2, 30}}) {
    const auto code = ReedSolomon::make(scheme).value();
    for (const std::size_t bytes : {1, 31, 32, 33, 100, 4096}) {
      const Shards data = random_data(rng, scheme, bytes);
      ASSERT_EQ(encode(*code, data), reference(scheme, data)) << to_string(scheme) << bytes;
    }
  }
}

TEST(ReedSolomon, KeepsItsBytes) {
  const auto code = ReedSolomon::make({.data = 4, .parity = 2}).value();
  Shards data(4);
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned at = 0; at < 32; ++at) data[i].push_back(static_cast<char>(i * 37 + at * 11));
  }
  const Shards all = encode(*code, data);
  EXPECT_EQ(hex_encode(all[4] + all[5]), test::golden("ec_parity_v1.hex"));
}

TEST(ReedSolomon, GivesBackEveryPatternOfLostShardsOfSmallSchemes) {
  Rng rng(2);
  for (const EcScheme scheme : kSmall) {
    const auto code = ReedSolomon::make(scheme).value();
    const Shards all = encode(*code, random_data(rng, scheme, 67));
    for (std::uint32_t missing = 1; missing < 1U << scheme.shards(); ++missing) {
      if (std::popcount(missing) <= scheme.parity) {
        expect_rebuilt(*code, all, missing);
      } else {
        const auto rebuilt = rebuild(*code, all, missing);
        ASSERT_FALSE(rebuilt.has_value());
        ASSERT_EQ(rebuilt.error().code(), Errc::kUnavailable);
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ReedSolomon, GivesBackRandomPatternsOfAnyScheme) {
  Rng rng(3);
  for (int round = 0; round < 400; ++round) {
    const auto data = static_cast<std::uint8_t>(2 + rng.below(30));
    const auto parity = static_cast<std::uint8_t>(1 + rng.below(kMostShards - data));
    const EcScheme scheme{.data = data, .parity = parity};
    ReedSolomon& code = **ReedSolomon::shared(scheme);
    const Shards all = encode(code, random_data(rng, scheme, 1 + rng.below(300)));
    std::uint32_t missing = 0;
    const std::uint64_t count = 1 + rng.below(scheme.parity);
    while (static_cast<std::uint64_t>(std::popcount(missing)) < count) {
      missing |= 1U << rng.below(scheme.shards());
    }
    expect_rebuilt(code, all, missing);
    if (HasFatalFailure()) return;
  }
}

TEST(ReedSolomon, ComputesARangeOfAShardFromTheSameRangeOfOthers) {
  Rng rng(4);
  const EcScheme scheme{.data = 4, .parity = 2};
  const auto code = ReedSolomon::make(scheme).value();
  const Shards all = encode(*code, random_data(rng, scheme, 1000));
  for (int round = 0; round < 200; ++round) {
    const std::size_t begin = rng.below(1000);
    const std::size_t bytes = 1 + rng.below(1000 - begin);
    Shards ranges;
    for (const std::string& shard : all) ranges.push_back(shard.substr(begin, bytes));
    expect_rebuilt(*code, ranges, 0b010010);
    if (HasFatalFailure()) return;
  }
}

TEST(ReedSolomon, ComputesOnlyWhatIsWanted) {
  Rng rng(5);
  const EcScheme scheme{.data = 4, .parity = 3};
  const auto code = ReedSolomon::make(scheme).value();
  const Shards all = encode(*code, random_data(rng, scheme, 64));
  // Shards 1, 3 and 5 are gone, 3 alone is asked for.
  std::vector<ByteSpan> shards;
  for (std::uint32_t i = 0; i < 7; ++i) {
    shards.push_back(i == 1 || i == 3 || i == 5 ? ByteSpan() : as_bytes(all[i]));
  }
  std::string out(64, '\0');
  const std::vector<WantedShard> wanted = {{.shard = 3, .out = writable(out)}};
  ASSERT_TRUE(code->reconstruct(shards, wanted).has_value());
  EXPECT_EQ(out, all[3]);
}

TEST(ReedSolomon, RemembersABoundedNumberOfPatternsAndIsRightAfterForgettingThem) {
  Rng rng(6);
  const EcScheme scheme{.data = 6, .parity = 6};
  const auto code = ReedSolomon::make(scheme).value();
  const Shards all = encode(*code, random_data(rng, scheme, 48));
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t missing = 1; missing < 1U << scheme.shards(); ++missing) {
      if (std::popcount(missing) > scheme.parity) continue;
      expect_rebuilt(*code, all, missing);
      if (HasFatalFailure()) return;
      ASSERT_LE(code->kept_patterns(), ReedSolomon::kKeptPatterns);
    }
  }
  EXPECT_EQ(code->kept_patterns(), ReedSolomon::kKeptPatterns);
}

TEST(ReedSolomon, RefusesSchemesOutOfRange) {
  for (const EcScheme scheme : {EcScheme{0, 0}, EcScheme{1, 1}, EcScheme{4, 0}, EcScheme{31, 2}}) {
    EXPECT_FALSE(ReedSolomon::make(scheme).has_value());
    EXPECT_FALSE(ReedSolomon::shared(scheme).has_value());
  }
}

}  // namespace
}  // namespace kelp
