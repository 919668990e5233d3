#include "iam/core/file_users.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "iam/core/names.h"
#include "policy/context.h"
#include "policy/json_text.h"

namespace kelp::iam {
namespace {

namespace json = boost::json;

/// An action of the file: what it allows on buckets and on their objects, apart by spaces.
struct Verb {
  std::string_view name;
  std::string_view on_buckets;
  std::string_view on_objects;
};

constexpr auto kVerbs = std::to_array<Verb>({
    {"Admin", "s3:*", "s3:*"},
    {"Read", "s3:GetBucketLocation",
     "s3:GetObject s3:GetObjectVersion s3:GetObjectAttributes s3:GetObjectVersionAttributes "
     "s3:GetObjectRetention s3:GetObjectLegalHold s3:GetObjectAnnotation "
     "s3:ListObjectAnnotations"},
    {"Write", "s3:GetBucketLocation s3:ListBucketMultipartUploads",
     "s3:PutObject s3:DeleteObject s3:DeleteObjectVersion s3:AbortMultipartUpload "
     "s3:ListMultipartUploadParts s3:PutObjectRetention s3:PutObjectLegalHold "
     "s3:PutObjectAnnotation s3:DeleteObjectAnnotation"},
    {"List",
     "s3:ListBucket s3:ListBucketVersions s3:ListBucketMultipartUploads s3:GetBucketLocation",
     "s3:ListMultipartUploadParts"},
    {"Tagging", "s3:GetBucketTagging s3:PutBucketTagging",
     "s3:GetObjectTagging s3:PutObjectTagging s3:DeleteObjectTagging s3:GetObjectVersionTagging "
     "s3:PutObjectVersionTagging s3:DeleteObjectVersionTagging"},
    {"ReadAcp", "s3:GetBucketAcl", "s3:GetObjectAcl s3:GetObjectVersionAcl"},
    {"WriteAcp", "s3:PutBucketAcl", "s3:PutObjectAcl s3:PutObjectVersionAcl"},
});

Error wrong(std::string_view name, std::string_view why) {
  return {Errc::kInvalidArgument, fmt::format("identity '{}': {}", name.substr(0, 64), why)};
}

json::array words_of(std::string_view text) {
  json::array words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

json::object allow(json::array actions, std::string resource) {
  return {{"Effect", "Allow"}, {"Action", std::move(actions)}, {"Resource", std::move(resource)}};
}

/// A name that stands for itself in a policy's resource.
bool is_plain(std::string_view text) {
  return text.find_first_of("*?$") == std::string_view::npos;
}

/// The statements of "Verb", "Verb:bucket" or "Verb:bucket/prefix".
Result<void> add_action(std::string_view name, std::string_view action, json::array& statements) {
  const std::size_t colon = std::min(action.find(':'), action.size());
  const auto* const verb = std::ranges::find(kVerbs, action.substr(0, colon), &Verb::name);
  if (verb == kVerbs.end()) {
    return wrong(name, fmt::format("the action '{}' is not known", action.substr(0, 128)));
  }
  std::string_view place = action.substr(std::min(colon + 1, action.size()));
  if (colon == action.size()) {
    if (verb->name == "Admin") {
      statements.push_back(allow({"*"}, "*"));
      return {};
    }
    statements.push_back(allow(words_of(verb->on_buckets), "arn:aws:s3:::*"));
    statements.push_back(allow(words_of(verb->on_objects), "arn:aws:s3:::*/*"));
    if (verb->name == "List") statements.push_back(allow({"s3:ListAllMyBuckets"}, "*"));
    return {};
  }
  // "bucket/*" says the same as "bucket".
  if (place.ends_with("/*")) place.remove_suffix(2);
  if (place.empty() || !is_plain(place)) {
    return wrong(name, fmt::format("'{}' names no bucket", action.substr(0, 128)));
  }
  const std::size_t slash = std::min(place.find('/'), place.size());
  const std::string bucket(place.substr(0, slash));
  const std::string prefix(place.substr(std::min(slash + 1, place.size())));
  json::object on_bucket = allow(words_of(verb->on_buckets), "arn:aws:s3:::" + bucket);
  if (!prefix.empty()) {
    if (verb->name == "Admin") {
      return wrong(name, "Admin is of everything or of a bucket, not of a prefix");
    }
    on_bucket["Action"] = verb->name == "List"
                              ? json::array{"s3:ListBucket", "s3:ListBucketVersions"}
                              : json::array{"s3:GetBucketLocation"};
    if (verb->name == "List") {
      on_bucket["Condition"] =
          json::object{{"StringLike", json::object{{"s3:prefix", prefix + "*"}}}};
    }
  }
  statements.push_back(std::move(on_bucket));
  statements.push_back(
      allow(words_of(verb->on_objects), fmt::format("arn:aws:s3:::{}/{}*", bucket, prefix)));
  return {};
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string())
                                                : std::string_view();
}

Result<const json::array*> list_of(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return &kNone;
  if (!value->is_array()) {
    return Error(Errc::kInvalidArgument, fmt::format("'{}' is not a list", name));
  }
  return &value->as_array();
}

/// One identity, without its keys.
Result<s3::Credential> read_user(const json::object& identity, const s3::Account& owner) {
  const std::string_view name = text_of(identity, "name");
  if (const auto fits = check_name("name", name, max_name_bytes(Kind::kUser)); !fits) {
    return wrong(name, fits.error().message);
  }
  if (name == "anonymous") {
    return wrong(name, "what everybody may is said by policies of buckets");
  }
  s3::Credential user;
  user.account = owner;
  user.who.account = s3::account_number(owner.id);
  user.who.canonical_id = owner.id;
  user.who.arn = entity_arn(user.who.account, Kind::kUser, "/", name);
  user.user_name = name;
  user.user_id = fmt::format("AIDA-FILE-{}", name);
  json::array statements;
  KELP_TRY(const json::array* actions, list_of(identity, "actions"));
  for (const json::value& action : *actions) {
    if (!action.is_string()) return wrong(name, "an action that is no text");
    KELP_CHECK(add_action(name, action.as_string(), statements));
  }
  if (statements.empty()) return user;
  json::object policy;
  policy["Version"] = "2012-10-17";
  policy["Statement"] = std::move(statements);
  const auto read = policy::Document::parse(json::serialize(policy), policy::PolicyKind::kIdentity);
  if (!read) return wrong(name, read.error().detail());
  user.permissions.identity = {std::make_shared<const policy::Document>(*read)};
  return user;
}

}  // namespace

Result<std::vector<s3::Credential>> parse_file_users(std::string_view text,
                                                     const s3::Account& owner) {
  KELP_TRY(const json::object file, policy::parse_json_object(text));
  KELP_TRY(const json::array* identities, list_of(file, "identities"));
  std::vector<s3::Credential> all;
  std::set<std::string> names;
  std::set<std::string> keys;
  for (const json::value& each : *identities) {
    if (!each.is_object()) return wrong("", "it is no object");
    KELP_TRY(const s3::Credential user, read_user(each.as_object(), owner));
    if (!names.insert(policy::lower_case(user.user_name)).second) {
      return wrong(user.user_name, "the name is there twice");
    }
    KELP_TRY(const json::array* credentials, list_of(each.as_object(), "credentials"));
    for (const json::value& pair : *credentials) {
      if (!pair.is_object()) return wrong(user.user_name, "a credential that is no object");
      s3::Credential key = user;
      key.access_key = text_of(pair.as_object(), "accessKey");
      key.secret_key = text_of(pair.as_object(), "secretKey");
      if (key.access_key.size() < 3 || key.access_key.size() > 128 || key.secret_key.size() < 8 ||
          key.secret_key.size() > 128) {
        return wrong(user.user_name, "an accessKey has 3 to 128 characters, a secretKey 8 to 128");
      }
      if (!keys.insert(key.access_key).second) {
        return wrong(user.user_name, fmt::format("the key {} is there twice", key.access_key));
      }
      all.push_back(std::move(key));
    }
  }
  return all;
}

}  // namespace kelp::iam
