#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "async/timers.h"
#include "base/clock.h"
#include "net/network.h"
#include "rpc/hello.h"

namespace kelp {

/// A request or an answer: a message (encoded by src/wire) and raw bytes that go along uncopied.
struct RpcMessage {
  std::string message;     ///< At most 1 MiB.
  std::string attachment;  ///< At most 64 MiB and 64 KiB. Its checksums are the caller's matter.
};

/// A string of `size` bytes that will be overwritten: to read an attachment into.
[[nodiscard]] std::string uninitialized(std::size_t size);

/// What server and client need of the world. What it refers to must outlive them; everything
/// happens on `executor`.
struct RpcWorld {
  Executor executor;
  Network& network;
  const Clock& clock;
  Timers& timers;
  RandomBytes random;
};

}  // namespace kelp
