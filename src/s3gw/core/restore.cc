#include "s3gw/core/restore.h"

#include <charconv>
#include <optional>
#include <pugixml.hpp>

#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

S3Result<std::uint32_t> read_days(const pugi::xml_node& node) {
  KELP_S3_TRY(const std::string text, text_of(node));
  std::int32_t days = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, days);
  if (error != std::errc() || stop != end) return s3_error(S3Code::kMalformedXML);
  if (days < 1) {
    return std::unexpected(S3Error{S3Code::kInvalidArgument,
                                   "Days must be a positive number of days.",
                                   {{"ArgumentName", "Days"}, {"ArgumentValue", text}}});
  }
  return static_cast<std::uint32_t>(days);
}

S3Result<RestoreTier> read_tier(const pugi::xml_node& node) {
  KELP_S3_TRY(const std::string text, text_of(node));
  if (text == "Standard") return RestoreTier::kStandard;
  if (text == "Bulk") return RestoreTier::kBulk;
  if (text == "Expedited") return RestoreTier::kExpedited;
  return s3_error(S3Code::kMalformedXML);
}

/// Nothing more than a tier is in it.
S3Result<RestoreTier> read_job(const pugi::xml_node& node) {
  const pugi::xml_node tier = node.first_child();
  if (local_name(tier) != "Tier" || tier.next_sibling()) return s3_error(S3Code::kMalformedXML);
  return read_tier(tier);
}

}  // namespace

S3Result<RestoreOrder> parse_restore(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "RestoreRequest"));
  std::optional<std::uint32_t> days;
  std::optional<RestoreTier> tier;
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    if (name == "Days" && !days) {
      KELP_S3_TRY(days, read_days(child));
    } else if (name == "GlacierJobParameters" && !tier) {
      KELP_S3_TRY(tier, read_job(child));
    } else if (name == "Tier" && !tier) {
      KELP_S3_TRY(tier, read_tier(child));
    } else if (name == "Type" || name == "SelectParameters" || name == "OutputLocation") {
      return s3_error(S3Code::kNotImplemented,
                      "A restore gives back an archived object; restores of type SELECT are not "
                      "implemented.");
    } else if (name != "Description") {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (!days) return s3_error(S3Code::kMalformedXML);
  return RestoreOrder{*days, tier.value_or(RestoreTier::kStandard)};
}

S3Result<void> check_tier(RestoreTier tier, std::string_view storage_class) {
  if (tier != RestoreTier::kExpedited || storage_class != "DEEP_ARCHIVE") return {};
  return std::unexpected(S3Error{S3Code::kInvalidArgument,
                                 "Retrieval option is not supported by this storage class",
                                 {{"ArgumentName", "Tier"}, {"ArgumentValue", "Expedited"}}});
}

std::string restore_line(const RestoredCopy& copy, WallTime now) {
  if (copy.under_way(now)) return "ongoing-request=\"true\"";
  if (!copy.readable(now)) return {};
  return "ongoing-request=\"false\", expiry-date=\"" + http_date(copy.until) + '"';
}

std::string restore_status_xml(const RestoredCopy& copy, WallTime now) {
  std::string out;
  const bool readable = copy.readable(now);
  if (!readable && !copy.under_way(now)) return out;
  XmlWriter xml(out);
  xml.open("RestoreStatus");
  xml.element("IsRestoreInProgress", !readable);
  if (readable) xml.element("RestoreExpiryDate", copy.until);
  xml.close("RestoreStatus");
  return out;
}

}  // namespace kelp::s3
