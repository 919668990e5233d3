#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "ec/scheme.h"

namespace kelp {

/// A shard that is to be computed.
struct WantedShard {
  std::uint32_t shard = 0;
  MutableByteSpan out;
};

/// Reed-Solomon code of one scheme over GF(256) with a Cauchy matrix, so that any k shards give all
/// others. Works on columns: byte i of a shard depends on byte i of the others only, so any range
/// of a shard is computed from the same range of k others. Thread-safe; about 50 us for the first
/// use of a pattern of missing shards, which is then remembered.
class ReedSolomon {
 public:
  /// Patterns whose tables are kept, those used last.
  static constexpr std::size_t kKeptPatterns = 128;

  /// kInvalidArgument for a scheme out of range.
  [[nodiscard]] static Result<std::unique_ptr<ReedSolomon>> make(EcScheme scheme);
  /// The code of `scheme` that all of this process share; never dies. As make().
  [[nodiscard]] static Result<ReedSolomon*> shared(EcScheme scheme);

  [[nodiscard]] EcScheme scheme() const { return scheme_; }

  /// Computes all parity shards. `data`: k, `parity`: m, all of one length of at most 1 GiB; may be
  /// of any alignment, 64 bytes is best. Asserts those numbers.
  void encode(std::span<const ByteSpan> data, std::span<const MutableByteSpan> parity) const;

  /// Computes shards from others.
  ///
  /// `shards`  k + m, those that are not there empty; the first k that are there are used. They
  ///           MUST have been verified: a wrong byte in gives wrong bytes out and nothing shows it.
  /// `wanted`  shards that are not among those, at least one; lengths as of the others.
  /// Errors    kUnavailable when fewer than k are there, naming the numbers.
  Result<void> reconstruct(std::span<const ByteSpan> shards, std::span<const WantedShard> wanted);

  /// Patterns whose tables are kept just now.
  [[nodiscard]] std::size_t kept_patterns() const;

 private:
  /// ISA-L's tables for one matrix: 32 bytes for each input of each output.
  using Tables = std::shared_ptr<const std::vector<unsigned char>>;
  /// Bits of the shards that are used, and of those that are wanted.
  using Pattern = std::pair<std::uint32_t, std::uint32_t>;
  struct Kept {
    Tables tables;
    std::list<Pattern>::iterator place;
  };

  explicit ReedSolomon(EcScheme scheme);
  [[nodiscard]] Tables tables_of(Pattern pattern);
  [[nodiscard]] Tables make_tables(Pattern pattern) const;

  const EcScheme scheme_;
  std::vector<unsigned char> matrix_;         ///< shards() rows of k; the first k are the identity.
  std::vector<unsigned char> encode_tables_;  ///< Of the m last rows.
  mutable std::mutex mutex_;
  std::map<Pattern, Kept> kept_;
  std::list<Pattern> recent_;  ///< Used last in front.
};

}  // namespace kelp
