#include "s3gw/core/annotation_names.h"

#include <algorithm>
#include <string>

#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "wire/annotations.h"

namespace kelp::s3 {
namespace {

bool allowed(char c) {
  const bool ascii = static_cast<unsigned char>(c) < 0x80;
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return !ascii || letter || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

bool well_formed(std::string_view text) {
  return std::ranges::all_of(text, allowed) && valid_utf8(text);
}

}  // namespace

S3Result<void> check_annotation_name(std::string_view name) {
  if (name.size() > kMaxAnnotationNameBytes) {
    return std::unexpected(S3Error{S3Code::kAnnotationNameTooLong,
                                   {},
                                   {{"Size", std::to_string(name.size())},
                                    {"MaxSizeAllowed", std::to_string(kMaxAnnotationNameBytes)}}});
  }
  const bool reserved = starts_with_lower(name, "aws") || starts_with_lower(name, "s3");
  if (!name.empty() && !reserved && well_formed(name)) return {};
  return std::unexpected(
      S3Error{S3Code::kInvalidAnnotationName,
              {},
              {{"ArgumentName", "annotationName"}, {"ArgumentValue", std::string(name)}}});
}

S3Result<void> check_annotation_prefix(std::string_view prefix) {
  if (prefix.size() <= kMaxAnnotationNameBytes && well_formed(prefix)) return {};
  return std::unexpected(
      S3Error{S3Code::kInvalidPrefix,
              {},
              {{"ArgumentName", "annotation-prefix"}, {"ArgumentValue", std::string(prefix)}}});
}

}  // namespace kelp::s3
