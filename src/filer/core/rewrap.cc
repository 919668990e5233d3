#include "filer/core/rewrap.h"

#include "filer/core/object_lock.h"

namespace kelp {

Result<void> rewrap(const RewrapObject& request, WallTime now, ObjectEntry& entry) {
  Encryption& encryption = entry.headers.encryption;
  if (!request.encryption.any() || request.encryption.wrapped_key.empty()) {
    return Error(Errc::kInvalidArgument, "no wrapped key");
  }
  // Another key than the one that was wrapped anew would never open the body again.
  if (entry.version != request.version || encryption.wrapped_key != request.wrapped_key) {
    return Error(Errc::kConflict, "the object is another one now", Reason::kConditionConflict);
  }
  KELP_CHECK(check_removal(entry.headers.lock, false, now));
  encryption = request.encryption;
  return {};
}

}  // namespace kelp
