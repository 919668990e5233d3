// MD5 in GB/s: OpenSSL's, each kernel of ours, and 1 to 16 streams at once as the gateway hashes
// bodies. Each stream has a piece of 256 KiB of its own.

#define OPENSSL_SUPPRESS_DEPRECATED  // MD5()

#include <benchmark/benchmark.h>
#include <openssl/md5.h>

#include <array>
#include <string>
#include <vector>

#include "base/rng.h"
#include "crypto/md5.h"
#include "crypto/md5_kernels.h"

namespace kelp {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

std::vector<std::string> make_pieces(std::size_t count) {
  Rng rng(1);
  std::vector<std::string> pieces(count, std::string(kPieceBytes, '\0'));
  for (std::string& piece : pieces) {
    for (char& byte : piece) byte = static_cast<char>(rng.next());
  }
  return pieces;
}

void openssl_md5(benchmark::State& state) {
  const auto pieces = make_pieces(1);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(pieces[0].data());
  std::array<unsigned char, MD5_DIGEST_LENGTH> digest{};
  for (auto _ : state) benchmark::DoNotOptimize(MD5(bytes, kPieceBytes, digest.data()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPieceBytes));
}
BENCHMARK(openssl_md5);

/// range(0): streams.
void update_together(benchmark::State& state) {
  const auto pieces = make_pieces(static_cast<std::size_t>(state.range(0)));
  std::vector<Md5> streams(pieces.size());
  std::vector<Md5Input> inputs;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    inputs.push_back({.stream = &streams[i], .bytes = as_bytes(pieces[i])});
  }
  for (auto _ : state) kelp::update_together(inputs);
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(pieces.size() * kPieceBytes));
}
BENCHMARK(update_together)->ArgName("streams")->DenseRange(1, 16);

void kernel(benchmark::State& state, const Md5Kernel& kernel) {
  const auto pieces = make_pieces(kernel.lanes);
  std::vector<std::array<std::uint32_t, 4>> states(kernel.lanes);
  std::vector<Md5Lane> lanes;
  for (std::size_t i = 0; i < kernel.lanes; ++i) {
    lanes.push_back({.state = states[i].data(), .blocks = as_bytes(pieces[i]).data()});
  }
  for (auto _ : state) kernel.compress(lanes, kPieceBytes / 64);
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(kernel.lanes * kPieceBytes));
}

const bool kRegistered = [] {
  for (const Md5Kernel& each : md5_kernels()) {
    const std::string name = "kernel/" + std::string(each.name);
    benchmark::RegisterBenchmark(name.c_str(), [&each](auto& state) { kernel(state, each); });
  }
  return true;
}();

}  // namespace
}  // namespace kelp
