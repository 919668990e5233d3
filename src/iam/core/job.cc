#include "iam/core/job.h"

#include <fmt/format.h>

namespace kelp::iam {

std::string Job::new_id(std::string_view prefix) const {
  std::string id = make.token(17);
  for (char& c : id) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    // Of the digits AWS's ids have but these.
    if (c == '0' || c == '1' || c == '8' || c == '9') c = static_cast<char>('A' + (c - '0'));
  }
  return std::string(prefix) + id;
}

void Job::put(const Entity& entity) {
  changes.puts.push_back(
      {row_key(account.number, entity.kind, entity.name), encode_entity(entity)});
}
void Job::put(const ManagedPolicy& policy) {
  changes.puts.push_back({policy_row_key(account.number, policy.name), encode_policy(policy)});
}
void Job::put(const Provider& provider) {
  changes.puts.push_back(
      {provider_row_key(account.number, provider.url), encode_provider(provider)});
}
void Job::put(const ServiceAccount& service) {
  changes.puts.push_back(
      {service_account_row_key(account.number, service.id), encode_service_account(service)});
}
void Job::remove(const Entity& entity) {
  changes.removes.push_back(row_key(account.number, entity.kind, entity.name));
}
void Job::remove(const ManagedPolicy& policy) {
  changes.removes.push_back(policy_row_key(account.number, policy.name));
}
void Job::remove(const Provider& provider) {
  changes.removes.push_back(provider_row_key(account.number, provider.url));
}

void Job::remove(const ServiceAccount& service) {
  changes.removes.push_back(service_account_row_key(account.number, service.id));
}

std::string_view name_parameter(Kind kind) {
  switch (kind) {
    case Kind::kUser:
      return "UserName";
    case Kind::kGroup:
      return "GroupName";
    case Kind::kRole:
      return "RoleName";
  }
  return "";
}

std::string_view title_of(Kind kind) {
  return name_parameter(kind).substr(0, name_parameter(kind).size() - 4);
}

Outcome<const Entity*> find_entity(const Job& job, Kind kind) {
  const std::string* given = job.parameters.find(name_parameter(kind));
  if (given == nullptr && (kind != Kind::kUser || job.caller.user_name.empty())) {
    return kind == Kind::kUser
               ? QueryError{"ValidationError", 400,
                            "Must specify userName when calling with non-User credentials"}
               : missing_parameter(name_parameter(kind));
  }
  const std::string& name = given == nullptr ? job.caller.user_name : *given;
  KELP_CHECK(check_name(name_parameter(kind), name, max_name_bytes(kind)));
  const Entity* found = job.account.find(kind, name);
  if (found != nullptr) return found;
  return no_such_entity(fmt::format("The {} with name {} cannot be found.", word_of(kind), name));
}

Outcome<const ManagedPolicy*> find_policy(const Job& job) {
  const std::string_view arn = job.get("PolicyArn");
  KELP_CHECK(check_policy_arn("PolicyArn", arn));
  const ManagedPolicy* found = job.account.find_policy(arn);
  if (found != nullptr) return found;
  return no_such_entity(fmt::format("Policy {} was not found.", arn));
}

Outcome<const ManagedPolicy*> own_policy(const Job& job) {
  KELP_TRY(const ManagedPolicy* found, find_policy(job));
  if (job.get("PolicyArn") == arn_of(job.account.number, *found)) return found;
  return access_denied("Policies of the system cannot be changed.");
}

Outcome<Page> read_page(const Parameters& parameters) {
  Page page;
  KELP_TRY(const auto limit, parameters.number("MaxItems", 1, 1000));
  if (limit) page.limit = *limit;
  const std::string_view marker = parameters.get("Marker");
  if (marker.empty()) return page;
  auto after = base64_decode(marker);
  if (!after || after->empty()) {
    return validation_error("Marker", marker, "Member must be the marker of a page before");
  }
  page.after = *std::move(after);
  return page;
}

void write_tags(s3::XmlWriter& xml, const std::vector<Tag>& tags) {
  xml.open("Tags");
  for (const Tag& tag : tags) {
    xml.open("member");
    xml.element("Key", tag.key);
    xml.element("Value", tag.value);
    xml.close("member");
  }
  xml.close("Tags");
}

void write_entity(s3::XmlWriter& xml, std::string_view account, const Entity& entity, bool whole) {
  const std::string title(title_of(entity.kind));
  xml.element("Path", entity.path);
  xml.element(title + "Name", entity.name);
  xml.element(title + "Id", entity.id);
  xml.element("Arn", arn_of(account, entity));
  xml.element("CreateDate", entity.created);
  if (entity.kind == Kind::kRole) {
    xml.element("AssumeRolePolicyDocument", policy_text(entity.trust));
    if (!entity.description.empty()) xml.element("Description", entity.description);
    xml.element("MaxSessionDuration", std::uint64_t{entity.max_session_seconds});
  }
  if (!whole) return;
  if (!entity.boundary.empty()) {
    xml.open("PermissionsBoundary");
    xml.element("PermissionsBoundaryType", "Policy");
    xml.element("PermissionsBoundaryArn", entity.boundary);
    xml.close("PermissionsBoundary");
  }
  if (!entity.tags.empty()) write_tags(xml, entity.tags);
}

void write_policy(s3::XmlWriter& xml, std::string_view account, const ManagedPolicy& policy,
                  PolicyUse use, bool whole) {
  xml.element("PolicyName", policy.name);
  xml.element("PolicyId", policy.id);
  xml.element("Arn", arn_of(account, policy));
  xml.element("Path", policy.path);
  xml.element("DefaultVersionId", fmt::format("v{}", policy.default_version));
  xml.element("AttachmentCount", std::uint64_t{use.attachments});
  xml.element("PermissionsBoundaryUsageCount", std::uint64_t{use.boundaries});
  xml.element("IsAttachable", true);
  xml.element("CreateDate", policy.created);
  xml.element("UpdateDate", policy.updated);
  if (!whole) return;
  if (!policy.description.empty()) xml.element("Description", policy.description);
  write_tags(xml, policy.tags);
}

void write_version(s3::XmlWriter& xml, const ManagedPolicy& policy, const PolicyVersion& version,
                   bool with_text) {
  if (with_text) xml.element("Document", policy_text(version.text));
  xml.element("VersionId", fmt::format("v{}", version.number));
  xml.element("IsDefaultVersion", version.number == policy.default_version);
  xml.element("CreateDate", version.created);
}

std::string policy_text(const PolicyText& policy) {
  return url_encode(policy.json, false);
}

}  // namespace kelp::iam
