#include "s3gw/core/sealing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/rng.h"
#include "tests/support/golden.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kFirstPlain = kFramePlainBytes - kFrameSaltBytes;

std::string noise(std::size_t size, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

SecretKey some_key(char fill = 'k') {
  SecretKey key;
  std::ranges::fill(key.bytes(), std::byte(fill));
  return key;
}

Salt some_salt(char fill = 's') {
  Salt salt;
  salt.fill(std::byte(fill));
  return salt;
}

MutableByteSpan bytes_in(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

/// One frame opened by itself.
std::optional<std::string> open_frame(const std::string& sealed, SealedBody body,
                                      std::uint64_t index, std::string frame,
                                      const SecretKey& key = some_key()) {
  BodyOpener opener(key, body, as_bytes(sealed).first<kFrameSaltBytes>());
  const auto plain = opener.open(index, bytes_in(frame));
  if (!plain) return std::nullopt;
  return std::string(as_text(*plain));
}

std::string frame_of(const std::string& sealed, std::uint64_t index) {
  return sealed.substr(index * kFrameBytes, kFrameBytes);
}

std::optional<std::string> open_all(const std::string& sealed, SealedBody body,
                                    const SecretKey& key = some_key()) {
  std::string all;
  for (std::uint64_t i = 0; i < frame_count(body.plain_bytes); ++i) {
    const auto plain = open_frame(sealed, body, i, frame_of(sealed, i), key);
    if (!plain) return std::nullopt;
    all += *plain;
  }
  return all;
}

TEST(Sealing, KeepsItsGoldenBytes) {
  const std::string sealed = seal_body(some_key(), 3, some_salt(), "plain text");
  EXPECT_EQ(hex_encode(sealed), test::golden("sealed_body_v1.hex"));
}

TEST(Sealing, GivesBackWhatWasSealedAtEveryBorder) {
  for (const std::uint64_t size :
       {std::uint64_t{1}, std::uint64_t{2}, kFirstPlain - 1, kFirstPlain, kFirstPlain + 1,
        kFirstPlain + kFramePlainBytes - 1, kFirstPlain + kFramePlainBytes,
        kFirstPlain + kFramePlainBytes + 1, std::uint64_t{1'000'000}}) {
    const std::string plain = noise(size);
    const std::string sealed = seal_body(some_key(), 1, some_salt(), plain);
    EXPECT_EQ(sealed.size(), sealed_bytes(size));
    EXPECT_EQ(open_all(sealed, {1, size}), plain) << size;
  }
  EXPECT_EQ(seal_body(some_key(), 1, some_salt(), ""), "");
  EXPECT_EQ(sealed_bytes(0), 0U);
}

TEST(Sealing, IsTheSameInWhateverPiecesItComes) {
  const std::string plain = noise(200'000);
  const std::string whole = seal_body(some_key(), 1, some_salt(), plain);
  Rng rng(5);
  for (int turn = 0; turn < 20; ++turn) {
    BodySealer sealer(some_key(), {1, plain.size()}, some_salt());
    std::string sealed;
    for (std::string_view rest = plain; !rest.empty();) {
      const std::string_view piece = rest.substr(0, 1 + rng.below(90'000));
      std::string out(BodySealer::room(piece.size()), '\0');
      out.resize(sealer.seal(as_bytes(piece), bytes_in(out)));
      sealed += out;
      rest.remove_prefix(piece.size());
    }
    EXPECT_EQ(sealer.left(), 0U);
    ASSERT_EQ(sealed, whole);
  }
}

TEST(Sealing, MaySayAtTheEndHowLongItIs) {
  for (const std::uint64_t size : {kFirstPlain + 1, kFirstPlain + kFramePlainBytes,
                                   kFirstPlain + kFramePlainBytes + 1, std::uint64_t{300'000}}) {
    const std::string plain = noise(size);
    const std::uint64_t least = size - 1;
    const std::uint64_t front = bytes_before_last(least);
    BodySealer sealer(some_key(), {1, size + 50'000}, some_salt());
    std::string sealed(BodySealer::room(size), '\0');
    std::size_t made = sealer.seal(as_bytes(plain).first(front), bytes_in(sealed));
    sealer.settle(size);
    made += sealer.seal(as_bytes(plain).subspan(front), bytes_in(sealed).subspan(made));
    sealed.resize(made);
    EXPECT_EQ(sealed, seal_body(some_key(), 1, some_salt(), plain)) << size;
  }
}

TEST(Sealing, RefusesEveryFlippedBit) {
  const std::string plain = noise(100);
  const std::string sealed = seal_body(some_key(), 1, some_salt(), plain);
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string other = sealed;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(open_all(other, {1, plain.size()})) << bit;
  }
}

TEST(Sealing, RefusesWhatWasCutMovedOrExchanged) {
  const std::uint64_t size = kFirstPlain + 3 * kFramePlainBytes;  // Four full frames.
  const std::string sealed = seal_body(some_key(), 1, some_salt(), noise(size));
  const SealedBody body{1, size};
  ASSERT_TRUE(open_all(sealed, body));
  EXPECT_FALSE(open_frame(sealed, body, 1, frame_of(sealed, 2))) << "two frames exchanged";
  EXPECT_FALSE(open_frame(sealed, body, 2, frame_of(sealed, 1)));
  EXPECT_FALSE(open_frame(sealed, body, 2, frame_of(sealed, 3))) << "the last one before its time";
  // Cut behind a frame: what was in the middle is not an end, nor the other way round.
  EXPECT_FALSE(open_frame(sealed, {1, size - kFramePlainBytes}, 2, frame_of(sealed, 2)));
  EXPECT_FALSE(open_frame(sealed, {1, size + 1}, 3, frame_of(sealed, 3)));
  EXPECT_FALSE(open_frame(sealed, body, 4, frame_of(sealed, 3))) << "there is no fifth";
  EXPECT_FALSE(open_frame(sealed, body, 1, frame_of(sealed, 1).substr(1))) << "a byte is missing";
  // Another part of the same object, and another body of the same part.
  EXPECT_FALSE(open_frame(sealed, {2, size}, 1, frame_of(sealed, 1)));
  const std::string again = seal_body(some_key(), 1, some_salt('t'), noise(size));
  EXPECT_FALSE(open_frame(sealed, body, 1, frame_of(again, 1)));
  EXPECT_FALSE(open_all(sealed, body, some_key('l'))) << "another object's key";
}

TEST(Sealing, HidesTheSameBytesDifferently) {
  const std::string plain(100, 'p');
  EXPECT_NE(seal_body(some_key(), 1, some_salt('a'), plain).substr(16),
            seal_body(some_key(), 1, some_salt('b'), plain).substr(16));
}

/// The plain bytes of a range of an object, by way of a SealedCursor.
std::string read_range(const ObjectEntry& entry, const std::string& stored, ByteRange range) {
  std::string out;
  SealedCursor cursor(entry, range);
  while (const auto stretch = cursor.next()) {
    const std::string salt = stored.substr(stretch->offset, kFrameSaltBytes);
    const ByteRange at = stretch->stored();
    EXPECT_LE(at.offset + at.size_bytes, stored.size());
    std::string plain;
    std::uint64_t offset = at.offset;
    for (std::uint64_t i = 0; i < stretch->frames; ++i) {
      const std::uint64_t index = stretch->first_frame + i;
      const std::string frame = stored.substr(offset, stretch->frame_bytes(index));
      plain += open_frame(salt, stretch->body, index, frame).value_or("broken");
      offset += frame.size();
    }
    EXPECT_EQ(offset, at.offset + at.size_bytes);
    EXPECT_LT(plain.size() - stretch->skip_bytes - stretch->plain_bytes, kFramePlainBytes)
        << "no frame too many";
    out += plain.substr(stretch->skip_bytes, stretch->plain_bytes);
  }
  return out;
}

TEST(SealedCursor, FindsAnyRangeOfAnyParts) {
  Rng rng(7);
  for (int turn = 0; turn < 30; ++turn) {
    ObjectEntry entry;
    entry.headers.encryption.kind = EncryptionKind::kS3;
    std::string plain;
    std::string stored;
    const auto count = static_cast<std::uint32_t>(rng.below(4));
    for (std::uint32_t i = 0; i < std::max(count, 1U); ++i) {
      const std::string part = noise(rng.below(3) == 0 ? rng.below(3) : rng.below(300'000), turn);
      const std::uint32_t number = count == 0 ? 1 : 10 * i + 1;
      if (count > 0) entry.parts.push_back({number, part.size(), {}});
      plain += part;
      stored += seal_body(some_key(), number, some_salt(static_cast<char>(i)), part);
    }
    entry.size_bytes = plain.size();
    EXPECT_EQ(stored_bytes(entry), stored.size());
    for (int i = 0; i < 20 && !plain.empty(); ++i) {
      const std::uint64_t offset = rng.below(plain.size());
      const std::uint64_t bytes = 1 + rng.below(plain.size() - offset);
      ASSERT_EQ(read_range(entry, stored, {offset, bytes}), plain.substr(offset, bytes));
    }
    EXPECT_EQ(read_range(entry, stored, {0, plain.size()}), plain);
  }
}

}  // namespace
}  // namespace kelp::s3
