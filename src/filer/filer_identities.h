#pragma once

#include <string>

#include "client/identity_store.h"
#include "kv/kv_async.h"

namespace kelp {

/// The rows of users, roles and policies in the metadata store (docs/formats/identities.md). A
/// change is one commit, under the condition that the revision is still the one that was read; any
/// number of filers may share the store. Thread-safe.
class FilerIdentities final : public IdentityStore {
 public:
  /// Both must outlive this. `page_bytes`: about how much a page holds.
  FilerIdentities(KvStore& store, WorkPool& pool, std::size_t page_bytes = 512 << 10)
      : kv_(store, pool), page_bytes_(page_bytes) {}

  Task<Result<Identities>> read_identities(ReadIdentities request) override;
  Task<Result<IdentityRevision>> change_identities(ChangeIdentities request) override;

 private:
  KvAsync kv_;
  const std::size_t page_bytes_;
};

}  // namespace kelp
