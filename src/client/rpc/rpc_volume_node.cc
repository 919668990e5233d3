#include "client/rpc/rpc_volume_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <cstring>

#include "base/crc.h"
#include "client/body_count.h"
#include "client/rpc/replica_messages.h"
#include "wire/volume_messages.h"

namespace kelp {
namespace {

using enum RpcMethod;

Error upload_over() {
  return {Errc::kInvalidArgument, "the upload is over"};
}

/// Gathers the needle and sends it in one call.
class SmallRpcUpload final : public NeedleUpload {
 public:
  SmallRpcUpload(RpcCaller& caller, OpenNeedle needle)
      : caller_(caller), needle_(std::move(needle)), count_(needle_.body_bytes) {
    body_.reserve(needle_.body_bytes);
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(count_.take(bytes.size()));
    body_ += as_text(bytes);
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    const RpcMethod method = needle_.part ? kVolumeWriteShard : kVolumeWrite;
    const std::uint32_t crc = crc32c(as_bytes(body_));
    RpcMessage request{.message = encode_message(WriteNeedle{std::move(needle_), crc}),
                       .attachment = body_};
    KELP_CO_CHECK(co_await caller_.call(method, std::move(request)));
    co_return Result<void>();
  }

  std::string take_body() override { return std::move(body_); }

 private:
  RpcCaller& caller_;
  OpenNeedle needle_;
  BodyCount count_;
  std::string body_;
};

/// Sends the needle as it comes. Holds its connection open: the server keeps the upload for it.
class StreamRpcUpload final : public NeedleUpload {
 public:
  StreamRpcUpload(RpcCaller& caller, Executor here, std::shared_ptr<RpcClient> connection,
                  std::uint64_t upload)
      : caller_(caller),
        here_(std::move(here)),
        connection_(std::move(connection)),
        upload_(upload) {}

  ~StreamRpcUpload() override {
    if (finished_) return;
    caller_.channels().tell(here_, connection_, kVolumeAbandon,
                            encode_message(AbandonNeedle{upload_}));
  }

  Task<Result<void>> append(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ByteSpan piece = bytes.first(std::min(bytes.size(), kPieceBytes));
      KELP_CO_CHECK(co_await send(std::string(as_text(piece))));
      bytes = bytes.subspan(piece.size());
    }
    co_return Result<void>();
  }

  Task<Result<void>> append_taking(std::string bytes) override {
    if (bytes.size() <= kPieceBytes) co_return co_await send(std::move(bytes));
    co_return co_await append(as_bytes(bytes));
  }

  Task<Result<void>> finish() override {
    if (std::exchange(over_, true)) co_return upload_over();
    KELP_CO_CHECK(co_await caller_.tell(kVolumeFinish, FinishNeedle{upload_}));
    finished_ = true;
    co_return Result<void>();
  }

 private:
  Task<Result<void>> send(std::string piece) {
    if (over_) co_return upload_over();
    const std::size_t bytes = piece.size();
    RpcMessage request{
        .message = encode_message(AppendNeedle{upload_, sent_bytes_, crc32c(as_bytes(piece))}),
        .attachment = std::move(piece)};
    const auto answer = co_await caller_.call(kVolumeAppend, std::move(request));
    if (!answer) {
      over_ = true;
      co_return answer.error();
    }
    sent_bytes_ += bytes;
    co_return Result<void>();
  }

  RpcCaller& caller_;
  const Executor here_;
  const std::shared_ptr<RpcClient> connection_;
  const std::uint64_t upload_;
  std::uint64_t sent_bytes_ = 0;
  bool over_ = false;
  bool finished_ = false;
};

}  // namespace

RpcVolumeNode::RpcVolumeNode(RpcChannels& channels, std::string address)
    : caller_(channels, {std::move(address)}) {}

Task<Result<std::unique_ptr<NeedleUpload>>> RpcVolumeNode::open(OpenNeedle request) {
  std::unique_ptr<NeedleUpload> upload;
  if (request.body_bytes <= kSmallNeedleBytes) {
    upload = std::make_unique<SmallRpcUpload>(caller_, std::move(request));
    co_return upload;
  }
  const Executor here = co_await asio::this_coro::executor;
  KELP_CO_TRY(auto connection, caller_.channels().client(here, caller_.address()));
  const RpcMethod method = request.part ? kVolumeOpenShard : kVolumeOpen;
  KELP_CO_TRY(const OpenedNeedle opened,
              co_await caller_.ask<OpenedNeedle>(method, std::move(request)));
  upload = std::make_unique<StreamRpcUpload>(caller_, here, std::move(connection), opened.upload);
  co_return upload;
}

/// The attachment of the answer, checked.
template <typename Request>
Task<Result<std::string>> RpcVolumeNode::bytes_of(RpcMethod method, Request request) {
  const std::string_view name = info_of(method).name;
  RpcMessage message{.message = encode_message(request)};
  KELP_CO_TRY(RpcMessage answer, co_await caller_.call(method, std::move(message)));
  KELP_CO_TRY(const NeedleBytes sum, decode_message<NeedleBytes>(answer.message, name));
  if (crc32c(as_bytes(answer.attachment)) != sum.bytes_crc) {
    co_return Error(Errc::kCorruption,
                    fmt::format("{}: {}: what came is not what was sent", caller_.address(), name));
  }
  co_return std::move(answer.attachment);
}

template <typename Request>
Task<Result<void>> RpcVolumeNode::read_piece(RpcMethod method, Request request,
                                             MutableByteSpan buffer) {
  KELP_CO_TRY(const std::string bytes, co_await bytes_of(method, request));
  if (bytes.size() != buffer.size()) {
    co_return Error(Errc::kCorruption, fmt::format("{}: {} bytes came, {} were asked for",
                                                   caller_.address(), bytes.size(), buffer.size()));
  }
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  co_return Result<void>();
}

Task<Result<void>> RpcVolumeNode::read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) {
  do {
    const std::size_t now = std::min(buffer.size(), kPieceBytes);
    const ReadNeedle request{fid, offset, static_cast<std::uint32_t>(now)};
    KELP_CO_CHECK(co_await read_piece(kVolumeRead, request, buffer.first(now)));
    offset += now;
    buffer = buffer.subspan(now);
  } while (!buffer.empty());
  co_return Result<void>();
}

Task<Result<void>> RpcVolumeNode::read_shard(ShardRead read, MutableByteSpan buffer) {
  do {
    const std::size_t now = std::min(buffer.size(), kPieceBytes);
    const ReadShard request{read.fid,    read.scheme,   read.shard,
                            read.offset, read.body_end, static_cast<std::uint32_t>(now)};
    KELP_CO_CHECK(co_await read_piece(kVolumeReadShard, request, buffer.first(now)));
    read.offset += now;
    buffer = buffer.subspan(now);
  } while (!buffer.empty());
  co_return Result<void>();
}

Task<Result<void>> RpcVolumeNode::remove(std::vector<FileId> fids) {
  return caller_.tell(kVolumeRemove, RemoveNeedles{std::move(fids)});
}
Task<Result<NodeStatus>> RpcVolumeNode::status() {
  return caller_.ask<NodeStatus>(kVolumeStatus, Done{});
}
Task<Result<void>> RpcVolumeNode::create_volume(VolumeId volume, Generation generation,
                                                std::string collection) {
  return caller_.tell(kVolumeCreate, CreateVolume{volume, generation, std::move(collection)});
}
Task<Result<std::vector<NeedleInfo>>> RpcVolumeNode::list_needles(VolumeId volume, NeedleKey after,
                                                                  std::uint32_t limit) {
  return caller_.ask(kVolumeListNeedles, ListNeedles{volume, after, limit}, &NeedleList::needles);
}
Task<Result<std::vector<NeedleInfo>>> RpcVolumeNode::verify_volume(VolumeId volume) {
  return caller_.ask(kVolumeVerify, VerifyVolume{volume}, &NeedleList::needles);
}

Task<Result<void>> RpcVolumeNode::set_role(VolumeId volume, Generation oldest, CopyRole role) {
  return caller_.tell(kVolumeSetRole, SetRole{volume, oldest, role});
}
Task<Result<VolumeDigest>> RpcVolumeNode::pull(VolumeId volume, Generation generation,
                                               std::string collection, VolumeMember source,
                                               Urgency urgency) {
  return caller_.ask<VolumeDigest>(
      kVolumePull,
      PullVolume{volume, generation, std::move(collection), std::move(source), urgency});
}
Task<Result<VolumeDigest>> RpcVolumeNode::rebuild(VolumeId volume, Generation generation,
                                                  std::string collection, StripeSources from,
                                                  Urgency urgency) {
  const bool alone = from.others.empty() && !from.maker;
  RebuildVolume one{volume,      generation, std::move(collection),
                    from.scheme, from.shard, std::move(from.members),
                    urgency};
  if (!alone) {
    const RebuildTogether all{one, std::move(from.others), std::move(from.maker)};
    auto made = co_await caller_.ask<VolumeDigest>(kVolumeRebuildTogether, all);
    if (made.has_value() || made.error().code() != Errc::kUnimplemented) co_return made;
  }
  co_return co_await caller_.ask<VolumeDigest>(kVolumeRebuild, std::move(one));
}
Task<Result<std::string>> RpcVolumeNode::read_rebuilt(VolumeId volume, Generation generation,
                                                      std::uint8_t shard, NeedleKey key) {
  return bytes_of(kVolumeReadRebuilt, ReadRebuilt{volume, generation, shard, key});
}
Task<Result<VolumeDigest>> RpcVolumeNode::digest(VolumeId volume, bool verify) {
  return caller_.ask<VolumeDigest>(kVolumeDigest, DigestVolume{volume, verify});
}
Task<Result<void>> RpcVolumeNode::retire(VolumeId volume, Generation generation) {
  return caller_.tell(kVolumeRetire, RetireVolume{volume, generation});
}
Task<Result<std::string>> RpcVolumeNode::read_needles(VolumeId volume, Generation generation,
                                                      NeedleKey after, Urgency urgency) {
  return bytes_of(kVolumeReadNeedles, ReadNeedles{volume, generation, after, urgency});
}

Task<Result<std::string>> RpcVolumeNode::read_needle(VolumeId volume, Generation generation,
                                                     NeedleKey key) {
  return bytes_of(kVolumeReadNeedle, ReadOneNeedle{volume, generation, key});
}

Task<Result<NeedlePart>> RpcVolumeNode::read_part(VolumeId volume, Generation generation,
                                                  NeedleKey key, std::uint64_t offset,
                                                  std::size_t bytes) {
  const ReadNeedlePart request{volume, generation, key, offset, static_cast<std::uint32_t>(bytes)};
  RpcMessage message{.message = encode_message(request)};
  KELP_CO_TRY(RpcMessage answer, co_await caller_.call(kVolumeReadPart, std::move(message)));
  KELP_CO_TRY(auto head,
              decode_message<NeedlePartFrame>(answer.message, info_of(kVolumeReadPart).name));
  co_return NeedlePart{std::move(head.frame), std::move(answer.attachment)};
}

Task<Result<VolumeDigest>> RpcVolumeNode::pack(VolumeId volume, Generation generation,
                                               std::string collection, PackSource from,
                                               Urgency urgency) {
  return caller_.ask<VolumeDigest>(
      kVolumePack, PackVolume{volume, generation, std::move(collection), from.scheme, from.shard,
                              from.copy, urgency, from.from, from.members});
}
Task<Result<VolumeDigest>> RpcVolumeNode::verify_packed(VolumeId volume, Generation generation,
                                                        Urgency urgency) {
  return caller_.ask<VolumeDigest>(kVolumeVerifyPacked, PackedVolume{volume, generation, urgency});
}
Task<Result<void>> RpcVolumeNode::adopt_packed(VolumeId volume, Generation generation) {
  return caller_.tell(kVolumeAdoptPacked, PackedVolume{volume, generation});
}
Task<Result<void>> RpcVolumeNode::drop_packed(VolumeId volume, Generation generation) {
  return caller_.tell(kVolumeDropPacked, PackedVolume{volume, generation});
}
Task<Result<std::string>> RpcVolumeNode::read_packed(VolumeId volume, Generation generation,
                                                     PackSource from, NeedleKey after,
                                                     Urgency urgency) {
  return bytes_of(kVolumeReadPacked, ReadPacked{volume, generation, from.scheme, from.shard, after,
                                                urgency, from.from, std::move(from.members)});
}
Task<Result<PackedPlace>> RpcVolumeNode::find_packed(FileId fid, EcScheme scheme) {
  return caller_.ask<PackedPlace>(kVolumeFindPacked, FindPacked{fid, scheme});
}
Task<Result<VolumeDigest>> RpcVolumeNode::repack(VolumeId volume, Generation generation,
                                                 std::string collection, StripeSources from,
                                                 Urgency urgency) {
  return caller_.ask<VolumeDigest>(
      kVolumeRepack, RebuildVolume{volume, generation, std::move(collection), from.scheme,
                                   from.shard, std::move(from.members), urgency});
}
Task<Result<std::vector<SparseVolume>>> RpcVolumeNode::sparse_volumes() {
  return caller_.ask(kVolumeSparse, Done{}, &SparseVolumes::volumes);
}

std::shared_ptr<VolumeNode> RpcVolumeNodes::at(const std::string& address) {
  if (own_ != nullptr && (address.empty() || address == own_address_)) return own_;
  const std::lock_guard lock(mutex_);
  auto& node = nodes_[address];
  if (node == nullptr) node = std::make_shared<RpcVolumeNode>(channels_, address);
  return node;
}

}  // namespace kelp
