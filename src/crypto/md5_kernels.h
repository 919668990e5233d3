#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kelp {

/// One stream in a kernel: whole blocks of 64 bytes.
struct Md5Lane {
  std::uint32_t* state = nullptr;     ///< a, b, c, d.
  const std::byte* blocks = nullptr;  ///< Any alignment.
};

/// A way to compute MD5's compression function (RFC 1321 section 3.4).
struct Md5Kernel {
  std::string_view name;
  std::size_t lanes = 1;
  /// Takes `count` blocks from each of `given` lanes: 1 to `lanes` of them.
  void (*compress)(std::span<const Md5Lane> given, std::size_t count) = nullptr;
};

/// The kernels that this CPU can run.
[[nodiscard]] std::span<const Md5Kernel> md5_kernels();
/// The fastest for one stream.
[[nodiscard]] const Md5Kernel& md5_single_kernel();
/// The one with the most lanes.
[[nodiscard]] const Md5Kernel& md5_wide_kernel();

// For md5_kernels() only: each needs the instructions in its name.
void md5_compress_avx2(std::span<const Md5Lane> given, std::size_t count);        ///< 8 lanes.
void md5_compress_avx512(std::span<const Md5Lane> given, std::size_t count);      ///< 16 lanes.
void md5_compress_avx512_one(std::span<const Md5Lane> given, std::size_t count);  ///< 1 lane.

}  // namespace kelp
