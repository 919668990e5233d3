#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include <optional>
#include <string>
#include <string_view>

#include "s3gw/gateway.h"
#include "tests/support/run_coro.h"
#include "tests/unit/s3gw/fake_rooms.h"
#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3::test {

/// `size` bytes that repeat with a period of 23.
inline std::string bytes_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
  return text;
}

/// Two accounts: "abc" signs unless a test says otherwise, "other" has its own key.
class TwoCredentials final : public CredentialStore {
 public:
  [[nodiscard]] const Credential* find(std::string_view access_key) const override {
    if (access_key == mine.access_key) return &mine;
    return nullptr;
  }
  [[nodiscard]] const Account* find_account(std::string_view canonical_id) const override {
    if (canonical_id == mine.account.id) return &mine.account;
    return canonical_id == other.id ? &other : nullptr;
  }
  Account other{"other", "somebody"};
  Credential mine{.access_key = std::string(kAccessKey),
                  .secret_key = std::string(kSecretKey),
                  .account = {"abc", "tester"},
                  .who = root_of({"abc", "tester"})};
};

/// What came back.
struct Answer {
  int status = 0;
  std::string lines;
  std::string body;
  std::optional<std::uint64_t> announced;
  bool cut_short = false;
  bool body_was_read = false;  ///< Of the request.

  /// The value of a header line, or "".
  [[nodiscard]] std::string header(std::string_view name) const {
    const std::string start = std::string(name) + ": ";
    std::size_t at = lines.starts_with(start) ? 0 : lines.find("\r\n" + start);
    if (at == std::string::npos) return "";
    if (at > 0) at += 2;
    at += start.size();
    return lines.substr(at, lines.find("\r\n", at) - at);
  }
  /// The text of the first element `tag`, or "".
  [[nodiscard]] std::string element(std::string_view tag) const {
    const std::string open = "<" + std::string(tag) + ">";
    const std::size_t at = body.find(open);
    if (at == std::string::npos) return "";
    const std::size_t end = body.find("</" + std::string(tag) + ">", at);
    return body.substr(at + open.size(), end - at - open.size());
  }
};

/// A gateway over the fakes.
class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    clock.now = at("20130524T000000Z");
    master.clock = filer.clock = &clock;
  }

  /// A request about to be sent; alter it, then send().
  struct Outgoing : TestRequest {
    std::string body;
    bool truncated = false;
    bool chunked = false;
    std::optional<std::uint64_t> content_length;
  };

  static Outgoing outgoing(std::string method, std::string target, std::string body = {}) {
    Outgoing request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    if (!request.body.empty() || request.method == "PUT") {
      request.content_length = request.body.size();
    }
    return request;
  }

  /// Adds a header that is signed.
  static void add(Outgoing& request, std::string name, std::string value) {
    request.headers.emplace_back(std::move(name), std::move(value));
  }

  static std::string signed_names(const TestRequest& request) {
    std::vector<std::string> names;
    for (const auto& [name, value] : request.headers) {
      std::string lower = name;
      for (char& c : lower) c = static_cast<char>(std::tolower(c));
      if (lower == "host" || lower.starts_with("x-amz-")) names.push_back(lower);
    }
    std::sort(names.begin(), names.end());
    std::string joined;
    for (const std::string& name : names) joined += (joined.empty() ? "" : ";") + name;
    return joined;
  }

  Answer send(Outgoing request, bool sign = true) {
    if (sign) {
      request.signed_headers = signed_names(request);
      request.sign();
    }
    const auto lines = request.views();
    const HttpRequest http{.method = request.method,
                           .target = request.target,
                           .minor_version = 1,
                           .headers = lines,
                           .content_length = request.content_length,
                           .chunked = request.chunked,
                           .secure = false,
                           .remote_address = "127.0.0.1"};
    FakeBody body;
    body.data = request.body;
    body.truncated = request.truncated;
    FakeResponse response;
    ::kelp::test::run_coro(exchange(http, body, response));
    EXPECT_EQ(response.answers, 1);
    return {.status = response.status,
            .lines = response.lines,
            .body = response.body,
            .announced = response.announced,
            .cut_short = response.cut_short,
            .body_was_read = body.asked};
  }
  Answer send(std::string method, std::string target, std::string body = {}) {
    return send(outgoing(std::move(method), std::move(target), std::move(body)));
  }

  Task<void> exchange(const HttpRequest& http, BodyReader& body, ResponseWriter& response) {
    KeyLeases leases(master, clock, co_await asio::this_coro::executor);
    {
      Gateway gateway(deps_with(leases), options);
      const HttpExchange asked{.request = http, .body = body, .response = response};
      co_await gateway.handle(asked);
      co_await gateway.end_logs();
    }
    co_await leases.close();
  }

  /// What a gateway of a test works with.
  GatewayDeps deps_with(KeyLeases& leases) {
    return {.filer = filer_client(),
            .volumes = volumes,
            .leases = leases,
            .credentials = credentials,
            .clock = clock,
            .metrics = metrics,
            .pool = pool,
            .keys = keys};
  }

  virtual FilerClient& filer_client() { return filer; }

  /// A bucket of another account.
  void make_foreign_bucket(const std::string& name) {
    filer.buckets[name].entry = {.id = BucketId{99}, .name = name, .owner_id = "other"};
  }

  FakeClock clock;
  InlinePool pool;
  FakeMaster master;
  FakeVolumes volumes;
  FakeFiler filer;
  TwoCredentials credentials;
  Metrics metrics;
  GatewayOptions options;
  KeyService* keys = nullptr;
};

}  // namespace kelp::s3::test
