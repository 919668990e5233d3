#include "server/remote_s3.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "mount/core/answers.h"
#include "mount/http_calls.h"

namespace kelp::server {
namespace {

using mount::HttpReply;
using mount::OutgoingRequest;

constexpr int kAttempts = 3;
constexpr int kPage = 1000;
/// Of an answer without a body that is ours.
constexpr std::uint64_t kWords = 64 << 10;

bool is_worth_another(const Result<HttpReply>& reply) {
  if (!reply) return reply.error().code() != Errc::kCancelled;
  return reply->status >= 500 || reply->status == 429 || reply->status == 408;
}

std::string code_of(const HttpReply& reply) {
  return mount::child_of_root(reply.body, "Error", "Code");
}

class RemoteS3 final : public RemoteBucket {
 public:
  explicit RemoteS3(RemoteS3Parts parts)
      : parts_(std::move(parts)),
        calls_(parts_.endpoint, parts_.timeout, parts_.clock, parts_.ca_file) {}

  Result<void> put(const std::string& name, const std::string& bytes) override {
    OutgoingRequest request = of_object("PUT", name);
    request.headers.emplace_back("content-type", "application/octet-stream");
    request.payload_hash = hex_encode(view(sha256(bytes)));
    KELP_TRY(const HttpReply reply, send(request, bytes, kWords));
    return reply.status == 200 ? Result<void>() : refused(request, reply);
  }

  Result<std::string> get(const std::string& name, std::uint64_t offset,
                          std::uint64_t bytes) override {
    OutgoingRequest request = of_object("GET", name);
    request.headers.emplace_back("range", fmt::format("bytes={}-{}", offset, offset + bytes - 1));
    KELP_TRY(HttpReply reply, send(request, {}, bytes));
    if (reply.status == 206 && reply.body.size() <= bytes) return std::move(reply.body);
    if (reply.status == 404 && code_of(reply) == "NoSuchKey") {
      return Error(Errc::kNotFound, fmt::format("{} is not there", request.path));
    }
    if (reply.status == 416) {
      return Error(Errc::kCorruption, fmt::format("{} ends before {}", request.path, offset));
    }
    return refused(request, reply);
  }

  Result<void> remove(const std::string& name) override {
    const OutgoingRequest request = of_object("DELETE", name);
    KELP_TRY(const HttpReply reply, send(request, {}, kWords));
    // 404 may be of the bucket: whoever names another one by mistake has removed nothing.
    const bool gone = reply.status == 204 || reply.status == 200 ||
                      (reply.status == 404 && code_of(reply) == "NoSuchKey");
    return gone ? Result<void>() : refused(request, reply);
  }

  Result<std::vector<RemoteObject>> list(const std::string& after) override {
    OutgoingRequest request{.method = "GET", .path = "/" + parts_.bucket};
    request.query =
        fmt::format("encoding-type=url&list-type=2&max-keys={}&prefix={}&start-after={}", kPage,
                    url_encode(parts_.prefix, false), url_encode(parts_.prefix + after, false));
    KELP_TRY(HttpReply reply, send(request, {}, 8 * kWords));
    if (reply.status != 200) return refused(request, reply);
    auto listed = mount::parse_listing(std::move(reply.body));
    if (!listed) return Error(Errc::kUnavailable, listed.error().detail());
    std::vector<RemoteObject> objects;
    for (std::size_t i = 0; i < listed->keys.size(); ++i) {
      if (!listed->keys[i].starts_with(parts_.prefix)) {
        return Error(Errc::kUnavailable, "a listing has names that were not asked for");
      }
      objects.push_back({listed->keys[i].substr(parts_.prefix.size()), listed->sizes[i]});
    }
    return objects;
  }

  void stop() override { calls_.stop(); }

 private:
  [[nodiscard]] OutgoingRequest of_object(std::string method, const std::string& name) const {
    OutgoingRequest request{.method = std::move(method)};
    request.path = fmt::format("/{}/{}{}", parts_.bucket, parts_.prefix, name);
    return request;
  }

  /// kUnavailable and kCancelled are all that is left of errors.
  Result<HttpReply> send(const OutgoingRequest& request, std::string_view bytes,
                         std::uint64_t reply_bytes) {
    const mount::Body body{bytes.size(), [bytes](std::uint64_t offset, MutableByteSpan buffer) {
                             std::memcpy(buffer.data(), bytes.data() + offset, buffer.size());
                             return true;
                           }};
    Result<HttpReply> reply = Error(Errc::kUnavailable, "not asked");
    const MonoTime end = parts_.clock.mono() + parts_.timeout;
    for (int attempt = 0; attempt < kAttempts && is_worth_another(reply); ++attempt) {
      if (attempt > 0 && parts_.clock.mono() >= end) break;
      OutgoingRequest signed_now = request;
      const auto now = std::chrono::floor<std::chrono::seconds>(parts_.clock.wall());
      mount::sign(parts_.keys, calls_.host(), now, signed_now);
      reply = calls_.send(signed_now, body, reply_bytes, parts_.clock.mono() + parts_.timeout);
    }
    if (!reply && reply.error().code() != Errc::kCancelled) {
      return Error(Errc::kUnavailable, reply.error().detail());
    }
    return reply;
  }

  [[nodiscard]] Error refused(const OutgoingRequest& request, const HttpReply& reply) const {
    return {Errc::kUnavailable,
            fmt::format("{} answers {} of {} with {} {}", calls_.host(), request.method,
                        request.path, reply.status, log_value(code_of(reply)))};
  }

  const RemoteS3Parts parts_;
  mount::HttpCalls calls_;
};

}  // namespace

std::unique_ptr<RemoteBucket> make_remote_s3(RemoteS3Parts parts) {
  return std::make_unique<RemoteS3>(std::move(parts));
}

}  // namespace kelp::server
