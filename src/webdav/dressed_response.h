#pragma once

#include "net/http.h"

namespace kelp::webdav {

/// Adds to every answer what keeps the content of users from acting on behalf of who looks at it: a
/// browser that has the password would otherwise run a stored page with the rights of the account.
class DressedResponse final : public ResponseWriter {
 public:
  /// `inner` must outlive this.
  explicit DressedResponse(ResponseWriter& inner) : inner_(inner) {}

  Task<Result<void>> send(HttpResponse head, std::string body) override;
  Task<Result<void>> send_head(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  void start(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  Task<Result<void>> write(ByteSpan bytes) override { return inner_.write(bytes); }
  [[nodiscard]] bool takes_pages() const override { return inner_.takes_pages(); }
  Task<Result<void>> write_pages(PinnedPages pages) override;
  Task<Result<void>> finish() override { return inner_.finish(); }
  [[nodiscard]] bool started() const override { return inner_.started(); }

 private:
  ResponseWriter& inner_;
};

}  // namespace kelp::webdav
