#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "iam/core/names.h"
#include "iam/core/parameters.h"
#include "iam/core/rows.h"
#include "s3gw/core/credentials.h"
#include "s3gw/core/xml_writer.h"

namespace kelp::iam {

/// What actions need of the world.
struct Makers {
  /// So many random characters of A-Z a-z 0-9.
  std::function<std::string(std::size_t count)> token;
  /// Seals a secret of something that has the name `about` (crypto/seal.h).
  std::function<std::string(std::string_view plain, std::string_view about)> seal;
};

/// One action under way: what it knows, and what it answers and changes. It may run again, with a
/// newer model, when somebody else changed something meanwhile.
struct Job {
  const Model& model;
  const Account& account;  ///< The caller's.
  const Parameters& parameters;
  const s3::Credential& caller;
  WallTime now;
  const Makers& make;
  s3::XmlWriter xml;  ///< What stands in <ActionResult>.
  Changes changes;

  /// The value of a parameter, empty when it is not there.
  [[nodiscard]] std::string_view get(std::string_view name) const { return parameters.get(name); }
  /// An id that is never given again: `prefix` and 17 characters.
  [[nodiscard]] std::string new_id(std::string_view prefix) const;

  /// Writes a row.
  void put(const Entity& entity);
  void put(const ManagedPolicy& policy);
  void put(const Provider& provider);
  void put(const ServiceAccount& service);
  /// Takes a row away.
  void remove(const Entity& entity);
  void remove(const ManagedPolicy& policy);
  void remove(const Provider& provider);
  void remove(const ServiceAccount& service);
};

/// The parameter that names one of a kind: "UserName".
[[nodiscard]] std::string_view name_parameter(Kind kind);
/// "User", "Group" or "Role".
[[nodiscard]] std::string_view title_of(Kind kind);

/// Who is named by the kind's parameter; of users, the caller when it is not there. NoSuchEntity.
[[nodiscard]] Outcome<const Entity*> find_entity(const Job& job, Kind kind);
/// The policy that the parameter PolicyArn names. NoSuchEntity.
[[nodiscard]] Outcome<const ManagedPolicy*> find_policy(const Job& job);
/// The same, when it is the account's own and may be changed. AccessDenied.
[[nodiscard]] Outcome<const ManagedPolicy*> own_policy(const Job& job);

/// Where a page of a list begins, and how long it is.
struct Page {
  std::string after;  ///< The last name of the page before; empty: from the beginning.
  std::size_t limit = 100;
};
/// The parameters Marker and MaxItems. ValidationError.
[[nodiscard]] Outcome<Page> read_page(const Parameters& parameters);

/// Writes a page of `items` as `<tag><member>…</member>…</tag>` and whether more follow; `write`
/// writes what stands in a member.
template <typename T, typename Write>
Outcome<void> write_page(Job& job, std::string_view tag, const std::map<std::string, T>& items,
                         Write write) {
  KELP_TRY(const Page page, read_page(job.parameters));
  job.xml.open(tag);
  auto at = page.after.empty() ? items.begin() : items.upper_bound(page.after);
  const std::string* last = nullptr;
  for (std::size_t count = 0; at != items.end() && count < page.limit; ++at, ++count) {
    job.xml.open("member");
    write(at->second);
    job.xml.close("member");
    last = &at->first;
  }
  job.xml.close(tag);
  const bool more = at != items.end();
  job.xml.element("IsTruncated", more);
  if (more) job.xml.element("Marker", base64_encode(*last));
  return {};
}

// Parts of answers, as AWS writes them.

/// `<Tags>`.
void write_tags(s3::XmlWriter& xml, const std::vector<Tag>& tags);
/// What stands in `<User>`, `<Group>` or `<Role>`; `whole`: with tags and boundary.
void write_entity(s3::XmlWriter& xml, std::string_view account, const Entity& entity, bool whole);
/// What stands in `<Policy>`; `whole`: with tags and description.
void write_policy(s3::XmlWriter& xml, std::string_view account, const ManagedPolicy& policy,
                  PolicyUse use, bool whole);
/// What stands in `<PolicyVersion>`; `with_text`: with the policy.
void write_version(s3::XmlWriter& xml, const ManagedPolicy& policy, const PolicyVersion& version,
                   bool with_text);
/// A policy's text as answers carry it: percent-encoded.
[[nodiscard]] std::string policy_text(const PolicyText& policy);

}  // namespace kelp::iam
