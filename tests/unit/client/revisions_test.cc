// What builds of each revision send: every message, as bytes that stay. This build must read them,
// and must be able to say the same thing in the same bytes.
//
// KELP_WRITE_GOLDEN=1 writes the file of this build's revision: after it was raised, and until a
// build of it was given away.
#include <cxxabi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <typeinfo>

#include "base/encoding.h"
#include "client/rpc/replica_messages.h"
#include "tests/support/random_message.h"

namespace kelp::test {
namespace {

using ReplicaMessages =
    std::tuple<SetRole, PullVolume, RebuildVolume, VolumeDigest, DigestVolume, RetireVolume,
               ReadNeedles, ReadOneNeedle, ReadNeedlePart, NeedlePartFrame, PackVolume,
               PackedVolume, ReadPacked, FindPacked, PackedPlace, RebuildTogether, ReadRebuilt,
               SparseVolume, SparseVolumes>;
using Everything = decltype(std::tuple_cat(AllMessages(), ReplicaMessages()));

std::string path_of(int revision) {
  return fmt::format(KELP_SOURCE_DIR "/tests/golden/wire/revision{}.txt", revision);
}

template <typename T>
std::string name_of() {
  int status = 0;
  char* const text = abi::__cxa_demangle(typeid(T).name(), nullptr, nullptr, &status);
  std::string name(text);
  std::free(text);
  return name.substr(name.rfind(':') + 1);
}

/// Calls `visit.template operator()<T>()` for every message.
template <typename... T>
void for_each_message(std::tuple<T...>*, auto visit) {
  (visit.template operator()<T>(), ...);
}
void for_each_message(auto visit) {
  for_each_message(static_cast<Everything*>(nullptr), visit);
}

/// Name to bytes.
std::multimap<std::string, std::string> golden_of(int revision) {
  std::multimap<std::string, std::string> lines;
  std::ifstream file(path_of(revision));
  std::string name;
  std::string hex;
  while (file >> name >> hex) lines.emplace(name, *hex_decode(hex));
  return lines;
}

void write_golden(std::uint8_t revision) {
  std::ofstream file(path_of(revision));
  for_each_message([&]<typename T>() {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      RandomMessage random(seed);
      file << name_of<T>() << ' ' << hex_encode(encode_message(random.make<T>(), revision)) << '\n';
    }
  });
}

class Revisions : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (std::getenv("KELP_WRITE_GOLDEN") != nullptr && GetParam() == kMessageRevision) {
      write_golden(static_cast<std::uint8_t>(GetParam()));
    }
    lines_ = golden_of(GetParam());
    ASSERT_FALSE(lines_.empty()) << path_of(GetParam())
                                 << " is missing: what builds of that revision send is not known";
  }
  std::multimap<std::string, std::string> lines_;
};

TEST_P(Revisions, AreReadAndCanBeWritten) {
  std::size_t known = 0;
  for_each_message([&]<typename T>() {
    const auto [first, last] = lines_.equal_range(name_of<T>());
    for (auto line = first; line != last; ++line) {
      ++known;
      const auto read = decode_message<T>(line->second, line->first);
      ASSERT_TRUE(read.has_value()) << read.error().message();
      EXPECT_EQ(encode_message(*read, static_cast<std::uint8_t>(GetParam())), line->second)
          << line->first << " is laid out otherwise than builds of that revision have it";
      EXPECT_TRUE(decode_message<T>(encode_message(*read), line->first).has_value());
    }
  });
  EXPECT_EQ(known, lines_.size()) << "a message that older builds send is gone";
}

INSTANTIATE_TEST_SUITE_P(All, Revisions, testing::Range(0, kMessageRevision + 1));

}  // namespace
}  // namespace kelp::test
