// Policies, as a client may put them, asked about a request.

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "policy/document.h"
#include "policy/public_access.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)Document::parse(text, PolicyKind::kIdentity);
  (void)Document::parse(text, PolicyKind::kTrust);
  const auto document = Document::parse(text, PolicyKind::kBucket);
  if (!document.has_value()) return 0;
  Request request;
  request.action = "s3:getobject";
  request.resource = "arn:aws:s3:::b/k";
  request.context.add("aws:SourceIp", "192.0.2.7");
  request.context.add("s3:prefix", "");
  const Verdict verdict = document->evaluate(request);
  KELP_ASSERT(!verdict.denied || verdict.allowed == Naming::kNot, "a denial allows nothing");
  KELP_ASSERT(verdict.allowed == Naming::kNot || verdict.allowed == Naming::kItself,
              "the anonymous have no account");
  // Who is let in without a condition is everybody.
  bool conditions = false;
  for (const auto& statement : document->statements())
    conditions |= !statement.conditions().empty();
  if (verdict.allowed == Naming::kItself && !conditions) {
    KELP_ASSERT(is_public(*document), "what the anonymous may is public");
  }
  return 0;
}
