#include "net/name_lookup.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "async/work_pool.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

using Tcp = asio::ip::tcp;

Result<NameLookup::Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0)
    return Error(Errc::kUnavailable, fmt::format("{}: {}", host, ::gai_strerror(code)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &::freeaddrinfo);
  NameLookup::Addresses addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    Tcp::endpoint end;
    std::memcpy(end.data(), at->ai_addr, std::min<std::size_t>(at->ai_addrlen, end.capacity()));
    addresses.push_back(end.address());
  }
  if (addresses.empty()) return Error(Errc::kUnavailable, host + ": no address");
  return addresses;
}

}  // namespace

/// One caller; all but `executor` is touched on its executor only.
struct NameLookup::Waiter {
  Waiter(Executor where, MonoTime deadline)
      : executor(std::move(where)), timer(executor, deadline) {}
  Executor executor;
  asio::steady_timer timer;  ///< Ends early when the answer is there.
  std::optional<Result<Addresses>> answer;
};

struct NameLookup::Question {
  MonoTime asked;
  std::vector<std::shared_ptr<Waiter>> waiters;  ///< Those that still wait.
};

struct NameLookup::State : std::enable_shared_from_this<State> {
  explicit State(Options how) : options(std::move(how)) {}

  std::shared_ptr<Question> join(const std::string& host, const std::shared_ptr<Waiter>& waiter,
                                 bool& is_new);
  void start(const std::string& host, const std::shared_ptr<Question>& question);
  void finish(const std::string& host, Question& question, const Result<Addresses>& found);

  const Options options;
  std::mutex mutex;
  std::map<std::string, std::vector<std::shared_ptr<Question>>> open;  ///< By name, oldest first.
};

std::shared_ptr<NameLookup::Question> NameLookup::State::join(const std::string& host,
                                                              const std::shared_ptr<Waiter>& waiter,
                                                              bool& is_new) {
  const MonoTime now = SystemClock().mono();
  const std::lock_guard lock(mutex);
  auto& questions = open[host];
  is_new = questions.empty() ||
           (now - questions.back()->asked >= options.young && questions.size() < options.most);
  if (is_new)
    questions.push_back(std::make_shared<Question>(Question{.asked = now, .waiters = {}}));
  questions.back()->waiters.push_back(waiter);
  return questions.back();
}

// Under the lock, so that whoever gave up before is not told: its executor may be gone.
void NameLookup::State::finish(const std::string& host, Question& question,
                               const Result<Addresses>& found) {
  const std::lock_guard lock(mutex);
  for (const auto& waiter : question.waiters) {
    asio::post(waiter->executor, [waiter, found] {
      waiter->answer = found;
      waiter->timer.cancel();
    });
  }
  question.waiters.clear();
  const auto at = open.find(host);
  std::erase_if(at->second, [&](const auto& one) { return one.get() == &question; });
  if (at->second.empty()) open.erase(at);
}

void NameLookup::State::start(const std::string& host, const std::shared_ptr<Question>& question) {
  auto ask = [state = shared_from_this(), host, question] {
    state->finish(host, *question, state->options.ask(host));
  };
  if (run_detached(std::move(ask))) return;
  finish(host, *question, Error(Errc::kResourceExhausted, host + ": no thread to look it up"));
}

NameLookup::NameLookup(Options options) {
  if (!options.ask) options.ask = ask_system;
  state_ = std::make_shared<State>(std::move(options));
}

Task<Result<NameLookup::Addresses>> NameLookup::look_up(std::string host, MonoTime deadline) {
  const Executor executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<Waiter>(executor, deadline);
  bool is_new = false;
  const auto question = state_->join(host, waiter, is_new);
  if (is_new) state_->start(host, question);
  const auto [code] = co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter->answer) co_return std::move(*waiter->answer);
  {
    const std::lock_guard lock(state_->mutex);
    std::erase(question->waiters, waiter);
  }
  if (code) co_return Error(Errc::kCancelled, host + ": cancelled");
  co_return Error(Errc::kDeadlineExceeded, host + ": its address was not told in time");
}

}  // namespace kelp
