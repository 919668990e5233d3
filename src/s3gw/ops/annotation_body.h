#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "s3gw/call.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/needle_sink.h"

namespace kelp::s3 {

/// The longest payload of an annotation.
inline constexpr std::uint64_t kMaxAnnotationBytes = 1 << 20;

/// A payload that is what it promised.
struct AnnotationText {
  std::string text;
  std::string md5;  ///< Raw; empty when nobody asked for it.
  std::vector<Checksum> checksums;
};

/// That a version which is encrypted so can have annotations. InvalidRequest for SSE-C.
[[nodiscard]] S3Result<void> check_annotatable(const Encryption& of_version);

/// Reads and verifies the body of the request. InvalidRequest when it is empty, EntityTooLarge past
/// kMaxAnnotationBytes, UnsupportedMediaType when it is not UTF-8; else as receive_stream().
[[nodiscard]] Task<S3Result<AnnotationText>> receive_annotation(Call& call);

/// Gives `request` the payload: encrypted as its version is, with a key of its own, or where that
/// one is not with SSE-S3, if this gateway has a key ring; inline, or durable in needles of
/// `bucket`. `sink` must live until the commit that names them has returned.
/// Errors  InvalidRequest for a version with SSE-C; those of needles and keys.
[[nodiscard]] Task<S3Result<void>> store_annotation(Call& call, BucketId bucket,
                                                    Encryption of_version, AnnotationText payload,
                                                    PutAnnotation& request,
                                                    std::optional<NeedleSink>& sink);

/// The payload of what was found with its inline body, read and opened.
[[nodiscard]] Task<S3Result<AnnotationText>> read_annotation(Call& call, FoundAnnotation found,
                                                             bool with_md5);

/// The error of a call about an annotation of `name`.
[[nodiscard]] S3Error annotation_error(const Error& error, const ObjectKey& name);

}  // namespace kelp::s3
