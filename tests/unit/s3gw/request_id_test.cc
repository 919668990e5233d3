#include "s3gw/request_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <vector>

namespace kelp::s3 {
namespace {

TEST(RequestId, IsSixteenDigitsAndNeverTheSame) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 20'000;
  std::vector<std::array<char, 16>> ids(kThreads * kEach);
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&ids, thread] {
        for (std::size_t i = 0; i < kEach; ++i) ids[thread * kEach + i] = next_request_id();
      });
    }
  }
  for (const auto& id : ids) {
    const std::string_view text(id.data(), id.size());
    ASSERT_EQ(text.find_first_not_of("0123456789ABCDEF"), std::string_view::npos) << text;
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

}  // namespace
}  // namespace kelp::s3
