#include "crypto/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/encoding.h"
#include "base/rng.h"

namespace kelp {
namespace {

std::string hex_of(DigestAlgorithm algorithm, std::string_view text) {
  Digest digest(algorithm);
  digest.update(text);
  return hex_encode(digest.finish());
}

TEST(Digest, GivesThePublishedAnswers) {
  EXPECT_EQ(hex_of(DigestAlgorithm::kMd5, ""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_of(DigestAlgorithm::kMd5, "message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(DigestAlgorithm::kSha512, "abc"),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex_of(DigestAlgorithm::kXxhash64, ""), "ef46db3751d8e999");
  EXPECT_EQ(hex_of(DigestAlgorithm::kXxhash3, ""), "2d06800538d394c2");
  EXPECT_EQ(hex_of(DigestAlgorithm::kXxhash128, ""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hex_encode(view(sha256(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, IsTheSameOverAnySplitAndStartsOver) {
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 31));
  const std::string whole(view(sha256(text)));
  Digest digest(DigestAlgorithm::kSha256);
  for (std::size_t at = 0; at <= text.size(); ++at) {
    digest.update(std::string_view(text).substr(0, at));
    digest.update(std::string_view(text).substr(at));
    ASSERT_EQ(digest.finish(), whole) << "split at " << at;
  }
}

TEST(Digest, MovesWithItsState) {
  Digest digest(DigestAlgorithm::kMd5);
  digest.update("message ");
  Digest moved = std::move(digest);
  moved.update("digest");
  EXPECT_EQ(hex_encode(moved.finish()), "f96b697d7cb7938d525a2f31aaf161d0");
}

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST(Hmac, GivesThePublishedAnswersForSha256) {
  EXPECT_EQ(hex_encode(view(hmac_sha256(std::string(20, '\x0b'), "Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_encode(view(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(view(hmac_sha256(std::string(131, '\xaa'),
                                        "Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 2202 section 3, test cases 1, 2 and 6.
TEST(Hmac, GivesThePublishedAnswersForSha1) {
  EXPECT_EQ(hex_encode(hmac_sha1(std::string(20, '\x0b'), "Hi There")),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex_encode(hmac_sha1(std::string(80, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(EqualConstantTime, ComparesLengthAndEveryByte) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "xbc"));
  EXPECT_FALSE(equal_constant_time("abc", "ab"));
  EXPECT_FALSE(equal_constant_time("", "a"));
}

/// How long it takes to compare a guess with a secret, in nanoseconds for 16 times.
double time_of_comparing(const std::string& secret, const std::string& guess) {
  const auto begin = std::chrono::steady_clock::now();
  bool equal = false;
  for (int i = 0; i < 16; ++i) {
    // The compiler must not see that each time is as the last.
    asm volatile("" : : "r"(guess.data()) : "memory");
    equal |= equal_constant_time(secret, guess);
  }
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  EXPECT_FALSE(equal);
  return taken.count();
}

struct Sampled {
  double mean = 0;
  double variance_of_mean = 0;
};

/// Without the slowest tenth, which something else slowed down.
Sampled sampled(std::vector<double> times) {
  std::ranges::sort(times);
  times.resize(times.size() * 9 / 10);
  const auto count = static_cast<double>(times.size());
  Sampled all;
  for (const double time : times) all.mean += time / count;
  for (const double time : times) {
    all.variance_of_mean += (time - all.mean) * (time - all.mean) / (count * (count - 1));
  }
  return all;
}

/// Welch's t of guesses whose first byte is wrong against those whose last one is.
double t_of_early_against_late() {
  const std::string secret(64, 's');
  std::array<std::vector<double>, 2> times;
  Rng rng(7);
  for (int i = 0; i < 200'000; ++i) {
    const std::size_t late = rng.below(2);
    std::string guess = secret;
    (late == 1 ? guess.back() : guess.front()) = 'g';
    times[late].push_back(time_of_comparing(secret, guess));
  }
  const Sampled early = sampled(std::move(times[0]));
  const Sampled late = sampled(std::move(times[1]));
  return (early.mean - late.mean) / std::sqrt(early.variance_of_mean + late.variance_of_mean);
}

// A busy machine may give one wrong answer, but not five; what depends on the secret always does.
TEST(EqualConstantTime, TakesAsLongWhereverTheFirstWrongByteIs) {
  double least = 1e9;
  for (int attempt = 0; attempt < 5 && least >= 4.5; ++attempt) {
    least = std::min(least, std::abs(t_of_early_against_late()));
  }
  EXPECT_LT(least, 4.5);
}

}  // namespace
}  // namespace kelp
