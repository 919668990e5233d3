#include "client/striped_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "async/all.h"
#include "client/body_count.h"
#include "client/rpc/rpc_limits.h"
#include "ec/layout.h"
#include "ec/reed_solomon.h"
#include "rpc/rpc_types.h"

namespace kelp {
namespace {

/// Cells of a batch, about, parity included; and no more rows than a piece of rpc takes.
constexpr std::uint64_t kBatchBytes = 3 << 20;
constexpr std::uint64_t kMostRows = kPieceBytes / kEcCellBytes;

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
  Batch(const ReedSolomon& code, std::uint64_t rows)
      : code_(code), row_bytes_(ec_row_bytes(code.scheme())), rows_(rows) {}

  [[nodiscard]] bool full() const { return filled_ == rows_ * row_bytes_; }
  /// Takes as much of `bytes` as fits into the batch; how much that was. `left`: bytes of the body
  /// that are not here yet, those included.
  std::size_t take(ByteSpan bytes, std::uint64_t left) {
    const std::uint64_t room = rows_ * row_bytes_ - filled_;
    if (filled_ == 0) make_lanes(std::min(left, room));
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room));
    for (const CellPiece& piece : cut_into_cells(scheme(), filled_, taken)) {
      std::memcpy(&lanes_[piece.shard][piece.shard_offset],
                  bytes.data() + (piece.body_offset - filled_), piece.bytes);
    }
    filled_ += taken;
    return taken;
  }
  /// What each shard has of these rows, parity computed; the batch is empty again.
  std::vector<std::string> encode() {
    std::vector<ByteSpan> data;
    std::vector<MutableByteSpan> parity;
    for (std::uint32_t shard = 0; shard < scheme().shards(); ++shard) {
      const MutableByteSpan lane = std::as_writable_bytes(std::span(lanes_[shard]));
      if (shard >= scheme().data) {
        parity.push_back(lane);
        continue;
      }
      // Cells that are not there count as zeros.
      std::ranges::fill(lane.subspan(shard_bytes(scheme(), shard, filled_)), std::byte{0});
      data.emplace_back(lane);
    }
    code_.encode(data, parity);
    for (std::uint32_t shard = 0; shard < scheme().data; ++shard) {
      lanes_[shard].resize(shard_bytes(scheme(), shard, filled_));
    }
    filled_ = 0;
    return std::exchange(lanes_, {});
  }

 private:
  [[nodiscard]] EcScheme scheme() const { return code_.scheme(); }
  /// Room for `bytes` of the body, which is all that will come.
  void make_lanes(std::uint64_t bytes) {
    lanes_.clear();
    while (lanes_.size() < scheme().shards()) {
      lanes_.push_back(uninitialized(shard_bytes(scheme(), 0, bytes)));
    }
  }

  const ReedSolomon& code_;
  const std::uint64_t row_bytes_;  ///< Of the body.
  const std::uint64_t rows_;
  std::vector<std::string> lanes_;  ///< By shard; of one length.
  std::uint64_t filled_ = 0;        ///< Bytes of the body.
};

class StripedUpload final : public NeedleUpload {
 public:
  StripedUpload(const ReedSolomon& code, std::uint64_t body_bytes, std::uint64_t rows,
                std::vector<ShardWriter> writers)
      : scheme_(code.scheme()),
        body_bytes_(body_bytes),
        writers_(std::move(writers)),
        batch_(code, rows),
        count_(body_bytes) {}

  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(count_.take(bytes.size()));
    while (!bytes.empty()) {
      bytes = bytes.subspan(batch_.take(bytes, bytes.size() + count_.left()));
      if (!batch_.full() && bytes.size() + count_.left() > 0) continue;
      if (auto sent = co_await send(); !sent.has_value()) {
        count_.stop();
        co_return sent;
      }
    }
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    std::vector<Task<Result<void>>> tasks;
    for (const ShardWriter& writer : writers_) tasks.push_back(finish_one(writer));
    co_return first_error(co_await all(std::move(tasks)), writers_);
  }

 private:
  Task<Result<void>> send() {
    std::vector<std::string> pieces = batch_.encode();
    std::vector<Task<Result<void>>> tasks;
    for (std::uint32_t shard = 0; shard < writers_.size(); ++shard) {
      tasks.push_back(append_one(writers_[shard], std::move(pieces[shard])));
    }
    co_return first_error(co_await all(std::move(tasks)), writers_);
  }

  static Task<Result<void>> append_one(const ShardWriter& writer, std::string piece) {
    if (piece.empty()) co_return Result<void>();
    co_return co_await writer.upload->append_taking(std::move(piece));
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
  BodyCount count_;
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
      : nodes_(nodes), request_(std::move(request)), count_(request_.body_bytes) {
    body_.reserve(request_.body_bytes);
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(count_.take(bytes.size()));
    body_ += as_text(bytes);
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    KELP_CO_TRY(const auto upload, co_await open_shards(nodes_, request_));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body_)));
    co_return co_await upload->finish();
  }

  std::string take_body() override { return std::move(body_); }

 private:
  VolumeNodes& nodes_;
  const OpenNeedle request_;
  BodyCount count_;
  std::string body_;
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
