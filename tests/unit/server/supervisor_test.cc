#include "server/supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "tests/support/temp_dir.h"

namespace kelp::server {
namespace {

/// What systemd has: a socket that takes datagrams.
class Supervisor {
 public:
  /// `name`: a path, or one that begins with '@', as in NOTIFY_SOCKET.
  explicit Supervisor(const std::string& name)
      : file_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(file_, reinterpret_cast<const sockaddr*>(&address), bytes), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Supervisor() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(file_);
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The next word; empty: there is none.
  std::string heard() const {
    char text[100];
    const ssize_t bytes = ::recv(file_, text, sizeof text, 0);
    return bytes < 0 ? std::string() : std::string(text, static_cast<std::size_t>(bytes));
  }

 private:
  int file_;
};

TEST(TellSupervisor, SaysItWhereTheVariableSays) {
  const test::TempDir temp;
  const Supervisor supervisor(temp.path() + "/notify");
  tell_supervisor("READY=1");
  EXPECT_EQ(supervisor.heard(), "READY=1");
  tell_supervisor("STOPPING=1");
  EXPECT_EQ(supervisor.heard(), "STOPPING=1");
  EXPECT_EQ(supervisor.heard(), "");
}

TEST(TellSupervisor, KnowsAbstractSockets) {
  const Supervisor supervisor("@kelp-supervisor-test-" + std::to_string(::getpid()));
  tell_supervisor("READY=1");
  EXPECT_EQ(supervisor.heard(), "READY=1");
}

TEST(TellSupervisor, SaysNothingWhereNobodyListens) {
  tell_supervisor("READY=1");
  for (const std::string& name :
       {std::string(), std::string("/"), std::string("@"), std::string("vsock:2:1"),
        "/" + std::string(200, 'a'), std::string("/nowhere/at/all")}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    tell_supervisor("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
  }
}

}  // namespace
}  // namespace kelp::server
