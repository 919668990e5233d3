// What changes something over the volume servers' HTTP: a needle is written once, and removed.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.h"
#include "s3gw/core/header_text.h"
#include "server/fids/fid_http.h"
#include "volume/replicated_upload.h"
#include "webdav/bodies.h"
#include "wire/collections.h"
#include "wire/lease_token.h"
#include "wire/removal_token.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr std::size_t kPieceBytes = 256 * 1024;
/// What a form has around its file, at most.
constexpr std::uint64_t kFormBytes = 64 * 1024;

Error unauthenticated(const Error& error) {
  return {Errc::kUnauthenticated, error.detail()};
}

Task<Result<void>> send_json(HttpExchange exchange, HttpResponse head, json::value body) {
  head.add("Content-Type", "application/json");
  std::string text = json::serialize(body) + "\n";
  // A peer that went away is nobody's concern here.
  [[maybe_unused]] const auto sent =
      co_await exchange.response.send(std::move(head), std::move(text));
  co_return Result<void>();
}

Task<Result<void>> refuse(HttpExchange exchange, int status, std::string_view why) {
  return send_json(exchange, HttpResponse(status), {{"error", why}});
}

}  // namespace

/// Elsewhere metadata is the only truth, and what it does not name is taken back.
Result<void> FidHttp::check_collection(VolumeId volume) const {
  KELP_TRY(const std::string collection, parts_.volumes.collection_of(volume));
  if (collection == kFidCollection) return {};
  return Error(
      Errc::kPermissionDenied,
      fmt::format("volume {0} keeps the objects of buckets, which are written over S3: take "
                  "file ids from a master's /dir/assign?collection={1}",
                  volume.value, kFidCollection));
}

Task<Result<void>> FidHttp::put(HttpExchange exchange, FidTarget target) {
  const HttpRequest& request = exchange.request;
  KELP_CO_TRY(std::string token, token_of(request, target));
  KELP_CO_CHECK(check_collection(target.fid.volume));
  for (const std::string_view name : {"Content-Encoding", "Content-MD5", "Content-Range"}) {
    if (request.header(name)) {
      co_return Error(Errc::kUnimplemented,
                      fmt::format("{} is not kept or checked here: leave it out", name));
    }
  }
  if (!request.content_length) co_return co_await refuse(exchange, 411, "say Content-Length");
  const std::uint64_t bytes = *request.content_length;
  const std::string_view type = request.header("Content-Type").value_or("");
  const bool form = request.method == "POST" && s3::starts_with_lower(type, "multipart/form-data");
  if (bytes > kMaxNeedleBodyBytes + (form ? kFormBytes : 0)) {
    co_return co_await refuse(exchange, 413,
                              "a needle has at most 64 MiB: larger files go over S3");
  }
  if (form) co_return co_await put_form(exchange, std::move(target), std::move(token));
  const auto share = memory_.take(std::min<std::uint64_t>(bytes, kPieceBytes));
  if (!share) co_return Error(Errc::kResourceExhausted, "limits.body_memory is spent");
  Incoming file{exchange.body, bytes, {}};
  co_return co_await store(exchange, target.fid, std::move(token), std::move(file));
}

namespace {

/// A file that is in memory.
class HeldBody final : public BodyReader {
 public:
  explicit HeldBody(std::string_view bytes) : left_(bytes) {}
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override {
    const std::size_t bytes = std::min(buffer.size(), left_.size());
    std::ranges::copy(as_bytes(left_.substr(0, bytes)), buffer.begin());
    left_.remove_prefix(bytes);
    co_return bytes;
  }

 private:
  std::string_view left_;
};

}  // namespace

/// How long the file in a form is shows only at its end, and a needle's length stands in front: it
/// is taken into memory.
Task<Result<void>> FidHttp::put_form(HttpExchange exchange, FidTarget target, std::string token) {
  const auto boundary = webdav::form_boundary(exchange.request.header("Content-Type").value_or(""));
  if (!boundary) co_return Error(Errc::kInvalidArgument, boundary.error().text);
  const auto share = memory_.take(*exchange.request.content_length + kPieceBytes);
  if (!share) co_return Error(Errc::kResourceExhausted, "limits.body_memory is spent");
  webdav::FormFile form(exchange.body, *boundary);
  const auto field = co_await form.open();
  if (!field) co_return Error(Errc::kInvalidArgument, field.error().text);
  std::string bytes;
  bytes.resize(*exchange.request.content_length);
  KELP_CO_TRY(const std::size_t size,
              co_await read_full(form, std::as_writable_bytes(std::span(bytes))));
  // The end of the form is read with its last piece: a form that is cut short is no file.
  HeldBody held(std::string_view(bytes).substr(0, size));
  Incoming file{held, size, field->filename.substr(0, kMaxObjectKeyBytes)};
  co_return co_await store(exchange, target.fid, std::move(token), std::move(file));
}

Task<Result<void>> FidHttp::store(HttpExchange exchange, FileId fid, std::string token,
                                  Incoming file) {
  KELP_CO_TRY(const Opened opened,
              co_await open(fid, std::move(token), file.body_bytes, file.name));
  std::string piece(std::min<std::uint64_t>(file.body_bytes, kPieceBytes), '\0');
  for (std::uint64_t left = file.body_bytes; left > 0;) {
    const auto buffer =
        std::as_writable_bytes(std::span(piece)).first(std::min<std::uint64_t>(left, piece.size()));
    KELP_CO_TRY(const std::size_t read, co_await read_full(file.body, buffer));
    if (read < buffer.size()) co_return Error(Errc::kInvalidArgument, "the body ends early");
    KELP_CO_CHECK(co_await opened.upload->append(buffer));
    left -= read;
  }
  const Result<void> finished = co_await opened.upload->finish();
  if (!finished && *opened.here) co_await take_back(fid);
  KELP_CO_CHECK(finished);
  KELP_CO_TRY(const NeedleFrame frame, co_await parts_.volumes.head(fid));
  const std::string etag = etag_of(frame);
  HttpResponse head(201);
  head.add("ETag", fmt::format("\"{}\"", etag));
  json::object body{{"name", file.name}, {"size", file.body_bytes}, {"eTag", etag}};
  co_return co_await send_json(exchange, std::move(head), std::move(body));
}

/// Removes what was written of a needle that is not on every copy: no collector would. It was
/// durable here, so nobody has it under that key who was told so. What a copy that does not answer
/// has of it is its client's to remove.
Task<void> FidHttp::take_back(FileId fid) {
  std::vector<FileId> fids{fid};
  const Result<void> removed = co_await parts_.everywhere.remove(std::move(fids));
  if (removed) co_return;
  logger("volume").warn("fid_left_over fid={} error={}", to_string(fid),
                        log_value(removed.error().message()));
}

namespace {

/// A needle of this server, which tells whether it became durable.
class Watched final : public NeedleUpload {
 public:
  Watched(std::unique_ptr<NeedleUpload> upload, std::shared_ptr<bool> here)
      : upload_(std::move(upload)), here_(std::move(here)) {}
  Task<Result<void>> append(ByteSpan bytes) override { return upload_->append(bytes); }
  Task<Result<void>> finish() override {
    const Result<void> finished = co_await upload_->finish();
    *here_ = finished.has_value();
    co_return finished;
  }

 private:
  const std::unique_ptr<NeedleUpload> upload_;
  const std::shared_ptr<bool> here_;
};

}  // namespace

Task<Result<FidHttp::Opened>> FidHttp::open_at(OpenNeedle request) {
  std::vector<VolumeMember> members = std::exchange(request.members, {});
  KELP_CO_TRY(auto local, co_await parts_.volumes.open(request));
  Opened opened{nullptr, std::make_shared<bool>(false)};
  opened.upload = std::make_unique<Watched>(std::move(local), opened.here);
  if (members.size() < 2) co_return std::move(opened);
  if (parts_.peers == nullptr) co_return Error(Errc::kInternal, "there is no way to the others");
  request.members = std::move(members);
  KELP_CO_TRY(opened.upload, co_await open_replicated(std::move(opened.upload), *parts_.peers,
                                                      std::move(request)));
  co_return std::move(opened);
}

/// Opened here, and by this server at the other members: durable on all when it is finished.
Task<Result<FidHttp::Opened>> FidHttp::open(FileId fid, std::string token, std::uint64_t body_bytes,
                                            std::string name) {
  for (const bool again : {false, true}) {
    KELP_CO_TRY(VolumeLocation location, co_await parts_.locate(fid.volume, again));
    const auto self =
        std::ranges::find(location.members, parts_.volumes.node_id(), &VolumeMember::node_id);
    if (location.scheme) {
      co_return Error(Errc::kConflict, fmt::format("volume {} keeps shards", fid.volume.value));
    }
    if (self == location.members.end()) {
      if (!again) continue;
      co_return Error(Errc::kConflict,
                      fmt::format("volume {} is not this server's any more", fid.volume.value));
    }
    std::iter_swap(location.members.begin(), self);
    OpenNeedle request;
    request.fid = fid;
    request.generation = location.generation;
    request.token = token;
    request.body_bytes = body_bytes;
    request.object_key = name;
    request.members = std::move(location.members);
    auto opened = co_await open_at(std::move(request));
    if (opened) co_return std::move(opened);
    if (opened.error().code() == Errc::kPermissionDenied) {
      co_return unauthenticated(opened.error());
    }
    if (opened.error().code() != Errc::kConflict || again) co_return opened.error();
  }
  co_return Error(Errc::kInternal, "unreachable");
}

Task<Result<void>> FidHttp::remove(HttpExchange exchange, FidTarget target) {
  const FileId fid = target.fid;
  KELP_CO_TRY(std::string token, token_of(exchange.request, target));
  KELP_CO_CHECK(check_collection(fid.volume));
  KELP_CO_CHECK(co_await check_removal(fid, std::move(token)));
  const auto frame = co_await parts_.volumes.head(fid);
  // One that cannot show its cookie is healed first, or stays: the cookie may be wrong.
  if (!frame && frame.error().code() != Errc::kNotFound) co_return frame.error();
  // An attempt that failed may have removed it here and not elsewhere.
  std::vector<FileId> fids{fid};
  KELP_CO_CHECK(co_await parts_.everywhere.remove(std::move(fids)));
  const std::uint64_t size = frame ? frame->header.body_bytes : 0;
  json::object body{{"size", size}};
  co_return co_await send_json(exchange, HttpResponse(frame ? 202 : 404), std::move(body));
}

/// The token of the needle's removal, or the lease that it was written under.
Task<Result<void>> FidHttp::check_removal(FileId fid, std::string token) const {
  Result<void> good;
  if (token.size() != kLeaseTokenBytes) {
    good = verify_removal(parts_.secret, token, fid, parts_.clock.wall());
  } else {
    KELP_CO_TRY(const VolumeLocation location, co_await parts_.locate(fid.volume, true));
    const auto claims =
        verify_lease(parts_.secret, token, fid, location.generation, parts_.clock.wall());
    if (!claims) good = claims.error();
  }
  if (good) co_return good;
  co_return good.error().code() == Errc::kConflict ? good.error() : unauthenticated(good.error());
}

}  // namespace kelp::server
