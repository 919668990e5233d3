#include "s3gw/core/xml_writer.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

// Operations that have no effect yet. A read whose truthful answer is known without the feature
// gives it; a delete of what cannot be there succeeds, as it does on AWS; the rest says that it is
// not implemented.

namespace kelp::s3 {
namespace {

using enum Operation;

/// An answer that never changes: an XML body, an error of AWS for "not configured", or 204.
struct Default {
  Operation operation;
  std::string_view root = {};    ///< Root element of the body; empty for an error or 204.
  std::string_view inside = {};  ///< What the root holds.
  std::optional<S3Code> error = std::nullopt;
};

constexpr Default kDefaults[] = {
    {.operation = kGetBucketEncryption,
     .error = S3Code::kServerSideEncryptionConfigurationNotFoundError},
};

}  // namespace

Task<S3Result<void>> answer_default(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  for (const Default& row : kDefaults) {
    if (row.operation != call.operation) continue;
    if (row.error) co_return s3_error(*row.error);
    if (row.root.empty()) {
      co_await reply_empty(call, 204);
      co_return S3Result<void>{};
    }
    std::string body;
    XmlWriter xml(body);
    xml.begin(row.root);
    xml.raw(row.inside);
    xml.close(row.root);
    co_await reply_xml(call, std::move(body));
    co_return S3Result<void>{};
  }
  co_return s3_error(S3Code::kNotImplemented);
}

bool has_default_answer(Operation operation) {
  for (const Default& row : kDefaults) {
    if (row.operation == operation) return true;
  }
  return false;
}

Task<S3Result<void>> not_implemented(Call& call) {
  const std::string_view name = call.operation ? name_of(*call.operation) : "";
  S3Error error{S3Code::kNotImplemented, {}, {{"Operation", std::string(name)}}};
  co_return std::unexpected(std::move(error));
}

}  // namespace kelp::s3
