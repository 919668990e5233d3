#include "wire/restore.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

using std::chrono::seconds;

RestoredCopy copy_of(int ready, int until) {
  return {WallTime(seconds(ready)), WallTime(seconds(until))};
}

TEST(RestoredCopies, StayInAnEntrysRowBesideItsOtherHeaders) {
  ObjectEntry entry;
  entry.headers.standard = {{"cache-control", "no-store"}};
  EXPECT_EQ(restored_copy(entry.headers), std::nullopt);
  set_restored_copy(entry.headers, copy_of(5, 9));
  set_restored_copy(entry.headers, copy_of(7, 11));
  entry = decode_entry(encode_entry(entry)).value();
  EXPECT_EQ(restored_copy(entry.headers), copy_of(7, 11));
  EXPECT_EQ(entry.headers.standard.size(), 2U);
  // docs/formats/entry.md
  EXPECT_EQ(entry.headers.standard[1].second, "7000000000 11000000000");
  drop_restored_copy(entry.headers);
  EXPECT_EQ(entry.headers.standard.size(), 1U);
  EXPECT_EQ(restored_copy(entry.headers), std::nullopt);
}

TEST(RestoredCopies, WhatIsNoneIsNone) {
  for (const char* text : {"", "1", "1 ", " 1 2", "1 2 ", "1 2 3", "1,2", "1 x", "1 2x",
                           "9223372036854775808 1", "ongoing-request=\"true\""}) {
    ObjectHeaders headers;
    headers.standard = {{std::string(kRestoreHeader), text}};
    EXPECT_EQ(restored_copy(headers), std::nullopt) << text;
  }
}

TEST(RestoredCopies, AreUnderWayThenReadableThenOver) {
  const RestoredCopy copy = copy_of(5, 9);
  for (const auto& [at, under_way, readable] :
       {std::tuple(4, true, false), {5, false, true}, {8, false, true}, {9, false, false}}) {
    EXPECT_EQ(copy.under_way(WallTime(seconds(at))), under_way) << at;
    EXPECT_EQ(copy.readable(WallTime(seconds(at))), readable) << at;
  }
}

}  // namespace
}  // namespace kelp
