#include "webdav/tree.h"

#include <algorithm>

#include "crypto/md5.h"
#include "s3gw/authorize.h"
#include "s3gw/core/names.h"
#include "s3gw/object_owner.h"
#include "webdav/permission.h"

namespace kelp::webdav {
namespace {

constexpr std::uint32_t kPageEntries = 1000;
constexpr std::uint32_t kMaxScanned = 10'000;
constexpr std::string_view kDirectoryType = "application/x-directory";

bool is_absent(const Error& error) {
  return error.reason() == Reason::kNoSuchKey || error.reason() == Reason::kNoSuchBucket ||
         error.reason() == Reason::kNoSuchVersion;
}

/// The current version of a key; nothing when there is none.
Task<Outcome<std::optional<FoundObject>>> find(Visit& visit, std::string bucket, std::string key) {
  if (key.size() > s3::kMaxKeyBytes) co_return std::nullopt;
  const ObjectKey name{.bucket = std::move(bucket), .key = std::move(key)};
  auto object = co_await visit.filer().get_object(name, false);
  if (!object) {
    if (is_absent(object.error())) co_return std::nullopt;
    co_return std::unexpected(as_failure(object.error()));
  }
  if (object->entry.delete_marker) co_return std::nullopt;
  co_return *std::move(object);
}

/// The parts of a page in the order of their keys, directories with a slash.
std::vector<Entry> merged(const ListedPage& page, std::size_t prefix_bytes) {
  std::vector<Entry> entries;
  auto directory = page.common_prefixes.begin();
  const auto add_directories = [&](const std::string* before) {
    for (; directory != page.common_prefixes.end() && (before == nullptr || *directory < *before);
         ++directory) {
      Entry entry;
      entry.name = directory->substr(prefix_bytes, directory->size() - prefix_bytes - 1);
      entry.directory = true;
      entries.push_back(std::move(entry));
    }
  };
  for (const ListedObject& object : page.objects) {
    add_directories(&object.key);
    entries.push_back({.name = object.key.substr(prefix_bytes),
                       .directory = false,
                       .size_bytes = object.size_bytes,
                       .modified = object.modified,
                       .etag = object.etag});
  }
  add_directories(nullptr);
  return entries;
}

/// What comes next of a directory.
struct Batch {
  std::vector<Entry> entries;
  bool more = false;
  std::string next;  ///< What to start after.
};

Task<Outcome<Batch>> next_buckets(Visit& visit, std::string after, std::uint32_t limit) {
  ListBuckets request{.owner_id = visit.call.account().id, .prefix = {}, .start_after = after};
  if (request.start_after.ends_with('/')) request.start_after.pop_back();
  request.limit = limit;
  KELP_DAV_CO_TRY(const ListedBuckets listed, co_await visit.filer().list_buckets(request));
  Batch batch{.entries = {}, .more = listed.truncated, .next = {}};
  for (const BucketEntry& bucket : listed.buckets) {
    batch.entries.push_back({.name = bucket.name, .directory = true, .modified = bucket.created});
    batch.next = bucket.name;
  }
  co_return batch;
}

Task<Outcome<Batch>> next_keys(Visit& visit, const Place& place, const std::string& front,
                               std::string after, std::uint32_t limit) {
  const std::string prefix = place.prefix();
  ListObjects request{.bucket = place.bucket,
                      .prefix = prefix + front,
                      .delimiter = "/",
                      .start_after = std::move(after),
                      .limit = limit};
  KELP_DAV_CO_TRY(const ListedPage page, co_await visit.filer().list_objects(std::move(request)));
  KELP_DAV_CO_CHECK(co_await s3::check_bucket(visit.call, page.bucket));
  co_return Batch{merged(page, prefix.size()), page.truncated, page.next};
}

/// Where a listing that was seen up to `after` goes on. A name without a slash is a file, or, when
/// there is none, the directory: scripts cut slashes off.
Task<Outcome<std::string>> start_of(Visit& visit, const Place& place, std::string after) {
  const std::string prefix = place.prefix();
  // The directory's own marker is no entry of it.
  if (after.empty()) co_return prefix;
  std::string key = prefix + after;
  if (!key.ends_with('/')) {
    KELP_DAV_CO_TRY(const auto file, co_await find(visit, place.bucket, key));
    if (!file) key += '/';
  }
  co_return key;
}

}  // namespace

Task<Outcome<bool>> has_below(Visit& visit, std::string bucket, std::string prefix) {
  ListObjects request{
      .bucket = std::move(bucket), .prefix = prefix, .delimiter = {}, .start_after = prefix};
  request.limit = 1;
  auto page = co_await visit.filer().list_objects(std::move(request));
  if (!page) {
    if (is_absent(page.error())) co_return false;
    co_return std::unexpected(as_failure(page.error()));
  }
  co_return !page->objects.empty();
}

Task<Outcome<Found>> look_up(Visit& visit, Place place) {
  Found found;
  found.place = std::move(place);
  Place& at = found.place;
  switch (at.level) {
    case Level::kElsewhere:
      co_return found;
    case Level::kRoot:
    case Level::kBuckets:
      found.kind = Found::Kind::kDirectory;
      break;
    case Level::kBucket: {
      if (!s3::plausible_bucket_name(at.bucket)) co_return found;
      const auto bucket = co_await visit.filer().get_bucket(at.bucket);
      if (!bucket && is_absent(bucket.error())) co_return found;
      KELP_DAV_CO_CHECK(bucket);
      found.kind = Found::Kind::kDirectory;
      found.made = bucket->created;
      break;
    }
    case Level::kEntry:
      if (!s3::plausible_bucket_name(at.bucket)) co_return found;
      if (!at.slash) {
        KELP_DAV_CO_TRY(found.object, co_await find(visit, at.bucket, at.key));
        if (found.object) {
          found.kind = Found::Kind::kFile;
          co_return found;
        }
      }
      KELP_DAV_CO_TRY(found.object, co_await find(visit, at.bucket, at.prefix()));
      bool there = found.object.has_value();
      if (!there) {
        KELP_DAV_CO_TRY(there, co_await has_below(visit, at.bucket, at.prefix()));
      }
      if (there) found.kind = Found::Kind::kDirectory;
      break;
  }
  if (found.directory()) at.slash = true;
  co_return found;
}

Task<Outcome<void>> check_parent(Visit& visit, Place place) {
  if (place.level != Level::kEntry) co_return Outcome<void>{};
  KELP_DAV_CO_TRY(const Found parent, co_await look_up(visit, parent_of(place)));
  if (parent.directory()) co_return Outcome<void>{};
  co_return failed(409, "the directory that should hold it is not there");
}

Task<Outcome<ListingPage>> list_page(Visit& visit, Place place, ListWish wish) {
  ListingPage page{.place = place, .entries = {}, .limit = wish.limit};
  if (place.level == Level::kRoot) {
    if (wish.after.empty()) page.entries.push_back({.name = "buckets", .directory = true});
    co_return page;
  }
  const bool buckets = place.level == Level::kBuckets;
  const std::string front(literal_front(wish.pattern));
  std::string after = wish.after;
  if (!buckets) {
    KELP_DAV_CO_TRY(after, co_await start_of(visit, place, wish.after));
  }
  page.last = wish.after;
  std::uint32_t scanned = 0;
  do {
    const auto room = static_cast<std::uint32_t>(wish.limit - page.entries.size());
    const std::uint32_t limit = wish.pattern.empty() ? std::min(room, kPageEntries) : kPageEntries;
    Outcome<Batch> next;
    if (buckets) {
      next = co_await next_buckets(visit, after, limit);
    } else {
      next = co_await next_keys(visit, place, front, after, limit);
    }
    KELP_DAV_CO_TRY(Batch batch, std::move(next));
    page.more = batch.more;
    after = batch.next;
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      Entry& entry = batch.entries[i];
      if (page.entries.size() == wish.limit) {
        page.more = true;
        co_return page;
      }
      page.last = entry.marker();
      if (!wish.pattern.empty() && !matches(wish.pattern, entry.name)) continue;
      page.entries.push_back(std::move(entry));
    }
    scanned += static_cast<std::uint32_t>(batch.entries.size());
  } while (page.more && page.entries.size() < wish.limit &&
           (wish.pattern.empty() || scanned < kMaxScanned));
  co_return page;
}

Outcome<void> give_owner(const Visit& visit, ObjectEntry& entry) {
  KELP_DAV_TRY(s3::NewOwner owner, s3::new_owner(visit.call));
  entry.owner_id = std::move(owner.id);
  entry.headers.acl = std::move(owner.acl);
  return {};
}

Task<Outcome<void>> make_directory(Visit& visit, Place place) {
  KELP_DAV_CO_CHECK(co_await s3::own_bucket(visit.call));
  PutObject request{.bucket = place.bucket, .key = place.prefix()};
  KELP_DAV_CO_CHECK(s3::check_key(request.key));
  request.entry.etag = Md5().finish();
  KELP_DAV_CO_CHECK(give_owner(visit, request.entry));
  request.entry.headers.content_type = kDirectoryType;
  request.conditions.if_none_match_any = true;
  const auto made = co_await visit.filer().put_object(std::move(request));
  if (made) co_return Outcome<void>{};
  if (made.error().reason() == Reason::kConditionFailed) {
    co_return failed(405, "the directory is there already");
  }
  co_return std::unexpected(as_failure(made.error()));
}

Task<Outcome<void>> remove_below(Visit& visit, std::string bucket, std::string prefix) {
  std::string after;
  while (true) {
    ListObjects request{.bucket = bucket, .prefix = prefix, .delimiter = {}, .start_after = after};
    KELP_DAV_CO_TRY(const ListedPage page, co_await visit.filer().list_objects(std::move(request)));
    DeleteObjects deletes{.bucket = bucket, .keys = {}};
    for (const ListedObject& object : page.objects) {
      KELP_DAV_CO_CHECK(co_await may_remove(visit, bucket, object.key));
      deletes.keys.push_back(object.key);
    }
    if (deletes.keys.empty()) co_return Outcome<void>{};
    KELP_DAV_CO_TRY(const auto outcomes, co_await visit.filer().delete_objects(std::move(deletes)));
    for (const auto& outcome : outcomes) {
      KELP_DAV_CO_CHECK(outcome);
    }
    if (!page.truncated) co_return Outcome<void>{};
    after = page.next;
  }
}

}  // namespace kelp::webdav
