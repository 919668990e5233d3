#include "tests/unit/kv/engine_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace kelp::test {

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::string& user,
                           const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* who = user.empty() || ::getuid() != 0 ? nullptr : ::getpwnam(user.c_str());
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ != 0) return;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  if (who != nullptr &&
      (::setgroups(0, nullptr) != 0 || ::setgid(who->pw_gid) != 0 || ::setuid(who->pw_uid) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int ChildProcess::end(int signal) {
  if (pid_ <= 0) return 0;
  ::kill(pid_, signal);
  return wait();
}

int ChildProcess::wait() {
  if (pid_ <= 0) return 0;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

namespace {

/// Where programs of a package may be; nothing when in none.
std::optional<std::string> find_program(const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  std::fprintf(stderr, "SKIPPED: %s is not installed (tools/dev setup)\n", places[0].c_str());
  return std::nullopt;
}

/// A folder in memory where there is one: these tests are about answers, not about disks.
void keep_folders_in_memory() {
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
}

/// What process `pid`, its children, and those of them that ended, have used; 0 when it is gone.
double cpu_seconds_of(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(stat, line)) return 0;
  // Behind the name, which may hold anything: state, ppid and so on; utime is the 12th, cstime the
  // 15th.
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string word;
  for (int skipped = 0; skipped < 11; ++skipped) words >> word;
  double ticks = 0;
  for (int i = 0; i < 4; ++i) {
    double value = 0;
    words >> value;
    ticks += value;
  }
  double seconds = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream children(fmt::format("/proc/{}/task/{}/children", pid, pid));
  for (pid_t child = 0; children >> child;) seconds += cpu_seconds_of(child);
  return seconds;
}

/// One process with a folder of its own.
class Server : public EngineServer {
 public:
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  void kill() override { process_.reset(); }
  [[nodiscard]] double cpu_seconds() const override { return cpu_seconds_of(process_->pid()); }

 protected:
  Server(std::string program, std::vector<std::string> settings)
      : program_(std::move(program)), settings_(std::move(settings)) {}
  void run(const std::vector<std::string>& command, const std::string& user = "") {
    process_.emplace(command, user, log());
  }
  [[nodiscard]] std::string log() const { return dir_.path() + "/log"; }

  const std::string program_;
  const std::vector<std::string> settings_;
  TempDir dir_;
  std::optional<ChildProcess> process_;
};

class Postgres final : public Server {
 public:
  Postgres(std::string program, std::vector<std::string> settings)
      : Server(std::move(program), std::move(settings)) {
    // It refuses to run as root.
    std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
    if (::getuid() == 0) user_ = ::getpwnam("postgres") != nullptr ? "postgres" : "nobody";
    const std::string initdb = program_.substr(0, program_.rfind('/')) + "/initdb";
    ChildProcess make(
        {initdb, "-D", data(), "-U", "kelp", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"},
        user_, log());
    if (make.wait() != 0) std::fprintf(stderr, "initdb failed: %s\n", log().c_str());
    start();
  }
  ~Postgres() override { stop(); }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  [[nodiscard]] std::string url() const override {
    return "postgresql://kelp@/postgres?host=" + dir_.path();
  }
  [[nodiscard]] std::string url_at(std::uint16_t port) const override {
    return "postgresql://kelp@127.0.0.1:" + std::to_string(port) + "/postgres";
  }
  [[nodiscard]] std::string endpoint() const override { return dir_.path() + "/.s.PGSQL.5432"; }
  void start() override {
    std::vector<std::string> command = {program_, "-D", data(), "-k", dir_.path()};
    for (const char* setting : {"listen_addresses=", "shared_buffers=16MB", "max_connections=60",
                                "dynamic_shared_memory_type=mmap", "restart_after_crash=off"}) {
      command.insert(command.end(), {"-c", setting});
    }
    for (const std::string& setting : settings_) command.insert(command.end(), {"-c", setting});
    run(command, user_);
  }
  void kill() override { stop(); }

 private:
  // An immediate shutdown: every process ends at once, the log is replayed at the next start. A
  // kill -9 of the first one only leaves the others to notice.
  void stop() {
    if (process_) process_->end(SIGQUIT);
    process_.reset();
  }
  [[nodiscard]] std::string data() const { return dir_.path() + "/data"; }

  std::string user_;
};

/// An address of this host that nobody but this process uses, so that a port that is free there
/// stays free while the server is down.
std::string own_address() {
  const auto pid = static_cast<unsigned>(::getpid());
  return fmt::format("127.{}.{}.{}", 64 + (pid >> 16) % 128, (pid >> 8) % 256, pid % 256);
}

std::uint16_t free_port(const std::string& address) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.c_str(), &place.sin_addr);
  auto* any = static_cast<sockaddr*>(static_cast<void*>(&place));
  ::bind(probe, any, sizeof place);
  socklen_t length = sizeof place;
  ::getsockname(probe, any, &length);
  ::close(probe);
  return ntohs(place.sin_port);
}

class Etcd final : public Server {
 public:
  Etcd(std::string program, std::vector<std::string> settings)
      : Server(std::move(program), std::move(settings)) {
    start();
  }

  [[nodiscard]] std::string url() const override { return "http://" + endpoint(); }
  [[nodiscard]] std::string url_at(std::uint16_t port) const override {
    return "http://127.0.0.1:" + std::to_string(port);
  }
  [[nodiscard]] std::string endpoint() const override {
    return fmt::format("{}:{}", address_, port_);
  }
  void start() override {
    const std::string clients = url();
    const std::string peers = fmt::format("http://{}:{}", address_, peer_port_);
    std::vector<std::string> command = {program_,
                                        "--data-dir=" + dir_.path() + "/data",
                                        "--listen-client-urls=" + clients,
                                        "--advertise-client-urls=" + clients,
                                        "--listen-peer-urls=" + peers,
                                        "--initial-advertise-peer-urls=" + peers,
                                        "--initial-cluster=default=" + peers,
                                        "--max-txn-ops=65536",
                                        "--max-request-bytes=9437184"};
    command.insert(command.end(), settings_.begin(), settings_.end());
    run(command);
  }

 private:
  const std::string address_ = own_address();
  const std::uint16_t port_ = free_port(address_);
  const std::uint16_t peer_port_ = free_port(address_);
};

class Redis final : public Server {
 public:
  Redis(std::string program, std::vector<std::string> settings)
      : Server(std::move(program), std::move(settings)) {
    start();
  }

  [[nodiscard]] std::string url() const override { return "unix:" + endpoint(); }
  [[nodiscard]] std::string url_at(std::uint16_t port) const override {
    return "redis://127.0.0.1:" + std::to_string(port);
  }
  [[nodiscard]] std::string endpoint() const override { return dir_.path() + "/socket"; }
  void start() override {
    std::vector<std::string> command = {program_,   "--port",       "0",         "--unixsocket",
                                        endpoint(), "--dir",        dir_.path(), "--save",
                                        "",         "--appendonly", "yes",       "--appendfsync",
                                        "always"};
    for (const std::string& setting : settings_) {
      std::istringstream words(setting);
      for (std::string word; words >> word;) command.push_back(word);
    }
    run(command);
  }
};

template <typename Kind>
std::unique_ptr<EngineServer> start_server(const std::vector<std::string>& places,
                                           const std::vector<std::string>& settings) {
  keep_folders_in_memory();
  const auto found = find_program(places);
  if (!found) return nullptr;
  return std::make_unique<Kind>(*found, settings);
}

}  // namespace

std::unique_ptr<EngineServer> start_etcd(const std::vector<std::string>& settings) {
  return start_server<Etcd>({"/usr/bin/etcd"}, settings);
}

std::unique_ptr<EngineServer> start_redis(const std::vector<std::string>& settings) {
  return start_server<Redis>({"/usr/bin/redis-server"}, settings);
}

std::unique_ptr<EngineServer> start_postgres(const std::vector<std::string>& settings) {
  return start_server<Postgres>(
      {"/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/17/bin/postgres"}, settings);
}

}  // namespace kelp::test
