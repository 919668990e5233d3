#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/clock.h"

namespace kelp {

/// Addresses of host names, by a function that may block for long: the system's, by default.
///
/// Every question is asked in a thread of its own, so that one name which the name server is silent
/// about holds up no other name, and not even itself once the name is known: who asks for a name
/// shares the newest question about it if that is young, or asks anew. Thread-safe. May be
/// destroyed while questions are open; no look_up() may then be under way.
class NameLookup {
 public:
  using Addresses = std::vector<asio::ip::address>;
  using Ask = std::function<Result<Addresses>(const std::string& host)>;
  struct Options {
    Ask ask;  ///< Called on any thread, by several at once; the system's resolver when empty.
    std::chrono::milliseconds young{1000};  ///< Until then a question is shared.
    std::size_t most = 4;                   ///< Open questions about one name.
  };

  explicit NameLookup(Options options);

  /// At least one address. Errors: what `ask` answers (the system's: kUnavailable),
  /// kDeadlineExceeded, kCancelled.
  Task<Result<Addresses>> look_up(std::string host, MonoTime deadline);

 private:
  struct Waiter;
  struct Question;
  struct State;
  std::shared_ptr<State> state_;  ///< Shared with the threads that ask, which may outlive this.
};

}  // namespace kelp
