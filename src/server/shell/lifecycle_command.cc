// s3.lifecycle.report: what a bucket's lifecycle rules would do now, or some days later.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <map>

#include "filer/core/object_lock.h"
#include "lifecycle/key_judge.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/version_id.h"
#include "server/shell/handlers.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

namespace json = boost::json;
using lifecycle::Act;
using lifecycle::Due;

constexpr Column kColumns[] = {{"due"}, {"rule"}, {"action"}, {"version"}, {"key"}};
constexpr std::uint64_t kReportLimit = 1000;
constexpr std::uint64_t kMaxDaysAhead = 36'500;

/// Gathers what would be done, up to a limit.
struct Report {
  std::uint64_t limit = 0;
  json::array rows;
  std::map<std::string, std::uint64_t> counts;  ///< By the action.
  bool more = false;                            ///< There was one that it has no room for.

  void add(const Due& due, std::string action, json::string key, json::value version) {
    more = rows.size() == limit;
    if (more) return;
    ++counts[action];
    rows.push_back({{"due", s3::iso8601_seconds(std::chrono::floor<std::chrono::seconds>(due.at))},
                    {"rule", due.rule->id},
                    {"action", std::move(action)},
                    {"version", std::move(version)},
                    {"key", std::move(key)}});
  }
};

/// A bucket and its rules, and the moment that is asked about.
struct Asked {
  FilerClient& filer;
  std::string bucket;
  lifecycle::Rules rules;
  WallTime now;
};

/// What the rows of versions of a listing do not say.
Task<Result<ObjectHeaders>> headers_of(const Asked& asked, const ListedVersion& version,
                                       bool named) {
  ObjectKey name{.bucket = asked.bucket, .key = version.object.key};
  if (named) name.version_id = version.version_id;
  auto found = co_await asked.filer.get_object(std::move(name), false);
  if (!found && found.error().code() == Errc::kNotFound) co_return ObjectHeaders{};
  KELP_CO_CHECK(found);
  co_return std::move(found->entry.headers);
}

std::string action_of(const lifecycle::Verdict& verdict) {
  switch (verdict.act) {
    case Act::kExpire:
      return "delete";
    case Act::kRemoveVersion:
      return "remove";
    case Act::kRemoveMarker:
      return "remove marker";
    case Act::kMove:
      return "move to " + std::string(verdict.due.to);
  }
  return "";
}

Task<Result<void>> add_older(const Asked& asked, const lifecycle::Verdict& verdict,
                             const ListedVersion& version, Report& report) {
  std::string action = action_of(verdict);
  if (verdict.act == Act::kRemoveVersion && !version.delete_marker) {
    KELP_CO_TRY(const ObjectHeaders headers, co_await headers_of(asked, version, true));
    if (!check_removal(headers.lock, false, asked.now)) action = "locked";
  }
  report.add(verdict.due, std::move(action), shown(version.object.key),
             json::string(s3::version_id_text(version.version_id)));
  co_return Result<void>();
}

Task<Result<void>> judge_versions(const Asked& asked, Report& report) {
  lifecycle::KeyJudge judge(asked.rules, {}, asked.now);
  ListVersions request{.bucket = asked.bucket};
  std::optional<ListedVersion> newest;
  const auto end_key = [&] {
    const auto verdict = newest ? judge.end() : std::nullopt;
    if (!verdict) return;
    const bool marker = verdict->act == Act::kRemoveMarker;
    report.add(verdict->due, action_of(*verdict), shown(newest->object.key),
               marker ? json::value(s3::version_id_text(newest->version_id)) : nullptr);
  };
  while (!report.more) {
    KELP_CO_TRY(const ListedVersions page, co_await asked.filer.list_versions(request));
    const bool versioned = page.bucket.versioning != Versioning::kNever;
    for (const ListedVersion& version : page.versions) {
      if (report.more) co_return Result<void>();
      if (!newest || newest->object.key != version.object.key) {
        end_key();
        newest = version;
        judge.begin(newest->object.key);
      }
      ObjectHeaders headers;
      if (asked.rules.any_tags && !version.delete_marker) {
        KELP_CO_TRY(headers, co_await headers_of(asked, version, versioned));
      }
      const auto verdict = judge.take({.modified = version.object.modified,
                                       .size_bytes = version.object.size_bytes,
                                       .delete_marker = version.delete_marker,
                                       .storage_class = version.object.storage_class,
                                       .tags = &headers.tags});
      if (verdict) {
        KELP_CO_CHECK(co_await add_older(asked, *verdict, version, report));
      }
    }
    if (!page.truncated) {
      end_key();
      break;
    }
    request.key_marker = page.next_key;
    request.version_id_marker = page.next_version_id;
  }
  co_return Result<void>();
}

Task<Result<void>> judge_uploads(const Asked& asked, Report& report) {
  ListUploads request{.bucket = asked.bucket};
  while (!report.more) {
    KELP_CO_TRY(const ListedUploads page, co_await asked.filer.list_uploads(request));
    for (const UploadInfo& upload : page.uploads) {
      const auto due = lifecycle::upload_expiry(asked.rules, upload.key, upload.created, {});
      if (!due || due->at > asked.now) continue;
      report.add(*due, "abort upload", shown(upload.key), json::string(upload.upload_id));
    }
    if (!page.truncated) break;
    request.key_marker = page.next_key_marker;
    request.upload_id_marker = page.next_upload_id_marker;
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<ShellReply>> lifecycle_report(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  KELP_CO_TRY(const std::uint64_t days, arguments.number("--days", 0));
  Report report;
  KELP_CO_TRY(report.limit, arguments.number("--limit", kReportLimit));
  if (days > kMaxDaysAhead || report.limit == 0) {
    co_return Error(Errc::kInvalidArgument, "--days is at most 36500, --limit at least 1");
  }
  Asked asked{*filer, arguments.get("BUCKET"), {}, world.clock.wall()};
  asked.now += std::chrono::days(days);
  BucketSetting setting{asked.bucket, std::string(lifecycle::kSetting), {}};
  KELP_CO_TRY(const BucketSetting kept, co_await filer->get_bucket_setting(std::move(setting)));
  if (kept.value) {
    KELP_CO_TRY(asked.rules, lifecycle::parse_rules(*kept.value));
  }
  if (asked.rules.any_objects) {
    KELP_CO_CHECK(co_await judge_versions(asked, report));
  }
  if (asked.rules.any_uploads) {
    KELP_CO_CHECK(co_await judge_uploads(asked, report));
  }
  ShellReply reply;
  reply.text = asked.rules.rules.empty() ? "no rules are enabled\n" : "";
  if (!asked.rules.rules.empty()) reply.text = table_text(report.rows, kColumns);
  json::object counts;
  for (const auto& [action, count] : report.counts) counts[action] = count;
  if (report.more) reply.text += fmt::format("only the first {} are shown\n", report.limit);
  reply.json = {{"rules", asked.rules.rules.size()},
                {"actions", std::move(counts)},
                {"limited", report.more},
                {"due", std::move(report.rows)}};
  co_return reply;
}

}  // namespace kelp::server
