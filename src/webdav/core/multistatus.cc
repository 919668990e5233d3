#include "webdav/core/multistatus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_writer.h"

namespace kelp::webdav {
namespace {

constexpr std::string_view kSupportedLock =
    "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
    "</D:lockentry><D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/>"
    "</D:locktype></D:lockentry>";

/// Character data; what XML 1.0 cannot carry becomes a question mark.
std::string text_of(std::string_view bytes) {
  std::string clean(bytes);
  std::ranges::replace_if(
      clean, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; }, '?');
  std::string out;
  s3::append_escaped(out, clean);
  return out;
}

std::string active_lock(const Lock& lock, MonoTime now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(lock.expires - now);
  return fmt::format(
      "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:{}/></D:lockscope>"
      "<D:depth>{}</D:depth>{}<D:timeout>Second-{}</D:timeout>"
      "<D:locktoken><D:href>{}</D:href></D:locktoken>"
      "<D:lockroot><D:href>/buckets/{}</D:href></D:lockroot></D:activelock>",
      lock.exclusive ? "exclusive" : "shared", lock.deep ? "infinity" : "0", lock.owner,
      std::max<std::int64_t>(left.count(), 0), lock.token, url_encode(lock.path, true));
}

std::string discovery(const std::vector<Lock>& locks, MonoTime now) {
  std::string out;
  for (const Lock& lock : locks) out += active_lock(lock, now);
  return out;
}

/// A live property: its name, and its value as XML; nothing when this resource has none.
struct LiveProp {
  std::string_view name;
  std::optional<std::string> (*value)(const Resource& resource, MonoTime now);
};

std::optional<std::string> dated(const Resource& resource, std::string date) {
  if (resource.modified == WallTime{}) return std::nullopt;
  return date;
}

constexpr std::array<LiveProp, 9> kLive{{
    {"creationdate",
     [](const Resource& resource, MonoTime) {
       const auto seconds = std::chrono::floor<std::chrono::seconds>(resource.modified);
       return dated(resource, s3::iso8601_seconds(seconds));
     }},
    {"displayname", [](const Resource& resource,
                       MonoTime) { return std::optional(text_of(name_of(resource.place))); }},
    {"getcontentlength",
     [](const Resource& resource, MonoTime) {
       if (resource.directory) return std::optional<std::string>();
       return std::optional(std::to_string(resource.size_bytes));
     }},
    {"getcontenttype",
     [](const Resource& resource, MonoTime) {
       if (!resource.content_type) return std::optional<std::string>();
       return std::optional(text_of(*resource.content_type));
     }},
    {"getetag",
     [](const Resource& resource, MonoTime) {
       if (resource.etag.empty()) return std::optional<std::string>();
       return std::optional("\"" + resource.etag + "\"");
     }},
    {"getlastmodified", [](const Resource& resource,
                           MonoTime) { return dated(resource, s3::http_date(resource.modified)); }},
    {"lockdiscovery", [](const Resource& resource,
                         MonoTime now) { return std::optional(discovery(resource.locks, now)); }},
    {"resourcetype",
     [](const Resource& resource, MonoTime) {
       return std::optional<std::string>(resource.directory ? "<D:collection/>" : "");
     }},
    {"supportedlock",
     [](const Resource&, MonoTime) { return std::optional(std::string(kSupportedLock)); }},
}};

const LiveProp* find_live(const PropName& name) {
  if (name.space != kDavNamespace) return nullptr;
  const auto* const found = std::ranges::find(kLive, name.name, &LiveProp::name);
  return found == kLive.end() ? nullptr : found;
}

/// An element without content.
std::string empty_element(const PropName& name) {
  if (name.space == kDavNamespace) return fmt::format("<D:{}/>", name.name);
  if (name.space.empty()) return fmt::format("<{}/>", name.name);
  return fmt::format("<x:{} xmlns:x=\"{}\"/>", name.name, text_of(name.space));
}

/// What was found of one resource, and what was not.
struct PropLists {
  std::string found;
  std::string missing;
};

void add_named(const Resource& resource, const PropName& name, MonoTime now, PropLists& lists) {
  if (const LiveProp* live = find_live(name)) {
    if (const auto value = live->value(resource, now)) {
      lists.found += fmt::format("<D:{0}>{1}</D:{0}>", live->name, *value);
      return;
    }
  }
  const auto dead = std::ranges::find(resource.dead, name, &DeadProp::name);
  (dead != resource.dead.end() ? lists.found : lists.missing) +=
      dead != resource.dead.end() ? dead->xml : empty_element(name);
}

PropLists lists_of(const Resource& resource, const Propfind& asked, MonoTime now) {
  PropLists lists;
  const bool values = asked.kind == Propfind::Kind::kAll;
  if (asked.kind != Propfind::Kind::kSome) {
    for (const LiveProp& live : kLive) {
      const auto value = live.value(resource, now);
      if (!value) continue;
      lists.found += values ? fmt::format("<D:{0}>{1}</D:{0}>", live.name, *value)
                            : fmt::format("<D:{}/>", live.name);
    }
    for (const DeadProp& dead : resource.dead) {
      lists.found += values ? dead.xml : empty_element(dead.name);
    }
  }
  for (const PropName& name : asked.names) {
    const bool shown = asked.kind == Propfind::Kind::kAll && find_live(name) != nullptr;
    if (!shown) add_named(resource, name, now, lists);
  }
  return lists;
}

void append_propstat(std::string& out, std::string_view props, std::string_view status) {
  out += fmt::format("<D:propstat><D:prop>{}</D:prop><D:status>HTTP/1.1 {}</D:status></D:propstat>",
                     props, status);
}

std::string_view status_line(int status) {
  switch (status) {
    case 200:
      return "200 OK";
    case 403:
      return "403 Forbidden";
    case 424:
      return "424 Failed Dependency";
    case 507:
      return "507 Insufficient Storage";
    default:
      return "500 Internal Server Error";
  }
}

}  // namespace

bool needs_entry(const Propfind& asked) {
  if (asked.kind != Propfind::Kind::kSome) return true;
  return std::ranges::any_of(asked.names, [](const PropName& name) {
    return !is_live(name) || name.name == "getcontenttype";
  });
}

bool is_live(const PropName& name) {
  return find_live(name) != nullptr;
}

void open_multistatus(std::string& out) {
  out += s3::kXmlHead;
  out += "<D:multistatus xmlns:D=\"DAV:\">\n";
}

void close_multistatus(std::string& out) {
  out += "</D:multistatus>\n";
}

void append_response(std::string& out, const Resource& resource, const Propfind& asked,
                     MonoTime now) {
  const PropLists lists = lists_of(resource, asked, now);
  out += fmt::format("<D:response><D:href>{}</D:href>",
                     text_of(href_of(resource.place, resource.directory)));
  if (!lists.found.empty() || lists.missing.empty()) append_propstat(out, lists.found, "200 OK");
  if (!lists.missing.empty()) append_propstat(out, lists.missing, "404 Not Found");
  out += "</D:response>\n";
}

void append_patch_response(std::string& out, std::string_view href,
                           const std::vector<std::pair<PropName, int>>& statuses) {
  out += fmt::format("<D:response><D:href>{}</D:href>", text_of(href));
  for (const auto& [name, status] : statuses) {
    append_propstat(out, empty_element(name), status_line(status));
  }
  out += "</D:response>\n";
}

std::string lock_answer(const std::vector<Lock>& locks, MonoTime now) {
  std::string out(s3::kXmlHead);
  out += fmt::format("<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>{}</D:lockdiscovery></D:prop>\n",
                     discovery(locks, now));
  return out;
}

std::string error_body(std::string_view condition) {
  std::string out(s3::kXmlHead);
  out += fmt::format("<D:error xmlns:D=\"DAV:\">{}</D:error>\n", condition);
  return out;
}

}  // namespace kelp::webdav
