#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

inline constexpr int kMaxXmlDepth = 32;

/// Parses a request's XML strictly: UTF-8 without NUL, no DTD, no entities beyond the five of XML
/// and character references of real characters, at most 32 levels, one root.
///
/// `body`      is parsed in place and must outlive the nodes.
/// `document`  owns the nodes.
/// `root`      the local name that the root must have; namespaces are not compared.
/// Errors      MalformedXML.
[[nodiscard]] S3Result<pugi::xml_node> parse_xml(std::string& body, pugi::xml_document& document,
                                                 std::string_view root);

/// An element's name without its prefix.
[[nodiscard]] std::string_view local_name(const pugi::xml_node& node);

/// MalformedXML when two children of an element have the same name.
[[nodiscard]] S3Result<void> check_once_each(const pugi::xml_node& node);

/// All character data of an element that has no child elements; MalformedXML when it has.
[[nodiscard]] S3Result<std::string> text_of(const pugi::xml_node& node);

}  // namespace kelp::s3
