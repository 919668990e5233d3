#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace kelp {

void assert_failed(const char* expression, const char* file, int line, const char* message) {
  std::fprintf(stderr, "kelp: assertion failed: %s (%s) at %s:%d\n", message, expression, file,
               line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace kelp
