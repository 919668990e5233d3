// FilerService's calls that let an archived version be read for a time, and that wrap a version's
// key anew.

#include <utility>

#include "filer/core/restore.h"
#include "filer/core/rewrap.h"
#include "filer/filer_service.h"

namespace kelp {

Task<Result<RestoreOutcome>> FilerService::restore_object(RestoreObject request) {
  RestoreOutcome outcome;
  auto change = [&request, &outcome](const BucketEntry&, ObjectEntry& entry) -> Result<void> {
    KELP_TRY(outcome.extended, restore(request, entry));
    return {};
  };
  WhatChanged what{.kind = EventKind::kRestore, .origin = request.origin, .then = std::nullopt};
  if (request.copy.readable(request.now)) what.then = EventKind::kRestored;
  KELP_CO_TRY(const TaggedVersion changed,
              co_await change_version(request.name, std::move(what), std::move(change)));
  outcome.version_id = changed.version_id;
  co_return outcome;
}

Task<Result<TaggedVersion>> FilerService::rewrap_object(RewrapObject request) {
  auto change = [&request, this](const BucketEntry&, ObjectEntry& entry) {
    return rewrap(request, clock_.wall(), entry);
  };
  WhatChanged what{.kind = EventKind::kEncryption, .origin = request.origin};
  co_return co_await change_version(request.name, std::move(what), std::move(change));
}

}  // namespace kelp
