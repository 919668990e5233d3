#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"

namespace kelp::notify {

/// A rule of a bucket's notification configuration: which events go to which target.
struct Rule {
  std::string id;
  std::string target;               ///< The name of a target; empty: the ARN names none of ours.
  std::vector<std::string> events;  ///< "s3:ObjectCreated:*"
  std::string prefix;               ///< Of the object's key, as its raw bytes.
  std::string suffix;
  friend bool operator==(const Rule&, const Rule&) = default;
};

/// The target that an ARN names: "backup" of `arn:kelp:sqs::backup:webhook`, of
/// `arn:aws:sqs:REGION:ACCOUNT:backup`, of the same with sns, and of
/// `arn:aws:lambda:REGION:ACCOUNT:function:backup`. Nothing for what is none of these.
[[nodiscard]] std::optional<std::string_view> target_of_arn(std::string_view arn);

/// The rules of a configuration as a bucket's setting `notification` keeps it
/// (docs/formats/metadata-keys.md). kCorruption when that is not XML.
[[nodiscard]] Result<std::vector<Rule>> parse_rules(std::string_view setting);

/// Whether `pattern` ("s3:ObjectCreated:*") means the event `name` ("ObjectCreated:Put").
[[nodiscard]] bool covers(std::string_view pattern, std::string_view name);

/// The first of `rules` that is for the event `name` of the object `key`; null: none is.
/// A configuration whose rules overlap was refused when it was put.
[[nodiscard]] const Rule* rule_for(const std::vector<Rule>& rules, std::string_view name,
                                   std::string_view key);

/// The targets that rules name, each once.
[[nodiscard]] std::vector<std::string> targets_of(const std::vector<Rule>& rules);

}  // namespace kelp::notify
