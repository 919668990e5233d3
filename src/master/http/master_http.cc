#include "master/http/master_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "master/http/answers.h"
#include "wire/fid.h"

namespace kelp::master {
namespace {

namespace json = boost::json;

int status_of(const Error& error) {
  switch (error.code()) {
    case Errc::kInvalidArgument:
      return 400;
    case Errc::kUnauthenticated:
    case Errc::kPermissionDenied:
      return 403;
    case Errc::kNotFound:
      return 404;
    case Errc::kAlreadyExists:
    case Errc::kConflict:
    case Errc::kPrecondition:
      return 409;
    case Errc::kUnimplemented:
      return 501;
    case Errc::kResourceExhausted:
    case Errc::kUnavailable:
    case Errc::kCancelled:
      return 503;
    case Errc::kDeadlineExceeded:
      return 504;
    case Errc::kNoSpace:
      return 507;
    case Errc::kCorruption:
    case Errc::kIo:
    case Errc::kInternal:
      break;
  }
  return 500;
}

bool from_this_machine(std::string_view peer) {
  return peer == "::1" || peer.starts_with("127.") || peer.starts_with("::ffff:127.");
}

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
    if (parsed->path.size() > 1 && parse_fid(std::string_view(parsed->path).substr(1))) {
      co_return failed(501,
                       "volume servers of Kelp do not speak HTTP yet: there is nowhere to "
                       "redirect to; read and write through S3");
    }
    co_return failed(404, fmt::format("nothing is at {}", parsed->path));
  }
  if (method != "GET" && method != "POST" && (method != "HEAD" || route->changes)) {
    co_return failed(405, fmt::format("{} takes GET and POST", route->path));
  }
  if (route->changes && !options_.open && !from_this_machine(peer)) {
    co_return failed(403,
                     fmt::format("{} changes the cluster and is answered on this machine only; "
                                 "master.http_open = true opens it to the network",
                                 route->path));
  }
  auto answered = co_await (this->*route->serve)(*std::move(parsed));
  if (answered.has_value()) co_return *std::move(answered);
  co_return failed(status_of(answered.error()), answered.error().detail());
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
  KELP_CO_TRY(const WriteLease lease, co_await parts_.masters.lease(std::move(request)));
  co_return Answer{200, assign_answer(lease, Cookie{parts_.draw_cookie()})};
}

Task<Result<MasterHttp::Answer>> MasterHttp::lookup(HttpTarget target) {
  const std::string_view asked =
      target.get("volumeId").empty() ? target.get("fileId") : target.get("volumeId");
  KELP_CO_TRY(const VolumeId volume, volume_of(asked));
  const auto location = co_await parts_.masters.locate(volume);
  if (location.has_value()) co_return Answer{200, lookup_answer(asked, *location)};
  co_return Answer{status_of(location.error()),
                   {{"volumeOrFileId", asked}, {"error", location.error().detail()}}};
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
