#include "kv/group_overlay.h"

#include <gtest/gtest.h>

#include <string>

#include "kv/kv_store.h"

namespace kelp {
namespace {

using Row = GroupOverlay::Row;

TEST(GroupOverlay, KnowsNothingOfUntouchedRows) {
  GroupOverlay overlay;
  overlay.put("a", "1");
  EXPECT_EQ(overlay.find("b").row, Row::kUntouched);
  EXPECT_EQ(overlay.find("a").row, Row::kPresent);
  EXPECT_EQ(overlay.find("a").value, "1");
  overlay.clear();
  EXPECT_EQ(overlay.find("a").row, Row::kUntouched);
}

TEST(GroupOverlay, TheLastChangeOfARowCounts) {
  GroupOverlay overlay;
  overlay.put("a", "1");
  overlay.remove("a");
  EXPECT_EQ(overlay.find("a").row, Row::kAbsent);
  overlay.put("a", "2");
  EXPECT_EQ(overlay.find("a").value, "2");
  overlay.put_counter("a", -3);
  EXPECT_EQ(overlay.find("a").value, encode_counter(-3));
}

TEST(GroupOverlay, ARemovedRangeHidesWhatWasThereAndNotWhatComesLater) {
  GroupOverlay overlay;
  overlay.put("b1", "1");
  overlay.put("c", "1");
  overlay.remove_range("b", "c");
  EXPECT_EQ(overlay.find("b1").row, Row::kAbsent);
  EXPECT_EQ(overlay.find("b2").row, Row::kAbsent);
  EXPECT_EQ(overlay.find("b").row, Row::kAbsent);
  EXPECT_EQ(overlay.find("c").row, Row::kPresent);
  overlay.put("b2", "2");
  EXPECT_EQ(overlay.find("b2").row, Row::kPresent);
  overlay.remove_range("b2", "b2");
  overlay.remove_range("z", "a");
  EXPECT_EQ(overlay.find("b2").row, Row::kPresent);
}

TEST(GroupOverlay, FindsItsRowsInARange) {
  GroupOverlay overlay;
  EXPECT_FALSE(overlay.any_present("a", "z"));
  overlay.put("b", "1");
  overlay.remove("c");
  EXPECT_TRUE(overlay.any_present("a", "z"));
  EXPECT_TRUE(overlay.any_present("b", "b!"));
  EXPECT_FALSE(overlay.any_present("a", "b"));
  EXPECT_FALSE(overlay.any_present("c", "z"));
  overlay.remove_range("a", "c");
  EXPECT_FALSE(overlay.any_present("a", "z"));
}

TEST(GroupOverlay, SurvivesManyRows) {
  GroupOverlay overlay;
  std::vector<std::string> keys;
  for (int i = 0; i < 5000; ++i) keys.push_back("key" + std::to_string(i));
  for (int i = 0; i < 5000; ++i) overlay.put_counter(keys[static_cast<std::size_t>(i)], i);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(overlay.find(keys[static_cast<std::size_t>(i)]).value, encode_counter(i));
  }
}

}  // namespace
}  // namespace kelp
