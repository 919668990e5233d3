#pragma once

#include <optional>
#include <vector>

#include "s3gw/buffer_pool.h"
#include "s3gw/core/sealing.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/ops/request_body.h"

namespace kelp::s3 {

/// Random; see Salt.
[[nodiscard]] Salt new_salt();

/// Encrypts what is appended on its way to another sink. Call flush() after the last byte.
class SealingSink final : public ByteSink {
 public:
  /// `bodies` are what the bytes are, one behind the other. `inner` must outlive this. SlowDown
  /// when no memory is left.
  [[nodiscard]] static S3Result<SealingSink> open(Services& services, const BodyKey& key,
                                                  ByteSink& inner, std::vector<SealedBody> bodies);

  /// Past the last body: InternalError. Else the errors of `inner`.
  Task<S3Result<void>> append(ByteSpan bytes) override;
  Task<S3Result<void>> make_room() override;
  S3Result<std::size_t> append_here(ByteSpan bytes) override;
  /// What append_here() left. IncompleteBody when not all of the bodies came.
  [[nodiscard]] Task<S3Result<void>> flush();
  /// Instead of flush(), of one body that was announced too long and of which bytes_before_last()
  /// came: what is left goes to the inner sink, and `rest`, the end of the body, is given back
  /// sealed.
  [[nodiscard]] Task<S3Result<std::string>> settle(std::string rest);

 private:
  SealingSink(WorkPool& pool, const SecretKey& key, ByteSink& inner, std::vector<SealedBody> bodies,
              BufferPool::Buffer buffer);
  /// Seals the front of `bytes`, at most `most`, behind what is in the buffer; returns how many
  /// that were: 0 when there is no room.
  S3Result<std::size_t> seal(ByteSpan bytes, std::size_t most);
  /// The same of all for which there is room, on a worker when that takes long.
  Task<S3Result<std::size_t>> seal_many(ByteSpan bytes);
  Task<S3Result<void>> empty_buffer();
  bool open_next();

  WorkPool& pool_;
  SecretKey key_;
  ByteSink& inner_;
  std::vector<SealedBody> bodies_;  ///< The first index_ are done or open.
  std::size_t index_ = 0;
  std::optional<BodySealer> sealer_;
  BufferPool::Buffer buffer_;
  std::size_t from_ = 0;  ///< Of what is sealed in buffer_ and not yet in `inner_`.
  std::size_t to_ = 0;
};

/// receive_stream() of body `part_number` of an object into `sink`, sealed with `key` when that is
/// one. The MD5 of the result is the one that is shown.
[[nodiscard]] Task<S3Result<PayloadResult>> receive_sealed(Call& call, PayloadSpec spec,
                                                           ByteSink& sink, BodyKey key,
                                                           std::uint32_t part_number);

/// Of needles with ciphertext: nothing can be made of them when the metadata with the key is lost,
/// so they never count as a whole body.
void mark_sealed(const Encryption& encryption, NeedleSink::Target& target);

}  // namespace kelp::s3
