#include "mount/core/answers.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_reader.h"

namespace kelp::mount {
namespace {

constexpr std::string_view kMetadata = "x-amz-meta-";
constexpr std::string_view kMtime = "mtime";
constexpr std::size_t kFractionDigits = 9;
constexpr std::array<std::string_view, 6> kKept = {"content-type",        "cache-control",
                                                   "content-disposition", "content-encoding",
                                                   "content-language",    "expires"};

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<pugi::xml_node> root_of(std::string& body, pugi::xml_document& document,
                               std::string_view root) {
  const auto parsed = s3::parse_xml(body, document, root);
  if (parsed) return *parsed;
  return Error(Errc::kCorruption, fmt::format("the answer is no {}", root));
}

/// The encoded name that is the text of `node`.
Result<std::string> name_in(const pugi::xml_node& node) {
  const auto text = s3::text_of(node);
  if (!text) return Error(Errc::kCorruption, "an element of a listing is not text");
  auto name = url_decode(*text, true);
  if (name) return name;
  return Error(Errc::kCorruption, "a name of a listing is not encoded as asked");
}

Result<pugi::xml_node> child_of(const pugi::xml_node& parent, std::string_view wanted) {
  for (const pugi::xml_node& child : parent.children()) {
    if (s3::local_name(child) == wanted) return child;
  }
  return Error(Errc::kCorruption, fmt::format("a listing has an entry without {}", wanted));
}

Result<std::string> child_name(const pugi::xml_node& parent, std::string_view wanted) {
  KELP_TRY(const pugi::xml_node child, child_of(parent, wanted));
  return name_in(child);
}

Result<std::uint64_t> child_number(const pugi::xml_node& parent, std::string_view wanted) {
  KELP_TRY(const pugi::xml_node child, child_of(parent, wanted));
  const auto value = number<std::uint64_t>(child.child_value());
  if (value) return *value;
  return Error(Errc::kCorruption, fmt::format("{} of a listing is no number", wanted));
}

}  // namespace

Result<ObjectFacts> parse_facts(const HeaderMap& headers) {
  ObjectFacts facts;
  const auto find = [&](std::string_view name) {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  };
  const auto size = number<std::uint64_t>(find("content-length"));
  facts.etag = find("etag");
  if (!size || facts.etag.empty()) {
    return Error(Errc::kCorruption, "an answer without a length or an ETag");
  }
  facts.size_bytes = *size;
  if (const auto date = s3::parse_http_date(find("last-modified"))) facts.modified = *date;
  for (const std::string_view name : kKept) {
    if (!find(name).empty()) facts.kept.emplace(name, find(name));
  }
  if (const auto kind = find("x-amz-storage-class"); !kind.empty() && kind != "STANDARD") {
    facts.kept.emplace("x-amz-storage-class", kind);
  }
  for (auto at = headers.lower_bound(kMetadata);
       at != headers.end() && at->first.starts_with(kMetadata); ++at) {
    std::string name = at->first.substr(kMetadata.size());
    if (name != kMtime) {
      facts.metadata.emplace(std::move(name), at->second);
    } else if (const auto mtime = parse_mtime(at->second)) {
      facts.modified = *mtime;
    }
  }
  return facts;
}

Result<ListedKeys> parse_listing(std::string body) {
  pugi::xml_document document;
  KELP_TRY(const pugi::xml_node root, root_of(body, document, "ListBucketResult"));
  ListedKeys listed;
  bool truncated = false;
  for (const pugi::xml_node& node : root.children()) {
    const std::string_view name = s3::local_name(node);
    if (name == "Contents") {
      KELP_TRY(std::string key, child_name(node, "Key"));
      KELP_TRY(const std::uint64_t size, child_number(node, "Size"));
      listed.keys.push_back(std::move(key));
      listed.sizes.push_back(size);
    } else if (name == "CommonPrefixes") {
      KELP_TRY(std::string prefix, child_name(node, "Prefix"));
      listed.prefixes.push_back(std::move(prefix));
    } else if (name == "IsTruncated") {
      truncated = std::string_view(node.child_value()) == "true";
    } else if (name == "NextContinuationToken") {
      listed.next = node.child_value();
    }
  }
  if (truncated == listed.next.empty()) {
    return Error(Errc::kCorruption, "a listing does not say how it goes on");
  }
  return listed;
}

std::string child_of_root(std::string body, std::string_view root, std::string_view child) {
  pugi::xml_document document;
  const auto found = root_of(body, document, root);
  if (!found) return {};
  for (const pugi::xml_node& node : found->children()) {
    if (s3::local_name(node) == child) return s3::text_of(node).value_or("");
  }
  return {};
}

std::string mtime_text(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:09}", seconds.time_since_epoch().count(), (time - seconds).count());
}

std::optional<WallTime> parse_mtime(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto seconds = number<std::int64_t>(text.substr(0, point));
  // Beyond that a time in nanoseconds does not hold it.
  constexpr std::int64_t kMostSeconds = 9'000'000'000;
  if (!seconds || *seconds > kMostSeconds || *seconds < -kMostSeconds) return std::nullopt;
  std::chrono::nanoseconds fraction{0};
  if (point != text.npos) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > kFractionDigits) return std::nullopt;
    digits.resize(kFractionDigits, '0');
    const auto value = number<std::uint32_t>(digits);
    if (!value) return std::nullopt;
    fraction = std::chrono::nanoseconds(*value);
  }
  return WallTime(std::chrono::seconds(*seconds) + fraction);
}

}  // namespace kelp::mount
