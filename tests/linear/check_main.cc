// kelp_linear_check HISTORY [--limit-steps N]: the verdict on a history of JSON lines.
// Exit code: 0 Ok, 1 Illegal, 2 Unknown, 3 no history.

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string_view>

#include "tests/linear/checker.h"

namespace {

using namespace kelp::linear;

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kNotesAroundNs = 1'000 * kMillion;

/// The contradiction, with what was done to the cluster around it.
void explain(const History& history, const Partition& partition, const Limits& limits) {
  const auto window = smallest_illegal(partition.operations, limits);
  const std::int64_t begin = window.front().call_ns;
  std::int64_t end = begin;
  for (const Operation& operation : window) {
    end = std::max(end, operation.return_ns == kNever ? operation.call_ns : operation.return_ns);
  }
  fmt::print("{}: these {} of {} operations fit no order (times in ms):\n", partition.name,
             window.size(), partition.operations.size());
  auto note = history.notes.begin();
  const auto notes_until = [&](std::int64_t time) {
    for (; note != history.notes.end() && note->at_ns <= time; ++note) {
      if (note->at_ns < begin - kNotesAroundNs) continue;
      fmt::print("  {:>19.3f}  -- {}\n", static_cast<double>(note->at_ns - begin) / kMillion,
                 note->text);
    }
  };
  for (const Operation& operation : window) {
    notes_until(operation.call_ns);
    const auto back =
        operation.return_ns == kNever
            ? std::string("open")
            : fmt::format("{:.3f}", static_cast<double>(operation.return_ns - begin) / kMillion);
    fmt::print("  {:>8.3f} - {:>8}  {}  [{}]\n",
               static_cast<double>(operation.call_ns - begin) / kMillion, back,
               describe(partition, operation), operation.who);
  }
  notes_until(end);
}

int run(const char* path, const Limits& limits) {
  std::ifstream file(path);
  const auto history = read_history(file);
  if (!file.is_open() || !history) {
    fmt::print(std::cerr, "{}: {}\n", path, history ? "cannot be read" : history.error().detail());
    return 3;
  }
  std::uint64_t steps = 0;
  std::size_t illegal = 0;
  std::size_t undecided = 0;
  for (const Partition& partition : history->partitions) {
    Effort effort;
    const Verdict verdict = check(partition.operations, limits, &effort);
    steps += effort.steps;
    if (verdict == Verdict::kIllegal && illegal++ == 0) explain(*history, partition, limits);
    if (verdict == Verdict::kUnknown && undecided++ == 0) {
      fmt::print("{}: undecided after {} steps and {} configurations\n", partition.name,
                 effort.steps, effort.configurations);
    }
  }
  fmt::print(
      "verdict {}: {} operations ({} ok, {} failed, {} unknown) in {} partitions, {} of them "
      "illegal, {} undecided; {} steps\n",
      illegal > 0 ? "Illegal" : (undecided > 0 ? "Unknown" : "Ok"),
      history->ok + history->failed + history->unknown, history->ok, history->failed,
      history->unknown, history->partitions.size(), illegal, undecided, steps);
  return illegal > 0 ? 1 : (undecided > 0 ? 2 : 0);
}

}  // namespace

int main(int count, char** words) {
  Limits limits;
  if (count == 4 && std::string_view(words[2]) == "--limit-steps") {
    limits.steps = std::strtoull(words[3], nullptr, 10);
  } else if (count != 2) {
    fmt::print(std::cerr, "usage: kelp_linear_check HISTORY [--limit-steps N]\n");
    return 3;
  }
  return run(words[1], limits);
}
