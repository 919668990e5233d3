#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/namespace.h"

namespace kelp {

// Annotations: named payloads that belong to one version of an object (S3 API,
// PutObjectAnnotation).

/// The most that a version has.
inline constexpr std::uint32_t kMaxAnnotations = 1000;
/// The longest name.
inline constexpr std::size_t kMaxAnnotationNameBytes = 512;

/// An annotation to make, or to make anew.
struct PutAnnotation {
  ObjectKey object;   ///< Of the version that is named, or of the current one.
  std::string name;   ///< 1 to kMaxAnnotationNameBytes bytes.
  ObjectEntry entry;  ///< As PutObject::entry: its payload, checksums and encryption.
  std::optional<std::string> inline_body;  ///< As PutObject::inline_body.
  std::optional<std::string> if_match;     ///< What ETag the version must have, or "*".
  /// What keeps an annotation from being replaced is no retention in governance mode.
  bool bypass_governance = false;
  /// It is for a version yet to come, of the bucket that `object` names: it goes into the set
  /// `set`, or into a new one when that is 0. PutObject::entry names the set, within a day.
  bool staged = false;
  std::uint64_t set = 0;
};

/// What put_annotation did.
struct AnnotationOutcome {
  /// Nothing: the version has kMaxAnnotations others.
  bool full = false;
  WallTime modified;
  std::uint64_t set = 0;                    ///< Of one that was staged.
  std::optional<std::uint64_t> version_id;  ///< As TaggedVersion::version_id.
};

/// Asks for an annotation.
struct GetAnnotation {
  ObjectKey object;
  std::string name;
  bool with_inline_body = false;
};

/// An annotation and whose it is.
struct FoundAnnotation {
  BucketEntry bucket;
  ObjectEntry object;  ///< The version.
  ObjectEntry annotation;
  std::optional<std::string> inline_body;  ///< As FoundObject::inline_body.
};

/// Asks for one page of a version's annotations.
struct ListAnnotations {
  ObjectKey object;
  std::string prefix;
  std::string start_after;  ///< Names up to and including this are left out.
  std::uint32_t limit = kMaxAnnotations;
};

/// A page, in the order of the names' bytes.
struct ListedAnnotations {
  BucketEntry bucket;
  ObjectEntry object;                     ///< The version.
  std::vector<ListedObject> annotations;  ///< Their names as keys.
  bool truncated = false;
};

/// An annotation to remove.
struct DeleteAnnotation {
  ObjectKey object;
  std::string name;
  std::optional<std::string> if_match;  ///< As PutAnnotation::if_match.
  bool bypass_governance = false;
};

}  // namespace kelp
