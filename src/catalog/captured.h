#pragma once

#include <string>
#include <string_view>

#include "net/http.h"
#include "s3gw/buffer_pool.h"

namespace kelp::catalog {

/// The body of a request that the catalog makes itself. `text` must outlive it.
class GivenBody final : public BodyReader {
 public:
  explicit GivenBody(std::string_view text) : left_(text) {}
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override;

 private:
  std::string_view left_;
};

/// The answer to such a request, in memory that is counted.
class Captured final : public ResponseWriter {
 public:
  /// Why a body is not here.
  enum class Trouble : unsigned char { kNone, kTooLarge, kNoMemory, kCut };

  /// `memory` must outlive this and what take_room() gives.
  Captured(s3::BufferPool& memory, std::size_t limit_bytes)
      : memory_(memory), limit_bytes_(limit_bytes) {}

  /// The value of a line of the head, empty when there is none.
  [[nodiscard]] std::string_view line(std::string_view name) const;
  [[nodiscard]] Trouble trouble() const;
  [[nodiscard]] std::string take_text() { return std::move(text_); }
  /// What the text was counted with.
  [[nodiscard]] s3::BufferPool::Buffer take_room() { return std::move(room_); }

  Task<Result<void>> send(HttpResponse head, std::string body) override;
  Task<Result<void>> send_head(HttpResponse head, std::optional<std::uint64_t> bytes) override;
  void start(HttpResponse head, std::optional<std::uint64_t> bytes) override;
  Task<Result<void>> write(ByteSpan bytes) override;
  Task<Result<void>> write_pages(PinnedPages pages) override;
  Task<Result<void>> finish() override;
  /// Errors are told to whoever asked, whatever was written.
  [[nodiscard]] bool started() const override { return false; }

 private:
  /// Makes room for so many bytes more.
  Result<void> make_room(std::size_t bytes);

  s3::BufferPool& memory_;
  const std::size_t limit_bytes_;
  s3::BufferPool::Buffer room_;
  std::string lines_;
  std::string text_;
  std::optional<std::uint64_t> announced_;
  Trouble trouble_ = Trouble::kNone;
};

}  // namespace kelp::catalog
