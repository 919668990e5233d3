#pragma once

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace kelp::bench {

// A table of figures with their bars, as it is printed and as JSON; and what the kernel says of
// this process.

/// One figure.
struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  double bar = 0;  ///< 0: none.
  bool at_least = false;
  [[nodiscard]] bool met() const { return bar == 0 || (at_least ? value >= bar : value <= bar); }
};

/// All that were reported, in order.
inline std::vector<Row>& rows() {
  static std::vector<Row> all;
  return all;
}

/// Prints it, with SHORT when its bar is not met, and keeps it.
inline void report(Row row) {
  const std::string bar =
      row.bar == 0 ? "" : fmt::format("{} {:g}", row.at_least ? "at least" : "at most", row.bar);
  fmt::print("{:<58} {:>12.6g} {:<10} {:<18} {}\n", row.name, row.value, row.unit, bar,
             row.met() ? "" : "SHORT");
  std::fflush(stdout);
  rows().push_back(std::move(row));
}

/// Writes all rows to `path`.
inline void write_json(const std::string& path) {
  std::ofstream out(path);
  out << "[";
  const char* comma = "\n";
  for (const Row& row : rows()) {
    out << std::exchange(comma, ",\n")
        << fmt::format(R"( {{"name": "{}", "value": {}, "unit": "{}", "bar": {}, "met": {}}})",
                       row.name, row.value, row.unit, row.bar, row.met());
  }
  out << "\n]\n";
}

/// User and system time of this process, all threads.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Resident memory, after what is free was given back.
inline double resident_mib() {
  malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace kelp::bench
