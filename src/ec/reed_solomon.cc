#include "ec/reed_solomon.h"

#include <fmt/format.h>
#include <isa-l/erasure_code.h>

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // ISA-L's lengths are int.

using ShardPointers = std::array<unsigned char*, kMostShards>;

/// ISA-L takes its inputs as not const, and does not write to them.
unsigned char* pointer(ByteSpan bytes) {
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace

Result<std::unique_ptr<ReedSolomon>> ReedSolomon::make(EcScheme scheme) {
  KELP_CHECK(check_scheme(scheme));
  return std::unique_ptr<ReedSolomon>(new ReedSolomon(scheme));
}

Result<ReedSolomon*> ReedSolomon::shared(EcScheme scheme) {
  KELP_CHECK(check_scheme(scheme));
  static std::mutex mutex;
  static std::map<std::pair<int, int>, std::unique_ptr<ReedSolomon>> codes;
  const std::lock_guard lock(mutex);
  auto& code = codes[{scheme.data, scheme.parity}];
  if (code == nullptr) code.reset(new ReedSolomon(scheme));
  return code.get();
}

ReedSolomon::ReedSolomon(EcScheme scheme)
    : scheme_(scheme),
      matrix_(std::size_t{scheme.shards()} * scheme.data),
      encode_tables_(std::size_t{32} * scheme.data * scheme.parity) {
  const int data = scheme.data;
  gf_gen_cauchy1_matrix(matrix_.data(), static_cast<int>(scheme.shards()), data);
  ec_init_tables(data, scheme.parity, matrix_.data() + std::size_t{scheme.data} * scheme.data,
                 encode_tables_.data());
}

void ReedSolomon::encode(std::span<const ByteSpan> data,
                         std::span<const MutableByteSpan> parity) const {
  KELP_ASSERT(data.size() == scheme_.data && parity.size() == scheme_.parity,
              "one span for each shard");
  const std::size_t bytes = data.front().size();
  KELP_ASSERT(bytes <= kMostBytes, "cells are small");
  ShardPointers in;
  ShardPointers out;
  for (std::size_t i = 0; i < data.size(); ++i) {
    KELP_ASSERT(data[i].size() == bytes, "shards of one length");
    in[i] = pointer(data[i]);
  }
  for (std::size_t i = 0; i < parity.size(); ++i) {
    KELP_ASSERT(parity[i].size() == bytes, "shards of one length");
    out[i] = pointer(parity[i]);
  }
  ec_encode_data(static_cast<int>(bytes), scheme_.data, scheme_.parity,
                 const_cast<unsigned char*>(encode_tables_.data()), in.data(), out.data());
}

Result<void> ReedSolomon::reconstruct(std::span<const ByteSpan> shards,
                                      std::span<const WantedShard> wanted) {
  KELP_ASSERT(shards.size() == scheme_.shards(), "one span for each shard");
  KELP_ASSERT(!wanted.empty() && wanted.size() <= shards.size(), "something is wanted, once");
  const std::size_t bytes = wanted.front().out.size();
  KELP_ASSERT(bytes > 0 && bytes <= kMostBytes, "cells are small");
  ShardPointers in;
  std::uint32_t used = 0;
  std::size_t inputs = 0;
  for (std::uint32_t i = 0; i < shards.size() && inputs < scheme_.data; ++i) {
    if (shards[i].empty()) continue;
    KELP_ASSERT(shards[i].size() == bytes, "shards of one length");
    in[inputs++] = pointer(shards[i]);
    used |= 1U << i;
  }
  if (inputs < scheme_.data) {
    return Error(Errc::kUnavailable, fmt::format("{} of the {} shards that {} needs are there",
                                                 inputs, scheme_.data, to_string(scheme_)));
  }
  // Tables are for the wanted shards in ascending order.
  std::array<const WantedShard*, kMostShards> by_shard{};
  std::uint32_t wants = 0;
  for (const WantedShard& want : wanted) {
    KELP_ASSERT(want.shard < shards.size() && shards[want.shard].empty(), "what is there is read");
    KELP_ASSERT(want.out.size() == bytes && by_shard[want.shard] == nullptr, "each once");
    by_shard[want.shard] = &want;
    wants |= 1U << want.shard;
  }
  ShardPointers out;
  std::size_t outputs = 0;
  for (const WantedShard* want : by_shard) {
    if (want != nullptr) out[outputs++] = pointer(want->out);
  }
  const Tables tables = tables_of({used, wants});
  ec_encode_data(static_cast<int>(bytes), scheme_.data, static_cast<int>(outputs),
                 const_cast<unsigned char*>(tables->data()), in.data(), out.data());
  return {};
}

ReedSolomon::Tables ReedSolomon::tables_of(Pattern pattern) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(pattern);
    if (found != kept_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second.place);
      return found->second.tables;
    }
  }
  Tables tables = make_tables(pattern);
  const std::lock_guard lock(mutex_);
  const auto [at, added] = kept_.try_emplace(pattern);
  if (!added) return at->second.tables;
  recent_.push_front(pattern);
  at->second = {tables, recent_.begin()};
  if (kept_.size() > kKeptPatterns) {
    kept_.erase(recent_.back());
    recent_.pop_back();
  }
  return tables;
}

/// The used rows of the matrix turn data into the used shards; their inverse turns those back into
/// data, and the wanted rows turn data into what is wanted.
ReedSolomon::Tables ReedSolomon::make_tables(Pattern pattern) const {
  const std::size_t k = scheme_.data;
  std::vector<unsigned char> used;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    if ((pattern.first >> i & 1) == 0) continue;
    used.insert(used.end(), &matrix_[i * k], &matrix_[i * k] + k);
  }
  std::vector<unsigned char> inverse(k * k);
  const int singular = gf_invert_matrix(used.data(), inverse.data(), scheme_.data);
  KELP_ASSERT(singular == 0, "any k rows of a Cauchy matrix under the identity are independent");
  std::vector<unsigned char> rows;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    if ((pattern.second >> i & 1) == 0) continue;
    for (std::size_t column = 0; column < k; ++column) {
      unsigned char sum = 0;
      for (std::size_t j = 0; j < k; ++j) {
        sum ^= gf_mul(matrix_[i * k + j], inverse[j * k + column]);
      }
      rows.push_back(sum);
    }
  }
  auto tables = std::make_shared<std::vector<unsigned char>>(32 * rows.size());
  ec_init_tables(scheme_.data, static_cast<int>(rows.size() / k), rows.data(), tables->data());
  return tables;
}

std::size_t ReedSolomon::kept_patterns() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace kelp
