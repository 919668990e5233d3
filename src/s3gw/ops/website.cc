// A bucket as a website: objects under their keys, index documents, pages about errors, redirects.

#include "s3gw/core/website.h"

#include "s3gw/authorize.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/error_xml.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kRedirectHeader = "x-amz-website-redirect-location";

/// An answer of a website: sent, or an error of which nothing has been sent.
using Served = S3Result<void>;

Task<void> send_redirect(Call& call, WebsiteRedirect redirect) {
  HttpResponse head = begin_response(call, redirect.status);
  head.add("Location", redirect.location);
  if (call.http.method == "HEAD") {
    (void)co_await call.response.send_head(std::move(head), std::nullopt);
  } else {
    co_await reply(call, std::move(head), {});
  }
}

/// Where the object says that its browser is to go, or "".
std::string stored_redirect(const ObjectEntry& entry) {
  for (const auto& [name, value] : entry.headers.standard) {
    if (name == kRedirectHeader) return value;
  }
  return {};
}

/// Whether the caller may read `key`, and what it is.
Task<S3Result<FoundObject>> find_document(Call& call, std::string key) {
  KELP_S3_CO_CHECK(check_key(key));
  call.request.key = std::move(key);
  KELP_S3_CO_CHECK(co_await authorize(call));
  co_return co_await find_object(call, false);
}

/// Sends the object of this key, or sends the browser where the object says.
Task<Served> serve(Call& call, std::string key) {
  KELP_S3_CO_TRY(const FoundObject found, co_await find_document(call, std::move(key)));
  if (std::string location = stored_redirect(found.entry); !location.empty()) {
    WebsiteRedirect redirect{.location = std::move(location)};
    co_await send_redirect(call, std::move(redirect));
    co_return Served{};
  }
  co_return co_await get_object(call);
}

/// Whether `key` is no object, and `key/` a directory of the website that the caller may see.
Task<bool> is_directory(Call& call, const Element& site, std::string key) {
  ObjectKey name{.bucket = call.request.bucket, .key = key};
  const auto found = co_await call.services.deps.filer.get_object(std::move(name), false);
  if (found || found.error().reason() != Reason::kNoSuchKey) co_return false;
  const auto index = co_await find_document(call, website_document(site, key + '/'));
  co_return index.has_value();
}

Task<void> send_page(Call& call, S3Error error, std::optional<S3Error> document_error) {
  const S3ErrorText text = text_of(error.code);
  call.error = error.code;
  HttpResponse head = begin_response(call, text.status);
  if (text.status == 503) head.add("Retry-After", std::uint64_t{1});
  for (const auto& [name, value] : error.headers) head.add(name, value);
  head.add("x-amz-error-code", text.code);
  head.add("x-amz-error-message", message_of(error));
  head.add("Content-Type", "text/html; charset=utf-8");
  const WebsitePageContext context{.key = call.request.key,
                                   .request_id = call.request_id(),
                                   .host_id = call.services.host_id,
                                   .document_error = document_error ? &*document_error : nullptr};
  std::string page = website_page(error, context);
  if (call.http.method == "HEAD") {
    (void)co_await call.response.send_head(std::move(head), page.size());
  } else {
    co_await reply(call, std::move(head), std::move(page));
  }
}

/// What follows when `ask` failed with `error`: a rule, the error document, or a page.
Task<Served> serve_error(Call& call, std::shared_ptr<const Element> site, WebsiteAsk ask,
                         S3Error error) {
  const int status = text_of(error.code).status;
  if (auto redirect = redirect_of(*site, ask, status)) {
    co_await send_redirect(call, *std::move(redirect));
    co_return Served{};
  }
  const std::string key(ask.key);
  std::optional<S3Error> document_error;
  if (const std::string_view document = error_document(*site); !document.empty() && status < 500) {
    // Conditions and ranges are of what was asked for.
    call.headers = {};
    call.document_status = status;
    call.error = error.code;
    auto served = co_await serve(call, std::string(document));
    call.request.key = key;
    if (served || call.response.started()) co_return served;
    document_error = std::move(served).error();
    call.document_status.reset();
  }
  call.request.key = key;
  co_await send_page(call, std::move(error), std::move(document_error));
  co_return Served{};
}

/// What the request is about, without anything that only S3 has a meaning for.
S3Result<void> read_ask(Call& call, std::string_view host) {
  const GatewayOptions& options = call.services.options;
  KELP_S3_TRY(call.request, parse_request(call.http.target, host, options.website_domains));
  call.request.query = {};
  call.request.scope = Scope::kObject;
  const bool head = call.http.method == "HEAD";
  if (!head && call.http.method != "GET") {
    S3Error error{S3Code::kMethodNotAllowed,
                  {},
                  {{"Method", std::string(call.http.method)}, {"ResourceType", "OBJECT"}}};
    error.headers = {{"Allow", "GET, HEAD"}};
    return std::unexpected(std::move(error));
  }
  call.operation = head ? Operation::kHeadObject : Operation::kGetObject;
  return {};
}

Task<S3Result<std::shared_ptr<const Element>>> find_site(Call& call) {
  auto known = co_await call.services.bucket_access.find(call.request.bucket);
  if (!known) {
    S3Error error = from_error(known.error());
    if (error.code == S3Code::kNoSuchBucket) {
      error.fields.emplace_back("BucketName", call.request.bucket);
    }
    co_return std::unexpected(std::move(error));
  }
  if ((*known)->website == nullptr) {
    co_return std::unexpected(
        S3Error{S3Code::kNoSuchWebsiteConfiguration, {}, {{"BucketName", call.request.bucket}}});
  }
  co_return (*known)->website;
}

}  // namespace

Task<S3Result<void>> website(Call& call, std::string_view host) {
  call.service = "website";
  if (auto read = read_ask(call, host); !read) {
    co_await send_page(call, std::move(read).error(), std::nullopt);
    co_return Served{};
  }
  const auto permit =
      call.services.limits.enter_bucket(call.request.bucket, call.services.deps.clock.mono());
  if (!permit) {
    S3Error busy{S3Code::kSlowDown, {}, {}};
    co_await send_page(call, std::move(busy), std::nullopt);
    co_return Served{};
  }
  auto found = co_await find_site(call);
  if (!found) {
    co_await send_page(call, std::move(found).error(), std::nullopt);
    co_return Served{};
  }
  if (call.header("origin")) co_await find_cors(call);
  const std::shared_ptr<const Element> site = *std::move(found);
  const std::string key = call.request.key;
  const WebsiteAsk ask{
      .key = key, .raw_query = call.request.raw_query, .host = host, .secure = call.http.secure};
  if (auto redirect = redirect_of(*site, ask, std::nullopt)) {
    co_await send_redirect(call, *std::move(redirect));
    co_return Served{};
  }
  auto served = co_await serve(call, website_document(*site, key));
  if (served || call.response.started()) co_return served;
  S3Error error = std::move(served).error();
  const int status = text_of(error.code).status;
  if ((status == 403 || status == 404) && !key.empty() && !key.ends_with('/') &&
      co_await is_directory(call, *site, key)) {
    WebsiteRedirect redirect{.status = 302, .location = website_path(key) + '/'};
    co_await send_redirect(call, std::move(redirect));
    co_return Served{};
  }
  co_return co_await serve_error(call, site, ask, std::move(error));
}

}  // namespace kelp::s3
