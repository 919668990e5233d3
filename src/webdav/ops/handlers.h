#pragma once

#include "webdav/tree.h"
#include "webdav/visit.h"

namespace kelp::webdav {

/// Runs a method and sends its answer, or returns the failure that is to be sent. The visit
/// outlives it.
using Handler = Task<Outcome<void>> (*)(Visit& visit);

/// The function of a method; null for one that is not known.
[[nodiscard]] Handler handler_of(std::string_view method);
/// The methods, as Allow lists them.
[[nodiscard]] std::string_view known_methods();

// ops/get.cc
Task<Outcome<void>> get(Visit& visit);  ///< Also HEAD.

// ops/put.cc
Task<Outcome<void>> put(Visit& visit);
Task<Outcome<void>> post(Visit& visit);

// ops/remove.cc
Task<Outcome<void>> remove(Visit& visit);

// ops/mkcol.cc
Task<Outcome<void>> mkcol(Visit& visit);

// ops/copy_move.cc
Task<Outcome<void>> copy(Visit& visit);
Task<Outcome<void>> move(Visit& visit);

// ops/properties.cc
Task<Outcome<void>> propfind(Visit& visit);
Task<Outcome<void>> proppatch(Visit& visit);

// ops/locks.cc
Task<Outcome<void>> lock(Visit& visit);
Task<Outcome<void>> unlock(Visit& visit);

}  // namespace kelp::webdav
