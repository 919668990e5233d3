#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "raft/core/types.h"
#include "wire/fid.h"
#include "wire/lease.h"

namespace kelp::test {

/// The bytes that a test writes under `fid`: whoever knows the fid knows them.
[[nodiscard]] std::string body_of(const FileId& fid, std::uint64_t bytes);

/// What really happened in a cluster, as an observer of all its machines sees it. Each broken
/// promise ends up in `violations`.
class ClusterHistory {
 public:
  struct Needle {
    FileId fid;
    std::uint64_t bytes = 0;
    bool acknowledged = false;
  };
  /// A master that leads.
  struct Lead {
    raft::Term term;
    raft::NodeId master;
    MonoTime since;
  };

  /// A master sent `message`: one leader a term, one entry a place, and what was once committed
  /// stays.
  void sent(const raft::Message& message, MonoTime now);
  /// A master granted `lease`; no key of it was leased before.
  void leased(const WriteLease& lease, const std::string& master);
  /// A client begins to write; nobody wrote under this key before.
  void begun(const FileId& fid, std::uint64_t bytes);
  void acknowledged(const FileId& fid);
  /// A read of [offset, offset + bytes.size()) succeeded.
  void read(const FileId& fid, std::uint64_t offset, std::string_view bytes,
            const std::string& where);
  void violated(std::string what);
  /// The masters begin anew, with empty disks.
  void forget_raft();

  /// The newest leader that was heard.
  [[nodiscard]] std::optional<Lead> newest_lead() const;
  [[nodiscard]] const std::map<NeedleKey, Needle>& needles() const { return needles_; }
  [[nodiscard]] std::uint64_t acks() const { return acks_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  [[nodiscard]] std::size_t terms() const { return leads_.size(); }
  /// Any needle that a client began to write.
  [[nodiscard]] const Needle* any(Rng& rng) const;

  std::vector<std::string> violations;

 private:
  void lead(const raft::Message& message, MonoTime now);
  void commit(raft::Term leader, raft::LogIndex index);

  struct Known {
    raft::Term term;
    std::string data;
  };
  std::map<raft::Term, Lead> leads_;
  std::map<std::pair<raft::LogIndex, raft::Term>, std::string> entries_;
  std::map<raft::Term, std::map<raft::LogIndex, raft::Term>> logs_;  ///< Of each leader.
  std::map<raft::LogIndex, raft::Term> committed_;
  std::map<std::uint64_t, std::uint64_t> leased_;  ///< First key and end of each lease.
  std::map<NeedleKey, Needle> needles_;
  std::vector<NeedleKey> keys_;
  std::uint64_t acks_ = 0;
  std::uint64_t reads_ = 0;
};

}  // namespace kelp::test
