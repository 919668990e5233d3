#include "s3gw/expiration.h"

#include "base/encoding.h"
#include "lifecycle/due.h"
#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

/// Null: none.
const lifecycle::Rules* rules_of(const Call& call) {
  return call.access == nullptr ? nullptr : call.access->lifecycle.get();
}

}  // namespace

void add_expiration(const Call& call, std::string_view key, const ObjectEntry& entry,
                    HttpResponse& head) {
  const lifecycle::Rules* const rules = rules_of(call);
  if (rules == nullptr) return;
  const lifecycle::Subject object{
      .key = key, .size_bytes = entry.size_bytes, .tags = &entry.headers.tags};
  const auto& calendar = call.services.options.lifecycle_calendar;
  const auto due = lifecycle::expiry(*rules, object, entry.modified, calendar);
  if (!due) return;
  head.add("x-amz-expiration", "expiry-date=\"" + http_date(due->at) + "\", rule-id=\"" +
                                   url_encode(due->rule->id, false) + '"');
}

ObjectEntry told_of_expiration(const Call& call, const ObjectEntry& entry) {
  ObjectEntry told;
  if (rules_of(call) == nullptr) return told;
  told.size_bytes = entry.size_bytes;
  told.headers.tags = entry.headers.tags;
  return told;
}

void add_abort_date(const Call& call, const UploadInfo& upload, HttpResponse& head) {
  const lifecycle::Rules* const rules = rules_of(call);
  if (rules == nullptr) return;
  const auto& calendar = call.services.options.lifecycle_calendar;
  const auto due = lifecycle::upload_expiry(*rules, call.request.key, upload.created, calendar);
  if (!due) return;
  head.add("x-amz-abort-date", http_date(due->at));
  head.add("x-amz-abort-rule-id", url_encode(due->rule->id, false));
}

}  // namespace kelp::s3
