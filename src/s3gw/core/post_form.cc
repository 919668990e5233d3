#include "s3gw/core/post_form.h"

#include <algorithm>

#include "s3gw/core/config/shape.h"
#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kVariable = "${filename}";

void replace_variable(std::string& value, std::string_view name) {
  for (std::size_t at = 0; (at = value.find(kVariable, at)) != value.npos; at += name.size()) {
    value.replace(at, kVariable.size(), name);
  }
}

}  // namespace

PostFields post_fields(FormHead form) {
  PostFields fields;
  for (FormField& sent : form.fields) {
    PostField field{.lower = {}, .name = std::move(sent.name), .value = std::move(sent.value)};
    for (const char c : field.name) field.lower += ascii_lower(c);
    if (form.filename) {
      const std::string_view whole = *form.filename;
      replace_variable(field.value, whole.substr(whole.find_last_of("/\\") + 1));
    }
    const auto known = std::ranges::find(fields, field.lower, &PostField::lower);
    if (known == fields.end()) {
      fields.push_back(std::move(field));
    } else {
      known->value += "," + field.value;
    }
  }
  return fields;
}

const std::string* find_field(std::span<const PostField> fields, std::string_view lower) {
  const auto found = std::ranges::find(fields, lower, &PostField::lower);
  return found == fields.end() ? nullptr : &found->value;
}

std::unexpected<S3Error> missing_field(std::string name) {
  std::string message = "Bucket POST must contain a field named '" + name +
                        "'.  If it is specified, please check the order of the fields.";
  return bad_argument(std::move(message), std::move(name), {});
}

}  // namespace kelp::s3
