#pragma once

#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/rewrap.h"

namespace kelp {

/// Does to a version what `request` asks for. kConflict with kConditionConflict when it is not what
/// was read; kPermissionDenied with kObjectLocked for one that is locked; kInvalidArgument for a
/// wrapping that is none.
[[nodiscard]] Result<void> rewrap(const RewrapObject& request, WallTime now, ObjectEntry& entry);

}  // namespace kelp
