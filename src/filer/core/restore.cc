#include "filer/core/restore.h"

namespace kelp {

Result<bool> restore(const RestoreObject& request, ObjectEntry& entry) {
  if (entry.version != request.version) {
    return Error(Errc::kConflict, "the object is another one now", Reason::kConditionConflict);
  }
  const auto before = restored_copy(entry.headers);
  if (before && before->under_way(request.now)) {
    return Error(Errc::kAlreadyExists, "a restore of the object is under way");
  }
  const bool readable = before && before->readable(request.now);
  RestoredCopy copy = request.copy;
  if (readable) copy.ready = before->ready;
  set_restored_copy(entry.headers, copy);
  return readable;
}

}  // namespace kelp
