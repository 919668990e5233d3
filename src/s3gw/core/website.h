#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "s3gw/core/config/shape.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

// What a bucket's website configuration says of a request. Source: the S3 user guide, "Hosting a
// static website", "Website endpoints", "Configuring a webpage redirect" and "Configuring an index
// document".

/// A request of a website.
struct WebsiteAsk {
  std::string_view key;        ///< Decoded; empty or ending with a slash: a directory.
  std::string_view raw_query;  ///< As received, without the question mark.
  std::string_view host;       ///< The Host header.
  bool secure = false;         ///< Came over TLS.
};

/// Where a request is sent to.
struct WebsiteRedirect {
  int status = 301;
  std::string location;
};

/// By which rule of `website` (a checked document of website_config()) the request is sent
/// elsewhere; nothing: by none. `error`: the status with which it failed, for the rules that name
/// one; nothing before it was tried, for the other rules and RedirectAllRequestsTo.
[[nodiscard]] std::optional<WebsiteRedirect> redirect_of(const Element& website,
                                                         const WebsiteAsk& ask,
                                                         std::optional<int> error);

/// The key of the object that answers for `key`: of a directory its index document.
[[nodiscard]] std::string website_document(const Element& website, std::string_view key);
/// The key of the error document; empty: there is none.
[[nodiscard]] std::string_view error_document(const Element& website);

/// `/` and the key, escaped so that it names this website whatever the key is.
[[nodiscard]] std::string website_path(std::string_view key);

/// What a page about an error says besides the error.
struct WebsitePageContext {
  std::string_view key;
  std::string_view request_id;
  std::string_view host_id;
  const S3Error* document_error = nullptr;  ///< Why the error document was not sent; null: no need.
};
/// A page about an error. Every value is escaped.
[[nodiscard]] std::string website_page(const S3Error& error, const WebsitePageContext& context);

}  // namespace kelp::s3
