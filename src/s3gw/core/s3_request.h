#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// The query of a target, decoded: percent escapes undone, `+` is a space. Movable; its views stay
/// valid with it and with the target it was made from.
class Query {
 public:
  struct Parameter {
    std::string_view name;
    std::string_view value;  ///< Empty for `?name` and `?name=`.
  };

  /// `raw` is what follows `?`. At most 100 parameters. InvalidURI for a broken escape, for bytes
  /// that are not UTF-8 and for too many.
  [[nodiscard]] static S3Result<Query> parse(std::string_view raw);

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The first value of `name`, or nothing when it is absent.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] std::span<const Parameter> parameters() const { return parameters_; }
  [[nodiscard]] bool empty() const { return parameters_.empty(); }

 private:
  [[nodiscard]] const Parameter* find(std::string_view name) const;

  std::vector<Parameter> parameters_;
  std::unique_ptr<char[]> decoded_;  ///< What had to be decoded; null when nothing had.
};

/// What a request is about.
enum class Scope : unsigned char { kService, kBucket, kObject };

/// Where a request points.
struct S3Request {
  Scope scope = Scope::kService;
  bool virtual_hosted = false;  ///< The bucket came from the Host header.
  std::string bucket;
  std::string key;            ///< Bytes, decoded once; never normalised.
  std::string_view raw_path;  ///< As received, up to `?`.
  std::string_view raw_query;
  Query query;
};

/// The bucket of a Host header that is `<bucket>.<domain>`, as it stands there; nothing when it is
/// none. `domains` are lower-case.
[[nodiscard]] std::optional<std::string_view> bucket_of_host(std::string_view host,
                                                             std::span<const std::string> domains);

/// Splits a request's target.
///
/// `target`   as received, beginning with `/`; must outlive the result.
/// `host`     the Host header's value, possibly with a port.
/// `domains`  lower-case names under which `<bucket>.<domain>` is a bucket.
/// Errors     InvalidURI (escapes, UTF-8), InvalidBucketName, KeyTooLongError.
[[nodiscard]] S3Result<S3Request> parse_request(std::string_view target, std::string_view host,
                                                std::span<const std::string> domains);

/// The source of a copy: the value of x-amz-copy-source.
struct CopySource {
  std::string bucket;
  std::string key;
  std::string version_id;  ///< Empty: the current version.
};

/// `[/]bucket/key[?versionId=id]`, percent-encoded or not. InvalidArgument as AWS words it.
[[nodiscard]] S3Result<CopySource> parse_copy_source(std::string_view value);

/// The value of x-amz-rename-source: `[/]key`, percent-encoded or not. InvalidArgument when there
/// is none; KeyTooLongError.
[[nodiscard]] S3Result<std::string> parse_rename_source(std::string_view value);

}  // namespace kelp::s3
