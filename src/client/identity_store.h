#pragma once

#include "async/awaitable.h"
#include "wire/identities.h"

namespace kelp {

/// The rows of users, roles and policies, from whoever keeps them: in process in `kelp server`,
/// over rpc in a cluster. They have one revision, which every change raises, so that several
/// gateways can change them and none undoes what it did not see. Safe from any io thread. Besides
/// the errors named: kUnavailable, kResourceExhausted, kIo and kCorruption.
class IdentityStore {
 public:
  virtual ~IdentityStore() = default;

  /// A page of the rows; pages of one reading belong together when they have the same revision.
  virtual Task<Result<Identities>> read_identities(ReadIdentities request) = 0;
  /// All of it or nothing, durable when it is answered; the answer is the new revision. kConflict
  /// when the revision is not the one that was named any more: read again. kInvalidArgument for an
  /// empty change or key.
  virtual Task<Result<IdentityRevision>> change_identities(ChangeIdentities request) = 0;
};

}  // namespace kelp
