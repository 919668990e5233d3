// Erasure coding through our room beside ISA-L alone, cell by cell as parts are written and read:
// the same buffers, the same number of bytes; bytes_per_second counts data, not parity. `rows`:
// stripes that are gone through, so that they stay in a core's cache or do not.

#include <benchmark/benchmark.h>
#include <isa-l/erasure_code.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "ec/layout.h"
#include "ec/reed_solomon.h"

namespace kelp {
namespace {

constexpr std::size_t kCell = kEcCellBytes;

struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};

/// One row: k + m cells at addresses of 64 bytes.
struct Row {
  explicit Row(EcScheme scheme)
      : memory(static_cast<std::byte*>(std::aligned_alloc(64, scheme.shards() * kCell))) {
    Rng rng(1);
    for (std::size_t i = 0; i < scheme.shards() * kCell; ++i) {
      memory.get()[i] = static_cast<std::byte>(rng.next());
    }
  }
  [[nodiscard]] MutableByteSpan cell(std::size_t i) const {
    return {memory.get() + i * kCell, kCell};
  }
  std::unique_ptr<std::byte, Free> memory;
};

EcScheme scheme_of(const benchmark::State& state) {
  return {.data = static_cast<std::uint8_t>(state.range(0)),
          .parity = static_cast<std::uint8_t>(state.range(1))};
}

std::vector<Row> rows_of(const benchmark::State& state) {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < state.range(2); ++i) rows.emplace_back(scheme_of(state));
  return rows;
}

void count(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(kCell));
}

unsigned char* raw(MutableByteSpan bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

// --- encode

void encode_kelp(benchmark::State& state) {
  const EcScheme scheme = scheme_of(state);
  const auto rows = rows_of(state);
  const auto code = ReedSolomon::make(scheme).value();
  std::size_t at = 0;
  for (auto _ : state) {
    const Row& row = rows[at++ % rows.size()];
    std::array<ByteSpan, kMostShards> data;
    std::array<MutableByteSpan, kMostShards> parity;
    for (std::size_t i = 0; i < scheme.data; ++i) data[i] = row.cell(i);
    for (std::size_t i = 0; i < scheme.parity; ++i) parity[i] = row.cell(scheme.data + i);
    code->encode(std::span(data).first(scheme.data), std::span(parity).first(scheme.parity));
    benchmark::ClobberMemory();
  }
  count(state);
}

void encode_isal(benchmark::State& state) {
  const EcScheme scheme = scheme_of(state);
  const auto rows = rows_of(state);
  std::vector<unsigned char> matrix(scheme.shards() * scheme.data);
  std::vector<unsigned char> tables(32U * scheme.data * scheme.parity);
  gf_gen_cauchy1_matrix(matrix.data(), static_cast<int>(scheme.shards()), scheme.data);
  ec_init_tables(scheme.data, scheme.parity, &matrix[std::size_t{scheme.data} * scheme.data],
                 tables.data());
  std::size_t at = 0;
  for (auto _ : state) {
    const Row& row = rows[at++ % rows.size()];
    std::array<unsigned char*, kMostShards> cells;
    for (std::size_t i = 0; i < scheme.shards(); ++i) cells[i] = raw(row.cell(i));
    ec_encode_data(kCell, scheme.data, scheme.parity, tables.data(), cells.data(),
                   cells.data() + scheme.data);
    benchmark::ClobberMemory();
  }
  count(state);
}

// --- decode: the first m data shards are lost, as many as can be

void decode_kelp(benchmark::State& state) {
  const EcScheme scheme = scheme_of(state);
  const auto rows = rows_of(state);
  const auto code = ReedSolomon::make(scheme).value();
  std::size_t at = 0;
  for (auto _ : state) {
    const Row& row = rows[at++ % rows.size()];
    std::array<ByteSpan, kMostShards> shards;
    std::array<WantedShard, kMostShards> wanted;
    for (std::uint32_t i = 0; i < scheme.shards(); ++i) {
      if (i < scheme.parity) {
        wanted[i] = {.shard = i, .out = row.cell(i)};
      } else {
        shards[i] = row.cell(i);
      }
    }
    const auto done = code->reconstruct(std::span(shards).first(scheme.shards()),
                                        std::span(wanted).first(scheme.parity));
    if (!done.has_value()) std::abort();
    benchmark::ClobberMemory();
  }
  count(state);
}

void decode_isal(benchmark::State& state) {
  const EcScheme scheme = scheme_of(state);
  const std::size_t k = scheme.data;
  const auto rows = rows_of(state);
  std::vector<unsigned char> matrix(scheme.shards() * k);
  std::vector<unsigned char> inverse(k * k);
  std::vector<unsigned char> tables(32U * k * scheme.parity);
  gf_gen_cauchy1_matrix(matrix.data(), static_cast<int>(scheme.shards()), scheme.data);
  // Rows m to m + k are what is left.
  std::vector<unsigned char> left(&matrix[scheme.parity * k], &matrix[scheme.parity * k] + k * k);
  if (gf_invert_matrix(left.data(), inverse.data(), scheme.data) != 0) std::abort();
  ec_init_tables(scheme.data, scheme.parity, inverse.data(), tables.data());
  std::size_t at = 0;
  for (auto _ : state) {
    const Row& row = rows[at++ % rows.size()];
    std::array<unsigned char*, kMostShards> cells;
    for (std::size_t i = 0; i < scheme.shards(); ++i) cells[i] = raw(row.cell(i));
    ec_encode_data(kCell, scheme.data, scheme.parity, tables.data(), cells.data() + scheme.parity,
                   cells.data());
    benchmark::ClobberMemory();
  }
  count(state);
}

void schemes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"k", "m", "rows"});
  for (const std::int64_t rows : {1, 64}) {
    for (const auto& [data, parity] : {std::pair{4, 2}, {8, 4}, {10, 4}}) {
      bench->Args({data, parity, rows});
    }
  }
}
BENCHMARK(encode_kelp)->Apply(schemes);
BENCHMARK(encode_isal)->Apply(schemes);
BENCHMARK(decode_kelp)->Apply(schemes);
BENCHMARK(decode_isal)->Apply(schemes);

}  // namespace
}  // namespace kelp
