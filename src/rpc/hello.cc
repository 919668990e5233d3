#include "rpc/hello.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "crypto/digest.h"

namespace kelp {
namespace {

constexpr std::size_t kProofBytes = 32;
constexpr std::size_t kSecretLeastBytes = 16;

struct Nonces {
  std::string_view client;
  std::string_view server;
};

/// Side, cluster and both nonces are in it, so a proof fits one side of one connection only.
std::string proof(const RpcIdentity& identity, std::string_view side, const Nonces& nonces) {
  std::string text;
  ByteWriter writer(text);
  writer.text("kelp rpc 1");
  writer.text(side);
  writer.text(identity.cluster_id);
  writer.raw(nonces.client);
  writer.raw(nonces.server);
  return std::string(view(hmac_sha256(identity.secret, text)));
}

std::string make_nonce(const RandomBytes& random) {
  std::string nonce(kNonceBytes, '\0');
  random(std::as_writable_bytes(std::span(nonce)));
  return nonce;
}

void require_secret(const RpcIdentity& identity) {
  KELP_ASSERT(identity.secret.size() >= kSecretLeastBytes, "a cluster secret has 16 bytes or more");
}

Error other_cluster(std::string_view theirs) {
  // The peer's claim goes into a log: only its length is safe to repeat.
  return {Errc::kPermissionDenied,
          fmt::format("the peer belongs to another cluster (id of {} bytes)", theirs.size())};
}

}  // namespace

ClientHello::ClientHello(const RpcIdentity& identity, const RandomBytes& random)
    : identity_(identity), nonce_(make_nonce(random)) {
  require_secret(identity);
}

std::string ClientHello::open() const {
  std::string out;
  ByteWriter writer(out);
  writer.text(identity_.cluster_id);
  writer.raw(nonce_);
  return out;
}

Result<std::string> ClientHello::confirm(std::string_view answer) const {
  ByteReader reader(answer);
  const auto cluster = reader.text();
  const auto nonce = reader.raw(kNonceBytes);
  const auto theirs = reader.raw(kProofBytes);
  KELP_CHECK(reader.finish("rpc hello answer"));
  if (cluster != identity_.cluster_id) return other_cluster(cluster);
  const Nonces nonces{.client = nonce_, .server = nonce};
  if (!equal_constant_time(theirs, proof(identity_, "server", nonces))) {
    return Error(Errc::kUnauthenticated, "the server has another cluster secret");
  }
  return proof(identity_, "client", nonces);
}

ServerHello::ServerHello(const RpcIdentity& identity, const RandomBytes& random)
    : identity_(identity), nonce_(make_nonce(random)) {
  require_secret(identity);
}

Result<std::string> ServerHello::answer(std::string_view open) {
  ByteReader reader(open);
  const auto cluster = reader.text();
  client_nonce_ = reader.raw(kNonceBytes);
  KELP_CHECK(reader.finish("rpc hello"));
  if (cluster != identity_.cluster_id) return other_cluster(cluster);
  std::string out;
  ByteWriter writer(out);
  writer.text(identity_.cluster_id);
  writer.raw(nonce_);
  const Nonces nonces{.client = client_nonce_, .server = nonce_};
  writer.raw(proof(identity_, "server", nonces));
  return out;
}

Result<void> ServerHello::accept(std::string_view confirm) const {
  const Nonces nonces{.client = client_nonce_, .server = nonce_};
  if (!equal_constant_time(confirm, proof(identity_, "client", nonces))) {
    return Error(Errc::kUnauthenticated, "the client has another cluster secret");
  }
  return {};
}

}  // namespace kelp
