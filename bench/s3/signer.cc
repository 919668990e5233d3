#include "bench/s3/signer.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace kelp::bench {

Signer::Signer(std::string access_key, const std::string& secret_key, std::string date)
    : access_key_(std::move(access_key)), date_(std::move(date)) {
  const std::string day = date_.substr(0, 8);
  scope_ = day + "/us-east-1/s3/aws4_request";
  std::string key = "AWS4" + secret_key;
  for (const std::string_view part : {std::string_view(day), std::string_view("us-east-1"),
                                      std::string_view("s3"), std::string_view("aws4_request")}) {
    key = std::string(view(hmac_sha256(key, part)));
  }
  signing_key_ = key;
}

std::string Signer::head(std::string_view method, std::string_view host, std::string_view path,
                         std::string_view query, std::uint64_t body_bytes,
                         std::string_view extra) const {
  const std::string canonical = fmt::format(
      "{}\n{}\n{}\nhost:{}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{}\n\n"
      "host;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
      method, path, query, host, date_);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date_, scope_,
                                          hex_encode(view(sha256(canonical))));
  const std::string signature = hex_encode(view(hmac_sha256(signing_key_, to_sign)));
  std::string head = fmt::format(
      "{} {}{}{} HTTP/1.1\r\nHost: {}\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: "
      "{}\r\n"
      "Authorization: AWS4-HMAC-SHA256 Credential={}/{}, "
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}\r\n{}",
      method, path, query.empty() ? "" : "?", query, host, date_, access_key_, scope_, signature,
      extra);
  if (body_bytes > 0 || method == "PUT") head += fmt::format("Content-Length: {}\r\n", body_bytes);
  return head + "\r\n";
}

}  // namespace kelp::bench
