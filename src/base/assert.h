#pragma once

namespace kelp {

/// Prints the broken invariant and stops the process. Never returns; safe on any thread.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line,
                                const char* message);

}  // namespace kelp

/// An invariant that only a bug of ours can break. Stays on in release. `message` says what it
/// means.
#define KELP_ASSERT(condition, message) \
  ((condition) ? static_cast<void>(0)   \
               : ::kelp::assert_failed(#condition, __FILE__, __LINE__, message))
