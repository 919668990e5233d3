// Runs a fuzz target without libFuzzer: every file of the corpus as it is, then seeded mutations of
// them, so that each ordinary test run exercises the parsers. `tools/dev fuzz` runs the same
// targets under libFuzzer and asan.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutations = 20'000;

void feed(const std::string& input) {
  // An allocation of the exact size, so that a sanitizer sees one byte too many.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string mutate(const std::vector<std::string>& corpus, kelp::Rng& rng) {
  std::string input = corpus[rng.below(corpus.size())];
  const auto rounds = 1 + rng.below(4);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::size_t at = input.empty() ? 0 : rng.below(input.size());
    switch (rng.below(6)) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << rng.below(8)));
        break;
      case 1:
        input.insert(at, 1, static_cast<char>(rng.next()));
        break;
      case 2:
        input.erase(at, 1 + rng.below(8));
        break;
      case 3:
        input.resize(at);
        break;
      case 4:
        input += input.substr(at);
        break;
      default: {
        const std::string& other = corpus[rng.below(corpus.size())];
        if (!other.empty()) input.insert(at, other.substr(rng.below(other.size())));
        break;
      }
    }
    if (input.size() > 65'536) input.resize(65'536);
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::vector<std::string> corpus;
  for (const auto& file : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(file.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[1]);
    return 2;
  }
  for (const auto& input : corpus) feed(input);
  kelp::Rng rng(1);
  for (int i = 0; i < kMutations; ++i) feed(mutate(corpus, rng));
  std::printf("%zu inputs and %d mutations\n", corpus.size(), kMutations);
  return 0;
}
