#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/core/form_data.h"

namespace kelp::s3 {

/// A field of a form as it counts.
struct PostField {
  std::string lower;  ///< Its name in lower case: case means nothing.
  std::string name;   ///< As sent.
  std::string value;  ///< `${filename}` replaced.
};
using PostFields = std::vector<PostField>;

/// The fields of a form: each name once, values of a repeated one joined by commas. `${filename}`
/// becomes what follows the last slash or backslash of the file's name, and stays when the part of
/// the file has no name.
[[nodiscard]] PostFields post_fields(FormHead form);

/// The field's value, or null.
[[nodiscard]] const std::string* find_field(std::span<const PostField> fields,
                                            std::string_view lower);

/// The answer to a form that lacks a field.
[[nodiscard]] std::unexpected<S3Error> missing_field(std::string name);

}  // namespace kelp::s3
