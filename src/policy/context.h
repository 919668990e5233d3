#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kelp::policy {

/// ASCII letters in lower case; other bytes as they are.
[[nodiscard]] std::string lower_case(std::string_view text);

/// What is known of a request under the names of condition keys: "aws:SourceIp", "s3:prefix". A key
/// that is not there has no value, which is not the same as an empty one.
class Context {
 public:
  using Values = std::vector<std::string>;

  /// One more value of a key; names of keys are the same in any case.
  void add(std::string_view key, std::string value);
  /// A key that is there and has no value, as an empty list of tag keys.
  void add_empty(std::string_view key);
  /// The values of a key in lower case; null when it is not there. Valid until the next add().
  [[nodiscard]] const Values* find(std::string_view lower_key) const;

 private:
  Values& values_of(std::string_view key);

  std::vector<std::pair<std::string, Values>> entries_;  ///< Some dozen: looked through in turn.
};

}  // namespace kelp::policy
