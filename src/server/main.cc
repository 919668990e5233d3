#include <cstdio>

#include "kelp/version.h"

int main() {
  std::printf("kelp %s\n", kelp::kVersion);
  return 0;
}
