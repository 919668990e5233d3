#include "s3gw/core/website.h"

#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/error_xml.h"
#include "s3gw/core/xml_writer.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kErrorCode = "HttpErrorCodeReturnedEquals";

/// Of a document that was checked: a number.
int number_of(std::string_view text, int fallback) {
  int number = fallback;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string_view scheme_of(const Element& redirect, const WebsiteAsk& ask) {
  const std::string_view protocol = redirect.text_of("Protocol");
  if (!protocol.empty()) return protocol;
  return ask.secure ? "https" : "http";
}

std::string place_of(const Element& redirect, const WebsiteAsk& ask) {
  const std::string_view host = redirect.text_of("HostName");
  std::string place(scheme_of(redirect, ask));
  place += "://";
  place += host.empty() ? ask.host : host;
  return place;
}

/// Whether the rule is for the request, as far as it was tried.
bool fits(const Element* condition, const WebsiteAsk& ask, std::optional<int> error) {
  if (condition == nullptr) return !error;
  const Element* const code = condition->find(kErrorCode);
  if ((code != nullptr) != error.has_value()) return false;
  if (code != nullptr && number_of(code->text, 0) != *error) return false;
  return ask.key.starts_with(condition->text_of("KeyPrefixEquals"));
}

std::string replaced_key(const Element* condition, const Element& redirect, std::string_view key) {
  if (redirect.has("ReplaceKeyWith")) return std::string(redirect.text_of("ReplaceKeyWith"));
  if (!redirect.has("ReplaceKeyPrefixWith")) return std::string(key);
  const std::string_view prefix =
      condition == nullptr ? std::string_view() : condition->text_of("KeyPrefixEquals");
  return std::string(redirect.text_of("ReplaceKeyPrefixWith")) +
         std::string(key.substr(prefix.size()));
}

std::string_view reason_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 412:
      return "Precondition Failed";
    case 416:
      return "Requested Range Not Satisfiable";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

void add_item(std::string& out, std::string_view name, std::string_view value) {
  out += "<li>";
  append_escaped(out, name);
  out += ": ";
  append_escaped(out, value);
  out += "</li>\n";
}

void add_error(std::string& out, const S3Error& error, std::string_view key) {
  add_item(out, "Code", text_of(error.code).code);
  add_item(out, "Message", message_of(error));
  bool has_key = false;
  for (const auto& [name, value] : error.fields) {
    has_key = has_key || name == "Key";
    add_item(out, name, value);
  }
  if (!key.empty() && !has_key && error.code == S3Code::kNoSuchKey) add_item(out, "Key", key);
}

}  // namespace

std::optional<WebsiteRedirect> redirect_of(const Element& website, const WebsiteAsk& ask,
                                           std::optional<int> error) {
  if (const Element* const all = website.find("RedirectAllRequestsTo")) {
    if (error) return std::nullopt;
    WebsiteRedirect redirect{.location = place_of(*all, ask) + website_path(ask.key)};
    if (!ask.raw_query.empty()) redirect.location += '?' + std::string(ask.raw_query);
    return redirect;
  }
  const Element* const rules = website.find("RoutingRules");
  if (rules == nullptr) return std::nullopt;
  for (const Element& rule : rules->inside) {
    const Element* const condition = rule.find("Condition");
    if (!fits(condition, ask, error)) continue;
    const Element& redirect = *rule.find("Redirect");
    const std::string key = replaced_key(condition, redirect, ask.key);
    return WebsiteRedirect{.status = number_of(redirect.text_of("HttpRedirectCode"), 301),
                           .location = place_of(redirect, ask) + website_path(key)};
  }
  return std::nullopt;
}

std::string website_document(const Element& website, std::string_view key) {
  std::string document(key);
  if (key.empty() || key.ends_with('/')) {
    if (const Element* const index = website.find("IndexDocument")) {
      document += index->text_of("Suffix");
    }
  }
  return document;
}

std::string_view error_document(const Element& website) {
  const Element* const error = website.find("ErrorDocument");
  return error == nullptr ? std::string_view() : error->text_of("Key");
}

std::string website_path(std::string_view key) {
  // Two slashes in front would name another host.
  if (key.starts_with('/')) return "/%2F" + url_encode(key.substr(1), true);
  return '/' + url_encode(key, true);
}

std::string website_page(const S3Error& error, const WebsitePageContext& context) {
  const int status = text_of(error.code).status;
  const std::string title = std::to_string(status) + ' ' + std::string(reason_of(status));
  std::string page =
      "<html>\n<head><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<ul>\n";
  add_error(page, error, context.key);
  add_item(page, "RequestId", context.request_id);
  add_item(page, "HostId", context.host_id);
  page += "</ul>\n";
  if (context.document_error != nullptr) {
    page +=
        "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n";
    add_error(page, *context.document_error, {});
    page += "</ul>\n";
  }
  page += "<hr/>\n</body>\n</html>\n";
  return page;
}

}  // namespace kelp::s3
