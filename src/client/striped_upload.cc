#include "client/striped_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "async/all.h"
#include "client/rpc/rpc_limits.h"
#include "ec/layout.h"
#include "ec/reed_solomon.h"

namespace kelp {
namespace {

/// Cells of a batch, about, parity included; and no more rows than a piece of rpc takes.
constexpr std::uint64_t kBatchBytes = 2 << 20;
constexpr std::uint64_t kMostRows = 4;

std::uint64_t rows_of_batch(EcScheme scheme) {
  return std::clamp<std::uint64_t>(kBatchBytes / (scheme.shards() * kEcCellBytes), 1, kMostRows);
}

/// A server and what is written there; by shard number.
struct ShardWriter {
  VolumeMember member;
  std::shared_ptr<VolumeNode> node;
  std::unique_ptr<NeedleUpload> upload;
};

Error name_shard(const Error& error, const ShardWriter& writer) {
  return {
      error.code(),
      fmt::format("shard {} at {}: {}", writer.member.shard, writer.member.node_id, error.detail()),
      error.reason()};
}

Result<void> first_error(const std::vector<Result<void>>& results,
                         const std::vector<ShardWriter>& writers) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].has_value()) return name_shard(results[i].error(), writers[i]);
  }
  return {};
}

/// Some rows of a body on their way to the servers: the cells of each shard one after the other, so
/// that parity of all rows is computed at once and each server gets one piece.
class Batch {
 public:
  explicit Batch(const ReedSolomon& code, std::uint64_t rows)
      : code_(code),
        lane_bytes_(rows * kEcCellBytes),
        bytes_(code.scheme().shards() * lane_bytes_, '\0') {}

  [[nodiscard]] bool full() const { return filled_ == lane_bytes_ * scheme().data; }
  /// Takes as much of `bytes` as fits into the batch; how much that was.
  std::size_t take(ByteSpan bytes) {
    const std::uint64_t room = lane_bytes_ * scheme().data - filled_;
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room));
    for (const CellPiece& piece : cut_into_cells(scheme(), filled_, taken)) {
      std::memcpy(&bytes_[piece.shard * lane_bytes_ + piece.shard_offset],
                  bytes.data() + (piece.body_offset - filled_), piece.bytes);
    }
    filled_ += taken;
    return taken;
  }
  /// Computes the parity of what is there; cells that are not count as zeros.
  void encode() {
    const std::uint64_t longest = shard_bytes(scheme(), 0, filled_);
    std::vector<ByteSpan> data;
    std::vector<MutableByteSpan> parity;
    for (std::uint32_t shard = 0; shard < scheme().shards(); ++shard) {
      const MutableByteSpan lane = lane_of(shard).first(longest);
      if (shard >= scheme().data) {
        parity.push_back(lane);
        continue;
      }
      std::ranges::fill(lane.subspan(shard_bytes(scheme(), shard, filled_)), std::byte{0});
      data.emplace_back(lane);
    }
    code_.encode(data, parity);
  }
  /// The bytes of a shard; after encode().
  [[nodiscard]] ByteSpan shard(std::uint32_t number) {
    return lane_of(number).first(shard_bytes(scheme(), number, filled_));
  }
  void clear() { filled_ = 0; }
  /// Nothing is taken any more.
  void free() { std::string().swap(bytes_); }

 private:
  [[nodiscard]] EcScheme scheme() const { return code_.scheme(); }
  MutableByteSpan lane_of(std::uint32_t shard) {
    return std::as_writable_bytes(std::span(bytes_)).subspan(shard * lane_bytes_, lane_bytes_);
  }

  const ReedSolomon& code_;
  const std::uint64_t lane_bytes_;  ///< Of one shard.
  std::string bytes_;
  std::uint64_t filled_ = 0;  ///< Bytes of the body.
};

class StripedUpload final : public NeedleUpload {
 public:
  StripedUpload(const ReedSolomon& code, std::uint64_t body_bytes, std::uint64_t rows,
                std::vector<ShardWriter> writers)
      : scheme_(code.scheme()),
        body_bytes_(body_bytes),
        writers_(std::move(writers)),
        batch_(code, rows) {}

  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(count(bytes.size()));
    while (!bytes.empty()) {
      bytes = bytes.subspan(batch_.take(bytes));
      if (!batch_.full() && received_ < body_bytes_) continue;
      if (auto sent = co_await send(); !sent.has_value()) {
        over_ = true;
        co_return sent;
      }
    }
    // Several needles of an object wait to be finished at once.
    if (received_ == body_bytes_) batch_.free();
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    if (std::exchange(over_, true) || received_ != body_bytes_) {
      co_return Error(Errc::kInvalidArgument,
                      fmt::format("{} of {} announced bytes came", received_, body_bytes_));
    }
    std::vector<Task<Result<void>>> tasks;
    for (const ShardWriter& writer : writers_) tasks.push_back(finish_one(writer));
    co_return first_error(co_await all(std::move(tasks)), writers_);
  }

 private:
  Result<void> count(std::size_t bytes) {
    if (over_ || bytes > body_bytes_ - received_) {
      over_ = true;
      return Error(Errc::kInvalidArgument,
                   fmt::format("the upload is over, or more than the {} bytes that were announced",
                               body_bytes_));
    }
    received_ += bytes;
    return {};
  }

  Task<Result<void>> send() {
    batch_.encode();
    std::vector<Task<Result<void>>> tasks;
    for (std::uint32_t shard = 0; shard < writers_.size(); ++shard) {
      tasks.push_back(append_one(writers_[shard], batch_.shard(shard)));
    }
    const auto sent = co_await all(std::move(tasks));
    batch_.clear();
    co_return first_error(sent, writers_);
  }

  static Task<Result<void>> append_one(const ShardWriter& writer, ByteSpan bytes) {
    if (bytes.empty()) co_return Result<void>();
    co_return co_await writer.upload->append(bytes);
  }

  Task<Result<void>> finish_one(const ShardWriter& writer) const {
    if (shard_bytes(scheme_, writer.member.shard, body_bytes_) == 0) {
      constexpr std::byte kZero{0};  // stored_bytes(): so that there is something to verify
      KELP_CO_CHECK(co_await writer.upload->append(ByteSpan(&kZero, 1)));
    }
    co_return co_await writer.upload->finish();
  }

  const EcScheme scheme_;
  const std::uint64_t body_bytes_;
  const std::vector<ShardWriter> writers_;
  Batch batch_;
  std::uint64_t received_ = 0;
  bool over_ = false;
};

/// Writers of every shard, in order. kInvalidArgument when the members are not those of the scheme.
Result<std::vector<ShardWriter>> writers_of(VolumeNodes& nodes, const OpenNeedle& request) {
  std::vector<ShardWriter> writers(request.scheme.shards());
  for (const VolumeMember& member : request.members) {
    if (member.shard >= writers.size() || writers[member.shard].node != nullptr) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("needle {}: shard {} of {} has two members or is none",
                               to_string(request.fid), member.shard, to_string(request.scheme)));
    }
    writers[member.shard] = {member, nodes.at(member.address), nullptr};
  }
  if (request.members.size() == writers.size()) return writers;
  return Error(Errc::kUnavailable, fmt::format("needle {}: {} of the {} shards of {} have a member",
                                               to_string(request.fid), request.members.size(),
                                               writers.size(), to_string(request.scheme)));
}

Task<Result<std::unique_ptr<NeedleUpload>>> open_shards(VolumeNodes& nodes, OpenNeedle request) {
  KELP_CO_TRY(const ReedSolomon* const code, ReedSolomon::shared(request.scheme));
  KELP_CO_TRY(std::vector<ShardWriter> writers, writers_of(nodes, request));
  std::vector<Task<Result<std::unique_ptr<NeedleUpload>>>> opens;
  for (const ShardWriter& writer : writers) {
    OpenNeedle shard = request;
    shard.members.clear();
    shard.scheme = {};
    shard.part = StripePart{request.scheme, writer.member.shard, request.body_bytes};
    shard.body_bytes = stored_bytes(*shard.part);
    opens.push_back(writer.node->open(std::move(shard)));
  }
  auto opened = co_await all(std::move(opens));
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (!opened[i].has_value()) co_return name_shard(opened[i].error(), writers[i]);
    writers[i].upload = *std::move(opened[i]);
  }
  co_return std::make_unique<StripedUpload>(*code, request.body_bytes,
                                            rows_of_batch(request.scheme), std::move(writers));
}

/// Gathers the body and writes it when it is whole: the shards travel in one call each, which may
/// be refused only then.
class SmallStripedUpload final : public NeedleUpload {
 public:
  SmallStripedUpload(VolumeNodes& nodes, OpenNeedle request)
      : nodes_(nodes), request_(std::move(request)) {
    body_.reserve(request_.body_bytes);
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    if (bytes.size() > request_.body_bytes - body_.size()) {
      co_return Error(
          Errc::kInvalidArgument,
          fmt::format("more than the {} bytes that were announced", request_.body_bytes));
    }
    body_ += as_text(bytes);
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    if (std::exchange(over_, true) || body_.size() != request_.body_bytes) {
      co_return Error(Errc::kInvalidArgument, fmt::format("{} of {} announced bytes came",
                                                          body_.size(), request_.body_bytes));
    }
    KELP_CO_TRY(const auto upload, co_await open_shards(nodes_, request_));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body_)));
    co_return co_await upload->finish();
  }

  std::string take_body() override { return std::move(body_); }

 private:
  VolumeNodes& nodes_;
  const OpenNeedle request_;
  std::string body_;
  bool over_ = false;
};

}  // namespace

Task<Result<std::unique_ptr<NeedleUpload>>> open_striped(VolumeNodes& nodes, OpenNeedle request) {
  if (shard_bytes(request.scheme, 0, request.body_bytes) > kSmallNeedleBytes) {
    return open_shards(nodes, std::move(request));
  }
  auto small = [](VolumeNodes& at,
                  OpenNeedle needle) -> Task<Result<std::unique_ptr<NeedleUpload>>> {
    KELP_CO_CHECK(check_scheme(needle.scheme));
    co_return std::make_unique<SmallStripedUpload>(at, std::move(needle));
  };
  return small(nodes, std::move(request));
}

}  // namespace kelp
