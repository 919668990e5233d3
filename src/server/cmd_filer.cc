// kelp filer: a bucket's events as they happen.

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>

#include "base/log.h"
#include "client/rpc/rpc_filer.h"
#include "os/posix_file_io.h"
#include "s3gw/core/version_id.h"
#include "server/cluster_text.h"
#include "server/commands.h"
#include "server/meta_store.h"
#include "server/rpc_link.h"

namespace kelp::server {
namespace {

constexpr std::chrono::milliseconds kPause(500);
constexpr std::uint64_t kMaxPositionBytes = 1 << 20;

struct TailFlags {
  ConfigFlags config;
  std::string bucket;
  std::string from = "now";
  std::string resume;
  bool follow = false;
  bool json = false;
};

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kPut:
      return "put";
    case EventKind::kDelete:
      return "delete";
    case EventKind::kDeleteMarker:
      return "delete-marker";
    case EventKind::kLock:
      return "lock";
    case EventKind::kTags:
      return "tags";
    case EventKind::kAcl:
      return "acl";
    case EventKind::kRestore:
      return "restore";
    case EventKind::kRestored:
      return "restored";
    case EventKind::kEncryption:
      return "encryption";
  }
  return "unknown";
}

std::string_view name_of(EventCause cause) {
  switch (cause) {
    case EventCause::kUnknown:
      return {};
    case EventCause::kPut:
      return "put";
    case EventCause::kPost:
      return "form";
    case EventCause::kCopy:
      return "copy";
    case EventCause::kUpload:
      return "upload";
    case EventCause::kRename:
      return "rename";
    case EventCause::kRemoval:
      return "removal";
    case EventCause::kExpiration:
      return "expiration";
    case EventCause::kTransition:
      return "transition";
  }
  return {};
}

std::string json_of(const ObjectEvent& event) {
  boost::json::object out;
  out["event"] = name_of(event.kind);
  out["time"] = time_text(event.time);
  out["key"] = event.key;
  out["version"] = event.version;
  if (event.version_id) out["version_id"] = s3::version_id_text(*event.version_id);
  out["size_bytes"] = event.size_bytes;
  out["etag"] = event.etag;
  const EventOrigin& origin = event.origin;
  if (origin.cause != EventCause::kUnknown) out["cause"] = name_of(origin.cause);
  if (!origin.requester.empty()) out["requester"] = origin.requester;
  if (!origin.address.empty()) out["address"] = origin.address;
  if (!origin.request_id.empty()) out["request_id"] = origin.request_id;
  return boost::json::serialize(out);
}

void print(const EventPage& page, bool json) {
  for (const ObjectEvent& event : page.events) {
    if (json) {
      fmt::print("{}\n", json_of(event));
    } else {
      fmt::print("{} {:<13} {:>12} {}\n", time_text(event.time), name_of(event.kind),
                 event.size_bytes, log_value(event.key));
    }
  }
  std::fflush(stdout);
}

Result<ReadEvents> first_request(const TailFlags& flags, FileIo& io) {
  ReadEvents request{.bucket = flags.bucket, .from = EventsFrom::kPosition};
  if (!flags.resume.empty()) {
    KELP_TRY(const bool there, io.exists(flags.resume));
    if (there) {
      KELP_TRY(request.position, read_whole_file(io, flags.resume, kMaxPositionBytes));
      while (request.position.ends_with('\n')) request.position.pop_back();
      return request;
    }
  }
  if (flags.from == "oldest") {
    request.from = EventsFrom::kOldest;
  } else if (flags.from == "now") {
    request.from = EventsFrom::kNow;
  } else {
    request.position = flags.from;
  }
  return request;
}

/// What was printed is behind the position that is kept: after an abrupt end some events are
/// printed twice, and none is left out.
Task<void> tail_events(RpcLink& link, FilerClient& filer, const TailFlags& flags,
                       ReadEvents request, FileIo& io, Result<void>& outcome) {
  while (outcome) {
    const auto page = co_await filer.read_events(request);
    if (!page) {
      outcome = page.error();
      co_return;
    }
    print(*page, flags.json);
    const bool first = request.from != EventsFrom::kPosition;
    if (!flags.resume.empty() && (first || !page->events.empty())) {
      outcome = write_file_atomically(io, flags.resume, page->position + "\n");
    }
    request.from = EventsFrom::kPosition;
    request.position = page->position;
    if (page->more) continue;
    if (!flags.follow) {
      if (flags.resume.empty()) fmt::print(stderr, "position {}\n", request.position);
      co_return;
    }
    if (!co_await link.timers().sleep_until(link.clock().mono() + kPause)) co_return;
  }
}

Result<void> tail(const TailFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  if (loaded.config.cluster.filers.empty()) {
    return Error(Errc::kInvalidArgument, "say where a filer is: --filers host:port");
  }
  const auto io = make_posix_file_io();
  KELP_TRY(const ClusterIdentity identity, identity_of(loaded.config, *io));
  KELP_TRY(ReadEvents request, first_request(flags, *io));
  KELP_TRY(const auto link,
           RpcLink::open(loaded.config, {identity.cluster_id, identity.cluster_secret}));
  RpcFilerClient filer(link->channels(), loaded.config.cluster.filers);
  Result<void> outcome;
  link->run(tail_events(*link, filer, flags, std::move(request), *io, outcome));
  return outcome;
}

}  // namespace

void add_filer_tail_command(CLI::App& filer, int& exit_code) {
  const auto flags = std::make_shared<TailFlags>();
  CLI::App* command = filer.add_subcommand("tail", "Print what happens to the objects of a bucket");
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--cluster-file", "cluster.file");
  flags->config.add_named(*command, "--filers", "cluster.filers");
  command->add_option("BUCKET", flags->bucket, "it must keep events: shell, s3.bucket.events")
      ->required();
  command->add_option("--from", flags->from, "oldest, now, or a position that was printed")
      ->capture_default_str();
  command->add_option("--resume", flags->resume,
                      "keeps the position in this file, and goes on from there");
  command->add_flag("--follow,-f", flags->follow, "wait for more; else it ends at the last event");
  command->add_flag("--json", flags->json, "every event is a JSON object on a line");
  command->callback([flags, &exit_code] {
    if (const auto ran = tail(*flags); !ran.has_value()) exit_code = fail(ran.error());
  });
}

}  // namespace kelp::server
