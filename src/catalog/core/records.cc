#include "catalog/core/records.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

namespace kelp::catalog {
namespace {

constexpr std::int64_t kFormat = 1;

/// A record of a format that is known.
Result<Object> decode(std::string_view text) {
  auto record = parse_object(text);
  if (!record)
    return Error(Errc::kCorruption, "a record of the catalog: " + record.error().message);
  const std::int64_t format = known_integer(*record, "format", 0);
  if (format > kFormat) {
    return Error(
        Errc::kUnimplemented,
        fmt::format("a record of the catalog: format {}, this build knows {}", format, kFormat));
  }
  if (format < 1) return Error(Errc::kCorruption, "a record of the catalog without a format");
  return *std::move(record);
}

}  // namespace

std::string encode_pointer(const Pointer& pointer) {
  return boost::json::serialize(Object{{"format", kFormat},
                                       {"metadata-location", pointer.metadata_location},
                                       {"table-uuid", pointer.uuid}});
}

Result<Pointer> decode_pointer(std::string_view text) {
  KELP_TRY(const Object record, decode(text));
  const auto location = text_of(record, "metadata-location");
  const auto uuid = text_of(record, "table-uuid");
  if (!location || !uuid) return Error(Errc::kCorruption, "a table's pointer without its names");
  return Pointer{.metadata_location = *location, .uuid = *uuid};
}

std::string encode_namespace(const Object& properties) {
  return boost::json::serialize(Object{{"format", kFormat}, {"properties", properties}});
}

Result<Object> decode_namespace(std::string_view text) {
  KELP_TRY(const Object record, decode(text));
  auto properties = properties_of(record, "properties");
  if (!properties) return Error(Errc::kCorruption, "a namespace without properties");
  return *std::move(properties);
}

}  // namespace kelp::catalog
