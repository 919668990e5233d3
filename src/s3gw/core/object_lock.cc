#include "s3gw/core/object_lock.h"

#include <charconv>
#include <pugixml.hpp>

#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kModeHeader = "x-amz-object-lock-mode";
constexpr std::string_view kUntilHeader = "x-amz-object-lock-retain-until-date";
constexpr std::string_view kHoldHeader = "x-amz-object-lock-legal-hold";
/// The beginning of three.
constexpr std::string_view kEventHoldHeader = "x-amz-object-lock-event-hold";
constexpr std::uint32_t kMaxYears = 100;
constexpr std::uint32_t kMaxDays = 36'500;

std::optional<RetentionMode> mode_by_name(std::string_view name) {
  if (name == "GOVERNANCE") return RetentionMode::kGovernance;
  if (name == "COMPLIANCE") return RetentionMode::kCompliance;
  return std::nullopt;
}
std::string_view name_of(RetentionMode mode) {
  return mode == RetentionMode::kGovernance ? "GOVERNANCE" : "COMPLIANCE";
}
std::optional<LegalHold> hold_by_name(std::string_view name) {
  if (name == "ON") return LegalHold::kOn;
  if (name == "OFF") return LegalHold::kOff;
  return std::nullopt;
}
std::string_view name_of(LegalHold hold) {
  return hold == LegalHold::kOn ? "ON" : "OFF";
}

std::unexpected<S3Error> malformed() {
  return s3_error(S3Code::kMalformedXML);
}

std::unexpected<S3Error> bad_header(std::string message, const HttpHeader& header) {
  return std::unexpected(S3Error{
      S3Code::kInvalidArgument,
      std::move(message),
      {{"ArgumentName", std::string(header.name)}, {"ArgumentValue", std::string(header.value)}}});
}

/// A period that is not negative; what is no number that fits is 0.
std::uint32_t period_of(std::string_view text) {
  std::uint32_t period = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, period);
  return error == std::errc() && stop == end ? period : 0;
}

S3Result<void> read_default_retention(const pugi::xml_node& node, BucketLock& lock) {
  std::optional<std::uint32_t> days;
  std::optional<std::uint32_t> years;
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    KELP_S3_TRY(const std::string text, text_of(child));
    if (name == "Mode" && lock.mode == RetentionMode::kNone && mode_by_name(text)) {
      lock.mode = *mode_by_name(text);
    } else if (name == "Days" && !days) {
      days = period_of(text);
    } else if (name == "Years" && !years) {
      years = period_of(text);
    } else {
      return malformed();
    }
  }
  if (lock.mode == RetentionMode::kNone || days.has_value() == years.has_value()) {
    return malformed();
  }
  lock.days = days.value_or(0);
  lock.years = years.value_or(0);
  const bool possible = lock.days + std::uint64_t{lock.years} != 0 && lock.days <= kMaxDays &&
                        lock.years <= kMaxYears;
  if (!possible) return s3_error(S3Code::kInvalidRetentionPeriod);
  return {};
}

}  // namespace

S3Result<void> read_lock_header(const HttpHeader& header, ObjectLock& lock) {
  if (equals_lower(header.name, kModeHeader)) {
    const auto mode = mode_by_name(header.value);
    if (!mode) return bad_header("Unknown wormMode directive.", header);
    lock.retention.mode = *mode;
  } else if (equals_lower(header.name, kUntilHeader)) {
    const auto until = parse_iso8601(header.value);
    if (!until) {
      return bad_header("The retain until date must be provided in ISO 8601 format", header);
    }
    lock.retention.until = *until;
  } else if (equals_lower(header.name, kHoldHeader)) {
    const auto hold = hold_by_name(header.value);
    if (!hold) return bad_header("Legal Hold must be either of 'ON' or 'OFF'", header);
    lock.hold = *hold;
  } else if (starts_with_lower(header.name, kEventHoldHeader)) {
    // Not to be taken and forgotten: it is to keep the object.
    return std::unexpected(
        S3Error{S3Code::kNotImplemented, {}, {{"Header", std::string(kEventHoldHeader)}}});
  }
  return {};
}

S3Result<void> check_retention(const Retention& retention, WallTime now) {
  const bool has_date = retention.until != WallTime{};
  if ((retention.mode != RetentionMode::kNone) != has_date) {
    return s3_error(
        S3Code::kInvalidArgument,
        "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
  }
  if (has_date && retention.until <= now) {
    return s3_error(S3Code::kInvalidArgument, "The retain until date must be in the future!");
  }
  return {};
}

S3Result<Retention> parse_retention(std::string body, WallTime now) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "Retention"));
  Retention retention;
  bool has_date = false;
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    KELP_S3_TRY(const std::string text, text_of(child));
    const auto mode = mode_by_name(text);
    const auto until = parse_iso8601(text);
    if (name == "Mode" && mode && retention.mode == RetentionMode::kNone) {
      retention.mode = *mode;
    } else if (name == "RetainUntilDate" && until && !has_date) {
      retention.until = *until;
      has_date = true;
    } else {
      return malformed();
    }
  }
  if ((retention.mode != RetentionMode::kNone) != has_date) return malformed();
  KELP_S3_CHECK(check_retention(retention, now));
  return retention;
}

S3Result<LegalHold> parse_legal_hold(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "LegalHold"));
  std::optional<LegalHold> hold;
  for (const pugi::xml_node child : root.children()) {
    KELP_S3_TRY(const std::string text, text_of(child));
    if (local_name(child) != "Status" || hold || !hold_by_name(text)) return malformed();
    hold = hold_by_name(text);
  }
  if (!hold) return malformed();
  return *hold;
}

S3Result<BucketLock> parse_bucket_lock(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "ObjectLockConfiguration"));
  BucketLock lock;
  bool has_rule = false;
  for (const pugi::xml_node child : root.children()) {
    const std::string_view name = local_name(child);
    if (name == "ObjectLockEnabled" && !lock.enabled) {
      KELP_S3_TRY(const std::string text, text_of(child));
      if (text != "Enabled") return malformed();
      lock.enabled = true;
    } else if (name == "Rule" && !has_rule) {
      has_rule = true;
      const pugi::xml_node retention = child.first_child();
      if (local_name(retention) != "DefaultRetention" || retention.next_sibling()) {
        return malformed();
      }
      KELP_S3_CHECK(read_default_retention(retention, lock));
    } else {
      return malformed();
    }
  }
  if (!lock.enabled) return malformed();
  return lock;
}

void write_retention(const Retention& retention, XmlWriter& xml) {
  xml.element("Mode", name_of(retention.mode));
  xml.element("RetainUntilDate", retention.until);
}

void write_legal_hold(LegalHold hold, XmlWriter& xml) {
  xml.element("Status", name_of(hold));
}

void write_bucket_lock(const BucketLock& lock, XmlWriter& xml) {
  xml.element("ObjectLockEnabled", "Enabled");
  if (lock.mode == RetentionMode::kNone) return;
  xml.open("Rule");
  xml.open("DefaultRetention");
  xml.element("Mode", name_of(lock.mode));
  if (lock.days != 0) xml.element("Days", std::uint64_t{lock.days});
  if (lock.years != 0) xml.element("Years", std::uint64_t{lock.years});
  xml.close("DefaultRetention");
  xml.close("Rule");
}

std::vector<std::pair<std::string_view, std::string>> lock_headers(const ObjectLock& lock) {
  std::vector<std::pair<std::string_view, std::string>> lines;
  if (lock.retention.mode != RetentionMode::kNone) {
    lines.emplace_back(kModeHeader, name_of(lock.retention.mode));
    append_iso8601(lock.retention.until, lines.emplace_back(kUntilHeader, "").second);
  }
  if (lock.hold != LegalHold::kNever) lines.emplace_back(kHoldHeader, name_of(lock.hold));
  return lines;
}

}  // namespace kelp::s3
