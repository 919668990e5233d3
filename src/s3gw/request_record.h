#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "s3gw/core/credentials.h"

namespace kelp::s3 {

/// A request as it ended: what audit log, access logs and metrics tell of it. Views are valid while
/// it is taken; empty where nothing is known. Nothing in it is a secret, but bytes are as the
/// client sent them: who writes them somewhere escapes them.
struct RequestRecord {
  std::string_view service = "s3";  ///< "s3", "files", "iam", "sts"; "website" for its visitors.
  WallTime began;                   ///< When its head was there.
  std::chrono::nanoseconds took{};  ///< To the end of its answer.
  std::string_view request_id;
  std::string_view remote_address;  ///< Of the client, behind proxies that are trusted.
  bool secure = false;
  std::string_view method;
  std::string_view user_agent;
  std::string_view access_key;       ///< Whose signature was right; empty: nobody's.
  std::string_view caller;           ///< The ARN of who that is.
  std::string_view account;          ///< Its account's canonical id.
  std::string_view source_identity;  ///< Who is behind a role's session, by its own word.
  std::string_view operation;  ///< As AWS's model or IAM names it; empty: it could not be told.
  std::string_view bucket;
  std::string_view key;
  std::string_view version_id;  ///< That the request names.
  int status = 0;
  std::string_view error_code;  ///< Empty: it was none.
  std::uint64_t bytes_in = 0;   ///< Of the bodies.
  std::uint64_t bytes_out = 0;
};

/// Notes whose request it was. The views are of `caller`.
inline void name_caller(const Credential& caller, RequestRecord& record) {
  record.access_key = caller.access_key;
  record.caller = caller.who.arn;
  record.account = caller.account.id;
  record.source_identity = caller.source_identity;
}

/// Takes records. Thread-safe; called on io threads, so it must not wait.
class RequestSink {
 public:
  virtual ~RequestSink() = default;
  /// What it keeps of the record it copies.
  virtual void take(const RequestRecord& record) = 0;
};

}  // namespace kelp::s3
