#include <fmt/format.h>

#include <algorithm>

#include "iam/core/actions.h"
#include "iam/core/tagging.h"
#include "policy/context.h"

// What users, groups and roles have alike: lists, policies, boundaries, tags.

namespace kelp::iam {
namespace {

Outcome<void> list_of(Job& job, Kind kind) {
  const std::string prefix(job.parameters.find("PathPrefix") == nullptr ? "/"
                                                                        : job.get("PathPrefix"));
  if (!prefix.starts_with('/')) return check_path("PathPrefix", prefix);
  std::map<std::string, const Entity*> found;
  for (const auto& [name, entity] : job.account.entities[static_cast<std::size_t>(kind)]) {
    if (entity->path.starts_with(prefix)) found.emplace(name, entity.get());
  }
  const auto write = [&job](const Entity* entity) {
    write_entity(job.xml, job.account.number, *entity, false);
  };
  return write_page(job, fmt::format("{}s", title_of(kind)), found, write);
}

Outcome<const std::pair<const std::string, PolicyText>*> find_inline(const Job& job,
                                                                     const Entity& entity) {
  const std::string_view name = job.get("PolicyName");
  KELP_CHECK(check_name("PolicyName", name, 128));
  const auto at = entity.inline_policies.find(name);
  if (at != entity.inline_policies.end()) return &*at;
  return no_such_entity(
      fmt::format("The {} policy with name {} cannot be found.", word_of(entity.kind), name));
}

Outcome<void> put_inline_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  KELP_CHECK(check_name("PolicyName", job.get("PolicyName"), 128));
  KELP_TRY(PolicyText policy,
           read_policy(std::string(job.get("PolicyDocument")), policy::PolicyKind::kIdentity));
  Entity entity = *found;
  entity.inline_policies.insert_or_assign(std::string(job.get("PolicyName")), std::move(policy));
  std::size_t bytes = 0;
  for (const auto& [name, text] : entity.inline_policies) bytes += counted_bytes(text.json);
  if (bytes > max_inline_bytes(kind)) {
    return QueryError{"LimitExceeded", 409,
                      fmt::format("Maximum policy size of {} bytes exceeded for {} {}",
                                  max_inline_bytes(kind), word_of(kind), entity.name)};
  }
  job.put(entity);
  return {};
}

Outcome<void> get_inline_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* entity, find_entity(job, kind));
  KELP_TRY(const auto* policy, find_inline(job, *entity));
  job.xml.element(name_parameter(kind), entity->name);
  job.xml.element("PolicyName", policy->first);
  job.xml.element("PolicyDocument", policy_text(policy->second));
  return {};
}

Outcome<void> delete_inline_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  KELP_TRY(const auto* policy, find_inline(job, *found));
  Entity entity = *found;
  entity.inline_policies.erase(policy->first);
  job.put(entity);
  return {};
}

Outcome<void> list_inline_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* entity, find_entity(job, kind));
  KELP_TRY(const Page page, read_page(job.parameters));
  job.xml.open("PolicyNames");
  auto at = page.after.empty() ? entity->inline_policies.begin()
                               : entity->inline_policies.upper_bound(page.after);
  std::string last;
  for (std::size_t n = 0; at != entity->inline_policies.end() && n < page.limit; ++at, ++n) {
    job.xml.element("member", at->first);
    last = at->first;
  }
  job.xml.close("PolicyNames");
  const bool more = at != entity->inline_policies.end();
  job.xml.element("IsTruncated", more);
  if (more) job.xml.element("Marker", base64_encode(last));
  return {};
}

Outcome<void> attach_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  const std::string arn(job.get("PolicyArn"));
  KELP_CHECK(check_policy_arn("PolicyArn", arn));
  if (job.account.find_policy(arn) == nullptr) {
    return no_such_entity(fmt::format("Policy {} does not exist or is not attachable.", arn));
  }
  Entity entity = *found;
  if (!entity.attached.insert(arn).second) return {};
  if (entity.attached.size() > kMaxAttached) {
    return limit_exceeded(fmt::format("PoliciesPer{}", title_of(kind)), kMaxAttached);
  }
  job.put(entity);
  return {};
}

Outcome<void> detach_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  const std::string arn(job.get("PolicyArn"));
  KELP_CHECK(check_policy_arn("PolicyArn", arn));
  Entity entity = *found;
  if (entity.attached.erase(arn) == 0) {
    return no_such_entity(fmt::format("Policy {} was not found.", arn));
  }
  job.put(entity);
  return {};
}

Outcome<void> list_attached_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* entity, find_entity(job, kind));
  const std::string prefix(job.parameters.find("PathPrefix") == nullptr ? "/"
                                                                        : job.get("PathPrefix"));
  std::map<std::string, std::pair<std::string, std::string>> found;
  for (const std::string& arn : entity->attached) {
    const ManagedPolicy* policy = job.account.find_policy(arn);
    if (policy != nullptr && policy->path.starts_with(prefix)) {
      found.emplace(policy::lower_case(policy->name) + " " + arn, std::pair(policy->name, arn));
    }
  }
  const auto write = [&job](const auto& policy) {
    job.xml.element("PolicyName", policy.first);
    job.xml.element("PolicyArn", policy.second);
  };
  return write_page(job, "AttachedPolicies", found, write);
}

Outcome<void> put_boundary_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  const std::string arn(job.get("PermissionsBoundary"));
  KELP_CHECK(check_policy_arn("PermissionsBoundary", arn));
  if (job.account.find_policy(arn) == nullptr) {
    return no_such_entity(fmt::format("Policy {} does not exist or is not attachable.", arn));
  }
  Entity entity = *found;
  entity.boundary = arn;
  job.put(entity);
  return {};
}

Outcome<void> delete_boundary_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  if (found->boundary.empty()) {
    return no_such_entity(fmt::format("The {} with name {} has no permissions boundary.",
                                      word_of(kind), found->name));
  }
  Entity entity = *found;
  entity.boundary.clear();
  job.put(entity);
  return {};
}

Outcome<void> tag_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  Entity entity = *found;
  KELP_CHECK(add_tags(job.parameters, entity.tags));
  job.put(entity);
  return {};
}

Outcome<void> untag_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* found, find_entity(job, kind));
  Entity entity = *found;
  KELP_CHECK(remove_tags(job.parameters, entity.tags));
  job.put(entity);
  return {};
}

Outcome<void> list_tags_of(Job& job, Kind kind) {
  KELP_TRY(const Entity* entity, find_entity(job, kind));
  return write_tag_page(job, entity->tags);
}

}  // namespace

Outcome<void> add_tags(const Parameters& parameters, std::vector<Tag>& tags) {
  KELP_TRY(const std::vector<Tag> added, parameters.tags("Tags"));
  for (const Tag& tag : added) {
    const auto same = [&tag](const Tag& old) {
      return policy::lower_case(old.key) == policy::lower_case(tag.key);
    };
    const auto at = std::ranges::find_if(tags, same);
    if (at == tags.end()) {
      tags.push_back(tag);
    } else {
      *at = tag;
    }
  }
  if (tags.size() > kMaxTags) return limit_exceeded("TagsPerResource", kMaxTags);
  return {};
}

Outcome<void> remove_tags(const Parameters& parameters, std::vector<Tag>& tags) {
  KELP_TRY(const auto keys, parameters.list("TagKeys"));
  for (const std::string& key : keys) {
    std::erase_if(tags, [&key](const Tag& tag) {
      return policy::lower_case(tag.key) == policy::lower_case(key);
    });
  }
  return {};
}

Outcome<void> write_tag_page(Job& job, const std::vector<Tag>& tags) {
  std::map<std::string, Tag> by_key;
  for (const Tag& tag : tags) by_key.emplace(tag.key, tag);
  const auto write = [&job](const Tag& tag) {
    job.xml.element("Key", tag.key);
    job.xml.element("Value", tag.value);
  };
  return write_page(job, "Tags", by_key, write);
}

template <Kind kind>
Outcome<void> Of<kind>::list(Job& job) {
  return list_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::put_inline(Job& job) {
  return put_inline_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::get_inline(Job& job) {
  return get_inline_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::delete_inline(Job& job) {
  return delete_inline_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::list_inline(Job& job) {
  return list_inline_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::attach(Job& job) {
  return attach_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::detach(Job& job) {
  return detach_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::list_attached(Job& job) {
  return list_attached_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::put_boundary(Job& job) {
  return put_boundary_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::delete_boundary(Job& job) {
  return delete_boundary_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::tag(Job& job) {
  return tag_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::untag(Job& job) {
  return untag_of(job, kind);
}
template <Kind kind>
Outcome<void> Of<kind>::list_tags(Job& job) {
  return list_tags_of(job, kind);
}

template struct Of<Kind::kUser>;
template struct Of<Kind::kGroup>;
template struct Of<Kind::kRole>;

}  // namespace kelp::iam
