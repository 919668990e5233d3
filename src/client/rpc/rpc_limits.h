#pragma once

#include <cstddef>
#include <cstdint>

#include "rpc/rpc_server.h"

namespace kelp {

/// A needle of up to this many bytes is written by one call, and durable with its answer.
inline constexpr std::size_t kSmallNeedleBytes = 256 << 10;
/// Longer ones, and what is read, travel in pieces of at most this many.
inline constexpr std::size_t kPieceBytes = 512 << 10;

/// What daemons take from each other: an object of 5 TiB is described in 13 MiB, and the largest
/// needle with its head and trailer is an answer of read_needles().
inline constexpr FrameLimits kDaemonRequests{.message_bytes = 16 << 20,
                                             .attachment_bytes = 1 << 20};
inline constexpr FrameLimits kDaemonAnswers{.message_bytes = 16 << 20,
                                            .attachment_bytes = 65 << 20};

/// The limits with which every daemon serves; a gateway's thread has one connection for all of its
/// calls to a server.
[[nodiscard]] inline RpcServerOptions daemon_server_options(RpcIdentity identity) {
  return {.identity = std::move(identity),
          .in_flight_limit = 4096,
          .in_flight_bytes_limit = 32 << 20,
          .limits = kDaemonRequests,
          .answer_limits = kDaemonAnswers};
}

/// Those of a master: entries of the log come in one piece with the largest command, and every
/// volume server stays connected.
[[nodiscard]] inline RpcServerOptions master_server_options(RpcIdentity identity) {
  RpcServerOptions options = daemon_server_options(std::move(identity));
  options.connection_limit = 8192;
  options.limits.attachment_bytes = 17 << 20;
  return options;
}

}  // namespace kelp
