#pragma once

#include <fstream>
#include <string>

namespace kelp::test {

/// The hex text in tests/golden/`name`.
inline std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string text;
  file >> text;
  return text;
}

}  // namespace kelp::test
