#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/unit/kv/engine_servers.h"

namespace kelp::test {
namespace {

/// An IPv4 address and port.
sockaddr_in place_of(const std::string& address, int port) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &place.sin_addr);
  return place;
}

const sockaddr* as_sockaddr(const void* address) {
  return static_cast<const sockaddr*>(address);
}

bool send_all(int to, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t sent = ::send(to, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(std::string endpoint) : endpoint_(std::move(endpoint)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = place_of("127.0.0.1", 0);
  ::bind(listener_, as_sockaddr(&address), sizeof address);
  ::listen(listener_, 64);
  socklen_t length = sizeof address;
  ::getsockname(listener_, static_cast<sockaddr*>(static_cast<void*>(&address)), &length);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

CuttingProxy::~CuttingProxy() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  cut();
  for (Pair& pair : pairs_) pair.thread.join();
  for (const Pair& pair : pairs_) {
    ::close(pair.client);
    ::close(pair.server);
  }
  ::close(listener_);
}

void CuttingProxy::cut() {
  const std::lock_guard lock(mutex_);
  for (const Pair& pair : pairs_) {
    ::shutdown(pair.client, SHUT_RDWR);
    ::shutdown(pair.server, SHUT_RDWR);
  }
}

void CuttingProxy::accept_all() {
  while (true) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (client < 0 || stopping_) {
      if (client >= 0) ::close(client);
      return;
    }
    const int server = connect_to_server();
    if (server < 0) {
      ::close(client);
      continue;
    }
    pairs_.push_back(
        {client, server, std::thread([this, client, server] { forward(client, server); })});
  }
}

int CuttingProxy::connect_to_server() const {
  const bool is_path = endpoint_.starts_with('/');
  const int server = ::socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int connected = -1;
  if (is_path) {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    std::copy_n(endpoint_.begin(), std::min(endpoint_.size(), 107UL), path.sun_path);
    connected = ::connect(server, as_sockaddr(&path), sizeof path);
  } else {
    const std::size_t colon = endpoint_.find(':');
    const sockaddr_in place =
        place_of(endpoint_.substr(0, colon), std::stoi(endpoint_.substr(colon + 1)));
    connected = ::connect(server, as_sockaddr(&place), sizeof place);
  }
  if (connected == 0) return server;
  ::close(server);
  return -1;
}

/// Until either end is gone; the descriptors stay open, so that their numbers are not given again.
void CuttingProxy::forward(int client, int server) {
  std::array<char, 65536> bytes;
  while (true) {
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    ::poll(ends.data(), ends.size(), -1);
    const bool asks = ends[0].revents != 0;
    const ssize_t got = ::recv(asks ? client : server, bytes.data(), bytes.size(), 0);
    if (got <= 0) break;
    if (!asks && swallow_.exchange(false)) {
      ++swallowed_;
      break;
    }
    if (!send_all(asks ? server : client, bytes.data(), static_cast<std::size_t>(got))) break;
  }
  ::shutdown(client, SHUT_RDWR);
  ::shutdown(server, SHUT_RDWR);
}

}  // namespace kelp::test
