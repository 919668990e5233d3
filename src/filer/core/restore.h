#pragma once

#include "kelp/result.h"
#include "wire/restore.h"

namespace kelp {

/// Does to a version what `request` asks for, unless a restore is under way. True: it could be read
/// already, and has another time now. kConflict with kConditionConflict when it is not the version
/// that was read; kAlreadyExists while a restore is under way.
[[nodiscard]] Result<bool> restore(const RestoreObject& request, ObjectEntry& entry);

}  // namespace kelp
