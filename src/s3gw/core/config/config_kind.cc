#include "s3gw/core/config/config_kind.h"

#include "s3gw/core/names.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

S3Result<Element> read_config(const ConfigKind& kind, std::string body) {
  KELP_S3_TRY(Element document, read_document(std::move(body), kind.root));
  KELP_S3_CHECK(kind.check(document));
  return document;
}

std::string_view bucket_of_arn(std::string_view arn) {
  constexpr std::string_view kPrefix = "arn:aws:s3:::";
  if (!arn.starts_with(kPrefix)) return {};
  arn.remove_prefix(kPrefix.size());
  return plausible_bucket_name(arn) ? arn : std::string_view();
}

}  // namespace kelp::s3
