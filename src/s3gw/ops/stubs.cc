#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

Task<S3Result<void>> not_implemented(Call& call) {
  const std::string_view name = call.operation ? name_of(*call.operation) : "";
  S3Error error{S3Code::kNotImplemented, {}, {{"Operation", std::string(name)}}};
  co_return std::unexpected(std::move(error));
}

}  // namespace kelp::s3
