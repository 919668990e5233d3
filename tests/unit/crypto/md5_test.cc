#include "crypto/md5.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/encoding.h"
#include "base/rng.h"
#include "crypto/md5_kernels.h"

namespace kelp {
namespace {

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.next());
  return bytes;
}

std::string openssl_md5(std::string_view text) {
  std::string raw(16, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(raw.data()), nullptr,
             EVP_md5(), nullptr);
  return raw;
}

std::string md5_of(std::string_view text) {
  Md5 md5;
  md5.update(as_bytes(text));
  return md5.finish();
}

// RFC 1321 appendix A.5.
TEST(Md5, GivesThePublishedAnswers) {
  EXPECT_EQ(hex_encode(md5_of("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_encode(md5_of("a")), "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(hex_encode(md5_of("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_encode(md5_of("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex_encode(md5_of("abcdefghijklmnopqrstuvwxyz")), "c3fcd3d76192e4007dfb496cca67e13b");
  EXPECT_EQ(hex_encode(md5_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")),
            "d174ab98d277d9f5a5611c2c9f419d9f");
  std::string digits;
  for (int i = 0; i < 8; ++i) digits += "1234567890";
  EXPECT_EQ(hex_encode(md5_of(digits)), "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, IsTheSameAsOpenSslsAtEveryLengthAroundABlock) {
  Rng rng(1);
  for (std::size_t size = 0; size <= 4 * 64; ++size) {
    const std::string text = random_bytes(rng, size);
    ASSERT_EQ(md5_of(text), openssl_md5(text)) << size << " bytes";
  }
}

TEST(Md5, IsTheSameOverAnySplitAndStartsOver) {
  Rng rng(2);
  const std::string text = random_bytes(rng, 300);
  const std::string whole = openssl_md5(text);
  Md5 md5;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    md5.update(as_bytes(text).first(at));
    md5.update(as_bytes(text).subspan(at));
    ASSERT_EQ(md5.finish(), whole) << "split at " << at;
  }
}

TEST(Md5, CountsMoreThanFourGigabits) {
  const std::string piece(64 << 20, 'k');
  Md5 md5;
  for (int i = 0; i < 9; ++i) md5.update(as_bytes(piece));
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_md5(), nullptr);
  for (int i = 0; i < 9; ++i) EVP_DigestUpdate(context, piece.data(), piece.size());
  std::string expected(16, '\0');
  EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(expected.data()), nullptr);
  EVP_MD_CTX_free(context);
  EXPECT_EQ(md5.finish(), expected);
}

TEST(Md5Kernels, AllGiveTheSameInEveryLane) {
  Rng rng(3);
  constexpr std::size_t kBlocks = 5;
  using State = std::array<std::uint32_t, 4>;
  const Md5Kernel& portable = md5_kernels().front();
  ASSERT_EQ(portable.name, "portable");
  for (const Md5Kernel& kernel : md5_kernels()) {
    for (std::size_t given = 1; given <= kernel.lanes; ++given) {
      std::vector<std::string> texts;
      std::vector<State> states;
      std::vector<State> expected;
      for (std::size_t i = 0; i < given; ++i) {
        texts.push_back(random_bytes(rng, 64 * kBlocks + i));
        State& state = states.emplace_back();
        std::ranges::generate(state, [&] { return static_cast<std::uint32_t>(rng.next()); });
      }
      expected = states;
      std::vector<Md5Lane> lanes;
      for (std::size_t i = 0; i < given; ++i) {
        // Also at odd addresses.
        const std::byte* const blocks = as_bytes(texts[i]).subspan(i).data();
        lanes.push_back({.state = states[i].data(), .blocks = blocks});
        const Md5Lane lane{.state = expected[i].data(), .blocks = blocks};
        portable.compress({&lane, 1}, kBlocks);
      }
      kernel.compress(lanes, kBlocks);
      ASSERT_EQ(states, expected) << kernel.name << " with " << given << " lanes";
    }
  }
}

/// Streams of random lengths, fed in random pieces, some of them none, in random company.
TEST(UpdateTogether, IsTheSameAsEachStreamAlone) {
  Rng rng(4);
  for (int round = 0; round < 60; ++round) {
    const std::size_t streams = 1 + rng.below(40);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < streams; ++i) {
      texts.push_back(random_bytes(rng, rng.below(rng.below(4) == 0 ? 5000 : 300)));
    }
    std::vector<Md5> md5s(streams);
    std::vector<std::size_t> fed(streams, 0);
    bool all_fed = false;
    while (!all_fed) {
      std::vector<Md5Input> inputs;
      all_fed = true;
      for (std::size_t i = 0; i < streams; ++i) {
        const std::size_t left = texts[i].size() - fed[i];
        if (left > 0) all_fed = false;
        if (rng.below(3) == 0) continue;
        const std::size_t take = std::min<std::size_t>(left, rng.below(700));
        inputs.push_back({.stream = &md5s[i], .bytes = as_bytes(texts[i]).subspan(fed[i], take)});
        fed[i] += take;
      }
      update_together(inputs);
    }
    for (std::size_t i = 0; i < streams; ++i) {
      ASSERT_EQ(md5s[i].finish(), openssl_md5(texts[i])) << "stream " << i << " of " << streams;
    }
  }
}

TEST(UpdateTogether, TakesNothing) {
  update_together({});
  Md5 md5;
  const Md5Input nothing{.stream = &md5, .bytes = {}};
  update_together({&nothing, 1});
  EXPECT_EQ(md5.finish(), md5_of(""));
}

}  // namespace
}  // namespace kelp
