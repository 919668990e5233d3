#include <fmt/format.h>

#include <algorithm>

#include "iam/core/actions.h"
#include "iam/core/jwt.h"
#include "iam/core/tagging.h"
#include "policy/context.h"

// Identity providers (OpenID Connect), whose tokens AssumeRoleWithWebIdentity takes.

namespace kelp::iam {
namespace {

constexpr std::size_t kMaxClientIds = 100;
constexpr std::size_t kMaxThumbprints = 5;

Outcome<const Provider*> find_provider(const Job& job) {
  const std::string_view arn = job.get("OpenIDConnectProviderArn");
  const Provider* found = job.account.find_provider(arn);
  if (found != nullptr) return found;
  return no_such_entity(
      fmt::format("OpenIDConnect Provider not found for arn {}", arn.substr(0, 256)));
}

/// "https://idp.example.com/realm" without its scheme; by http only one on this machine.
Outcome<std::string> read_url(std::string_view url) {
  const std::size_t scheme = std::min(url.size(), url.find("://") + 3);
  const std::string_view rest = url.contains("://") ? url.substr(scheme) : url;
  const bool printable = std::ranges::all_of(
      rest, [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '@'; });
  // Its name stands in front of the condition keys that its claims become: none like "aws:".
  const std::string_view host = rest.substr(0, rest.find('/'));
  const bool named = host.contains('.') || scheme_of(rest) == "http://";
  if (rest.size() == url.size() || !named || rest.empty() || url.size() > 255 || !printable ||
      rest.starts_with('/') || scheme_of(rest) != url.substr(0, scheme)) {
    return validation_error("Url", url, "Member must be a URL that begins with https://");
  }
  return std::string(rest);
}

Outcome<void> check_client_id(std::string_view id) {
  if (!id.empty() && id.size() <= 255) return {};
  return validation_error("ClientID", id, "Member must have a length from 1 to 255");
}

Outcome<std::vector<std::string>> read_thumbprints(const Job& job) {
  KELP_TRY(auto prints, job.parameters.list("ThumbprintList"));
  if (prints.size() > kMaxThumbprints) {
    return limit_exceeded("ThumbprintsPerOpenIdConnectProvider", kMaxThumbprints);
  }
  for (const std::string& print : prints) {
    const bool hex = print.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (print.size() != 40 || !hex) {
      return validation_error("ThumbprintList", print, "Member must have 40 hexadecimal digits");
    }
  }
  return prints;
}

}  // namespace

Outcome<void> create_provider(Job& job) {
  Provider provider;
  KELP_TRY(provider.url, read_url(job.get("Url")));
  KELP_TRY(provider.client_ids, job.parameters.list("ClientIDList"));
  for (const std::string& id : provider.client_ids) {
    KELP_CHECK(check_client_id(id));
  }
  if (provider.client_ids.size() > kMaxClientIds) {
    return limit_exceeded("ClientIdsPerOpenIdConnectProvider", kMaxClientIds);
  }
  KELP_TRY(provider.thumbprints, read_thumbprints(job));
  KELP_TRY(provider.tags, job.parameters.tags("Tags"));
  if (job.account.providers.contains(policy::lower_case(provider.url))) {
    return already_exists(
        fmt::format("Provider with url https://{} already exists.", provider.url));
  }
  if (job.account.providers.size() >= kMaxProviders) {
    return limit_exceeded("OpenIdConnectProvidersPerAccount", kMaxProviders);
  }
  provider.created = job.now;
  job.put(provider);
  job.xml.element("OpenIDConnectProviderArn", arn_of(job.account.number, provider));
  if (!provider.tags.empty()) write_tags(job.xml, provider.tags);
  return {};
}

Outcome<void> get_provider(Job& job) {
  KELP_TRY(const Provider* provider, find_provider(job));
  job.xml.element("Url", provider->url);
  job.xml.open("ClientIDList");
  for (const std::string& id : provider->client_ids) job.xml.element("member", id);
  job.xml.close("ClientIDList");
  job.xml.open("ThumbprintList");
  for (const std::string& print : provider->thumbprints) job.xml.element("member", print);
  job.xml.close("ThumbprintList");
  job.xml.element("CreateDate", provider->created);
  write_tags(job.xml, provider->tags);
  return {};
}

Outcome<void> delete_provider(Job& job) {
  // As AWS's, it is done when it is gone already.
  const Provider* found = job.account.find_provider(job.get("OpenIDConnectProviderArn"));
  if (found != nullptr) job.remove(*found);
  return {};
}

Outcome<void> list_providers(Job& job) {
  job.xml.open("OpenIDConnectProviderList");
  for (const auto& [url, provider] : job.account.providers) {
    job.xml.open("member");
    job.xml.element("Arn", arn_of(job.account.number, *provider));
    job.xml.close("member");
  }
  job.xml.close("OpenIDConnectProviderList");
  return {};
}

Outcome<void> add_client_id(Job& job) {
  KELP_TRY(const Provider* found, find_provider(job));
  const std::string id(job.get("ClientID"));
  KELP_CHECK(check_client_id(id));
  if (std::ranges::find(found->client_ids, id) != found->client_ids.end()) return {};
  Provider provider = *found;
  provider.client_ids.push_back(id);
  if (provider.client_ids.size() > kMaxClientIds) {
    return limit_exceeded("ClientIdsPerOpenIdConnectProvider", kMaxClientIds);
  }
  job.put(provider);
  return {};
}

Outcome<void> remove_client_id(Job& job) {
  KELP_TRY(const Provider* found, find_provider(job));
  Provider provider = *found;
  if (std::erase(provider.client_ids, job.get("ClientID")) > 0) job.put(provider);
  return {};
}

Outcome<void> update_thumbprints(Job& job) {
  KELP_TRY(const Provider* found, find_provider(job));
  Provider provider = *found;
  KELP_TRY(provider.thumbprints, read_thumbprints(job));
  job.put(provider);
  return {};
}

Outcome<void> tag_provider(Job& job) {
  KELP_TRY(const Provider* found, find_provider(job));
  Provider provider = *found;
  KELP_CHECK(add_tags(job.parameters, provider.tags));
  job.put(provider);
  return {};
}

Outcome<void> untag_provider(Job& job) {
  KELP_TRY(const Provider* found, find_provider(job));
  Provider provider = *found;
  KELP_CHECK(remove_tags(job.parameters, provider.tags));
  job.put(provider);
  return {};
}

Outcome<void> list_provider_tags(Job& job) {
  KELP_TRY(const Provider* provider, find_provider(job));
  return write_tag_page(job, provider->tags);
}

}  // namespace kelp::iam
