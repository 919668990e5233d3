#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "s3gw/ops/needle_sink.h"
#include "webdav/core/form.h"
#include "webdav/visit.h"

namespace kelp::webdav {

/// A body whose length nobody announced: what it became. Durable where it is not inline; must live
/// until the commit that names its needles has returned.
struct LooseBody {
  std::string md5;        ///< Raw.
  std::string crc64nvme;  ///< Raw.
  std::uint64_t size_bytes = 0;
  std::uint64_t hashed_bytes = 0;  ///< What the two above are of.
  std::optional<std::string> inline_body;
  std::vector<Chunk> chunks;
  std::vector<std::unique_ptr<s3::NeedleSink>> holds;
};

/// How such a body is stored.
struct LooseBodyPlan {
  BucketEntry bucket;
  std::string key;
  std::string front;          ///< Stored before the body: what an append rewrites.
  bool hash_front = true;     ///< Else the hashes are of the body alone.
  bool may_be_inline = true;  ///< Else it has needles however small it is.
};
/// Reads `body` to its end through a buffer of 4 MiB of the gateway's budget, a needle for each.
/// Errors  those of the read; EntityTooLarge past 5 GiB; QuotaExceeded; SlowDown.
[[nodiscard]] Task<Outcome<LooseBody>> store_loose(Visit& visit, BodyReader& body,
                                                   LooseBodyPlan plan);

/// 411 where such a body would be encrypted: that must be told first how long it is.
[[nodiscard]] Task<Outcome<void>> refuse_sealed(Visit& visit, BucketEntry bucket);

/// Makes `body` the one of `request`; of needles the holds stay with `body`.
void take_body(LooseBody& body, PutObject& request);

/// The file in a form, as a body. Fields that are no files are read over.
class FormFile final : public BodyReader {
 public:
  /// `body` is the request's and must outlive this.
  FormFile(BodyReader& body, const std::string& boundary) : body_(body), cutter_(boundary) {}

  /// Reads up to the first file. 400 when there is none.
  [[nodiscard]] Task<Outcome<FormCutter::Field>> open();
  /// The file's bytes. kInvalidArgument for a form that is broken, cut short, or has a second file:
  /// nothing of it may become visible.
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override;

 private:
  Task<Outcome<FormCutter::Step>> step();
  Task<Result<void>> finish();

  BodyReader& body_;
  FormCutter cutter_;
  std::string piece_;      ///< What was read last.
  std::string_view data_;  ///< Of the file, not yet taken.
  bool ended_ = false;
};

}  // namespace kelp::webdav
