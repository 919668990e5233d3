// What clients and identity providers send to IAM and STS, and rows as they are read back.

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "iam/core/jwt.h"
#include "iam/core/session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp::iam;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0: {
      const auto parameters = Parameters::parse(text);
      if (!parameters) break;
      (void)parameters->list("L");
      (void)parameters->tags("Tags");
      (void)parameters->number("MaxItems", 1, 1000);
      for (const Action& action : iam_actions()) (void)parameters->check(action.parameters);
      break;
    }
    case 1:
      if (const auto entity = decode_entity(text)) {
        const auto again = decode_entity(encode_entity(*entity));
        KELP_ASSERT(again.has_value(), "what was read is not read again");
        KELP_ASSERT(encode_entity(*again) == encode_entity(*entity), "a row changes");
      }
      break;
    case 2:
      if (const auto policy = decode_policy(text)) {
        KELP_ASSERT(decode_policy(encode_policy(*policy)).has_value(), "a policy is lost");
        (void)policy->current();
      }
      (void)decode_provider(text);
      break;
    case 3:
      if (const auto session = decode_session(text)) {
        KELP_ASSERT(decode_session(encode_session(*session)).value() == *session, "it changes");
      }
      break;
    case 4:
      (void)parse_web_token(text);
      break;
    default:
      (void)parse_web_keys(text);
  }
  return 0;
}
