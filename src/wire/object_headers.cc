#include "wire/entry.h"
#include "wire/row_pieces.h"

namespace kelp {
namespace {

// Stored as their index plus 1 (encode_known). Only ever append.
constexpr std::string_view kContentTypes[] = {"application/octet-stream",
                                              "binary/octet-stream",
                                              "text/plain",
                                              "text/html",
                                              "text/css",
                                              "text/csv",
                                              "text/javascript",
                                              "application/javascript",
                                              "application/json",
                                              "application/xml",
                                              "text/xml",
                                              "application/pdf",
                                              "application/zip",
                                              "application/gzip",
                                              "application/x-gzip",
                                              "application/x-tar",
                                              "application/x-www-form-urlencoded",
                                              "image/jpeg",
                                              "image/png",
                                              "image/gif",
                                              "image/webp",
                                              "image/svg+xml",
                                              "image/avif",
                                              "image/tiff",
                                              "video/mp4",
                                              "video/webm",
                                              "video/mpeg",
                                              "audio/mpeg",
                                              "audio/ogg",
                                              "audio/wav",
                                              "application/x-parquet",
                                              "application/vnd.apache.parquet",
                                              "application/x-ndjson",
                                              "text/markdown",
                                              "application/wasm",
                                              "font/woff2",
                                              "application/x-directory",
                                              "application/x-directory; charset=UTF-8",
                                              "text/plain; charset=utf-8",
                                              "text/html; charset=utf-8",
                                              "application/x-sh",
                                              "text/x-python"};

using Pairs = std::vector<std::pair<std::string, std::string>>;

void encode_pairs(const Pairs& pairs, std::string& out) {
  ByteWriter to(out);
  to.varint(pairs.size());
  for (const auto& [name, value] : pairs) {
    to.text(name);
    to.text(value);
  }
}

Pairs decode_pairs(ByteReader& in) {
  Pairs pairs;
  const std::uint64_t count = in.varint();
  pairs.reserve(std::min<std::uint64_t>(count, in.remaining() / 2));
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    const std::string_view name = in.text();
    pairs.emplace_back(name, in.text());
  }
  return pairs;
}

}  // namespace

// One byte says which lists follow, so that an object without any takes two bytes in all.
void encode_headers(const ObjectHeaders& headers, std::string& out) {
  encode_known(headers.content_type, kContentTypes, out);
  std::uint8_t lists = 0;
  if (!headers.standard.empty()) lists |= 1;
  if (!headers.user.empty()) lists |= 2;
  if (!headers.tags.empty()) lists |= 4;
  ByteWriter(out).fixed(lists);
  if ((lists & 1) != 0) encode_pairs(headers.standard, out);
  if ((lists & 2) != 0) encode_pairs(headers.user, out);
  if ((lists & 4) != 0) encode_pairs(headers.tags, out);
}

ObjectHeaders decode_headers(ByteReader& in) {
  ObjectHeaders headers;
  headers.content_type = decode_known(kContentTypes, in);
  const auto lists = in.fixed<std::uint8_t>();
  if (lists > 7) spoil(in);
  if ((lists & 1) != 0) headers.standard = decode_pairs(in);
  if ((lists & 2) != 0) headers.user = decode_pairs(in);
  if ((lists & 4) != 0) headers.tags = decode_pairs(in);
  return headers;
}

}  // namespace kelp
