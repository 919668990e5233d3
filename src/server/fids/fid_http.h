#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "client/volume_nodes.h"
#include "net/http.h"
#include "server/fids/fid_request.h"
#include "volume/volume_service.h"
#include "wire/lease.h"

namespace kelp::server {

/// What the volume servers' HTTP works with; all must outlive it.
struct FidHttpParts {
  VolumeService& volumes;    ///< This server's own: what is read, and written through.
  VolumeClient& everywhere;  ///< Removes at every member of a volume.
  VolumeNodes* peers;        ///< The other volume servers; null: there are none.
  /// Where a volume is. `again`: what was said before did not hold.
  std::function<Task<Result<VolumeLocation>>(VolumeId, bool again)> locate;
  Clock& clock;                   ///< What the masters date tokens by.
  std::string secret;             ///< That tokens are signed with.
  std::uint64_t body_memory = 0;  ///< Bytes of bodies on their way; more get 503.
};

/// Needles by file id, for scripts and debugging (docs/operations/volume-http.md): GET and HEAD of
/// what lies on this server, verified; PUT, POST and DELETE with a token of the masters, of
/// kFidCollection alone. A needle of a bucket is shown to this machine only. Safe from any io
/// thread.
class FidHttp final : public HttpHandler {
 public:
  explicit FidHttp(FidHttpParts parts) : parts_(std::move(parts)), memory_(parts_.body_memory) {}

  Task<void> handle(HttpExchange exchange) override;
  [[nodiscard]] std::pair<std::string, std::string> refusal(int status,
                                                            const Error& error) override;

 private:
  /// A file of a request, on its way into a needle.
  struct Incoming {
    BodyReader& body;
    std::uint64_t body_bytes = 0;
    std::string name;
  };

  Task<Result<void>> answer(HttpExchange exchange);
  Task<Result<void>> status(HttpExchange exchange);

  Task<Result<void>> get(HttpExchange exchange, FidTarget target);
  Task<Result<void>> send_body(HttpExchange exchange, HttpResponse head, FileId fid,
                               std::uint64_t offset, std::uint64_t bytes);

  Task<Result<void>> put(HttpExchange exchange, FidTarget target);
  Task<Result<void>> put_form(HttpExchange exchange, FidTarget target, std::string token);
  Task<Result<void>> store(HttpExchange exchange, FileId fid, std::string token, Incoming file);
  /// A needle being written to every copy.
  struct Opened {
    std::unique_ptr<NeedleUpload> upload;
    std::shared_ptr<bool> here;  ///< Durable on this server, and so nobody else's.
  };
  Task<Result<Opened>> open(FileId fid, std::string token, std::uint64_t body_bytes,
                            std::string name);
  Task<Result<Opened>> open_at(OpenNeedle request);
  Task<void> take_back(FileId fid);
  Task<Result<void>> remove(HttpExchange exchange, FidTarget target);

  [[nodiscard]] Result<void> check_collection(VolumeId volume) const;
  Task<Result<void>> check_removal(FileId fid, std::string token) const;

  const FidHttpParts parts_;
  MemoryBudget memory_;
};

}  // namespace kelp::server
