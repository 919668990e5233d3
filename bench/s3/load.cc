// kelp-load: a lean S3 load generator. One thread, one epoll; every request is signed before the
// clock starts, and bodies of answers are dropped in the kernel, so that the client is not what is
// measured. Prints one line of JSON.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "bench/s3/signer.h"

namespace kelp::bench {
namespace {

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8333;
  std::string access_key = "none";
  std::string secret_key = "none";
  std::string bucket = "bench";
  std::string workload = "get";
  std::string prefix = "k";
  std::string query;              ///< list: the whole query string, sorted and encoded.
  std::uint64_t size = 4096;      ///< Body of a put; length of a range.
  std::uint64_t object_size = 0;  ///< range: size of the objects that are read from.
  std::uint64_t keys = 1000;      ///< Distinct keys; operation i uses key i modulo this.
  std::uint64_t first_key = 0;
  std::uint64_t operations = 10'000;
  std::size_t clients = 1;
  double seconds = 60;       ///< Stops starting operations after this.
  bool is_unsigned = false;  ///< Plain requests, for a static file server.
};

using Clock = std::chrono::steady_clock;

/// One connection and the request it is at.
class Client {
 public:
  Client(const Options& options, int epoll, std::size_t index)
      : options_(options), epoll_(epoll), index_(index) {}
  ~Client() { disconnect(); }

  void begin(std::string head, std::span<const char> body) {
    head_ = std::move(head);
    body_ = body;
    sent_ = 0;
    answer_.clear();
    body_left_ = -1;
    started_ = Clock::now();
    if (fd_ < 0) connect_now();
    send_more();
  }

  /// Moves on; true when the answer is complete.
  bool on_event(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) send_more();
    return read_more();
  }

  [[nodiscard]] Clock::duration elapsed() const { return Clock::now() - started_; }
  [[nodiscard]] int status() const { return status_; }

 private:
  void connect_now() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("kelp-load: connect");
      std::exit(2);
    }
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index_;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
    waits_to_send_ = false;
  }

  void disconnect() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  void want_to_send(bool wanted) {
    if (wanted == waits_to_send_) return;
    epoll_event event{};
    event.events = EPOLLIN | (wanted ? EPOLLOUT : 0U);
    event.data.u64 = index_;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
    waits_to_send_ = wanted;
  }

  void send_more() {
    const std::size_t total = head_.size() + body_.size();
    while (sent_ < total) {
      iovec pieces[2];
      int count = 0;
      if (sent_ < head_.size()) pieces[count++] = {head_.data() + sent_, head_.size() - sent_};
      const std::size_t body_at = sent_ > head_.size() ? sent_ - head_.size() : 0;
      if (body_at < body_.size()) {
        pieces[count++] = {const_cast<char*>(body_.data()) + body_at, body_.size() - body_at};
      }
      msghdr message{};
      message.msg_iov = pieces;
      message.msg_iovlen = static_cast<std::size_t>(count);
      const ssize_t sent = sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return;  // an early answer may still be read
        want_to_send(true);
        return;
      }
      sent_ += static_cast<std::size_t>(sent);
    }
    want_to_send(false);
  }

  bool read_more() {
    if (body_left_ < 0 && !read_head()) return false;
    while (body_left_ > 0) {
      const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(body_left_, 1 << 20));
      const ssize_t got = recv(fd_, nullptr, wanted, MSG_DONTWAIT | MSG_TRUNC);
      if (got < 0 && errno == EAGAIN) return false;
      if (got <= 0) return lost();
      body_left_ -= got;
    }
    if (closes_) disconnect();
    return true;
  }

  /// Reads up to the end of the head; true when it is complete.
  bool read_head() {
    char buffer[16384];
    while (true) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return false;
      if (got <= 0) return lost();
      answer_.append(buffer, static_cast<std::size_t>(got));
      const std::size_t end = answer_.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      std::from_chars(answer_.data() + 9, answer_.data() + 12, status_);
      const std::string_view head = std::string_view(answer_).substr(0, end + 2);
      closes_ = head.find("\r\nConnection: close\r\n") != std::string_view::npos;
      std::int64_t length = 0;
      for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
        const std::size_t at = head.find(name);
        if (at != std::string_view::npos)
          std::from_chars(head.data() + at + name.size(), head.data() + end, length);
      }
      if (head.find("ransfer-Encoding: chunked") != std::string_view::npos) {
        return finish_chunked(end + 4);
      }
      body_left_ = options_.workload == "head"
                       ? 0
                       : length - static_cast<std::int64_t>(answer_.size() - end - 4);
      return true;
    }
  }

  /// Chunked answers (listings of some servers) are read to their last chunk, by text.
  bool finish_chunked(std::size_t body_at) {
    char buffer[65536];
    while (!answer_.ends_with("\r\n0\r\n\r\n")) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return lost();
      answer_.append(buffer, static_cast<std::size_t>(got));
    }
    static_cast<void>(body_at);
    body_left_ = 0;
    return true;
  }

  bool lost() {
    disconnect();
    status_ = 0;
    body_left_ = 0;
    return true;
  }

  const Options& options_;
  int epoll_;
  std::size_t index_;
  int fd_ = -1;
  bool waits_to_send_ = false;
  std::string head_;
  std::span<const char> body_;
  std::size_t sent_ = 0;
  std::string answer_;
  std::int64_t body_left_ = -1;
  int status_ = 0;
  bool closes_ = false;
  Clock::time_point started_;
};

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options), signer_(options.access_key, options.secret_key, now_text()) {
    Rng rng(42);
    body_.resize(options.workload == "put" ? options.size + kBodySlack : 0);
    for (std::size_t i = 0; i + 8 <= body_.size(); i += 8) {
      const std::uint64_t word = rng.next();
      std::memcpy(body_.data() + i, &word, 8);
    }
    const std::uint64_t distinct = std::min(options.keys, options.operations);
    heads_.reserve(distinct);
    for (std::uint64_t i = 0; i < distinct; ++i) heads_.push_back(make_head(i, rng));
  }

  /// Runs to the end and prints the line.
  int go() {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    std::deque<Client> clients;
    for (std::size_t i = 0; i < options_.clients; ++i) clients.emplace_back(options_, epoll, i);
    const auto start = Clock::now();
    const auto stop = start + std::chrono::duration<double>(options_.seconds);
    std::size_t busy = 0;
    for (auto& client : clients) {
      if (begin_next(client)) ++busy;
    }
    std::vector<epoll_event> events(clients.size());
    while (busy > 0) {
      const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 30'000);
      if (count == 0) {
        std::fprintf(stderr, "kelp-load: no answer in 30 s\n");
        return 2;
      }
      for (int i = 0; i < count; ++i) {
        Client& client = clients[events[static_cast<std::size_t>(i)].data.u64];
        if (!client.on_event(events[static_cast<std::size_t>(i)].events)) continue;
        record(client);
        if (Clock::now() >= stop || !begin_next(client)) --busy;
      }
    }
    print(std::chrono::duration<double>(Clock::now() - start).count());
    close(epoll);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  static constexpr std::size_t kBodySlack =
      4096;  ///< Bodies start at varying places, so that they differ.

  std::string make_head(std::uint64_t i, Rng& rng) {
    const std::string host = fmt::format("{}:{}", options_.host, options_.port);
    const std::string path =
        options_.workload == "list" || options_.workload == "bucket"
            ? fmt::format("/{}", options_.bucket)
            : fmt::format("/{}/{}{:08}", options_.bucket, options_.prefix, options_.first_key + i);
    std::string extra;
    std::string_view method = "GET";
    if (options_.workload == "put" || options_.workload == "bucket") method = "PUT";
    if (options_.workload == "head") method = "HEAD";
    if (options_.workload == "delete") method = "DELETE";
    if (options_.workload == "range") {
      const std::uint64_t at = rng.below(options_.object_size - options_.size + 1);
      extra = fmt::format("Range: bytes={}-{}\r\n", at, at + options_.size - 1);
    }
    if (options_.is_unsigned) {
      return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", method, path, host, extra);
    }
    return signer_.head(method, host, path, options_.query,
                        options_.workload == "put" ? options_.size : 0, extra);
  }

  bool begin_next(Client& client) {
    if (next_ >= options_.operations) return false;
    const std::uint64_t i = next_++;
    std::span<const char> body;
    if (!body_.empty()) body = {body_.data() + i % kBodySlack, options_.size};
    client.begin(heads_[i % heads_.size()], body);
    return true;
  }

  void record(const Client& client) {
    micros_.push_back(
        static_cast<float>(std::chrono::duration<double, std::micro>(client.elapsed()).count()));
    const int wanted_class = client.status() / 100;
    if (wanted_class != 2) {
      if (failed_++ == 0)
        std::fprintf(stderr, "kelp-load: first failed status %d\n", client.status());
    }
  }

  void print(double seconds) {
    std::ranges::sort(micros_);
    const auto quantile = [&](double q) {
      return micros_.empty()
                 ? 0.0F
                 : micros_[static_cast<std::size_t>(q * static_cast<double>(micros_.size() - 1))];
    };
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    fmt::print(
        "{{\"operations\": {}, \"failed\": {}, \"seconds\": {:.4f}, \"per_second\": {:.1f}, "
        "\"p50_us\": {:.1f}, "
        "\"p99_us\": {:.1f}, \"client_cpu_seconds\": {:.3f}}}\n",
        micros_.size(), failed_, seconds, static_cast<double>(micros_.size()) / seconds,
        quantile(0.5), quantile(0.99), cpu);
  }

  const Options& options_;
  Signer signer_;
  std::vector<char> body_;
  std::vector<std::string> heads_;
  std::uint64_t next_ = 0;
  std::uint64_t failed_ = 0;
  std::vector<float> micros_;
};

}  // namespace
}  // namespace kelp::bench

int main(int argc, char** argv) {
  kelp::bench::Options options;
  CLI::App app("Lean S3 load generator; prints one line of JSON");
  app.add_option("--host", options.host);
  app.add_option("--port", options.port);
  app.add_option("--access-key", options.access_key);
  app.add_option("--secret-key", options.secret_key);
  app.add_option("--bucket", options.bucket);
  app.add_option("--workload", options.workload)
      ->check(CLI::IsMember({"put", "get", "head", "delete", "list", "range", "bucket"}));
  app.add_option("--prefix", options.prefix);
  app.add_option("--query", options.query);
  app.add_option("--size", options.size);
  app.add_option("--object-size", options.object_size);
  app.add_option("--keys", options.keys)->check(CLI::PositiveNumber);
  app.add_option("--first-key", options.first_key);
  app.add_option("--operations", options.operations)->check(CLI::PositiveNumber);
  app.add_option("--clients", options.clients)->check(CLI::Range(1, 4096));
  app.add_option("--seconds", options.seconds);
  app.add_flag("--unsigned", options.is_unsigned);
  CLI11_PARSE(app, argc, argv);
  if (options.workload == "range" && options.object_size < options.size) {
    std::fprintf(stderr, "kelp-load: --object-size must be at least --size\n");
    return 2;
  }
  return kelp::bench::Run(options).go();
}
