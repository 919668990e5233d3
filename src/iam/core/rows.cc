#include "iam/core/rows.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "policy/context.h"

namespace kelp::iam {
namespace {

using policy::lower_case;
using policy::PolicyKind;

constexpr std::uint8_t kFormat = 1;

void put_texts(const auto& texts, ByteWriter& to) {
  to.varint(texts.size());
  for (const std::string& text : texts) to.text(text);
}
void put_time(WallTime time, ByteWriter& to) {
  to.fixed(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}
void put_tags(const std::vector<Tag>& tags, ByteWriter& to) {
  to.varint(tags.size());
  for (const Tag& tag : tags) {
    to.text(tag.key);
    to.text(tag.value);
  }
}

WallTime get_time(ByteReader& in) {
  return WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(in.fixed<std::uint64_t>())));
}
std::vector<Tag> get_tags(ByteReader& in) {
  std::vector<Tag> tags;
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    std::string key(in.text());
    tags.push_back({std::move(key), std::string(in.text())});
  }
  return tags;
}
template <typename Texts>
Texts get_texts(ByteReader& in) {
  Texts texts;
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    texts.insert(texts.end(), std::string(in.text()));
  }
  return texts;
}
PolicyText get_policy(ByteReader& in, PolicyKind kind) {
  std::string json(in.text());
  if (json.empty() || in.failed()) return {};
  return compile(std::move(json), kind);
}

Result<void> check_format(ByteReader& in, std::string_view what) {
  const auto format = in.fixed<std::uint8_t>();
  if (in.failed() || format == kFormat) return {};
  return Error(Errc::kUnimplemented,
               fmt::format("{}: format {}, this build knows {}", what, format, kFormat));
}

constexpr char kLetters[] = {'u', 'g', 'r'};

}  // namespace

std::string row_key(std::string_view account, Kind kind, std::string_view name) {
  return fmt::format("{}/{}/{}", account, kLetters[static_cast<std::size_t>(kind)],
                     lower_case(name));
}
std::string policy_row_key(std::string_view account, std::string_view name) {
  return fmt::format("{}/p/{}", account, lower_case(name));
}
std::string provider_row_key(std::string_view account, std::string_view url) {
  return fmt::format("{}/o/{}", account, lower_case(url));
}
std::string service_account_row_key(std::string_view account, std::string_view access_key) {
  return fmt::format("{}/k/{}", account, lower_case(access_key));
}
std::string settings_row_key(std::string_view account) {
  return fmt::format("{}/s/", account);
}

std::string encode_entity(const Entity& entity) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kFormat);
  to.fixed(static_cast<std::uint8_t>(entity.kind));
  to.text(entity.name);
  to.text(entity.path);
  to.text(entity.id);
  put_time(entity.created, to);
  put_tags(entity.tags, to);
  to.text(entity.boundary);
  to.varint(entity.inline_policies.size());
  for (const auto& [name, policy] : entity.inline_policies) {
    to.text(name);
    to.text(policy.json);
  }
  put_texts(entity.attached, to);
  to.varint(entity.keys.size());
  for (const AccessKey& key : entity.keys) {
    to.text(key.id);
    to.text(key.sealed_secret);
    to.fixed(static_cast<std::uint8_t>(key.active));
    put_time(key.created, to);
  }
  put_texts(entity.groups, to);
  to.text(entity.trust.json);
  to.text(entity.description);
  to.varint(entity.max_session_seconds);
  return out;
}

Result<Entity> decode_entity(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "identity"));
  Entity entity;
  const auto kind = in.fixed<std::uint8_t>();
  if (kind >= kKinds) return Error(Errc::kCorruption, fmt::format("identity of kind {}", kind));
  entity.kind = static_cast<Kind>(kind);
  entity.name = in.text();
  entity.path = in.text();
  entity.id = in.text();
  entity.created = get_time(in);
  entity.tags = get_tags(in);
  entity.boundary = in.text();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    std::string name(in.text());
    entity.inline_policies.emplace(std::move(name), get_policy(in, PolicyKind::kIdentity));
  }
  entity.attached = get_texts<std::set<std::string, std::less<>>>(in);
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    AccessKey key;
    key.id = in.text();
    key.sealed_secret = in.text();
    key.active = in.fixed<std::uint8_t>() != 0;
    key.created = get_time(in);
    entity.keys.push_back(std::move(key));
  }
  entity.groups = get_texts<std::set<std::string, std::less<>>>(in);
  entity.trust = get_policy(in, PolicyKind::kTrust);
  entity.description = in.text();
  entity.max_session_seconds = static_cast<std::uint32_t>(in.varint());
  KELP_CHECK(in.finish("identity"));
  entity.row = row;
  return entity;
}

std::string encode_policy(const ManagedPolicy& policy) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kFormat);
  to.text(policy.name);
  to.text(policy.path);
  to.text(policy.id);
  put_time(policy.created, to);
  put_time(policy.updated, to);
  to.text(policy.description);
  to.varint(policy.default_version);
  to.varint(policy.next_version);
  to.varint(policy.versions.size());
  for (const PolicyVersion& version : policy.versions) {
    to.varint(version.number);
    to.text(version.text.json);
    put_time(version.created, to);
  }
  put_tags(policy.tags, to);
  return out;
}

Result<ManagedPolicy> decode_policy(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "managed policy"));
  ManagedPolicy policy;
  policy.name = in.text();
  policy.path = in.text();
  policy.id = in.text();
  policy.created = get_time(in);
  policy.updated = get_time(in);
  policy.description = in.text();
  policy.default_version = static_cast<std::uint32_t>(in.varint());
  policy.next_version = static_cast<std::uint32_t>(in.varint());
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
    PolicyVersion version;
    version.number = static_cast<std::uint32_t>(in.varint());
    version.text = get_policy(in, PolicyKind::kIdentity);
    version.created = get_time(in);
    policy.versions.push_back(std::move(version));
  }
  policy.tags = get_tags(in);
  KELP_CHECK(in.finish("managed policy"));
  if (policy.version(policy.default_version) == nullptr) {
    return Error(Errc::kCorruption, "managed policy without its default version");
  }
  policy.row = row;
  return policy;
}

std::string encode_provider(const Provider& provider) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kFormat);
  to.text(provider.url);
  put_texts(provider.client_ids, to);
  put_texts(provider.thumbprints, to);
  put_time(provider.created, to);
  put_tags(provider.tags, to);
  return out;
}

Result<Provider> decode_provider(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "identity provider"));
  Provider provider;
  provider.url = in.text();
  provider.client_ids = get_texts<std::vector<std::string>>(in);
  provider.thumbprints = get_texts<std::vector<std::string>>(in);
  provider.created = get_time(in);
  provider.tags = get_tags(in);
  KELP_CHECK(in.finish("identity provider"));
  provider.row = row;
  return provider;
}

std::string encode_service_account(const ServiceAccount& service) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kFormat);
  to.text(service.id);
  to.text(service.parent);
  to.text(service.sealed_secret);
  to.text(service.name);
  to.text(service.description);
  to.text(service.policy.json);
  to.fixed(static_cast<std::uint8_t>(service.active));
  put_time(service.created, to);
  to.fixed(static_cast<std::uint8_t>(service.expires.has_value()));
  if (service.expires) put_time(*service.expires, to);
  return out;
}

Result<ServiceAccount> decode_service_account(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "service account"));
  ServiceAccount service;
  service.id = in.text();
  service.parent = in.text();
  service.sealed_secret = in.text();
  service.name = in.text();
  service.description = in.text();
  service.policy = get_policy(in, PolicyKind::kIdentity);
  service.active = in.fixed<std::uint8_t>() != 0;
  service.created = get_time(in);
  if (in.fixed<std::uint8_t>() != 0) service.expires = get_time(in);
  KELP_CHECK(in.finish("service account"));
  service.row = row;
  return service;
}

std::string encode_settings(std::string_view alias) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kFormat);
  to.text(alias);
  return out;
}

Result<std::string> decode_settings(std::string_view row) {
  ByteReader in(row);
  KELP_CHECK(check_format(in, "settings of an account"));
  std::string alias(in.text());
  KELP_CHECK(in.finish("settings of an account"));
  return alias;
}

}  // namespace kelp::iam
