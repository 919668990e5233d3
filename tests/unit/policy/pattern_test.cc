#include "policy/pattern.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kelp::policy {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Pattern::compile(pattern, {.variables = false})->matches(text);
}

/// What the promise is: any text for '*', one character for '?'. Slow and plain.
bool matches_plainly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      if (matches_plainly(pattern.substr(1), text.substr(at))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         matches_plainly(pattern.substr(1), text.substr(1));
}

std::string nth_text(unsigned number, std::string_view letters, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    text += letters[number % letters.size()];
    number /= static_cast<unsigned>(letters.size());
  }
  return text;
}

TEST(Pattern, DoesWithEveryShortTextWhatThePlainRuleSays) {
  for (std::size_t pattern_length = 0; pattern_length <= 5; ++pattern_length) {
    for (unsigned p = 0; p < 1U << (2 * pattern_length); ++p) {
      const std::string pattern = nth_text(p, "ab*?", pattern_length);
      for (std::size_t length = 0; length <= 5; ++length) {
        for (unsigned t = 0; t < 1U << length; ++t) {
          const std::string text = nth_text(t, "ab", length);
          ASSERT_EQ(matches(pattern, text), matches_plainly(pattern, text))
              << pattern << " " << text;
        }
      }
    }
  }
}

TEST(Pattern, RefusesVariablesThatSayNothing) {
  for (const char* text : {"${aws:username", "${}", "${ }", "${aws:username, x}", "${a,'}"}) {
    EXPECT_EQ(Pattern::compile(text, {}).error().code(), Errc::kInvalidArgument) << text;
    EXPECT_TRUE(Pattern::compile(text, {.variables = false}).has_value()) << text;
  }
}

TEST(Pattern, TellsAVariableWithoutAValueFromAMismatch) {
  const Pattern pattern = *Pattern::compile("x${aws:username}", {});
  Context context;
  EXPECT_EQ(pattern.match("xann", context), Match::kUnresolved);
  context.add("aws:username", "ann");
  EXPECT_EQ(pattern.match("xann", context), Match::kYes);
  EXPECT_EQ(pattern.match("xbob", context), Match::kNo);
}

TEST(Pattern, StaysQuickWithManyRuns) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  pattern += "b";
  const std::string text(10'000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(matches(pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5))
      << "it tries all ways";
}

}  // namespace
}  // namespace kelp::policy
