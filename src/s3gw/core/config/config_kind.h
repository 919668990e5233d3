#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/core/config/shape.h"

namespace kelp::s3 {

/// A configuration of a bucket: a document that is put, checked, kept as it is, and given back.
/// Rules: the page of its Put… operation in the S3 API reference, and what AWS answers.
struct ConfigKind {
  std::string_view setting;  ///< The filer's name of it; its value is what is inside of the root.
  const Shape& root;
  /// Checks what the shape cannot say, and gives rules without a name one.
  S3Result<void> (*check)(Element& document);
  /// The answer when there is none: an error, or a root that holds `absent_inside`.
  std::optional<S3Code> absent = std::nullopt;
  std::string_view absent_inside = {};
  /// An empty document is as none.
  bool empty_removes = false;
  std::size_t max_bytes = 1 << 20;  ///< Of the document as it is put.
};

// core/config/cors.cc
[[nodiscard]] const ConfigKind& cors_config();
// core/config/lifecycle.cc
[[nodiscard]] const ConfigKind& lifecycle_config();
// core/config/website.cc
[[nodiscard]] const ConfigKind& website_config();
// core/config/logging.cc
[[nodiscard]] const ConfigKind& logging_config();
// core/config/notification.cc
[[nodiscard]] const ConfigKind& notification_config();
// core/config/replication.cc
[[nodiscard]] const ConfigKind& replication_config();
// core/config/switches.cc
[[nodiscard]] const ConfigKind& request_payment_config();
[[nodiscard]] const ConfigKind& accelerate_config();
[[nodiscard]] const ConfigKind& abac_config();
// core/config/named.cc: a bucket has up to 1,000 of each, with an id; `setting` ends with a slash.
[[nodiscard]] const ConfigKind& analytics_config();
[[nodiscard]] const ConfigKind& intelligent_tiering_config();
[[nodiscard]] const ConfigKind& inventory_config();
[[nodiscard]] const ConfigKind& metrics_config();

/// Parses and checks a document that a client puts. Errors: MalformedXML, and those of the check.
[[nodiscard]] S3Result<Element> read_config(const ConfigKind& kind, std::string body);

/// The name of a bucket in `arn:aws:s3:::name`; empty when it is no such name.
[[nodiscard]] std::string_view bucket_of_arn(std::string_view arn);

/// The ARNs to which a notification configuration sends.
[[nodiscard]] std::vector<std::string> notification_arns(const Element& document);

/// Objects below 128 KiB move to no other class unless a rule says so.
inline constexpr std::string_view kTransitionsFrom128K = "all_storage_classes_128K";
/// Keeps what x-amz-transition-default-minimum-object-size says in a lifecycle. InvalidArgument.
[[nodiscard]] S3Result<void> set_transition_size(Element& lifecycle, std::string_view size);
/// Takes it out again: it is answered as a header.
[[nodiscard]] std::string take_transition_size(Element& lifecycle);

}  // namespace kelp::s3
