#include "master/http/master_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/encoding.h"
#include "master/http/answers.h"
#include "net/http_answers.h"
#include "wire/fid.h"
#include "wire/node_http.h"

namespace kelp::master {
namespace {

namespace json = boost::json;

/// "3", or the volume of "3,01637037d6".
Result<VolumeId> volume_of(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find(','));
  VolumeId volume;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), volume.value);
  if (code == std::errc{} && end == digits.data() + digits.size()) return volume;
  return Error(Errc::kInvalidArgument,
               fmt::format("'{}' is neither a volume id nor a file id", text));
}

}  // namespace

struct MasterHttp::Answer {
  int status = 200;
  json::value body;
  std::string location = {};  ///< Of a redirect.
};

struct MasterHttp::Route {
  std::string_view path;
  Task<Result<Answer>> (MasterHttp::*serve)(HttpTarget);
  bool changes = false;  ///< Only from this machine, unless MasterHttpOptions::open.
};

const MasterHttp::Route MasterHttp::kRoutes[] = {
    {"/dir/assign", &MasterHttp::assign, true},
    {"/dir/lookup", &MasterHttp::lookup},
    {"/dir/status", &MasterHttp::dir_status},
    {"/vol/status", &MasterHttp::volume_status},
    {"/vol/grow", &MasterHttp::grow, true},
    {"/vol/vacuum", &MasterHttp::not_built, true},
    {"/col/delete", &MasterHttp::not_built, true},
    {"/cluster/status", &MasterHttp::cluster_status},
    {"/cluster/healthz", &MasterHttp::cluster_health},
};

Task<void> MasterHttp::handle(HttpExchange exchange) {
  const HttpRequest& request = exchange.request;
  Answer found;
  if (const std::string_view site = request.header("Sec-Fetch-Site").value_or("none");
      site == "none" || site == "same-origin") {
    found = co_await answer(std::string(request.method), std::string(request.target),
                            std::string(request.remote_address));
  } else {
    // A browser on this machine, sent here by a page of somebody else's.
    found = {403, {{"error", "pages of other sites are not answered"}}};
  }
  HttpResponse response(found.status);
  response.add("Content-Type", "application/json");
  response.add("Cache-Control", "no-store");
  if (!found.location.empty()) response.add("Location", found.location);
  if (found.status == 405) response.add("Allow", "GET, POST");
  std::string body = json::serialize(found.body) + "\n";
  // A peer that went away is nobody's concern here.
  if (request.method == "HEAD") {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send_head(std::move(response), body.size());
  } else {
    [[maybe_unused]] const auto sent =
        co_await exchange.response.send(std::move(response), std::move(body));
  }
}

std::pair<std::string, std::string> MasterHttp::refusal(int, const Error& error) {
  const json::object body{{"error", error.detail()}};
  return {"application/json", json::serialize(body) + "\n"};
}

Task<MasterHttp::Answer> MasterHttp::answer(std::string method, std::string target,
                                            std::string peer) {
  const auto failed = [](int status, std::string_view why) {
    return Answer{status, {{"error", why}}};
  };
  auto parsed = parse_target(target);
  if (!parsed.has_value()) co_return failed(400, parsed.error().detail());
  const auto* const route = std::ranges::find(kRoutes, parsed->path, &Route::path);
  if (route == std::end(kRoutes)) {
    if (parsed->path.size() > 1) {
      const auto fid = parse_fid(std::string_view(parsed->path).substr(1));
      if (fid) co_return co_await redirect(*fid, std::move(target));
    }
    co_return failed(404, fmt::format("nothing is at {}", parsed->path));
  }
  if (method != "GET" && method != "POST" && (method != "HEAD" || route->changes)) {
    co_return failed(405, fmt::format("{} takes GET and POST", route->path));
  }
  const bool may_change = options_.open || from_this_machine(peer);
  if (route->changes && !may_change) {
    co_return failed(403,
                     fmt::format("{} changes the cluster and is answered on this machine only; "
                                 "master.http_open = true opens it to the network",
                                 route->path));
  }
  const auto fid = parse_fid(parsed->get("fileId"));
  auto answered = co_await (this->*route->serve)(*std::move(parsed));
  if (answered.has_value()) {
    if (route->serve == &MasterHttp::lookup && answered->status == 200 && fid && may_change) {
      answered->body.as_object()["auth"] = base64_encode(parts_.sign_removal(*fid));
    }
    co_return *std::move(answered);
  }
  co_return failed(http_status_of(answered.error().code()), answered.error().detail());
}

/// What a request says about where data should go must be what this cluster does anyway: pretending
/// would put it elsewhere than the script believes.
Result<void> MasterHttp::check_placement(const HttpTarget& target) const {
  for (const std::string_view name : {"ttl", "disk", "dataCenter", "dataNode"}) {
    if (!target.get(name).empty()) {
      return Error(Errc::kUnimplemented, fmt::format("Kelp does not place data by {}", name));
    }
  }
  const std::string_view replication = target.get("replication");
  if (replication.empty() || replication == spread_digits(options_.spread)) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("replication={}: new volumes of this cluster have {} (master.spread)",
                           replication, spread_digits(options_.spread)));
}

Task<Result<MasterHttp::Answer>> MasterHttp::assign(HttpTarget target) {
  KELP_CO_CHECK(check_placement(target));
  KELP_CO_TRY(const std::uint64_t count, target.number("count", 1));
  LeaseRequest request;
  request.key_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
  request.collection = target.get("collection");
  request.rack = target.get("rack");
  const auto known = co_await addresses();
  KELP_CO_TRY(WriteLease lease, co_await parts_.masters.lease(std::move(request)));
  name_http(*known, lease.members);
  co_return Answer{200, assign_answer(lease, Cookie{parts_.draw_cookie()})};
}

Task<Result<MasterHttp::Answer>> MasterHttp::lookup(HttpTarget target) {
  const std::string_view asked =
      target.get("volumeId").empty() ? target.get("fileId") : target.get("volumeId");
  KELP_CO_TRY(const VolumeId volume, volume_of(asked));
  const auto known = co_await addresses();
  auto location = co_await parts_.masters.locate(volume);
  if (location.has_value()) {
    name_http(*known, location->members);
    co_return Answer{200, lookup_answer(asked, *location)};
  }
  co_return Answer{http_status_of(location.error().code()),
                   {{"volumeOrFileId", asked}, {"error", location.error().detail()}}};
}

/// Asked for anew every few seconds: scripts take a file id for each file.
Task<std::shared_ptr<const MasterHttp::HttpAddresses>> MasterHttp::addresses() {
  constexpr std::chrono::seconds kAge{2};
  const auto known = [this](const std::shared_ptr<const HttpAddresses>& newer) {
    const std::lock_guard lock(addresses_mutex_);
    if (newer != nullptr) {
      addresses_ = newer;
      addresses_at_ = parts_.clock.mono();
    }
    return std::pair(addresses_, addresses_at_);
  };
  const auto [last, at] = known(nullptr);
  if (at && parts_.clock.mono() - *at < kAge) co_return last;
  const auto view = co_await parts_.control.view();
  if (!view) co_return last;
  const auto found = std::make_shared<HttpAddresses>();
  for (const NodeView& node : view->nodes) {
    std::string address = http_address_of(node.identity.tags);
    if (!address.empty()) found->emplace(node.identity.node_id, std::move(address));
  }
  co_return known(found).first;
}

/// Puts where the HTTP of each is in place of its rpc's address, those that have it first.
void MasterHttp::name_http(const HttpAddresses& known, std::vector<VolumeMember>& members) {
  const auto have = [&known](const VolumeMember& member) { return known.contains(member.node_id); };
  const auto others = std::ranges::partition(members, have);
  for (VolumeMember& member : std::ranges::subrange(members.begin(), others.begin())) {
    member.address = known.at(member.node_id);
  }
}

Task<MasterHttp::Answer> MasterHttp::redirect(FileId fid, std::string target) {
  const auto failed = [](int status, std::string_view why) {
    return Answer{status, {{"error", why}}};
  };
  const auto location = co_await parts_.masters.locate(fid.volume);
  if (!location) {
    co_return failed(http_status_of(location.error().code()), location.error().detail());
  }
  const auto known = co_await addresses();
  for (const VolumeMember& member : location->members) {
    const auto found = known->find(member.node_id);
    if (found == known->end()) continue;
    std::string there = fmt::format("http://{}{}", found->second, target);
    co_return Answer{302, {{"location", there}}, there};
  }
  co_return failed(501, fmt::format("no server of volume {} speaks HTTP (volume.http_listen)",
                                    fid.volume.value));
}

Task<Result<MasterHttp::Answer>> MasterHttp::dir_status(HttpTarget) {
  KELP_CO_TRY(const ClusterView view, co_await parts_.control.view());
  co_return Answer{200, dir_status_answer(view, options_.volume_size_limit)};
}

Task<Result<MasterHttp::Answer>> MasterHttp::volume_status(HttpTarget) {
  KELP_CO_TRY(const ClusterView view, co_await parts_.control.view());
  co_return Answer{200, volume_status_answer(view)};
}

Task<Result<MasterHttp::Answer>> MasterHttp::grow(HttpTarget target) {
  KELP_CO_CHECK(check_placement(target));
  KELP_CO_TRY(const std::uint64_t count, target.number("count", 1));
  const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
  KELP_CO_TRY(const auto made,
              co_await parts_.control.grow_volumes(std::string(target.get("collection")), wanted));
  json::array ids;
  for (const VolumeId volume : made) ids.emplace_back(volume.value);
  co_return Answer{200, {{"count", made.size()}, {"volumeIds", std::move(ids)}}};
}

Task<Result<MasterHttp::Answer>> MasterHttp::cluster_status(HttpTarget) {
  const GroupView group = co_await parts_.group();
  co_return Answer{200, cluster_status_answer(group)};
}

Task<Result<MasterHttp::Answer>> MasterHttp::cluster_health(HttpTarget) {
  const GroupView group = co_await parts_.group();
  if (group.leader.has_value()) co_return Answer{200, {{"ok", true}}};
  co_return Answer{503, {{"error", "no master leads just now"}}};
}

Task<Result<MasterHttp::Answer>> MasterHttp::not_built(HttpTarget target) {
  if (target.path == "/vol/vacuum") {
    co_return Error(Errc::kUnimplemented, "Kelp cannot be told to vacuum yet");
  }
  co_return Error(Errc::kUnimplemented,
                  "Kelp cannot delete a collection yet: delete the objects of its buckets");
}

}  // namespace kelp::master
