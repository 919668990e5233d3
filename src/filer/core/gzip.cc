#include "filer/core/gzip.h"

#include <zlib.h>

#include <array>
#include <utility>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib.h, deflateInit2: 16 more means gzip.
constexpr int kMemory = 8;

}  // namespace

struct GzipWriter::Stream {
  Stream() {
    const int begun = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemory,
                                   Z_DEFAULT_STRATEGY);
    good = begun == Z_OK;
  }
  ~Stream() {
    if (good) deflateEnd(&z);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  z_stream z{};
  bool good = false;
};

GzipWriter::GzipWriter() : stream_(std::make_unique<Stream>()) {}
GzipWriter::~GzipWriter() = default;
GzipWriter::GzipWriter(GzipWriter&&) noexcept = default;
GzipWriter& GzipWriter::operator=(GzipWriter&&) noexcept = default;

Result<void> GzipWriter::run(std::string_view text, bool last) {
  if (!stream_->good) return Error(Errc::kResourceExhausted, "gzip: no memory");
  z_stream& z = stream_->z;
  // zlib reads from it only; its type is older than const.
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  std::array<char, 64 * 1024> piece;
  int state = Z_OK;
  do {
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    state = deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
    KELP_ASSERT(state != Z_STREAM_ERROR, "the stream is in order");
    packed_.append(piece.data(), piece.size() - z.avail_out);
  } while (z.avail_out == 0);
  KELP_ASSERT(z.avail_in == 0 && (!last || state == Z_STREAM_END), "all of it was taken");
  return {};
}

Result<void> GzipWriter::add(std::string_view text) {
  constexpr std::size_t kMost = 1 << 30;  // uInt has 32 bits.
  while (text.size() > kMost) {
    KELP_CHECK(run(text.substr(0, kMost), false));
    text.remove_prefix(kMost);
  }
  return run(text, false);
}

Result<std::string> GzipWriter::finish() {
  KELP_CHECK(run({}, true));
  return std::exchange(packed_, {});
}

}  // namespace kelp
