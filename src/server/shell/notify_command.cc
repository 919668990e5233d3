// s3.notify.status: where the targets of notifications stand.

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include "filer/core/notify_rows.h"
#include "server/shell/handlers.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr Column kColumns[] = {{"bucket"}, {"target"}, {"state"}, {"waiting"}, {"lag_seconds"}};
constexpr std::uint32_t kMostCounted = 1000;

/// What waits for a target of a bucket: events that its rules may mean or not.
Task<Result<json::object>> status_of(ShellWorld& world, FilerClient& filer, std::string bucket,
                                     NotifyCursor cursor) {
  ReadEvents ask{.bucket = std::move(bucket), .position = cursor.position, .limit = kMostCounted};
  const auto page = co_await filer.read_events(std::move(ask));
  if (!page && page.error().code() == Errc::kNotFound) {
    co_return json::object{{"state", "lost events"}};
  }
  KELP_CO_CHECK(page);
  json::object row;
  const bool waits = cursor.test || !page->events.empty();
  row["state"] = waits ? "behind" : "up to date";
  row["waiting"] = page->events.size();
  row["more"] = page->more;
  if (page->events.empty()) co_return row;
  const auto age = world.clock.wall() - page->events.front().time;
  row["lag_seconds"] =
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
  co_return row;
}

Task<Result<void>> add_bucket(ShellWorld& world, FilerClient& filer, std::string bucket,
                              json::array& rows) {
  ListBucketSettings request{
      .bucket = bucket, .prefix = std::string(kNotifyCursors), .start_after = {}};
  while (true) {
    KELP_CO_TRY(const ListedBucketSettings page, co_await filer.list_bucket_settings(request));
    for (const BucketSetting& setting : page.settings) {
      KELP_CO_TRY(NotifyCursor cursor, parse_cursor_text(setting.value.value_or("")));
      auto asked = status_of(world, filer, bucket, std::move(cursor));
      KELP_CO_TRY(json::object row, co_await std::move(asked));
      row["bucket"] = bucket;
      row["target"] = setting.name.substr(kNotifyCursors.size());
      rows.push_back(std::move(row));
    }
    if (!page.truncated || page.settings.empty()) co_return Result<void>();
    request.start_after = page.settings.back().name;
  }
}

}  // namespace

Task<Result<ShellReply>> notify_status(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  json::array rows;
  ListBuckets request;
  while (true) {
    KELP_CO_TRY(const ListedBuckets page, co_await filer->list_buckets(request));
    for (const BucketEntry& bucket : page.buckets) {
      if (bucket.events.log == 0) continue;
      KELP_CO_CHECK(co_await add_bucket(world, *filer, bucket.name, rows));
    }
    if (!page.truncated || page.buckets.empty()) break;
    request.start_after = page.buckets.back().name;
  }
  ShellReply reply;
  const auto lost = [](const json::value& row) { return row.at("state") == "lost events"; };
  reply.good = std::ranges::none_of(rows, lost);
  reply.text = table_text(rows, kColumns);
  reply.json = {{"targets", std::move(rows)}};
  co_return reply;
}

}  // namespace kelp::server
