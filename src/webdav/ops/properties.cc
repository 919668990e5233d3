#include <algorithm>

#include "s3gw/authorize.h"
#include "s3gw/object_headers.h"
#include "webdav/core/dav_xml.h"
#include "webdav/core/multistatus.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"
#include "webdav/transfer.h"

namespace kelp::webdav {
namespace {

constexpr std::uint32_t kPageEntries = 1000;

std::string_view stored_props(const ObjectHeaders& headers) {
  const auto is_props = [](const auto& line) { return line.first == kDeadPropsName; };
  const auto found = std::ranges::find_if(headers.user, is_props);
  return found == headers.user.end() ? std::string_view() : std::string_view(found->second);
}

/// What the row of a file, or of a directory's marker, adds.
void add_entry(const ObjectEntry& entry, Resource& resource) {
  resource.modified = entry.modified;
  resource.dead = decode_dead_props(stored_props(entry.headers));
  if (resource.directory) return;
  resource.size_bytes = entry.size_bytes;
  resource.etag = etag_text(entry);
  const std::string& type = entry.headers.content_type;
  resource.content_type = type.empty() ? "binary/octet-stream" : type;
}

Resource resource_of(Visit& visit, const Found& found) {
  Resource resource{.place = found.place, .directory = found.directory()};
  resource.modified = found.made;
  if (found.object) add_entry(found.object->entry, resource);
  resource.locks = locks_of(visit, found.place);
  return resource;
}

/// The resource of a row of a listing; its entry is read only when somebody asks for more.
Task<Outcome<Resource>> child_resource(Visit& visit, const Place& parent, Entry entry,
                                       bool with_entry) {
  Resource resource{.place = parent.level == Level::kRoot
                                 ? Place{.level = Level::kBuckets, .bucket = {}, .key = {}}
                                 : child_of(parent, entry.marker()),
                    .directory = entry.directory,
                    .size_bytes = entry.size_bytes,
                    .modified = entry.modified,
                    .etag = entry.etag};
  if (resource.place.level == Level::kEntry && with_entry) {
    const Place& place = resource.place;
    const ObjectKey name{.bucket = place.bucket,
                         .key = entry.directory ? place.prefix() : place.key};
    const auto object = co_await visit.filer().get_object(name, false);
    const bool gone = !object && object.error().reason() == Reason::kNoSuchKey;
    if (!object && !gone) co_return std::unexpected(as_failure(object.error()));
    const bool there = object && !object->entry.delete_marker;
    // Who may list it and not read it is told what listings tell.
    if (there && co_await may_read(visit, place, *object)) add_entry(object->entry, resource);
  }
  resource.locks = locks_of(visit, resource.place);
  co_return resource;
}

/// Depth 1 is sent page by page: a directory may hold more than memory. False: the peer is gone, or
/// a page could not be read: the answer stays unfinished, and the peer sees that.
Task<bool> send_children(Visit& visit, Place place, Propfind asked, std::string out) {
  ListWish wish{.after = {}, .limit = kPageEntries, .pattern = {}};
  const bool with_entries = needs_entry(asked);
  while (true) {
    const auto page = co_await list_page(visit, place, wish);
    if (!page) co_return false;
    for (const Entry& entry : page->entries) {
      const auto child = co_await child_resource(visit, place, entry, with_entries);
      if (!child) co_return false;
      append_response(out, *child, asked, visit.now());
    }
    if (!page->more) close_multistatus(out);
    if (!out.empty() && !co_await visit.call.response.write(as_bytes(std::string_view(out)))) {
      co_return false;
    }
    visit.call.bytes_out += out.size();
    if (!page->more) co_return true;
    out.clear();
    wish.after = page->last;
  }
}

/// The properties after the steps; nothing when a live one was named.
struct Patched {
  std::vector<DeadProp> props;
  bool live = false;
};
Patched apply(std::vector<DeadProp> props, const std::vector<PropStep>& steps) {
  Patched patched;
  for (const PropStep& step : steps) {
    patched.live = patched.live || is_live(step.prop.name);
    std::erase_if(props, [&](const DeadProp& prop) { return prop.name == step.prop.name; });
    if (!step.remove) props.push_back(step.prop);
  }
  patched.props = std::move(props);
  return patched;
}

/// Puts the steps into an object's headers. 403 for a live property, 507 for too much metadata.
Outcome<void> patch(ObjectHeaders& headers, const std::vector<PropStep>& steps) {
  const Patched patched = apply(decode_dead_props(stored_props(headers)), steps);
  if (patched.live) return failed(403, "a live property");
  std::erase_if(headers.user, [](const auto& line) { return line.first == kDeadPropsName; });
  if (!patched.props.empty()) {
    headers.user.emplace_back(kDeadPropsName, encode_dead_props(patched.props));
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : headers.user) bytes += name.size() + value.size();
  if (bytes > s3::kMaxUserMetadataBytes) return failed(507, "too much metadata");
  return {};
}

Task<void> reply_patched(Visit& visit, const Found& found, const std::vector<PropStep>& steps,
                         int failure) {
  std::vector<std::pair<PropName, int>> statuses;
  for (const PropStep& step : steps) {
    // All or nothing (RFC 4918 section 9.2): what is not to blame failed with the rest.
    const bool blamed =
        failure != 403 || is_live(step.prop.name) || found.place.level != Level::kEntry;
    statuses.emplace_back(step.prop.name, failure == 0 ? 200 : blamed ? failure : 424);
  }
  std::string body;
  open_multistatus(body);
  append_patch_response(body, href_of(found.place, found.directory()), statuses);
  close_multistatus(body);
  HttpResponse head = s3::begin_response(visit.call, 207);
  head.add("Content-Type", "application/xml; charset=utf-8");
  co_await reply(visit, std::move(head), std::move(body));
}

/// What stands at the request's place, as far as the caller may be told.
Task<Outcome<Found>> look_up_to_tell(Visit& visit) {
  KELP_DAV_CO_TRY(Found found, co_await look_up(visit, visit.place));
  const Place& place = found.place;
  if (found.kind == Found::Kind::kNothing) {
    co_return std::unexpected(co_await nothing_there(visit, place, "nothing is here"));
  }
  if (found.file()) {
    KELP_DAV_CO_CHECK(co_await ask(visit, s3::Operation::kHeadObject, place.bucket, place.key));
    const FoundObject& object = *found.object;
    KELP_DAV_CO_CHECK(co_await s3::check_version(visit.call, object.bucket, object.entry));
    co_return found;
  }
  KELP_DAV_CO_CHECK(co_await ask_to_list(visit, place, kPageEntries));
  if (found.object && !co_await may_read(visit, place, *found.object)) found.object.reset();
  co_return found;
}

}  // namespace

Task<Outcome<void>> propfind(Visit& visit) {
  const std::string_view depth = visit.call.header("depth").value_or("infinity");
  KELP_DAV_CO_TRY(std::string body, co_await read_small_body(visit));
  KELP_DAV_CO_TRY(const Propfind asked, parse_propfind(std::move(body)));
  if (depth != "0" && depth != "1") {
    Failure refusal{403, "PROPFIND is answered for Depth 0 and 1"};
    refusal.condition = "<D:propfind-finite-depth/>";
    co_return std::unexpected(std::move(refusal));
  }
  KELP_DAV_CO_TRY(const Found found, co_await look_up_to_tell(visit));
  HttpResponse head = s3::begin_response(visit.call, 207);
  head.add("Content-Type", "application/xml; charset=utf-8");
  std::string out;
  open_multistatus(out);
  append_response(out, resource_of(visit, found), asked, visit.now());
  if (depth == "0" || found.file()) {
    close_multistatus(out);
    co_await reply(visit, std::move(head), std::move(out));
    co_return Outcome<void>{};
  }
  visit.call.response.start(std::move(head), std::nullopt);
  if (co_await send_children(visit, found.place, asked, std::move(out))) {
    (void)co_await visit.call.response.finish();
  }
  co_return Outcome<void>{};
}

Task<Outcome<void>> proppatch(Visit& visit) {
  KELP_DAV_CO_TRY(std::string body, co_await read_small_body(visit));
  KELP_DAV_CO_TRY(const std::vector<PropStep> steps, parse_proppatch(std::move(body)));
  KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, visit.place));
  if (found.kind == Found::Kind::kNothing) {
    co_return std::unexpected(co_await nothing_there(visit, found.place, "nothing is here"));
  }
  if (found.place.level != Level::kEntry) {
    KELP_DAV_CO_CHECK(co_await ask_to_list(visit, found.place, kPageEntries));
    co_await reply_patched(visit, found, steps, 403);
    co_return Outcome<void>{};
  }
  std::string key = key_of(found.place);
  auto asked = ask(visit, s3::Operation::kCopyObject, found.place.bucket, std::move(key));
  KELP_DAV_CO_CHECK(co_await std::move(asked));
  KELP_DAV_CO_CHECK(check_locks(visit, found.place, {}));
  if (found.directory() && !found.object) {
    auto made = co_await make_directory(visit, found.place);
    if (!made && made.error().status != 405) co_return std::unexpected(std::move(made).error());
  }
  const ObjectKey name{.bucket = found.place.bucket, .key = key_of(found.place)};
  std::function<Outcome<void>(ObjectHeaders&)> change = [&steps](ObjectHeaders& headers) {
    return patch(headers, steps);
  };
  const auto changed = co_await change_headers(visit, name, std::move(change));
  const int failure = changed ? 0 : changed.error().status;
  const bool refused = !changed && changed.error().code == s3::S3Code::kAccessDenied;
  if (refused) co_return std::unexpected(changed.error());
  if (failure != 0 && failure != 403 && failure != 507) co_return std::unexpected(changed.error());
  co_await reply_patched(visit, found, steps, failure);
  co_return Outcome<void>{};
}

}  // namespace kelp::webdav
