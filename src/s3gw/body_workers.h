#pragma once

#include <memory>

#include "async/awaitable.h"
#include "async/work_pool.h"
#include "base/bytes.h"
#include "s3gw/core/payload.h"
#include "s3gw/ops/byte_sink.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Decodes, hashes and stores pieces of bodies on the workers of a pool.
///
/// MD5 of many streams costs what one does (crypto/md5.h), so pieces queue up, and the worker that
/// becomes free takes all of them, as many as there are lanes. Another begins beside it only when
/// the queue would fill all lanes again. Nobody waits for company: a worker is called as soon as
/// the io thread has done what is ready now, for one piece too. Pieces are taken in the order they
/// came. Safe from any io thread; `pool` must outlive this.
class BodyWorkers {
 public:
  explicit BodyWorkers(WorkPool& pool);

  /// Feeds `raw` to `decoder` and appends the data to `sink`. All three must stay until this
  /// returns, which no cancellation cuts short; one piece of a body at a time.
  /// Errors  those of PayloadDecoder::feed() and ByteSink::append(); SlowDown when the pool is
  ///         full.
  [[nodiscard]] Task<S3Result<void>> process(PayloadDecoder& decoder, ByteSink& sink,
                                             MutableByteSpan raw);

 private:
  struct Piece;
  class Queue;
  std::shared_ptr<Queue> queue_;  ///< Held by jobs and handlers under way too.
};

}  // namespace kelp::s3
