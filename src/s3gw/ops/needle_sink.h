#pragma once

#include <memory>
#include <string>
#include <vector>

#include "s3gw/gateway.h"
#include "s3gw/ops/byte_sink.h"
#include "wire/entry.h"
#include "wire/needle_origin.h"

namespace kelp::s3 {

/// Writes a body of known length into needles of at most 8 MiB. Until the metadata names them they
/// are provisional: keep the sink until the commit has returned. Dying unfinished abandons them.
/// One caller at a time; io thread.
class NeedleSink final : public ByteSink {
 public:
  /// Of whom the needles will say that they are theirs.
  struct Target {
    BucketId bucket;
    std::string object_key;
    std::uint64_t total_bytes = 0;
    std::string storage_class;  ///< As in ObjectHeaders.
    /// Where the bytes go; `body` and the offset of each needle are the sink's to fill, and so is
    /// the body's length when it is 0.
    NeedleOrigin origin;
  };
  NeedleSink(const GatewayDeps& deps, Target target);

  /// Past total_bytes: InternalError. Else the errors of leases and volumes.
  Task<S3Result<void>> append(ByteSpan bytes) override;
  /// Opens the next needle when there is none with room.
  Task<S3Result<void>> make_room() override;
  /// Up to the end of the open needle.
  S3Result<std::size_t> append_here(ByteSpan bytes) override;
  /// All needles are durable when this returns. Call once, after the last byte.
  [[nodiscard]] Task<S3Result<std::vector<Chunk>>> finish();

 private:
  /// A needle that has a place.
  struct Placed {
    FileId fid;
    ProvisionalKey hold;
    std::unique_ptr<NeedleUpload> upload;
  };
  Task<S3Result<Placed>> open_needle(std::uint64_t offset, std::uint64_t bytes);
  [[nodiscard]] std::string origin_at(std::uint64_t offset) const;
  Task<S3Result<void>> open_next();
  Task<S3Result<void>> settle();
  Task<S3Result<void>> write_elsewhere(std::size_t index, Error refusal);

  const GatewayDeps& deps_;
  const Target target_;
  NeedleKey body_;                    ///< The first key that was taken: names the body.
  std::uint64_t left_bytes_;          ///< Not yet in a needle.
  std::uint64_t left_in_needle_ = 0;  ///< Of the last one of open_.
  std::vector<Chunk> chunks_;
  std::vector<ProvisionalKey> holds_;
  std::vector<std::unique_ptr<NeedleUpload>> open_;  ///< Not yet durable.
};

/// To be told when the metadata refuses to name a sink's needles: the next body may need new keys.
void note_refusal(const GatewayDeps& deps, const Error& refusal);

}  // namespace kelp::s3
