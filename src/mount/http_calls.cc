#include "mount/http_calls.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>

#include "s3gw/core/header_text.h"

namespace kelp::mount {
namespace {

constexpr long kBufferBytes = 512 << 10;
constexpr std::uint64_t kSpareBytes = 1 << 20;
// Slower than this a body is not moving.
constexpr std::uint64_t kSlowestBytesPerMs = 64;

}  // namespace

/// One request on its way.
struct HttpCalls::Transfer {
  const HttpCalls& calls;
  const Body& body;
  std::uint64_t reply_limit = 0;
  HttpReply reply;
  std::uint64_t sent = 0;
  bool body_failed = false;
  curl_off_t moved = 0;  ///< Bytes of both directions.
  MonoTime moved_at;

  static std::size_t take(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.reply.body.size() + size * count > transfer.reply_limit) return 0;
    transfer.reply.body.append(bytes, size * count);
    return size * count;
  }
  static std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* self) {
    HttpReply& reply = static_cast<Transfer*>(self)->reply;
    std::string_view line(bytes, size * count);
    if (line.starts_with("HTTP/")) {
      reply.headers.clear();  // those before were of a 100
    } else if (line.contains(':')) {
      std::string name(s3::cut(line, ':'));
      std::ranges::transform(name, name.begin(), s3::ascii_lower);
      while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
      reply.headers.insert_or_assign(std::move(name), std::string(s3::trimmed(line)));
    }
    return size * count;
  }
  static std::size_t give(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t wanted =
        std::min<std::uint64_t>(size * count, transfer.body.size_bytes - transfer.sent);
    if (wanted == 0) return 0;
    const MutableByteSpan buffer(reinterpret_cast<std::byte*>(bytes), wanted);
    if (!transfer.body.read(transfer.sent, buffer)) {
      transfer.body_failed = true;
      return CURL_READFUNC_ABORT;
    }
    transfer.sent += wanted;
    return wanted;
  }
  static int seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    static_cast<Transfer*>(self)->sent = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
  /// Not 0: give up. Called at least once a second.
  static int watch(void* self, curl_off_t /*unused*/, curl_off_t down, curl_off_t /*unused*/,
                   curl_off_t up) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.calls.stopped_) return 1;
    const MonoTime now = transfer.calls.clock_.mono();
    if (down + up != transfer.moved) {
      transfer.moved = down + up;
      transfer.moved_at = now;
    }
    return now - transfer.moved_at >= transfer.calls.silence_ ? 1 : 0;
  }

  /// Tells curl to move this by these functions.
  void attach(CURL* curl, const std::string& method) {
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
    if (method == "HEAD") {
      curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
      return;
    }
    if (method == "PUT" || method == "POST") {
      curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
      curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.size_bytes));
      curl_easy_setopt(curl, CURLOPT_READFUNCTION, &give);
      curl_easy_setopt(curl, CURLOPT_READDATA, this);
      curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, &seek);
      curl_easy_setopt(curl, CURLOPT_SEEKDATA, this);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
};

/// A CURL handle that goes back to the idle ones.
class HttpCalls::Handle {
 public:
  explicit Handle(HttpCalls& calls) : calls_(calls) {
    const std::scoped_lock lock(calls.mutex_);
    if (!calls.idle_.empty()) {
      curl_ = calls.idle_.back();
      calls.idle_.pop_back();
      curl_easy_reset(curl_);
    } else {
      curl_ = curl_easy_init();
    }
  }
  ~Handle() {
    curl_slist_free_all(headers_);
    const std::scoped_lock lock(calls_.mutex_);
    calls_.idle_.push_back(curl_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] CURL* get() const { return curl_; }
  void add_header(const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); }
  [[nodiscard]] curl_slist* headers() const { return headers_; }

 private:
  HttpCalls& calls_;
  CURL* curl_ = nullptr;
  curl_slist* headers_ = nullptr;
};

HttpCalls::HttpCalls(std::string endpoint, std::chrono::milliseconds silence, const Clock& clock,
                     std::string ca_file)
    : endpoint_(std::move(endpoint)),
      silence_(silence),
      clock_(clock),
      ca_file_(std::move(ca_file)) {
  while (endpoint_.ends_with('/')) endpoint_.pop_back();
  const std::size_t scheme = endpoint_.find("://");
  host_ = scheme == std::string::npos ? endpoint_ : endpoint_.substr(scheme + 3);
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

HttpCalls::~HttpCalls() {
  for (void* curl : idle_) curl_easy_cleanup(curl);
}

Result<HttpReply> HttpCalls::send(const OutgoingRequest& request, const Body& body,
                                  std::uint64_t reply_bytes, MonoTime deadline) {
  const MonoTime now = clock_.mono();
  if (stopped_) return Error(Errc::kCancelled, "no more calls are made");
  if (now >= deadline) return Error(Errc::kDeadlineExceeded, "no time is left");
  Handle handle(*this);
  CURL* curl = handle.get();
  Transfer transfer{.calls = *this,
                    .body = body,
                    .reply_limit = reply_bytes + kSpareBytes,
                    .reply = {},
                    .moved_at = now};
  if (request.method == "GET") transfer.reply.body.reserve(reply_bytes);
  std::string url = endpoint_ + request.path;
  if (!request.query.empty()) url.append("?").append(request.query);
  for (const auto& [name, value] : request.headers) {
    // curl sends a header without a value when its line ends in a semicolon.
    handle.add_header(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  handle.add_header("Expect:");
  handle.add_header("Accept:");
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  const std::uint64_t moving_ms = (body.size_bytes + reply_bytes) / kSlowestBytesPerMs;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, handle.headers());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(left));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(left + moving_ms));
  if (!ca_file_.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
  transfer.attach(curl, request.method);
  return ended(curl_easy_perform(curl), curl, transfer);
}

Result<HttpReply> HttpCalls::ended(int code, void* curl, Transfer& transfer) const {
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    transfer.reply.status = static_cast<int>(status);
    return std::move(transfer.reply);
  }
  if (stopped_) return Error(Errc::kCancelled, "no more calls are made");
  if (transfer.body_failed) return Error(Errc::kInvalidArgument, "the body did not read");
  const std::string detail =
      fmt::format("{}: {}", host_, curl_easy_strerror(static_cast<CURLcode>(code)));
  if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
    return Error(Errc::kUnavailable, detail);
  }
  if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK) {
    return Error(Errc::kDeadlineExceeded, detail);
  }
  return Error(Errc::kIo, detail);
}

}  // namespace kelp::mount
