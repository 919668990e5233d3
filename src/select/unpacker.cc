#include "select/unpacker.h"

#include <bzlib.h>
#include <zlib.h>

#include <array>

#include "base/assert.h"

namespace kelp::select {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;

const Failure kBroken{FailureKind::kInvalidCompressionFormat, "the object is not packed so"};

/// What both libraries do alike. One packed stream may follow the other.
class StreamUnpacker : public Unpacker {
 public:
  void feed(std::string_view bytes) override { rest_ = bytes; }

  Outcome<std::string_view> next() override {
    // A piece that was full may have more behind it, without input.
    while (!rest_.empty() || full_) {
      if (ended_) {
        if (rest_.empty()) break;
        if (!restart()) return kBroken;
        ended_ = false;
      }
      KELP_TRY(const std::size_t made, step(rest_));
      full_ = made == piece_.size();
      if (made > 0) return std::string_view(piece_.data(), made);
    }
    return std::string_view();
  }

  Outcome<void> finish() override {
    if (!ended_) return Failure{FailureKind::kTruncatedInput, "the packed object has no end"};
    return {};
  }

 protected:
  /// Takes from the front of `rest`, fills piece_; how many bytes it made. Sets ended_.
  virtual Outcome<std::size_t> step(std::string_view& rest) = 0;
  virtual bool restart() = 0;

  std::array<char, kPieceBytes> piece_{};
  bool ended_ = false;  ///< Of one stream.

 private:
  std::string_view rest_;
  bool full_ = false;
};

class GzipUnpacker final : public StreamUnpacker {
 public:
  GzipUnpacker() {
    constexpr int kGzip = 16;
    KELP_ASSERT(inflateInit2(&stream_, kGzip + MAX_WBITS) == Z_OK, "zlib has memory");
  }
  ~GzipUnpacker() override { inflateEnd(&stream_); }

 private:
  Outcome<std::size_t> step(std::string_view& rest) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
    stream_.avail_in = static_cast<uInt>(rest.size());
    stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
    stream_.avail_out = static_cast<uInt>(piece_.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return kBroken;
    rest.remove_prefix(rest.size() - stream_.avail_in);
    ended_ = code == Z_STREAM_END;
    return piece_.size() - stream_.avail_out;
  }
  bool restart() override { return inflateReset(&stream_) == Z_OK; }

  z_stream stream_{};
};

class Bzip2Unpacker final : public StreamUnpacker {
 public:
  Bzip2Unpacker() { KELP_ASSERT(begin(), "libbz2 has memory"); }
  ~Bzip2Unpacker() override { BZ2_bzDecompressEnd(&stream_); }

 private:
  bool begin() { return BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK; }

  Outcome<std::size_t> step(std::string_view& rest) override {
    stream_.next_in = const_cast<char*>(rest.data());
    stream_.avail_in = static_cast<unsigned>(rest.size());
    stream_.next_out = piece_.data();
    stream_.avail_out = static_cast<unsigned>(piece_.size());
    const int code = BZ2_bzDecompress(&stream_);
    if (code != BZ_OK && code != BZ_STREAM_END) return kBroken;
    rest.remove_prefix(rest.size() - stream_.avail_in);
    ended_ = code == BZ_STREAM_END;
    return piece_.size() - stream_.avail_out;
  }
  bool restart() override {
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    return begin();
  }

  bz_stream stream_{};
};

}  // namespace

std::unique_ptr<Unpacker> make_unpacker(Compression compression) {
  if (compression == Compression::kGzip) return std::make_unique<GzipUnpacker>();
  if (compression == Compression::kBzip2) return std::make_unique<Bzip2Unpacker>();
  return nullptr;
}

}  // namespace kelp::select
