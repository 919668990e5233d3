// Name servers that are silent about a name (src/net/name_lookup.h).
#include "net/name_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "os/system_clock.h"

namespace kelp {
namespace {

using namespace std::chrono_literals;
using Addresses = NameLookup::Addresses;

/// A name server: silent about the names that it was told to hold, until they are let go.
class NameServer {
 public:
  Result<Addresses> ask(const std::string& host) {
    std::unique_lock lock(mutex_);
    const int number = ++asked_[host];
    changed_.notify_all();
    changed_.wait(lock, [&] { return number > silent_[host]; });
    if (host.ends_with(".unknown")) return Error(Errc::kUnavailable, "no such name");
    return Addresses{asio::ip::make_address("127.0.0.1")};
  }
  /// Silent to the first so many questions about `host`.
  void set_silent(const std::string& host, int questions) {
    const std::lock_guard lock(mutex_);
    silent_[host] = questions;
    changed_.notify_all();
  }
  int asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }
  void wait_until_asked(const std::string& host, int questions) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_[host] >= questions; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> asked_, silent_;
};

class NameLookupTest : public testing::Test {
 protected:
  void make(std::chrono::milliseconds young = 1h, std::size_t most = 4) {
    lookup_.emplace(NameLookup::Options{
        .ask = [server = server_](const std::string& host) { return server->ask(host); },
        .young = young,
        .most = most});
  }
  /// Begins to look `host` up; `then` gets the answer.
  void look_up(std::string host, std::move_only_function<void(Result<Addresses>)> then,
               std::chrono::milliseconds patience = 20s) {
    auto run = [](NameLookup& lookup, std::string name, std::chrono::milliseconds wait,
                  std::move_only_function<void(Result<Addresses>)> tell) -> Task<void> {
      tell(co_await lookup.look_up(std::move(name), SystemClock().mono() + wait));
    };
    asio::co_spawn(context_, run(*lookup_, std::move(host), patience, std::move(then)),
                   asio::detached);
  }

  const std::shared_ptr<NameServer> server_ = std::make_shared<NameServer>();
  asio::io_context context_{1};
  std::optional<NameLookup> lookup_;
};

TEST_F(NameLookupTest, SilenceAboutOneNameHoldsUpNoOther) {
  make();
  server_->set_silent("silent", 1);
  bool silent_answered = false, other_answered = false;
  look_up("silent", [&](const Result<Addresses>& found) {
    EXPECT_TRUE(found) << found.error().message();
    EXPECT_TRUE(other_answered);
    silent_answered = true;
  });
  look_up("other", [&](const Result<Addresses>& found) {
    EXPECT_TRUE(found) << found.error().message();
    other_answered = true;
    server_->set_silent("silent", 0);
  });
  context_.run();
  EXPECT_TRUE(silent_answered);
}

TEST_F(NameLookupTest, SharesAYoungQuestion) {
  make();
  server_->set_silent("name", 1);
  int answered = 0;
  for (int i = 0; i < 5; ++i) {
    look_up("name", [&](const Result<Addresses>& found) {
      EXPECT_TRUE(found);
      ++answered;
    });
  }
  context_.poll();
  server_->set_silent("name", 0);
  context_.run();
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(server_->asked("name"), 1);
  // What was answered is not kept.
  context_.restart();
  look_up("name", [&](const Result<Addresses>&) { ++answered; });
  context_.run();
  EXPECT_EQ(answered, 6);
  EXPECT_EQ(server_->asked("name"), 2);
}

TEST_F(NameLookupTest, AsksAnewWhereTheQuestionIsOld) {
  make(0ms);
  server_->set_silent("late", 1);
  bool first = false, second = false;
  look_up("late", [&](const Result<Addresses>&) {
    EXPECT_TRUE(second) << "the first question was not answered yet";
    first = true;
  });
  context_.poll();
  server_->wait_until_asked("late", 1);
  look_up("late", [&](const Result<Addresses>& found) {
    EXPECT_TRUE(found) << found.error().message();
    second = true;
    server_->set_silent("late", 0);
  });
  context_.run();
  EXPECT_TRUE(first);
}

TEST_F(NameLookupTest, AsksOnlySoManyTimesAtOnce) {
  make(0ms, 2);
  server_->set_silent("name", 99);
  int answered = 0;
  for (int i = 0; i < 7; ++i) look_up("name", [&](const Result<Addresses>&) { ++answered; });
  context_.poll();
  server_->wait_until_asked("name", 2);
  server_->set_silent("name", 0);
  context_.run();
  EXPECT_EQ(answered, 7);
  EXPECT_EQ(server_->asked("name"), 2);
}

TEST_F(NameLookupTest, GivesUpAtTheDeadlineAndMayBeDestroyedThen) {
  make();
  server_->set_silent("silent", 1);
  Errc code = Errc::kInternal;
  look_up("silent", [&](const Result<Addresses>& found) { code = found.error().code(); }, 10ms);
  context_.run();
  EXPECT_EQ(code, Errc::kDeadlineExceeded);
  server_->wait_until_asked("silent", 1);
  lookup_.reset();
  server_->set_silent("silent", 0);
}

TEST_F(NameLookupTest, TellsWhatTheNameServerSays) {
  make();
  Errc code = Errc::kInternal;
  look_up("host.unknown", [&](const Result<Addresses>& found) { code = found.error().code(); });
  context_.run();
  EXPECT_EQ(code, Errc::kUnavailable);
}

TEST_F(NameLookupTest, AsksTheSystem) {
  lookup_.emplace(NameLookup::Options{});
  bool loopback = false;
  Errc code = Errc::kInternal;
  look_up("localhost", [&](const Result<Addresses>& found) {
    loopback =
        found && std::ranges::all_of(*found, [](const auto& ip) { return ip.is_loopback(); });
  });
  look_up("no such name", [&](const Result<Addresses>& found) { code = found.error().code(); });
  context_.run();
  EXPECT_TRUE(loopback);
  EXPECT_EQ(code, Errc::kUnavailable);
}

}  // namespace
}  // namespace kelp
