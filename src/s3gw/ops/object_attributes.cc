#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

struct Wanted {
  bool etag = false;
  bool checksum = false;
  bool parts = false;
  bool storage_class = false;
  bool size = false;
};

S3Result<Wanted> read_wanted(const Call& call) {
  Wanted wanted;
  bool any = false;
  for (const HttpHeader& header : call.headers) {
    if (!equals_lower(header.name, "x-amz-object-attributes")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::string_view name = trimmed(cut(rest, ','));
      if (name.empty()) continue;
      any = true;
      if (name == "ETag") {
        wanted.etag = true;
      } else if (name == "Checksum") {
        wanted.checksum = true;
      } else if (name == "ObjectParts") {
        wanted.parts = true;
      } else if (name == "StorageClass") {
        wanted.storage_class = true;
      } else if (name == "ObjectSize") {
        wanted.size = true;
      } else {
        return bad_argument("Invalid attribute name specified.", "x-amz-object-attributes",
                            std::string(name));
      }
    }
  }
  if (any) return wanted;
  return s3_error(S3Code::kInvalidRequest,
                  "The x-amz-object-attributes header specifying the attributes to be retrieved is "
                  "either missing or empty");
}

/// A header that is a number; `fallback` when absent.
S3Result<std::uint32_t> number_header(const Call& call, std::string_view name,
                                      std::uint32_t fallback) {
  const auto text = call.header(name);
  if (!text) return fallback;
  std::uint32_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end && number <= 2'147'483'647) return number;
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              "Provided " + std::string(name) + " not an integer or within integer range",
              {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(*text)}}});
}

struct PartsWindow {
  std::uint32_t after = 0;
  std::uint32_t limit = 1000;
};

/// That of the object, which is told here without the number of parts.
void write_object_checksum(XmlWriter& xml, const Checksum& checksum) {
  xml.open("Checksum");
  xml.element(checksum_element(checksum.algorithm), base64_encode(checksum.value));
  xml.element("ChecksumType", name_of(checksum.type));
  xml.close("Checksum");
}

/// AWS lists the parts only when the object's checksum is made of theirs; else it counts them.
void write_parts(XmlWriter& xml, const ObjectEntry& entry, PartsWindow window) {
  xml.open("ObjectParts");
  xml.element("PartsCount", std::uint64_t{entry.parts.size()});
  const auto composite =
      std::ranges::find(entry.checksums, ChecksumType::kComposite, &Checksum::type);
  if (composite != entry.checksums.end()) {
    std::uint32_t written = 0;
    std::uint32_t last = 0;
    bool truncated = false;
    std::string list;
    XmlWriter part_xml(list);
    for (const PartInfo& part : entry.parts) {
      if (part.part_number <= window.after) continue;
      if (written == window.limit) {
        truncated = true;
        break;
      }
      ++written;
      last = part.part_number;
      part_xml.open("Part");
      part_xml.element("PartNumber", std::uint64_t{part.part_number});
      part_xml.element("Size", part.size_bytes);
      for (const Checksum& checksum : part.checksums) {
        part_xml.element(checksum_element(checksum.algorithm), checksum_text(checksum));
      }
      part_xml.close("Part");
    }
    xml.element("PartNumberMarker", std::uint64_t{window.after});
    xml.element("NextPartNumberMarker", std::uint64_t{last});
    xml.element("MaxParts", std::uint64_t{window.limit});
    xml.element("IsTruncated", truncated);
    xml.raw(list);
  }
  xml.close("ObjectParts");
}

}  // namespace

Task<S3Result<void>> get_object_attributes(Call& call) {
  KELP_S3_CO_TRY(const Wanted wanted, read_wanted(call));
  PartsWindow window;
  // AWS takes no notice of a limit that is none.
  window.limit = number_header(call, "x-amz-max-parts", window.limit).value_or(window.limit);
  KELP_S3_CO_TRY(window.after, number_header(call, "x-amz-part-number-marker", 0));
  KELP_S3_CO_TRY(const FoundObject object, co_await find_object(call, false));
  const ObjectEntry& entry = object.entry;
  KELP_S3_CO_CHECK(co_await check_read_key(call, entry.headers.encryption));

  std::string body;
  XmlWriter xml(body);
  xml.begin("GetObjectAttributesResponse");
  if (wanted.etag) xml.element("ETag", etag_text(entry));
  if (wanted.checksum && !entry.checksums.empty()) {
    write_object_checksum(xml, entry.checksums.front());
  }
  if (wanted.parts && !entry.parts.empty()) write_parts(xml, entry, window);
  if (wanted.storage_class) {
    const std::string& stored = entry.headers.storage_class;
    xml.element("StorageClass", stored.empty() ? std::string_view("STANDARD") : stored);
  }
  if (wanted.size) xml.element("ObjectSize", entry.size_bytes);
  xml.close("GetObjectAttributesResponse");
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  head.add("Last-Modified", http_date(entry.modified));
  add_version_id(shown_version_id(object.bucket, entry), head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
