#include "mount/bucket.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"
#include "mount/core/errors.h"
#include "s3gw/core/checksum.h"

namespace kelp::mount {
namespace {

constexpr std::size_t kHashBytes = 1 << 20;
constexpr std::uint64_t kListedBytes = 4096;         // of a key of 1,024 bytes, all of them escaped
constexpr std::uint64_t kMaxCopyBytes = 5ULL << 30;  // of S3's CopyObject
constexpr std::string_view kDirectoryType = "application/x-directory";

using Headers = std::vector<std::pair<std::string, std::string>>;

Headers headers_of(const ObjectFacts& facts) {
  Headers headers(facts.kept.begin(), facts.kept.end());
  for (const auto& [name, value] : facts.metadata) {
    headers.emplace_back("x-amz-meta-" + name, value);
  }
  headers.emplace_back("x-amz-meta-mtime", mtime_text(facts.modified));
  return headers;
}

void add_condition(const WriteCondition& condition, Headers& headers) {
  if (condition.absent) headers.emplace_back("if-none-match", "*");
  if (!condition.etag.empty()) headers.emplace_back("if-match", condition.etag);
}

/// The CRC-32C of a body, as S3 writes it; nothing when it does not read.
std::optional<std::string> crc32c_of(const Body& body) {
  s3::ChecksumHasher hasher(s3::checksum_by_name("CRC32C").value());
  std::vector<std::byte> buffer(std::min<std::uint64_t>(body.size_bytes, kHashBytes));
  for (std::uint64_t at = 0; at < body.size_bytes; at += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(buffer.size(), body.size_bytes - at));
    if (!body.read(at, buffer)) return std::nullopt;
    hasher.update(buffer);
  }
  return base64_encode(hasher.finish());
}

}  // namespace

Bucket::Bucket(HttpCalls& http, std::string name, SigningKeys keys, const Clock& clock,
               std::chrono::milliseconds timeout)
    : http_(http),
      name_(std::move(name)),
      keys_(std::move(keys)),
      clock_(clock),
      timeout_(timeout) {}

Outcome<ObjectFacts> Bucket::head(const std::string& key) {
  KELP_TRY(const HttpReply reply, call({.method = "HEAD", .key = key}));
  auto facts = parse_facts(reply.headers);
  if (facts) return *std::move(facts);
  logger("mount").error("answer_not_understood key={} why={}", log_value(key),
                        log_value(facts.error().message()));
  return Errno{EIO};
}

Outcome<std::string> Bucket::read(const std::string& key, const std::string& etag,
                                  std::uint64_t offset, std::uint64_t bytes) {
  auto reply = call({.method = "GET",
                     .key = key,
                     .headers = {{"if-match", etag},
                                 {"range", fmt::format("bytes={}-{}", offset, offset + bytes - 1)}},
                     .reply_bytes = bytes});
  if (!reply) {
    const int number = reply.error().number;
    return Errno{number == ENOENT ? ESTALE : number};
  }
  if (reply->status == 206 && reply->body.size() == bytes) return std::move(reply->body);
  logger("mount").error("short_answer key={} status={} bytes={} wanted={}", log_value(key),
                        reply->status, reply->body.size(), bytes);
  return Errno{EIO};
}

Outcome<ListedKeys> Bucket::list(const ListWish& wish) {
  Ask ask{.method = "GET"};
  ask.query = fmt::format("encoding-type=url&list-type=2&max-keys={}&prefix={}", wish.limit,
                          url_encode(wish.prefix, false));
  if (wish.directory) ask.query += "&delimiter=%2F";
  if (!wish.next.empty()) ask.query += "&continuation-token=" + url_encode(wish.next, false);
  ask.reply_bytes = wish.limit * kListedBytes;
  KELP_TRY(HttpReply reply, call(ask));
  auto listed = parse_listing(std::move(reply.body));
  if (listed) return *std::move(listed);
  logger("mount").error("answer_not_understood prefix={} why={}", log_value(wish.prefix),
                        log_value(listed.error().message()));
  return Errno{EIO};
}

Outcome<std::string> Bucket::put(const std::string& key, const Body& body, const ObjectFacts& facts,
                                 const WriteCondition& condition) {
  Ask ask{.method = "PUT", .key = key, .headers = headers_of(facts), .body = body};
  const auto crc = crc32c_of(body);
  if (!crc) return Errno{EIO};
  ask.headers.emplace_back("x-amz-checksum-crc32c", *crc);
  add_condition(condition, ask.headers);
  return written(key, call(ask), facts, condition);
}

Outcome<void> Bucket::put_marker(const std::string& key) {
  const auto reply =
      call({.method = "PUT",
            .key = key,
            .headers = {{"content-type", std::string(kDirectoryType)}, {"if-none-match", "*"}}});
  if (reply) return {};
  return Errno{reply.error().number == ESTALE ? EEXIST : reply.error().number};
}

Outcome<void> Bucket::remove(const std::string& key) {
  KELP_CHECK(call({.method = "DELETE", .key = key}));
  return {};
}

Outcome<void> Bucket::rename(const std::string& from, const std::string& etag,
                             const std::string& to, bool keep_target) {
  Ask ask{.method = "PUT",
          .key = to,
          .query = "renameObject=",
          .headers = {{"x-amz-rename-source", url_encode(from, true)}}};
  if (keep_target) ask.headers.emplace_back("if-none-match", "*");
  const auto reply = call(ask);
  if (reply) return {};
  const int number = reply.error().number;
  if (number == ESTALE) return Errno{EEXIST};
  if (number != ENOENT) return reply.error();
  // Done by a request whose answer was lost?
  const auto there = head(to);
  if (there && there->etag == etag) return {};
  return reply.error();
}

Outcome<std::string> Bucket::set_metadata(const std::string& key, const ObjectFacts& facts) {
  if (facts.size_bytes > kMaxCopyBytes) return Errno{EFBIG};
  Ask ask{.method = "PUT", .key = key, .headers = headers_of(facts)};
  ask.headers.emplace_back("x-amz-copy-source", url_encode(name_ + "/" + key, true));
  ask.headers.emplace_back("x-amz-copy-source-if-match", facts.etag);
  ask.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  KELP_TRY(const HttpReply reply, call(ask));
  const std::string etag = child_of_root(reply.body, "CopyObjectResult", "ETag");
  if (!etag.empty()) return etag;
  logger("mount").error("copy_without_etag key={}", log_value(key));
  return Errno{EIO};
}

Outcome<std::string> Bucket::begin_upload(const std::string& key, const ObjectFacts& facts) {
  Ask ask{.method = "POST", .key = key, .query = "uploads=", .headers = headers_of(facts)};
  ask.headers.emplace_back("x-amz-checksum-algorithm", "CRC32C");
  KELP_TRY(const HttpReply reply, call(ask));
  std::string id = child_of_root(reply.body, "InitiateMultipartUploadResult", "UploadId");
  if (!id.empty()) return id;
  logger("mount").error("upload_without_id key={}", log_value(key));
  return Errno{EIO};
}

Outcome<UploadedPart> Bucket::put_part(const std::string& key, const std::string& upload,
                                       std::size_t part_number, const Body& body) {
  const auto crc = crc32c_of(body);
  if (!crc) return Errno{EIO};
  KELP_TRY(const HttpReply reply,
           call({.method = "PUT",
                 .key = key,
                 .query = fmt::format("partNumber={}&uploadId={}", part_number,
                                      url_encode(upload, false)),
                 .headers = {{"x-amz-checksum-crc32c", *crc}},
                 .body = body}));
  const auto etag = reply.headers.find("etag");
  if (etag == reply.headers.end()) return Errno{EIO};
  return UploadedPart{.etag = etag->second, .crc32c = *crc};
}

Outcome<std::string> Bucket::complete_upload(const std::string& key, const std::string& upload,
                                             const std::vector<UploadedPart>& parts,
                                             const ObjectFacts& facts,
                                             const WriteCondition& condition) {
  std::string text = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += fmt::format(
        "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumCRC32C>{}</ChecksumCRC32C></"
        "Part>",
        i + 1, parts[i].etag, parts[i].crc32c);
  }
  text += "</CompleteMultipartUpload>";
  Ask ask{.method = "POST", .key = key, .query = "uploadId=" + url_encode(upload, false)};
  add_condition(condition, ask.headers);
  ask.body.size_bytes = text.size();
  ask.body.read = [&text](std::uint64_t offset, MutableByteSpan buffer) {
    std::ranges::copy(as_bytes(std::string_view(text).substr(offset, buffer.size())),
                      buffer.begin());
    return true;
  };
  auto reply = call(ask);
  if (reply) {
    // S3 may find out that it fails after it began to answer 200.
    const std::string etag = child_of_root(reply->body, "CompleteMultipartUploadResult", "ETag");
    if (etag.empty()) return Errno{EIO};
    reply->headers.insert_or_assign("etag", etag);
  }
  return written(key, std::move(reply), facts, condition);
}

void Bucket::abort_upload(const std::string& key, const std::string& upload) {
  [[maybe_unused]] const auto aborted =
      call({.method = "DELETE", .key = key, .query = "uploadId=" + url_encode(upload, false)});
}

std::optional<std::string> Bucket::made_before(const std::string& key, const ObjectFacts& facts) {
  // Nanoseconds of a clock are as good as a name that nobody else gives.
  auto there = head(key);
  if (!there || there->modified != facts.modified || there->size_bytes != facts.size_bytes) {
    return std::nullopt;
  }
  return std::move(there->etag);
}

Outcome<std::string> Bucket::written(const std::string& key, Outcome<HttpReply> reply,
                                     const ObjectFacts& facts, const WriteCondition& condition) {
  if (reply) {
    const auto etag = reply->headers.find("etag");
    if (etag != reply->headers.end()) return etag->second;
    logger("mount").error("write_without_etag key={}", log_value(key));
    return Errno{EIO};
  }
  const int number = reply.error().number;
  // A condition that does not hold, an upload that is gone: done by a request whose answer was
  // lost?
  if (number == ESTALE || number == ENOENT) {
    if (auto etag = made_before(key, facts)) return *std::move(etag);
  }
  if (number == ESTALE && condition.absent) return Errno{EEXIST};
  if (number == ENOENT && !condition.etag.empty()) return Errno{ESTALE};
  return reply.error();
}

bool Bucket::pause(int attempt, MonoTime deadline) {
  const std::uint64_t most_ms = std::min<std::uint64_t>(50ULL << std::min(attempt, 5), 1000);
  const std::chrono::milliseconds wait(most_ms / 2 + random_u64() % (most_ms / 2 + 1));
  if (clock_.mono() + wait >= deadline || http_.stopped()) return false;
  std::unique_lock lock(mutex_);
  never_.wait_for(lock, wait);
  return true;
}

Outcome<HttpReply> Bucket::call(const Ask& ask) {
  const MonoTime deadline = clock_.mono() + timeout_;
  OutgoingRequest request{.method = ask.method, .path = "/" + name_, .query = ask.query};
  if (!ask.key.empty()) request.path += "/" + url_encode(ask.key, true);
  for (int attempt = 0;; ++attempt) {
    request.headers = ask.headers;
    sign(keys_, http_.host(), std::chrono::floor<std::chrono::seconds>(clock_.wall()), request);
    auto reply = http_.send(request, ask.body, ask.reply_bytes, deadline);
    std::string code;
    std::string why;
    Errno refused{EIO};
    bool again = false;
    if (reply) {
      if (reply->status / 100 == 2) return *std::move(reply);
      code = child_of_root(reply->body, "Error", "Code");
      refused = errno_of(reply->status, code);
      again = may_pass(reply->status, code);
      why = fmt::format("{} {}", reply->status, code);
      if (reply->status == 404 || reply->status == 412) return refused;
    } else {
      again = reply.error().code() != Errc::kCancelled &&
              reply.error().code() != Errc::kInvalidArgument;
      why = reply.error().message();
    }
    if (again && pause(attempt, deadline)) continue;
    logger("mount").warn("refused method={} key={} query={} attempts={} why={}", ask.method,
                         log_value(ask.key), log_value(ask.query), attempt + 1, log_value(why));
    return refused;
  }
}

}  // namespace kelp::mount
