#include "s3gw/core/config/filter.h"

#include <set>

#include "s3gw/core/tags.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxIdBytes = 255;
constexpr std::size_t kMaxPrefixBytes = 1024;
constexpr std::size_t kMaxTags = 50;

S3Result<void> check_prefix(const Element& conditions) {
  if (conditions.text_of("Prefix").size() <= kMaxPrefixBytes) return {};
  return s3_error(S3Code::kInvalidRequest, "The maximum size of a prefix is 1024.");
}

S3Result<void> check_conditions(const Element& conditions) {
  KELP_S3_CHECK(check_prefix(conditions));
  Tags tags;
  std::set<std::string_view> keys;
  for (const Element* tag : conditions.all("Tag")) {
    if (!keys.insert(tag->text_of("Key")).second) {
      return s3_error(S3Code::kInvalidRequest, "Duplicate Tag Keys are not allowed.");
    }
    tags.emplace_back(tag->text_of("Key"), tag->text_of("Value"));
  }
  return check_tags(tags, kMaxTags);
}

}  // namespace

S3Result<void> check_filter(const Element* filter) {
  if (filter == nullptr) return {};
  if (filter->inside.size() > 1) return s3_error(S3Code::kMalformedXML);
  const Element* const all_of = filter->find("And");
  if (all_of != nullptr && all_of->inside.size() < 2) return s3_error(S3Code::kMalformedXML);
  return check_conditions(all_of == nullptr ? *filter : *all_of);
}

bool filters_by_tag(const Element* filter) {
  if (filter == nullptr) return false;
  const Element* const all_of = filter->find("And");
  return filter->has("Tag") || (all_of != nullptr && all_of->has("Tag"));
}

S3Result<void> settle_ids(Element& document, std::string_view rule_name, const Shape& id) {
  std::set<std::string> ids;
  std::size_t index = 0;
  for (Element& rule : document.inside) {
    if (rule.shape->name != rule_name) continue;
    std::string name(rule.text_of(id.name));
    if (name.size() > kMaxIdBytes) {
      return bad_argument("ID length should not exceed allowed limit of 255", std::string(id.name),
                          name.substr(0, kMaxIdBytes));
    }
    if (name.empty()) {
      std::erase_if(rule.inside, [&](const Element& child) { return child.shape == &id; });
      name = generated_id(rule, index);
      rule.inside.insert(rule.inside.begin(), Element{.shape = &id, .text = name, .inside = {}});
    }
    if (!ids.insert(std::move(name)).second) {
      return bad_argument("Rule ID must be unique. Found same ID for more than one rule",
                          std::string(id.name), std::string(rule.text_of(id.name)));
    }
    ++index;
  }
  return {};
}

}  // namespace kelp::s3
