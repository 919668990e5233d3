#pragma once

#include <pugixml.hpp>
#include <string>
#include <utility>
#include <vector>

#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Names and values, in the order given.
using Tags = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMaxObjectTags = 10;
inline constexpr std::size_t kMaxBucketTags = 50;

/// Keys of 1 to 128 characters, each once, that do not begin with "aws:"; values of up to 256
/// characters; at most `most` tags. InvalidTag otherwise; BadRequest for too many.
[[nodiscard]] S3Result<void> check_tags(const Tags& tags, std::size_t most);

/// The tags of an element whose children are Tag, checked. Errors: MalformedXML; check_tags().
[[nodiscard]] S3Result<Tags> read_tags(const pugi::xml_node& node, std::size_t most);

/// A Tagging document's tags, checked. Errors: as read_tags().
[[nodiscard]] S3Result<Tags> parse_tagging(std::string body, std::size_t most);

/// The TagSet, as XML.
[[nodiscard]] std::string tag_set(const Tags& tags);

/// Writes the TagSet.
void write_tag_set(const Tags& tags, XmlWriter& xml);

}  // namespace kelp::s3
