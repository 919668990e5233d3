#pragma once

#include <memory>
#include <string_view>

#include "select/failure.h"
#include "select/request.h"

namespace kelp::select {

/// Unpacks a stream, in pieces of a bounded size whatever it was packed to.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  /// The stream goes on; `bytes` must stay until next() has given nothing.
  virtual void feed(std::string_view bytes) = 0;
  /// The next piece, valid until the next call; empty: it needs more.
  /// Errors  InvalidCompressionFormat.
  [[nodiscard]] virtual Outcome<std::string_view> next() = 0;
  /// Nothing follows. Errors  TruncatedInput.
  [[nodiscard]] virtual Outcome<void> finish() = 0;
};

/// Null for what is not packed.
[[nodiscard]] std::unique_ptr<Unpacker> make_unpacker(Compression compression);

}  // namespace kelp::select
