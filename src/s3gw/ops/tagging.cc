// Tags of objects and of buckets.

#include <algorithm>

#include "s3gw/authorize.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/tags.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

Task<S3Result<void>> change_tags(Call& call, Tags tags, EventCause cause) {
  KELP_S3_CO_TRY(const auto version, version_parameter(call));
  SetObjectTags request{
      .name = {.bucket = call.request.bucket, .key = call.request.key, .version_id = version},
      .tags = {},
      .origin = origin_of(call, cause)};
  for (auto& [key, value] : tags) request.tags.push_back({std::move(key), std::move(value)});
  const auto tagged = co_await call.services.deps.filer.set_object_tags(request);
  if (!tagged) {
    // The true answer to who asks for a delete marker.
    KELP_S3_CO_CHECK(co_await find_object(call, false));
    co_return std::unexpected(version_error(tagged.error(), request.name));
  }
  HttpResponse head = begin_response(call, cause == EventCause::kRemoval ? 204 : 200);
  add_version_id(tagged->version_id, head);
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

/// Whether attribute-based access control is on, as it is now.
Task<S3Result<bool>> tags_count(Call& call) {
  const ConfigKind& abac = abac_config();
  KELP_S3_CO_TRY(const auto kept, co_await get_config(call, std::string(abac.setting)));
  if (!kept) co_return false;
  KELP_S3_CO_TRY(const Element document, read_inside(*kept, abac.root));
  co_return document.text_of("Status") == "Enabled";
}

Task<S3Result<Tags>> tags_of_bucket(Call& call) {
  KELP_S3_CO_TRY(const auto kept, co_await get_config(call, std::string(kTagsSetting)));
  if (!kept) co_return Tags{};
  co_return parse_tagging("<Tagging>" + *kept + "</Tagging>", kMaxBucketTags);
}

/// Where tags decide about access, who changes them must be let to do just that, by the actions
/// that AWS has for it there: s3:TagResource of those that it sets, s3:UntagResource of those that
/// go.
Task<S3Result<void>> authorize_tags(Call& call, Tags tags) {
  KELP_S3_CO_TRY(const bool count, co_await tags_count(call));
  if (!count) co_return S3Result<void>{};
  KELP_S3_CO_TRY(const Tags before, co_await tags_of_bucket(call));
  Facts set = facts_of(tags);
  Facts gone;
  for (const auto& [name, value] : before) {
    const bool stays = std::ranges::count(tags, name, &Tags::value_type::first) > 0;
    if (!stays) gone.emplace_back("aws:TagKeys", name);
  }
  if (!set.empty()) {
    KELP_S3_CO_CHECK(co_await authorize_with(call, "s3:tagresource", std::move(set)));
  }
  if (!gone.empty()) {
    KELP_S3_CO_CHECK(co_await authorize_with(call, "s3:untagresource", std::move(gone)));
  }
  co_return S3Result<void>{};
}

Task<S3Result<void>> change_bucket_tags(Call& call, std::optional<std::string> value) {
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kTagsSetting), std::move(value)));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> get_object_tagging(Call& call) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, false));
  std::string body;
  XmlWriter xml(body);
  xml.begin("Tagging");
  write_tag_set(found.entry.headers.tags, xml);
  xml.close("Tagging");
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  add_version_id(shown_version_id(found.bucket, found.entry), head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_object_tagging(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(Tags tags, parse_tagging(std::move(body), kMaxObjectTags));
  co_return co_await change_tags(call, std::move(tags), EventCause::kPut);
}

Task<S3Result<void>> delete_object_tagging(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  co_return co_await change_tags(call, {}, EventCause::kRemoval);
}

Task<S3Result<void>> get_bucket_tagging(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(const auto tags, co_await get_config(call, std::string(kTagsSetting)));
  if (!tags) co_return s3_error(S3Code::kNoSuchTagSet);
  std::string body;
  XmlWriter xml(body);
  xml.begin("Tagging");
  xml.raw(*tags);
  xml.close("Tagging");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> put_bucket_tagging(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(const Tags tags, parse_tagging(std::move(body), kMaxBucketTags));
  KELP_S3_CO_CHECK(co_await authorize_tags(call, tags));
  co_return co_await change_bucket_tags(call, tag_set(tags));
}

Task<S3Result<void>> delete_bucket_tagging(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await authorize_tags(call, {}));
  co_return co_await change_bucket_tags(call, std::nullopt);
}

}  // namespace kelp::s3
