// Buckets and objects, as the filer has them.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include "base/config_value.h"
#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/names.h"
#include "s3gw/core/storage_class.h"
#include "server/accounts.h"
#include "server/cluster_text.h"
#include "server/shell/handlers.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

namespace json = boost::json;
using Show = Column::Show;

constexpr Column kBucketColumns[] = {{"bucket"},
                                     {"owner"},
                                     {"created"},
                                     {"objects"},
                                     {"quota_objects"},
                                     {"bytes", Show::kBytes},
                                     {"upload_bytes", Show::kBytes},
                                     {"quota_bytes", Show::kBytes}};
constexpr Column kObjectColumns[] = {{"modified"}, {"size_bytes"}, {"name"}};
constexpr Column kUsageColumns[] = {{"path"}, {"objects"}, {"bytes", Show::kBytes}};
constexpr std::uint64_t kListLimit = 1000;
constexpr std::chrono::minutes kLeastKept(1);
constexpr std::chrono::days kMostKept(3650);

Task<Result<std::vector<BucketEntry>>> all_buckets(FilerClient& filer) {
  std::vector<BucketEntry> out;
  ListBuckets request;
  while (true) {
    KELP_CO_TRY(ListedBuckets page, co_await filer.list_buckets(request));
    for (BucketEntry& bucket : page.buckets) out.push_back(std::move(bucket));
    if (!page.truncated || out.empty()) co_return out;
    request.start_after = out.back().name;
  }
}

/// Null: no limit.
json::value limit_json(std::uint64_t limit) {
  return limit == 0 ? json::value(nullptr) : json::value(limit);
}

/// Buckets of all accounts with what their counters say.
Task<Result<json::array>> bucket_rows(ShellWorld& world, FilerClient& filer) {
  KELP_CO_TRY(const auto buckets, co_await all_buckets(filer));
  const std::string admin = account_id(world.cluster_id, "admin");
  json::array rows;
  for (const BucketEntry& bucket : buckets) {
    KELP_CO_TRY(const BucketUsage usage, co_await filer.bucket_usage(bucket.name));
    rows.push_back({{"bucket", bucket.name},
                    {"owner", bucket.owner_id == admin ? "admin" : bucket.owner_id},
                    {"created", time_text(bucket.created)},
                    {"objects", usage.objects},
                    {"quota_objects", limit_json(bucket.quota.max_objects)},
                    {"bytes", usage.bytes},
                    {"upload_bytes", usage.upload_bytes},
                    {"quota_bytes", limit_json(bucket.quota.max_bytes)}});
  }
  co_return rows;
}

struct ListSpec {
  std::uint64_t limit = kListLimit;
  std::string delimiter;
};

/// Up to `spec.limit` names below a path; true when there are more.
Task<Result<bool>> list_into(FilerClient& filer, ShellPath path, ListSpec spec, json::array& rows) {
  constexpr std::uint64_t kPage = 1000;
  ListObjects request;
  request.bucket = path.bucket;
  request.prefix = path.key;
  request.delimiter = spec.delimiter;
  while (rows.size() < spec.limit) {
    request.limit = static_cast<std::uint32_t>(std::min(kPage, spec.limit - rows.size()));
    KELP_CO_TRY(ListedPage page, co_await filer.list_objects(request));
    for (const std::string& prefix : page.common_prefixes) {
      rows.push_back({{"name", shown(prefix)}, {"kind", "prefix"}});
    }
    for (const ListedObject& object : page.objects) {
      rows.push_back({{"name", shown(object.key)},
                      {"kind", "object"},
                      {"size_bytes", object.size_bytes},
                      {"modified", time_text(object.modified)},
                      {"etag", object.etag}});
    }
    if (!page.truncated) co_return false;
    request.start_after = page.next;
  }
  co_return true;
}

/// Objects and bytes below a path, by walking it.
Task<Result<BucketUsage>> walk(FilerClient& filer, ShellPath path) {
  BucketUsage usage;
  ListObjects request;
  request.bucket = path.bucket;
  request.prefix = path.key;
  while (true) {
    KELP_CO_TRY(const ListedPage page, co_await filer.list_objects(request));
    for (const ListedObject& object : page.objects) {
      ++usage.objects;
      usage.bytes += static_cast<std::int64_t>(object.size_bytes);
    }
    if (!page.truncated) co_return usage;
    request.start_after = page.next;
  }
}

json::object pairs_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json::object out;
  for (const auto& [name, value] : pairs) out[name] = shown(value);
  return out;
}

json::object entry_json(const ObjectEntry& entry) {
  json::object checksums;
  for (const Checksum& sum : entry.checksums) {
    checksums[s3::name_of(sum.algorithm)] = base64_encode(sum.value);
  }
  json::array chunks;
  for (const Chunk& chunk : entry.layout.chunks) {
    if (chunk.is_manifest()) {
      chunks.push_back({{"manifest", chunk.fid.key.value}, {"size_bytes", chunk.size_bytes}});
      continue;
    }
    chunks.push_back({{"fid", to_string(chunk.fid)}, {"size_bytes", chunk.size_bytes}});
  }
  json::object out;
  out["version"] = entry.version;
  out["delete_marker"] = entry.delete_marker;
  out["modified"] = time_text(entry.modified);
  out["size_bytes"] = entry.size_bytes;
  out["etag"] = etag_text(entry);
  out["owner"] = entry.owner_id;
  out["content_type"] = entry.headers.content_type;
  out["storage_class"] = entry.headers.storage_class;
  out["headers"] = pairs_of(entry.headers.standard);
  out["metadata"] = pairs_of(entry.headers.user);
  out["tags"] = pairs_of(entry.headers.tags);
  out["checksums"] = std::move(checksums);
  out["parts"] = entry.parts.size();
  out["inline"] = entry.layout.inline_id != 0;
  out["chunks"] = std::move(chunks);
  return out;
}

std::string limit_text(std::uint64_t limit, std::string_view of) {
  return limit == 0 ? fmt::format("any number of {}", of) : fmt::format("{} {}", limit, of);
}

}  // namespace

Result<FilerClient*> filer_of(ShellWorld& world) {
  if (world.filer != nullptr) return world.filer;
  return Error(Errc::kInvalidArgument, "say where a filer is: --filers host:port");
}

ShellPath path_of(std::string_view text) {
  if (text.starts_with('/')) text.remove_prefix(1);
  const std::size_t slash = std::min(text.find('/'), text.size());
  return {std::string(text.substr(0, slash)),
          std::string(text.substr(std::min(slash + 1, text.size())))};
}

Task<Result<std::vector<std::string>>> buckets_of(FilerClient& filer, ShellPath path) {
  std::vector<std::string> names;
  if (path.bucket.empty()) {
    KELP_CO_TRY(const auto all, co_await all_buckets(filer));
    for (const BucketEntry& bucket : all) names.push_back(bucket.name);
  } else {
    names.push_back(std::move(path.bucket));
  }
  co_return names;
}

json::string shown(std::string_view name) {
  if (s3::valid_utf8(name)) return json::string(name);
  return json::string(url_encode(name, true));
}

Task<Result<ShellReply>> fs_ls(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  KELP_CO_TRY(const std::uint64_t limit, arguments.number("--limit", kListLimit));
  const ShellPath path = path_of(arguments.get("PATH"));
  ShellReply reply;
  json::array rows;
  bool more = false;
  if (path.bucket.empty()) {
    KELP_CO_TRY(const auto buckets, co_await all_buckets(*filer));
    for (const BucketEntry& bucket : buckets) {
      rows.push_back({{"name", bucket.name + "/"},
                      {"kind", "bucket"},
                      {"modified", time_text(bucket.created)}});
    }
  } else {
    ListSpec spec{limit, arguments.has("--recursive") ? "" : "/"};
    KELP_CO_TRY(more, co_await list_into(*filer, path, std::move(spec), rows));
  }
  reply.text = table_text(rows, kObjectColumns);
  if (more) reply.text += fmt::format("and more: these are the first {}; see --limit\n", limit);
  reply.json = {{"entries", std::move(rows)}, {"truncated", more}};
  co_return reply;
}

Task<Result<ShellReply>> fs_du(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const ShellPath path = path_of(arguments.get("PATH"));
  KELP_CO_TRY(const auto buckets, co_await buckets_of(*filer, path));
  json::array rows;
  for (const std::string& bucket : buckets) {
    BucketUsage usage;
    if (path.key.empty()) {
      KELP_CO_TRY(usage, co_await filer->bucket_usage(bucket));
    } else {
      KELP_CO_TRY(usage, co_await walk(*filer, path));
    }
    rows.push_back({{"path", shown("/" + bucket + (path.key.empty() ? "" : "/" + path.key))},
                    {"objects", usage.objects},
                    {"bytes", usage.bytes}});
  }
  ShellReply reply;
  reply.text = table_text(rows, kUsageColumns);
  reply.json = {{"usage", std::move(rows)}};
  co_return reply;
}

Task<Result<ShellReply>> fs_meta_cat(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  ShellPath path = path_of(arguments.get("PATH"));
  ObjectKey name{path.bucket, path.key};
  KELP_CO_TRY(const FoundObject found, co_await filer->get_object(std::move(name), false));
  json::object entry = entry_json(found.entry);
  entry["bucket"] = path.bucket;
  entry["key"] = shown(path.key);
  ShellReply reply;
  for (const auto& [member, value] : entry) {
    reply.text +=
        fmt::format("{:<14} {}\n", std::string_view(member),
                    value.is_string() ? std::string(value.as_string()) : json::serialize(value));
  }
  reply.json = std::move(entry);
  co_return reply;
}

Task<Result<ShellReply>> bucket_list(ShellWorld& world, ShellArguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  KELP_CO_TRY(json::array rows, co_await bucket_rows(world, *filer));
  ShellReply reply;
  reply.text = table_text(rows, kBucketColumns);
  reply.json = {{"buckets", std::move(rows)}};
  co_return reply;
}

Task<Result<ShellReply>> bucket_create(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const std::string owner = arguments.has("--owner") ? arguments.get("--owner") : "admin";
  BucketEntry bucket;
  bucket.name = arguments.get("BUCKET");
  bucket.owner_id = account_id(world.cluster_id, owner);
  if (!s3::check_new_bucket_name(bucket.name)) {
    co_return Error(
        Errc::kInvalidArgument,
        fmt::format("'{}' cannot be a bucket's name: 3 to 63 of a-z 0-9 - .", bucket.name));
  }
  ShellChange change;
  change.steps.push_back(fmt::format("make the bucket {} of the account {}", bucket.name, owner));
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   without_value(filer->create_bucket(std::move(bucket))));
}

Task<Result<ShellReply>> bucket_quota(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const std::string name = arguments.get("BUCKET");
  KELP_CO_TRY(const BucketEntry bucket, co_await filer->get_bucket(name));
  KELP_CO_TRY(const BucketUsage usage, co_await filer->bucket_usage(name));
  SetBucketQuota quota{name, bucket.quota.max_bytes, bucket.quota.max_objects};
  if (!arguments.has("--bytes") && !arguments.has("--objects")) {
    co_return Error(Errc::kInvalidArgument,
                    "say how much it may hold: --bytes 10GiB, --objects 1000; 0: no limit");
  }
  if (arguments.has("--bytes")) {
    KELP_CO_TRY(quota.max_bytes, parse_bytes(arguments.get("--bytes")));
  }
  KELP_CO_TRY(quota.max_objects, arguments.number("--objects", quota.max_objects));
  ShellChange change;
  change.steps.push_back(
      fmt::format("let the bucket {} hold up to {} and {}; it holds {} in {} objects", name,
                  limit_text(quota.max_bytes, "bytes"), limit_text(quota.max_objects, "objects"),
                  bytes_text(static_cast<std::uint64_t>(usage.bytes)), usage.objects));
  change.result["quota_bytes"] = limit_json(quota.max_bytes);
  change.result["quota_objects"] = limit_json(quota.max_objects);
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   without_value(filer->set_bucket_quota(std::move(quota))));
}

Task<Result<ShellReply>> bucket_events(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  SetBucketEvents events{arguments.get("BUCKET"), 0};
  KELP_CO_CHECK(co_await filer->get_bucket(events.name));
  if (!arguments.has("--keep")) {
    co_return Error(Errc::kInvalidArgument, "say for how long: --keep 7d; 0: not at all");
  }
  const std::string keep = arguments.get("--keep");
  KELP_CO_TRY(const auto time, parse_duration(keep));
  if (time.count() != 0 && (time < kLeastKept || time > kMostKept)) {
    co_return Error(Errc::kInvalidArgument, "events are kept for 1 minute to 3650 days");
  }
  events.keep_seconds = static_cast<std::uint32_t>(time / std::chrono::seconds(1));
  ShellChange change;
  change.steps.push_back(
      events.keep_seconds == 0
          ? fmt::format("end the event log of the bucket {}, and forget its events", events.name)
          : fmt::format("keep the events of the bucket {} for {}", events.name, keep));
  change.result["events_keep_seconds"] = events.keep_seconds;
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   without_value(filer->set_bucket_events(std::move(events))));
}

Task<Result<ShellReply>> bucket_class(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const std::string name = arguments.get("BUCKET");
  KELP_CO_CHECK(co_await filer->get_bucket(name));
  std::string storage_class = arguments.get("--class");
  if (!s3::is_storage_class(storage_class)) {
    co_return Error(Errc::kInvalidArgument,
                    "say which, of S3's: --class STANDARD_IA; STANDARD is the default");
  }
  ShellChange change;
  change.steps.push_back(fmt::format(
      "objects written to the bucket {} without a storage class get {}", name, storage_class));
  change.result["storage_class"] = storage_class;
  if (storage_class == "STANDARD") storage_class.clear();
  co_return co_await apply_or_show(
      world, arguments.apply, change,
      without_value(filer->set_bucket_class({name, std::move(storage_class)})));
}

Task<Result<ShellReply>> bucket_delete(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const std::string name = arguments.get("BUCKET");
  KELP_CO_TRY(const BucketUsage usage, co_await filer->bucket_usage(name));
  ShellChange change;
  if (arguments.has("--with-objects")) {
    change.steps.push_back(fmt::format("drop the bucket {} with its {} objects ({})", name,
                                       usage.objects,
                                       bytes_text(static_cast<std::uint64_t>(usage.bytes))));
    co_return co_await apply_or_show(world, arguments.apply, change, filer->drop_bucket(name));
  }
  if (usage.objects > 0) {
    co_return Error(
        Errc::kConflict,
        fmt::format("the bucket {} holds {} objects ({}): only an empty one is removed", name,
                    usage.objects, bytes_text(static_cast<std::uint64_t>(usage.bytes))));
  }
  change.steps.push_back(fmt::format("remove the bucket {}", name));
  co_return co_await apply_or_show(world, arguments.apply, change, filer->delete_bucket(name));
}

}  // namespace kelp::server
