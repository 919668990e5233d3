#include "webdav/core/place.h"

#include <algorithm>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"

namespace kelp::webdav {
namespace {

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    const std::string_view segment = s3::cut(path, '/');
    if (segment == "." || segment == "..") return true;
  }
  return false;
}

}  // namespace

Outcome<Place> parse_place(std::string_view path) {
  const auto decoded = url_decode(path);
  if (!decoded) return failed(400, "the path has a broken percent-escape");
  return parse_plain_place(*decoded);
}

Outcome<Place> parse_plain_place(std::string_view path) {
  if (!path.starts_with('/')) return failed(400, "the path does not begin with a slash");
  if (has_dot_segment(path)) {
    return failed(400, "'.' and '..' are no names here; an object of such a key is read over S3");
  }
  std::string_view rest = path.substr(1);
  Place place;
  place.slash = path.ends_with('/');
  if (rest.empty()) {
    place.level = Level::kRoot;
    return place;
  }
  const std::string_view first = s3::cut(rest, '/');
  place.strict = first == "dav";
  if (!place.strict && first != "buckets") return place;
  if (rest.empty()) {
    place.level = Level::kBuckets;
    return place;
  }
  place.bucket = s3::cut(rest, '/');
  if (place.slash && !rest.empty()) rest.remove_suffix(1);
  place.level = rest.empty() ? Level::kBucket : Level::kEntry;
  KELP_DAV_CHECK(s3::check_key(rest));
  place.key = rest;
  return place;
}

Outcome<Place> parse_place_of_url(std::string_view url, std::string_view host) {
  if (const std::size_t scheme = url.find("://"); scheme != url.npos && !url.starts_with('/')) {
    url.remove_prefix(scheme + 3);
    const std::string_view authority = url.substr(0, url.find('/'));
    const bool same = std::ranges::equal(authority, host, {}, s3::ascii_lower, s3::ascii_lower);
    if (!same) return failed(502, "the URL names another server than the request");
    url.remove_prefix(authority.size());
  }
  if (url.find_first_of("?#") != url.npos) return failed(400, "the URL has a query or a fragment");
  return parse_place(url);
}

std::string key_of(const Place& place) {
  return place.slash ? place.prefix() : place.key;
}

std::string href_of(const Place& place, bool directory) {
  if (place.level == Level::kRoot) return "/";
  std::string href = place.strict ? "/dav/" : "/buckets/";
  if (place.level == Level::kBuckets) return href;
  href += url_encode(place.bucket, false);
  if (place.level == Level::kEntry) href += '/' + url_encode(place.key, true);
  if (directory) href += '/';
  return href;
}

Place parent_of(const Place& place) {
  Place parent = place;
  parent.slash = true;
  const std::size_t slash = place.key.rfind('/');
  parent.key = slash == std::string::npos ? std::string() : place.key.substr(0, slash);
  // A key that begins with a slash: its directory has an empty name, and is the bucket here.
  parent.level = parent.key.empty() ? Level::kBucket : Level::kEntry;
  return parent;
}

Place child_of(const Place& directory, std::string_view name) {
  Place child = directory;
  child.slash = name.ends_with('/');
  if (child.slash) name.remove_suffix(1);
  if (directory.level == Level::kBuckets) {
    child.level = Level::kBucket;
    child.bucket = name;
  } else {
    child.level = Level::kEntry;
    child.key = directory.prefix().append(name);
  }
  return child;
}

std::string_view name_of(const Place& place) {
  if (place.level == Level::kBucket) return place.bucket;
  const std::string_view key = place.key;
  const std::size_t slash = key.rfind('/');
  return slash == key.npos ? key : key.substr(slash + 1);
}

std::string lock_path(const Place& place) {
  return place.key.empty() ? place.bucket : place.bucket + '/' + place.key;
}

}  // namespace kelp::webdav
