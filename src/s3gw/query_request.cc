#include "s3gw/query_request.h"

#include "s3gw/auth_common.h"
#include "s3gw/core/header_text.h"

namespace kelp::s3 {
namespace {

bool names(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view parameter = cut(query, '&');
    if (cut(parameter, '=') == name) return true;
  }
  return false;
}

}  // namespace

bool is_query(const HttpRequest& request) {
  const auto [path, query] = split_target(request.target);
  if (path != "/") return false;
  if (request.method == "GET") return names(query, "Action") && names(query, "Version");
  if (request.method != "POST") return false;
  const std::string_view type = find_header(request.headers, "content-type").value_or("");
  return starts_with_lower(type, "application/x-www-form-urlencoded");
}

}  // namespace kelp::s3
