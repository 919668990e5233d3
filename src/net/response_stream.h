#pragma once

#include <optional>
#include <string>

#include "net/http_worker.h"
#include "net/request_body.h"
#include "net/response_head.h"
#include "net/transport.h"

namespace kelp {

/// The answer that a connection is giving. One object a connection, begun anew for each request.
class ResponseStream final : public ResponseWriter {
 public:
  /// All must outlive the writer.
  ResponseStream(Transport& transport, const RequestBody& body, HttpWorker& worker)
      : transport_(transport), body_(body), worker_(worker) {}

  /// The next request. Of it only method and version matter; `keep_alive` is what the peer allows.
  void begin(const HttpRequest& request, bool keep_alive);
  Task<Result<void>> send(HttpResponse head, std::string body) override;
  Task<Result<void>> send_head(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  void start(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  Task<Result<void>> write(ByteSpan bytes) override;
  [[nodiscard]] bool takes_pages() const override { return !transport_.secure(); }
  Task<Result<void>> write_pages(PinnedPages pages) override;
  Task<Result<void>> finish() override;
  [[nodiscard]] bool started() const override { return started_; }

  /// The whole answer was sent as announced.
  [[nodiscard]] bool complete() const { return complete_; }
  /// The peer was not told that the connection ends here.
  [[nodiscard]] bool keeps_connection() const { return !close_; }
  /// The status sent, 0 before that.
  [[nodiscard]] int status() const { return status_; }
  /// Forgets an answer of which nothing was sent, and gives another one, after which the connection
  /// is closed.
  Task<void> give_up(HttpResponse head, std::string body);

 private:
  void build_head(const HttpResponse& head, std::optional<std::uint64_t> length, bool has_body);
  Task<Result<void>> flush(bool more = false);
  Result<void> outcome_of(IoStatus status);
  Error misuse(const char* what);

  Transport& transport_;
  const RequestBody& body_;
  HttpWorker& worker_;
  bool is_head_ = false;
  bool is_1_0_ = false;
  bool keep_alive_ = false;

  bool begun_ = false;  ///< send(), send_head() or start() was called.
  bool started_ = false;
  bool complete_ = false;
  bool failed_ = false;  ///< A send failed or we were misused: nothing more may go out.
  bool close_ = false;
  bool chunked_ = false;
  bool drops_body_ = false;  ///< HEAD, 204, 304: what is written does not go out.
  int status_ = 0;
  std::optional<std::uint64_t> left_;  ///< Of the announced length.
  std::string head_;                   ///< Built, not yet sent; memory kept between requests.
  SendPieces pieces_;                  ///< Memory kept between requests.
};

}  // namespace kelp
