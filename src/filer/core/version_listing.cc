#include "filer/core/version_listing.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/versions.h"

namespace kelp {
namespace {

/// A version or, with nothing but its name, a common prefix.
struct Item {
  std::string name;
  bool group = false;
  std::uint64_t number = 0;
  ListedVersion version;
};

/// Reads the items of a page from one cursor: those of object rows, then those of version rows, at
/// most one more of each than the page has room for.
class VersionScan {
 public:
  VersionScan(KvStore& store, const BucketEntry& bucket, const ListVersions& request)
      : bucket_(bucket.id),
        request_(request),
        object_rows_(keys::object(bucket.id, "")),
        cursor_(store.cursor({object_rows_ + request.prefix,
                              keys::behind(keys::versions_of(bucket.id, request.prefix))})) {}

  Result<void> run() {
    KELP_CHECK(find_start());
    KELP_CHECK(read_objects());
    return read_versions();
  }

  std::vector<Item> objects;
  std::vector<Item> versions;

 private:
  /// Whether the page begins among the versions of the key marker.
  [[nodiscard]] bool inside_key() const {
    return request_.version_id_marker && !group_of(request_.key_marker) &&
           request_.key_marker.starts_with(request_.prefix);
  }
  [[nodiscard]] std::optional<std::string_view> group_of(std::string_view key) const {
    if (!key.starts_with(request_.prefix)) return std::nullopt;
    return common_prefix_of(key, request_.prefix, request_.delimiter);
  }
  [[nodiscard]] bool at(std::string_view prefix) const {
    return cursor_->valid() && cursor_->key().starts_with(prefix);
  }

  /// The rows at which both parts begin.
  Result<void> find_start() {
    const std::string& marker = request_.key_marker;
    if (marker.empty() || marker < request_.prefix) {
      first_object_ = object_rows_ + request_.prefix;
      first_version_ = keys::versions_of(bucket_, request_.prefix);
    } else if (const auto group = group_of(marker)) {
      first_object_ = keys::behind(object_rows_ + std::string(*group));
      first_version_ = keys::behind(keys::versions_of(bucket_, *group));
    } else if (inside_key()) {
      return find_start_inside(marker);
    } else {
      first_object_ = object_rows_ + marker + '\0';
      first_version_ = keys::behind(keys::versions_of_key(bucket_, marker));
    }
    return {};
  }

  Result<void> find_start_inside(const std::string& key) {
    const std::string object = object_rows_ + key;
    const std::string all = keys::versions_of_key(bucket_, key);
    ObjectEntry head;
    cursor_->seek(object);
    const bool is_object = cursor_->valid() && cursor_->key() == object;
    if (is_object) {
      KELP_TRY(head, decode_entry(cursor_->value()));
    }
    cursor_->seek(all);
    if (!is_object && at(all)) {
      KELP_TRY(head, decode_entry(cursor_->value()));
      newest_row_ = cursor_->key();
    }
    KELP_CHECK(cursor_->status());
    std::uint64_t number = *request_.version_id_marker;
    if (number == kNullVersion) number = head.has_id ? head.older_null : head.version;
    if (number == 0) number = UINT64_MAX;  // It is gone.
    const bool object_is_older = is_object && head.version < number;
    first_object_ = object_is_older ? object : object + '\0';
    first_version_ = keys::version(bucket_, key, number) + '\0';
    return {};
  }

  Result<void> read_objects() {
    const std::string all = object_rows_ + request_.prefix;
    for (cursor_->seek(first_object_); at(all) && objects.size() <= request_.limit;) {
      const std::string_view key = cursor_->key().substr(object_rows_.size());
      Item& item = objects.emplace_back();
      if (const auto group = group_of(key)) {
        item.name = *group;
        item.group = true;
        cursor_->seek(keys::behind(object_rows_ + item.name));
        continue;
      }
      item.name = key;
      KELP_CHECK(fill(item));
      item.version.is_latest = true;
      cursor_->next();
    }
    return cursor_->status();
  }

  Result<void> read_versions() {
    const std::string all = keys::versions_of(bucket_, request_.prefix);
    for (cursor_->seek(first_version_); at(all) && versions.size() <= request_.limit;) {
      KELP_TRY(keys::VersionRowKey row, keys::parse_version(cursor_->key()));
      // What lies behind a full page of objects is not on this one.
      if (objects.size() > request_.limit && row.key > objects.back().name) break;
      const bool newest = versions.empty() || versions.back().name != row.key;
      Item& item = versions.emplace_back();
      if (const auto group = group_of(row.key)) {
        item.name = *group;
        item.group = true;
        cursor_->seek(keys::behind(keys::versions_of(bucket_, item.name)));
        continue;
      }
      item.name = std::move(row.key);
      KELP_CHECK(fill(item));
      const bool resumed = inside_key() && item.name == request_.key_marker;
      item.version.is_latest =
          resumed ? cursor_->key() == newest_row_ : newest && !has_object(item);
      cursor_->next();
    }
    return cursor_->status();
  }

  [[nodiscard]] bool has_object(const Item& item) const {
    const auto found = std::ranges::lower_bound(objects, item.name, {}, &Item::name);
    return found != objects.end() && found->name == item.name && !found->group;
  }

  Result<void> fill(Item& item) {
    KELP_TRY(const ListedEntry entry,
             read_listed(item.name, cursor_->value(), item.version.object));
    item.number = entry.version;
    item.version.version_id = version_id_of(entry);
    item.version.delete_marker = entry.delete_marker;
    return {};
  }

  const BucketId bucket_;
  const ListVersions& request_;
  const std::string object_rows_;
  const std::unique_ptr<KvCursor> cursor_;
  std::string first_object_;
  std::string first_version_;
  std::string newest_row_;  ///< The version row that is the newest version of the key marker.
};

/// Whether `a` stands before `b` in the listing.
bool before(const Item& a, const Item& b) {
  return a.name != b.name ? a.name < b.name : a.number > b.number;
}

void add(Item item, ListedVersions& page) {
  page.next_key = item.name;
  page.next_version_id.reset();
  if (item.group) {
    page.common_prefixes.push_back(std::move(item.name));
    return;
  }
  page.next_version_id = item.version.version_id;
  page.versions.push_back(std::move(item.version));
}

}  // namespace

Result<ListedVersions> list_versions(KvStore& store, BucketEntry bucket,
                                     const ListVersions& request) {
  ListedVersions page;
  page.bucket = std::move(bucket);
  if (request.limit == 0) return page;
  VersionScan scan(store, page.bucket, request);
  KELP_CHECK(scan.run());
  auto object = scan.objects.begin();
  auto version = scan.versions.begin();
  for (std::uint32_t count = 0;; ++count) {
    const bool more_objects = object != scan.objects.end();
    const bool more_versions = version != scan.versions.end();
    if (!more_objects && !more_versions) break;
    if (count == request.limit) {
      page.truncated = true;
      break;
    }
    const bool take_version = more_versions && (!more_objects || before(*version, *object));
    Item item = std::move(take_version ? *version++ : *object++);
    // A common prefix of both.
    if (item.group && version != scan.versions.end() && version->name == item.name) ++version;
    if (item.group && object != scan.objects.end() && object->name == item.name) ++object;
    add(std::move(item), page);
  }
  if (!page.truncated) {
    page.next_key.clear();
    page.next_version_id.reset();
  }
  return page;
}

}  // namespace kelp
