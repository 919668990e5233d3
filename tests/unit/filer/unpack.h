#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace kelp {

/// What was packed with gzip; at most `bytes`.
inline std::string unpack(std::string packed, std::size_t bytes = 1 << 20) {
  std::string text(bytes + 1, '\0');
  z_stream z{};
  EXPECT_EQ(inflateInit2(&z, 15 + 16), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(packed.data());
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(text.data());
  z.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
  text.resize(z.total_out);
  inflateEnd(&z);
  return text;
}

}  // namespace kelp
