#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mount/core/names.h"
#include "mount/http_calls.h"

namespace kelp::mount {

/// What must hold for a write.
struct WriteCondition {
  bool absent = false;  ///< There is no such object.
  std::string etag;     ///< The object is still this one; empty: whatever.
};

/// A part of a multipart upload that the gateway has.
struct UploadedPart {
  std::string etag;
  std::string crc32c;  ///< As S3 writes it.
};

/// A bucket over S3. Calls block, are repeated while the gateway asks for that or cannot be
/// reached, and end within the timeout: EIO. Refusals are mapped by core/errors.h; those that a
/// program did not cause are logged here. Thread-safe.
class Bucket {
 public:
  /// `timeout`  for a call with all its repetitions; a body may take longer while it moves.
  Bucket(HttpCalls& http, std::string name, SigningKeys keys, const Clock& clock,
         std::chrono::milliseconds timeout);

  /// ENOENT when there is no such object.
  Outcome<ObjectFacts> head(const std::string& key);
  /// [offset, offset + bytes) of the object with this ETag, all of it. ESTALE: there is another
  /// object now, or none.
  Outcome<std::string> read(const std::string& key, const std::string& etag, std::uint64_t offset,
                            std::uint64_t bytes);

  /// A page of a listing.
  struct ListWish {
    std::string prefix;
    bool directory = false;  ///< Group at slashes.
    std::string next;        ///< ListedKeys::next of the page before.
    std::uint32_t limit = 1000;
  };
  Outcome<ListedKeys> list(const ListWish& wish);

  /// Writes an object. `facts` has its metadata and time.
  /// Errors  EEXIST, ESTALE: the condition does not hold.
  /// Returns its ETag.
  Outcome<std::string> put(const std::string& key, const Body& body, const ObjectFacts& facts,
                           const WriteCondition& condition);
  /// An empty object of this type; EEXIST when the key is taken.
  Outcome<void> put_marker(const std::string& key);
  /// Removes an object; no error when there is none.
  Outcome<void> remove(const std::string& key);
  /// One commit: the object `etag`, known under `from`, is under `to`. EEXIST: `keep_target`, and
  /// there is something.
  Outcome<void> rename(const std::string& from, const std::string& etag, const std::string& to,
                       bool keep_target);
  /// Gives the object with facts.etag the metadata and time of `facts`; its new ETag. EFBIG past
  /// the 5 GiB that S3 can copy onto itself.
  Outcome<std::string> set_metadata(const std::string& key, const ObjectFacts& facts);

  /// Begins a multipart upload; its id.
  Outcome<std::string> begin_upload(const std::string& key, const ObjectFacts& facts);
  Outcome<UploadedPart> put_part(const std::string& key, const std::string& upload,
                                 std::size_t part_number, const Body& body);
  /// Makes the object of its parts. Errors and what it returns as put().
  Outcome<std::string> complete_upload(const std::string& key, const std::string& upload,
                                       const std::vector<UploadedPart>& parts,
                                       const ObjectFacts& facts, const WriteCondition& condition);
  /// Best effort.
  void abort_upload(const std::string& key, const std::string& upload);

 private:
  struct Ask {
    std::string method;
    std::string key = {};  ///< Empty: the bucket itself.
    std::string query = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    Body body = {};
    std::uint64_t reply_bytes = 0;
  };
  Outcome<HttpReply> call(const Ask& ask);
  /// False when the time until `deadline` does not allow it.
  bool pause(int attempt, MonoTime deadline);
  /// Whether the object under `key` is the one that a request of ours, whose answer was lost, made.
  std::optional<std::string> made_before(const std::string& key, const ObjectFacts& facts);
  Outcome<std::string> written(const std::string& key, Outcome<HttpReply> reply,
                               const ObjectFacts& facts, const WriteCondition& condition);

  HttpCalls& http_;
  const std::string name_;
  const SigningKeys keys_;
  const Clock& clock_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable never_;  ///< Waited for to pause.
};

}  // namespace kelp::mount
