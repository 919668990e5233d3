#pragma once

#include <string>

#include "s3gw/core/config/shape.h"

// The part that several rules have in common: which objects they are about.

namespace kelp::s3 {

inline constexpr std::string_view kEnabledDisabled[] = {"Enabled", "Disabled"};

inline constexpr Shape kTagInside[] = {shapes::required(shapes::text("Key")),
                                       shapes::required(shapes::text("Value"))};
inline constexpr Shape kAndInside[] = {shapes::text("Prefix"),
                                       shapes::many(shapes::group("Tag", kTagInside))};
/// Of replication, analytics and intelligent tiering.
inline constexpr Shape kFilterInside[] = {shapes::text("Prefix"), shapes::group("Tag", kTagInside),
                                          shapes::group("And", kAndInside)};

/// That a Filter is one condition, or an And of at least two, and names no tag twice. A null one is
/// in order. MalformedXML, InvalidRequest, InvalidTag.
[[nodiscard]] S3Result<void> check_filter(const Element* filter);

/// Whether it looks at tags.
[[nodiscard]] bool filters_by_tag(const Element* filter);

/// Gives each rule an id that has none, as its first element, and refuses ids that are too long or
/// there twice: InvalidArgument.
[[nodiscard]] S3Result<void> settle_ids(Element& document, std::string_view rule_name,
                                        const Shape& id);

}  // namespace kelp::s3
