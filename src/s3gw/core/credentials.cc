#include "s3gw/core/credentials.h"

#include <fmt/format.h>

#include "crypto/digest.h"

namespace kelp::s3 {

std::string account_number(std::string_view canonical_id) {
  const Sha256 digest = sha256(fmt::format("kelp-account-number\n{}", canonical_id));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i) {
    number = number << 8 | std::to_integer<std::uint64_t>(digest[i]);
  }
  // Twelve digits, the first of which is not 0: some tools read a number.
  return std::to_string(100'000'000'000 + number % 900'000'000'000);
}

policy::Requester root_of(const Account& account) {
  policy::Requester root;
  root.account = account_number(account.id);
  root.arn = fmt::format("arn:aws:iam::{}:root", root.account);
  root.canonical_id = account.id;
  return root;
}

}  // namespace kelp::s3
