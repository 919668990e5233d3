#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/message_codec.h"

namespace kelp {

// Rows of users, roles and policies between gateway and filer, who does not read them: keys and
// values are those of docs/formats/identities.md.

/// One of them.
struct IdentityRow {
  std::string key;
  std::string value;
  friend bool operator==(const IdentityRow&, const IdentityRow&) = default;
};

/// Of IdentityStore::read_identities.
struct ReadIdentities {
  std::uint64_t known = 0;  ///< The revision that the caller has; 0: none.
  std::string after;        ///< The last key of the page before; empty: from the beginning.
};

/// Its answer: a page, of one moment.
struct Identities {
  std::uint64_t revision = 0;     ///< 0 as long as nothing was ever changed.
  bool more = false;              ///< Rows follow this page.
  std::vector<IdentityRow> rows;  ///< By key. None when the revision is the known one.
};

/// Of IdentityStore::change_identities.
struct ChangeIdentities {
  std::uint64_t revision = 0;  ///< What the change was made for.
  std::vector<IdentityRow> puts;
  std::vector<std::string> removes;
};

/// Its answer.
struct IdentityRevision {
  std::uint64_t revision = 0;
};

/// What travels of each, in order.
template <>
inline constexpr auto kFields<IdentityRow> = std::tuple(&IdentityRow::key, &IdentityRow::value);
template <>
inline constexpr auto kFields<ReadIdentities> =
    std::tuple(&ReadIdentities::known, &ReadIdentities::after);
template <>
inline constexpr auto kFields<Identities> =
    std::tuple(&Identities::revision, &Identities::more, &Identities::rows);
template <>
inline constexpr auto kFields<ChangeIdentities> =
    std::tuple(&ChangeIdentities::revision, &ChangeIdentities::puts, &ChangeIdentities::removes);
template <>
inline constexpr auto kFields<IdentityRevision> = std::tuple(&IdentityRevision::revision);

}  // namespace kelp
