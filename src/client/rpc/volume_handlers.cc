#include "client/rpc/volume_handlers.h"

#include <fmt/format.h>

#include <utility>

#include "base/crc.h"
#include "base/log.h"
#include "client/rpc/replica_messages.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_serve.h"
#include "wire/volume_messages.h"

namespace kelp {
namespace {

using enum RpcMethod;

RpcMessage done() {
  return {.message = encode_message(Done{})};
}

/// The message beside an attachment.
std::string sum_of(const std::string& attachment) {
  return encode_message(NeedleBytes{crc32c(as_bytes(attachment))});
}

template <typename Request>
Result<Request> read_request(RpcMethod method, const RpcMessage& message) {
  return decode_message<Request>(message.message, info_of(method).name);
}

Result<void> check(const RpcMessage& message, std::uint32_t crc, RpcMethod method) {
  if (crc32c(as_bytes(message.attachment)) == crc) return {};
  return Error(Errc::kCorruption, fmt::format("{}: the {} bytes that came are not those sent",
                                              info_of(method).name, message.attachment.size()));
}

/// Waits until an answer may take so many bytes.
Task<Result<void>> reserve_piece(std::uint32_t bytes, RpcCallInfo info) {
  if (bytes > kPieceBytes) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("{} bytes in one read, {} are the most", bytes, kPieceBytes));
  }
  co_return co_await info.reserve_answer(bytes);
}

/// An answer with an attachment of so many bytes, to be filled.
Task<Result<RpcMessage>> room_for(std::uint32_t bytes, RpcCallInfo info) {
  KELP_CO_CHECK(co_await reserve_piece(bytes, info));
  co_return RpcMessage{.attachment = uninitialized(bytes)};
}

}  // namespace

struct VolumeHandlers::Upload {
  std::unique_ptr<NeedleUpload> needle;
  std::uint64_t connection = 0;
  std::uint64_t received_bytes = 0;
  MonoTime expires;
  bool busy = false;      ///< A call works on it: it does not expire.
  bool given_up = false;  ///< Ends with the call that works on it.
};

/// A call's hold on an upload: it does not expire meanwhile, and is dropped unless keep() is
/// called.
class VolumeHandlers::Use {
 public:
  Use(VolumeHandlers& owner, std::uint64_t id, UploadPtr upload)
      : owner_(owner), id_(id), upload_(std::move(upload)) {
    upload_->busy = true;
    owner_.expiry_.remove(upload_->expires, id_);
  }
  ~Use() {
    if (!kept_) owner_.drop(id_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  void keep() {
    if (upload_->given_up) return;
    kept_ = true;
    upload_->busy = false;
    upload_->expires = owner_.server_.world().clock.mono() + owner_.options_.upload_idle_time;
    owner_.expiry_.add(upload_->expires, id_);
  }
  Upload* operator->() const { return upload_.get(); }

 private:
  VolumeHandlers& owner_;
  const std::uint64_t id_;
  const UploadPtr upload_;
  bool kept_ = false;
};

VolumeHandlers::VolumeHandlers(RpcServer& server, VolumeClient& volumes,
                               VolumeHandlersOptions options)
    : server_(server),
      volumes_(volumes),
      options_(options),
      expiry_(server.background(), server.world().clock, server.world().timers,
              [this](std::uint64_t id) {
                logger("rpc").info("upload_expired upload={}", id);
                drop(id);
              }) {
  server.on_connection_end([this](std::uint64_t connection) { drop_connection(connection); });
}

Task<Result<RpcMessage>> VolumeHandlers::write(RpcMessage message, RpcCallInfo) {
  KELP_CO_TRY(WriteNeedle request, read_request<WriteNeedle>(kVolumeWrite, message));
  KELP_CO_CHECK(check(message, request.body_crc, kVolumeWrite));
  KELP_CO_TRY(const auto upload, co_await volumes_.open(std::move(request.needle)));
  KELP_CO_CHECK(co_await upload->append(as_bytes(message.attachment)));
  KELP_CO_CHECK(co_await upload->finish());
  co_return done();
}

Task<Result<RpcMessage>> VolumeHandlers::open(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(OpenNeedle request, read_request<OpenNeedle>(kVolumeOpen, message));
  if (uploads_.size() >= options_.upload_limit) {
    co_return Error(Errc::kResourceExhausted,
                    fmt::format("{} uploads are under way", uploads_.size()));
  }
  // Random: after a restart nobody may meet another's upload under the number of his own.
  std::uint64_t id = 0;
  server_.world().random(std::as_writable_bytes(std::span(&id, 1)));
  if (uploads_.contains(id)) co_return Error(Errc::kUnavailable, "a number was drawn twice");
  // Its place, before the wait, counts in the limit.
  const auto upload = std::make_shared<Upload>();
  upload->connection = info.connection;
  uploads_.emplace(id, upload);
  Use use(*this, id, upload);
  KELP_CO_TRY(upload->needle, co_await volumes_.open(std::move(request)));
  use.keep();
  co_return RpcMessage{.message = encode_message(OpenedNeedle{id})};
}

Task<Result<RpcMessage>> VolumeHandlers::append(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const AppendNeedle request, read_request<AppendNeedle>(kVolumeAppend, message));
  KELP_CO_TRY(UploadPtr upload, find(request.upload, info));
  Use use(*this, request.upload, std::move(upload));
  KELP_CO_CHECK(check(message, request.piece_crc, kVolumeAppend));
  if (request.offset != use->received_bytes) {
    co_return Error(Errc::kInvalidArgument, fmt::format("a piece at {}, {} bytes are here",
                                                        request.offset, use->received_bytes));
  }
  KELP_CO_CHECK(co_await use->needle->append(as_bytes(message.attachment)));
  use->received_bytes += message.attachment.size();
  use.keep();
  co_return done();
}

Task<Result<RpcMessage>> VolumeHandlers::finish(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const FinishNeedle request, read_request<FinishNeedle>(kVolumeFinish, message));
  KELP_CO_TRY(UploadPtr upload, find(request.upload, info));
  const Use use(*this, request.upload, std::move(upload));
  KELP_CO_CHECK(co_await use->needle->finish());
  co_return done();
}

Task<Result<RpcMessage>> VolumeHandlers::abandon(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const AbandonNeedle request, read_request<AbandonNeedle>(kVolumeAbandon, message));
  const auto found = uploads_.find(request.upload);
  if (found == uploads_.end() || found->second->connection != info.connection) co_return done();
  if (found->second->busy) {
    found->second->given_up = true;
  } else {
    drop(request.upload);
  }
  co_return done();
}

Task<Result<RpcMessage>> VolumeHandlers::read(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const ReadNeedle request, read_request<ReadNeedle>(kVolumeRead, message));
  KELP_CO_TRY(RpcMessage answer, co_await room_for(request.bytes, info));
  const auto body = std::as_writable_bytes(std::span(answer.attachment));
  KELP_CO_CHECK(co_await volumes_.read(request.fid, request.offset, body));
  answer.message = sum_of(answer.attachment);
  co_return answer;
}

Task<Result<RpcMessage>> VolumeHandlers::read_shard(RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const ReadShard request, read_request<ReadShard>(kVolumeReadShard, message));
  KELP_CO_TRY(RpcMessage answer, co_await room_for(request.bytes, info));
  const auto body = std::as_writable_bytes(std::span(answer.attachment));
  ShardRead read{request.fid, request.scheme, request.shard, request.offset, request.body_end};
  KELP_CO_CHECK(co_await volumes_.read_shard(std::move(read), body));
  answer.message = sum_of(answer.attachment);
  co_return answer;
}

/// The upload, when it is this connection's and no other call works on it.
Result<VolumeHandlers::UploadPtr> VolumeHandlers::find(std::uint64_t id, const RpcCallInfo& info) {
  const auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second->connection != info.connection) {
    return Error(Errc::kUnavailable,
                 fmt::format("upload {} is not under way on this connection", id));
  }
  if (found->second->busy) {
    return Error(Errc::kInvalidArgument, fmt::format("upload {}: a call is under way", id));
  }
  return found->second;
}

/// The needle itself dies when the last call has left it.
void VolumeHandlers::drop(std::uint64_t id) {
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return;
  if (!found->second->busy) expiry_.remove(found->second->expires, id);
  uploads_.erase(found);
}

void VolumeHandlers::drop_connection(std::uint64_t connection) {
  for (auto next = uploads_.begin(); next != uploads_.end();) {
    const auto at = next++;
    if (at->second->connection == connection) drop(at->first);
  }
}

namespace {

void serve_needles(RpcServer& server, const std::shared_ptr<VolumeHandlers>& handlers) {
  const auto add = [&](RpcMethod method, auto call) {
    handle_method(server, method, [handlers, call](RpcMessage m, RpcCallInfo info) {
      return ((*handlers).*call)(std::move(m), info);
    });
  };
  add(kVolumeWrite, &VolumeHandlers::write);
  add(kVolumeOpen, &VolumeHandlers::open);
  add(kVolumeAppend, &VolumeHandlers::append);
  add(kVolumeFinish, &VolumeHandlers::finish);
  add(kVolumeAbandon, &VolumeHandlers::abandon);
  add(kVolumeRead, &VolumeHandlers::read);
  add(kVolumeReadShard, &VolumeHandlers::read_shard);
  add(kVolumeWriteShard, &VolumeHandlers::write);
  add(kVolumeOpenShard, &VolumeHandlers::open);
}

void serve_admin(RpcServer& server, VolumeAdmin* a) {
  serve_method<Done>(server, kVolumeStatus, [a](Done) { return a->status(); });
  serve_method<CreateVolume>(server, kVolumeCreate, [a](CreateVolume r) {
    return a->create_volume(r.volume, r.generation, std::move(r.collection));
  });
  serve_method<ListNeedles>(server, kVolumeListNeedles, [a](ListNeedles r) {
    return wrap<NeedleList>(a->list_needles(r.volume, r.after, r.limit));
  });
  serve_method<VerifyVolume>(server, kVolumeVerify, [a](VerifyVolume r) {
    return wrap<NeedleList>(a->verify_volume(r.volume));
  });
}

/// Answers with needle images, once there is room for about `usual_bytes` of them.
Task<Result<RpcMessage>> send_images(RpcCallInfo info, std::size_t usual_bytes,
                                     Task<Result<std::string>> read) {
  KELP_CO_CHECK(co_await info.reserve_answer(usual_bytes));
  RpcMessage answer;
  KELP_CO_TRY(answer.attachment, co_await std::move(read));
  answer.message = sum_of(answer.attachment);
  co_return answer;
}

Task<Result<RpcMessage>> read_needles(VolumeReplicas& replicas, RpcMessage message,
                                      RpcCallInfo info) {
  constexpr std::size_t kBatchBytes = 4 << 20;
  KELP_CO_TRY(const ReadNeedles r, read_request<ReadNeedles>(kVolumeReadNeedles, message));
  co_return co_await send_images(info, kBatchBytes,
                                 replicas.read_needles(r.volume, r.generation, r.after, r.urgency));
}

Task<Result<RpcMessage>> read_needle(VolumeReplicas& replicas, RpcMessage message,
                                     RpcCallInfo info) {
  constexpr std::size_t kPartBytes = 8 << 20;
  KELP_CO_TRY(const ReadOneNeedle r, read_request<ReadOneNeedle>(kVolumeReadNeedle, message));
  co_return co_await send_images(info, kPartBytes,
                                 replicas.read_needle(r.volume, r.generation, r.key));
}

Task<Result<RpcMessage>> read_packed(VolumeReplicas& replicas, RpcMessage message,
                                     RpcCallInfo info) {
  constexpr std::size_t kShardBytes = 4 << 20;  // of an extent and its stubs, about
  KELP_CO_TRY(const ReadPacked r, read_request<ReadPacked>(kVolumeReadPacked, message));
  PackSource from{r.scheme, r.shard, {}, r.from, r.members};
  co_return co_await send_images(
      info, kShardBytes,
      replicas.read_packed(r.volume, r.generation, std::move(from), r.after, r.urgency));
}

Task<Result<RpcMessage>> read_rebuilt(VolumeReplicas& replicas, RpcMessage message,
                                      RpcCallInfo info) {
  constexpr std::size_t kShardBytes = 2 << 20;
  KELP_CO_TRY(const ReadRebuilt r, read_request<ReadRebuilt>(kVolumeReadRebuilt, message));
  co_return co_await send_images(info, kShardBytes,
                                 replicas.read_rebuilt(r.volume, r.generation, r.shard, r.key));
}

Task<Result<RpcMessage>> read_part(VolumeReplicas& replicas, RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const ReadNeedlePart r, read_request<ReadNeedlePart>(kVolumeReadPart, message));
  KELP_CO_CHECK(co_await reserve_piece(r.bytes, info));
  KELP_CO_TRY(NeedlePart part,
              co_await replicas.read_part(r.volume, r.generation, r.key, r.offset, r.bytes));
  co_return RpcMessage{.message = encode_message(NeedlePartFrame{std::move(part.frame)}),
                       .attachment = std::move(part.body)};
}

}  // namespace

void serve_volume(RpcServer& server, VolumeClient& volumes, VolumeAdmin& admin,
                  VolumeHandlersOptions options) {
  serve_needles(server, std::make_shared<VolumeHandlers>(server, volumes, options));
  auto* const v = &volumes;
  serve_method<RemoveNeedles>(server, kVolumeRemove,
                              [v](RemoveNeedles r) { return v->remove(std::move(r.fids)); });
  serve_admin(server, &admin);
}

void serve_volume_replicas(RpcServer& server, VolumeReplicas& replicas) {
  auto* const v = &replicas;
  serve_method<SetRole>(server, kVolumeSetRole,
                        [v](SetRole r) { return v->set_role(r.volume, r.oldest, r.role); });
  serve_method<PullVolume>(server, kVolumePull, [v](PullVolume r) {
    return v->pull(r.volume, r.generation, std::move(r.collection), std::move(r.source), r.urgency);
  });
  serve_method<RebuildVolume>(server, kVolumeRebuild, [v](RebuildVolume r) {
    StripeSources from{r.scheme, r.shard, std::move(r.members)};
    return v->rebuild(r.volume, r.generation, std::move(r.collection), std::move(from), r.urgency);
  });
  serve_method<RebuildTogether>(server, kVolumeRebuildTogether, [v](RebuildTogether r) {
    StripeSources from{r.one.scheme, r.one.shard, std::move(r.one.members), std::move(r.others),
                       std::move(r.maker)};
    return v->rebuild(r.one.volume, r.one.generation, std::move(r.one.collection), std::move(from),
                      r.one.urgency);
  });
  serve_method<DigestVolume>(server, kVolumeDigest,
                             [v](DigestVolume r) { return v->digest(r.volume, r.verify); });
  serve_method<RetireVolume>(server, kVolumeRetire,
                             [v](RetireVolume r) { return v->retire(r.volume, r.generation); });
  serve_method<PackVolume>(server, kVolumePack, [v](PackVolume r) {
    PackSource from{r.scheme, r.shard, std::move(r.copy), r.from, std::move(r.members)};
    return v->pack(r.volume, r.generation, std::move(r.collection), std::move(from), r.urgency);
  });
  serve_method<PackedVolume>(server, kVolumeVerifyPacked, [v](PackedVolume r) {
    return v->verify_packed(r.volume, r.generation, r.urgency);
  });
  serve_method<PackedVolume>(server, kVolumeAdoptPacked, [v](PackedVolume r) {
    return v->adopt_packed(r.volume, r.generation);
  });
  serve_method<PackedVolume>(server, kVolumeDropPacked, [v](PackedVolume r) {
    return v->drop_packed(r.volume, r.generation);
  });
  serve_method<RebuildVolume>(server, kVolumeRepack, [v](RebuildVolume r) {
    StripeSources from{r.scheme, r.shard, std::move(r.members)};
    return v->repack(r.volume, r.generation, std::move(r.collection), std::move(from), r.urgency);
  });
  serve_method<Done>(server, kVolumeSparse,
                     [v](Done) { return wrap<SparseVolumes>(v->sparse_volumes()); });
  serve_method<FindPacked>(server, kVolumeFindPacked,
                           [v](FindPacked r) { return v->find_packed(r.fid, r.scheme); });
  handle_method(server, kVolumeReadPacked, [v](RpcMessage message, RpcCallInfo info) {
    return read_packed(*v, std::move(message), info);
  });
  handle_method(server, kVolumeReadRebuilt, [v](RpcMessage message, RpcCallInfo info) {
    return read_rebuilt(*v, std::move(message), info);
  });
  handle_method(server, kVolumeReadNeedles, [v](RpcMessage message, RpcCallInfo info) {
    return read_needles(*v, std::move(message), info);
  });
  handle_method(server, kVolumeReadNeedle, [v](RpcMessage message, RpcCallInfo info) {
    return read_needle(*v, std::move(message), info);
  });
  handle_method(server, kVolumeReadPart, [v](RpcMessage message, RpcCallInfo info) {
    return read_part(*v, std::move(message), info);
  });
}

}  // namespace kelp
