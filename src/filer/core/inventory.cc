#include "filer/core/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <pugixml.hpp>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "lifecycle/config_nodes.h"
#include "wire/namespace.h"

namespace kelp::inventory {
namespace {

using Node = pugi::xml_node;
using std::chrono::days;
using std::chrono::floor;

constexpr std::string_view kArn = "arn:aws:s3:::";

Error unknown(const Node& node) {
  return Error(Errc::kUnimplemented,
               fmt::format("inventory: the element {} is not known", node.name()));
}

Result<void> read_encryption(const Node& node, Config& config) {
  for (const Node child : node.children()) {
    if (is(child, "SSE-S3")) {
      config.encryption = "AES256";
    } else if (is(child, "SSE-KMS")) {
      config.encryption = "aws:kms";
      config.kms_key = text_of(child.child("KeyId"));
    } else {
      return unknown(child);
    }
  }
  return {};
}

Result<void> read_destination(const Node& node, Config& config) {
  for (const Node child : node.children()) {
    if (is(child, "Bucket")) {
      const std::string arn = text_of(child);
      if (!arn.starts_with(kArn)) {
        return Error(Errc::kCorruption, "inventory: the destination is no bucket");
      }
      config.destination = arn.substr(kArn.size());
    } else if (is(child, "Format")) {
      config.format = text_of(child);
    } else if (is(child, "Prefix")) {
      config.folder = text_of(child);
    } else if (is(child, "Encryption")) {
      KELP_CHECK(read_encryption(child, config));
    } else if (!is(child, "AccountId")) {
      return unknown(child);
    }
  }
  return {};
}

Result<void> read_fields(const Node& node, Config& config) {
  for (const Node child : node.children()) {
    const auto* const at = std::ranges::find(kInventoryFields, text_of(child));
    if (!is(child, "Field") || at == kInventoryFields.end()) return unknown(child);
    config.fields.set(static_cast<std::size_t>(at - kInventoryFields.begin()));
  }
  return {};
}

/// "2026-01-31T13:59:00.000Z"
std::string time_text(WallTime time) {
  const auto at = floor<std::chrono::milliseconds>(time);
  const auto day = floor<days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{at - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

/// The minute, with what stands between its parts: "2026-01-31T13-59Z" or "2026-01-31-13-59".
std::string minute_text(WallTime time, std::string_view between, std::string_view behind) {
  const std::string text = time_text(time);
  return text.substr(0, 10) + std::string(between) + text.substr(11, 2) + "-" + text.substr(14, 2) +
         std::string(behind);
}

void append_value(std::string_view value, std::string& out) {
  out += out.empty() || out.back() == '\n' ? "\"" : ",\"";
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string_view word(bool value) {
  return value ? "true" : "false";
}

std::string version_text(const ObjectEntry& entry) {
  const std::uint64_t id = version_id_of(entry);
  return id == kNullVersion ? "null" : fmt::format("{:016x}", id);
}

std::string_view encryption_word(EncryptionKind kind) {
  switch (kind) {
    case EncryptionKind::kNone:
      return "NOT-SSE";
    case EncryptionKind::kS3:
      return "SSE-S3";
    case EncryptionKind::kKms:
      return "SSE-KMS";
    case EncryptionKind::kCustomer:
      return "SSE-C";
  }
  return "";
}

std::string_view checksum_word(ChecksumAlgorithm algorithm) {
  constexpr std::array<std::string_view, 11> kWords = {
      "",       "CRC32", "CRC32C",   "CRC64NVME", "SHA1",     "SHA256",
      "SHA512", "MD5",   "XXHASH64", "XXHASH3",   "XXHASH128"};
  const auto at = static_cast<std::size_t>(algorithm);
  return at < kWords.size() ? kWords[at] : "";
}

std::string lock_text(const ObjectLock& lock, Field field) {
  const bool kept = lock.retention.mode != RetentionMode::kNone;
  if (field == Field::kObjectLockRetainUntilDate) {
    return kept ? time_text(lock.retention.until) : "";
  }
  if (field == Field::kObjectLockMode) {
    if (!kept) return "";
    return lock.retention.mode == RetentionMode::kGovernance ? "GOVERNANCE" : "COMPLIANCE";
  }
  return lock.hold == LegalHold::kNever ? "" : lock.hold == LegalHold::kOn ? "ON" : "OFF";
}

std::string expiry_text(const Line& line, const lifecycle::Calendar& calendar) {
  if (line.rules == nullptr || !line.is_latest) return "";
  const lifecycle::Subject subject{
      .key = line.key, .size_bytes = line.entry.size_bytes, .tags = &line.entry.headers.tags};
  const auto due = lifecycle::expiry(*line.rules, subject, line.entry.modified, calendar);
  return due ? time_text(due->at) : "";
}

std::string field_text(Field field, const Line& line, const lifecycle::Calendar& calendar) {
  const ObjectEntry& entry = line.entry;
  const bool marker = entry.delete_marker;
  switch (field) {
    case Field::kSize:
      return marker ? "" : std::to_string(entry.size_bytes);
    case Field::kLastModifiedDate:
      return time_text(entry.modified);
    case Field::kETag:
      return marker ? "" : etag_text(entry);
    case Field::kStorageClass:
      if (marker) return "";
      return entry.headers.storage_class.empty() ? "STANDARD" : entry.headers.storage_class;
    case Field::kIsMultipartUploaded:
      return std::string(word(entry.etag_parts > 0));
    case Field::kEncryptionStatus:
      return marker ? "" : std::string(encryption_word(entry.headers.encryption.kind));
    case Field::kObjectLockRetainUntilDate:
    case Field::kObjectLockMode:
    case Field::kObjectLockLegalHoldStatus:
      return lock_text(entry.headers.lock, field);
    case Field::kBucketKeyStatus:
      if (entry.headers.encryption.kind != EncryptionKind::kKms) return "";
      return entry.headers.encryption.bucket_key ? "ENABLED" : "DISABLED";
    case Field::kChecksumAlgorithm:
      return entry.checksums.empty() ? ""
                                     : std::string(checksum_word(entry.checksums[0].algorithm));
    case Field::kObjectOwner:
      return entry.owner_id.empty() ? line.bucket.owner_id : entry.owner_id;
    case Field::kLifecycleExpirationDate:
      return marker ? "" : expiry_text(line, calendar);
    case Field::kReplicationStatus:
    case Field::kIntelligentTieringAccessTier:
    case Field::kObjectAccessControlList:
      return "";
  }
  return "";
}

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return value;
}

}  // namespace

Result<Config> parse_config(std::string_view kept) {
  pugi::xml_document document;
  const unsigned flags = pugi::parse_default | pugi::parse_ws_pcdata | pugi::parse_fragment;
  if (!document.load_buffer(kept.data(), kept.size(), flags, pugi::encoding_utf8)) {
    return Error(Errc::kCorruption, "inventory: the XML is malformed");
  }
  Config config;
  for (const Node child : document.children()) {
    if (is(child, "Id")) {
      config.id = text_of(child);
    } else if (is(child, "IsEnabled")) {
      config.enabled = text_of(child) == "true";
    } else if (is(child, "IncludedObjectVersions")) {
      config.all_versions = text_of(child) == "All";
    } else if (is(child, "Schedule")) {
      config.weekly = text_of(child.child("Frequency")) == "Weekly";
    } else if (is(child, "Filter")) {
      config.prefix = text_of(child.child("Prefix"));
    } else if (is(child, "OptionalFields")) {
      KELP_CHECK(read_fields(child, config));
    } else if (is(child, "Destination")) {
      KELP_CHECK(read_destination(child.child("S3BucketDestination"), config));
    } else {
      return unknown(child);
    }
  }
  return config;
}

std::string encode_state(const State& state) {
  return fmt::format("{} {} {}", state.done.time_since_epoch().count(),
                     state.attempt.time_since_epoch().count(), state.files);
}

State decode_state(std::string_view text) {
  const auto done = take_number(text);
  const auto attempt = take_number(text);
  const auto files = take_number(text);
  if (!done || !attempt || !files || !text.empty() || *files < 0 || *files > UINT32_MAX) return {};
  return {.done = WallTime(std::chrono::nanoseconds(*done)),
          .attempt = WallTime(std::chrono::nanoseconds(*attempt)),
          .files = static_cast<std::uint32_t>(*files)};
}

bool is_due(const Config& config, const State& state, WallTime now,
            const lifecycle::Calendar& calendar) {
  if (!config.enabled) return false;
  if (state.done == WallTime{}) return true;
  constexpr int kWeek = 7;
  if (calendar.day != std::chrono::days(1)) {
    return now - state.done >= calendar.day * (config.weekly ? kWeek : 1);
  }
  const auto day_of = [](WallTime time) { return floor<days>(time).time_since_epoch().count(); };
  // 1970 began with a Thursday.
  const auto week_of = [&](WallTime time) { return (day_of(time) + 4) / kWeek; };
  return config.weekly ? week_of(now) != week_of(state.done) : day_of(now) != day_of(state.done);
}

std::string schema(const Config& config) {
  std::string text = "Bucket, Key";
  if (config.all_versions) text += ", VersionId, IsLatest, IsDeleteMarker";
  for (std::size_t i = 0; i < kFields; ++i) {
    if (config.fields[i]) text += ", " + std::string(kInventoryFields[i]);
  }
  return text;
}

void append_line(const Config& config, const Line& line, const lifecycle::Calendar& calendar,
                 std::string& out) {
  append_value(line.bucket.name, out);
  append_value(url_encode(line.key, true), out);
  if (config.all_versions) {
    append_value(version_text(line.entry), out);
    append_value(word(line.is_latest), out);
    append_value(word(line.entry.delete_marker), out);
  }
  for (std::size_t i = 0; i < kFields; ++i) {
    if (config.fields[i]) append_value(field_text(static_cast<Field>(i), line, calendar), out);
  }
  out += '\n';
}

std::string Name::folder() const {
  std::string key = config.folder;
  if (!key.empty()) key += '/';
  return key + source + '/' + config.id + '/';
}

std::string Name::data(std::uint32_t index) const {
  const std::string who = fmt::format("{:x} {} {} {}", source_id.value, config.id,
                                      began.time_since_epoch().count(), index);
  const Sha256 digest = sha256(who);
  const std::string hex = hex_encode(view(digest)).substr(0, 32);
  return fmt::format("{}data/{}-{}-{}-{}-{}.csv.gz", folder(), hex.substr(0, 8), hex.substr(8, 4),
                     hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
}

std::string Name::manifest() const {
  return folder() + minute_text(began, "T", "Z") + "/manifest.json";
}

std::string Name::checksum() const {
  return folder() + minute_text(began, "T", "Z") + "/manifest.checksum";
}

std::string Name::symlink() const {
  return folder() + "hive/dt=" + minute_text(began, "-", "") + "/symlink.txt";
}

std::string manifest_json(const Name& name, const std::vector<DataFile>& files) {
  const auto began = floor<std::chrono::milliseconds>(name.began).time_since_epoch().count();
  boost::json::array listed;
  for (const DataFile& file : files) {
    listed.push_back({{"key", file.key}, {"size", file.size_bytes}, {"MD5checksum", file.md5}});
  }
  const boost::json::object manifest{
      {"sourceBucket", name.source},
      {"destinationBucket", std::string(kArn) + name.config.destination},
      {"version", "2016-11-30"},
      {"creationTimestamp", std::to_string(began)},
      {"fileFormat", "CSV"},
      {"fileSchema", schema(name.config)},
      {"files", std::move(listed)}};
  return boost::json::serialize(manifest);
}

std::string symlink_text(const Name& name, const std::vector<DataFile>& files) {
  std::string text;
  for (const DataFile& file : files) {
    text += "s3://" + name.config.destination + '/' + file.key + '\n';
  }
  return text;
}

}  // namespace kelp::inventory
