#pragma once

#include <memory>
#include <string>

#include "client/volume_nodes.h"
#include "raft/node/transport.h"

namespace kelp::server {

/// For a group of one master: there is nobody to talk to.
class NoTransport final : public raft::Transport {
 public:
  void receive(Receiver) override {}
  void send(raft::Message) override {}
  Task<Result<void>> send_chunk(raft::NodeId, raft::SnapshotChunk) override {
    co_return Error(Errc::kUnavailable, "this group of masters has one member");
  }
};

/// The volume server of this process, whatever its address.
class OneVolumeNode final : public VolumeNodes {
 public:
  /// `node` must outlive whoever calls at().
  explicit OneVolumeNode(VolumeNode& node) : node_(std::shared_ptr<VolumeNode>(), &node) {}
  std::shared_ptr<VolumeNode> at(const std::string&) override { return node_; }

 private:
  std::shared_ptr<VolumeNode> node_;
};

}  // namespace kelp::server
