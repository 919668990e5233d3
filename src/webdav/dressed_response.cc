#include "webdav/dressed_response.h"

#include <utility>

namespace kelp::webdav {
namespace {

void dress(HttpResponse& head) {
  constexpr std::string_view kNoSniff = "X-Content-Type-Options";
  // The gateway says so itself of objects that a browser may have asked for.
  if (!head.lines().contains(kNoSniff)) head.add(kNoSniff, "nosniff");
  // No scripts, no forms, an origin of its own; enough is left to look at pictures and listings.
  head.add("Content-Security-Policy",
           "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
           "media-src 'self'");
}

}  // namespace

Task<Result<void>> DressedResponse::send(HttpResponse head, std::string body) {
  dress(head);
  return inner_.send(std::move(head), std::move(body));
}

Task<Result<void>> DressedResponse::send_head(HttpResponse head,
                                              std::optional<std::uint64_t> body_bytes) {
  dress(head);
  return inner_.send_head(std::move(head), body_bytes);
}

void DressedResponse::start(HttpResponse head, std::optional<std::uint64_t> body_bytes) {
  dress(head);
  inner_.start(std::move(head), body_bytes);
}

Task<Result<void>> DressedResponse::write_pages(PinnedPages pages) {
  return inner_.write_pages(std::move(pages));
}

}  // namespace kelp::webdav
