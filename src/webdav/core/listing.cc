#include "webdav/core/listing.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.h"
#include "s3gw/core/http_date.h"

namespace kelp::webdav {
namespace {

namespace json = boost::json;

// What scripts test for a directory is the highest bit.
constexpr std::uint64_t kDirectoryMode = 0x80000000U | 0770U;
constexpr std::uint64_t kFileMode = 0660;

std::string decoded_path(const Place& place) {
  std::string path = place.level == Level::kRoot ? "/" : place.strict ? "/dav" : "/buckets";
  if (!place.bucket.empty()) path += '/' + place.bucket;
  if (!place.key.empty()) path += '/' + place.key;
  return path;
}

std::string date_of(WallTime time) {
  return s3::iso8601_seconds(std::chrono::floor<std::chrono::seconds>(time));
}

json::object entry_json(const std::string& parent, const Entry& entry) {
  json::object row;
  row["FullPath"] = (parent.ends_with('/') ? parent : parent + '/') + entry.name;
  row["Mtime"] = date_of(entry.modified);
  row["Crtime"] = date_of(entry.modified);
  row["Mode"] = entry.directory ? kDirectoryMode : kFileMode;
  row["FileSize"] = entry.size_bytes;
  const auto md5 = hex_decode(entry.etag);
  row["Md5"] = md5 && md5->size() == 16 ? json::value(base64_encode(*md5)) : json::value(nullptr);
  row["Etag"] = entry.etag;
  return row;
}

void append_row(std::string& out, const Place& place, const Entry& entry) {
  const Place child = place.level == Level::kRoot
                          ? Place{.level = Level::kBuckets, .bucket = {}, .key = {}}
                          : child_of(place, entry.marker());
  const bool dated = entry.modified != WallTime{};
  out += fmt::format("<tr><td><a href=\"{}\">{}{}</a></td><td>{}</td><td>{}</td></tr>\n",
                     escape_html(href_of(child, entry.directory)), escape_html(entry.name),
                     entry.directory ? "/" : "",
                     entry.directory ? std::string() : fmt::format("{}", entry.size_bytes),
                     dated ? date_of(entry.modified) : std::string());
}

}  // namespace

std::string listing_json(const ListingPage& page) {
  const std::string path = decoded_path(page.place);
  json::array entries;
  for (const Entry& entry : page.entries) entries.push_back(entry_json(path, entry));
  json::object body;
  body["Path"] = path;
  body["EmptyFolder"] = page.entries.empty() && !page.more;
  body["Entries"] = std::move(entries);
  body["Limit"] = page.limit;
  body["LastFileName"] = page.last;
  body["ShouldDisplayLoadMore"] = page.more;
  return json::serialize(body) + "\n";
}

std::string listing_html(const ListingPage& page, std::string_view query) {
  const std::string title = escape_html(decoded_path(page.place));
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<style>body{{font-family:sans-serif}}td{{padding:0 1.5em 0 0}}</style></head>\n"
      "<body><h1>{0}</h1>\n<table>\n",
      title);
  if (page.place.level == Level::kBucket || page.place.level == Level::kEntry) {
    Place up = page.place.level == Level::kEntry ? parent_of(page.place) : page.place;
    if (page.place.level == Level::kBucket) up.level = Level::kBuckets;
    out += fmt::format("<tr><td><a href=\"{}\">..</a></td></tr>\n", escape_html(href_of(up, true)));
  }
  for (const Entry& entry : page.entries) append_row(out, page.place, entry);
  out += "</table>\n";
  if (page.more) {
    const std::string link = fmt::format("{}?{}lastFileName={}", href_of(page.place, true), query,
                                         url_encode(page.last, false));
    out += fmt::format("<p><a href=\"{}\">more</a></p>\n", escape_html(link));
  }
  return out + "</body></html>\n";
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool matches(std::string_view pattern, std::string_view name) {
  const auto step = [&](std::size_t at) {
    ++at;
    while (at < name.size() && (static_cast<unsigned char>(name[at]) & 0xc0) == 0x80) ++at;
    return at;
  };
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = pattern.npos;
  std::size_t retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      n = step(n);
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = retry = step(retry);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view literal_front(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?"));
}

}  // namespace kelp::webdav
