#include "catalog/table_answer.h"

#include <boost/json/serialize.hpp>

namespace kelp::catalog {

Reply table_answer(const Visit& visit, std::string_view location, std::string_view metadata) {
  std::string json = "{";
  if (!location.empty()) {
    json.append("\"metadata-location\":").append(boost::json::serialize(Value(location)));
    json.append(",");
  }
  json.append("\"metadata\":").append(metadata);
  json.append(",\"config\":").append(boost::json::serialize(file_config(visit))).append("}");
  return {.status = 200, .json = std::move(json)};
}

std::string folder_suffix(std::string_view uuid) {
  constexpr std::size_t kDigits = 12;
  std::string suffix(uuid);
  std::erase(suffix, '-');
  return "-" + suffix.substr(0, kDigits);
}

}  // namespace kelp::catalog
