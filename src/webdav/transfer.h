#pragma once

#include <functional>

#include "webdav/tree.h"

namespace kelp::webdav {

/// One object, from where to where.
struct Journey {
  ObjectKey from;
  ObjectKey to;
  BucketEntry to_bucket;
  bool overwrite = true;  ///< Else 412 when the destination is there.
};
/// Copies an object with all that clients attached to it: its needles get a second name, nothing is
/// moved. Returns the entry as it was read. Asks for the source; the destination is for the caller.
[[nodiscard]] Task<Outcome<ObjectEntry>> copy_object(Visit& visit, Journey journey);
/// Renames it: one commit, whatever its size. The caller has asked.
[[nodiscard]] Task<Outcome<void>> move_object(Visit& visit, Journey journey);

/// Gives an object other headers: the same as copying it onto itself. `change` gets those it has.
/// 409 when others kept changing it.
[[nodiscard]] Task<Outcome<void>> change_headers(
    Visit& visit, ObjectKey name, std::function<Outcome<void>(ObjectHeaders&)> change);

/// What COPY, MOVE and their like are to do.
struct TransferPlan {
  bool move = false;
  bool deep = true;       ///< Of a directory, all that is in it.
  bool overwrite = true;  ///< Else 412 when something stands at the destination.
  bool needs_parent = true;
  bool over_directory = true;  ///< Else 409 when a directory stands at the destination.
};
/// Copies or moves a file or directory to `to`, whose trailing slash means nothing. A directory
/// goes file by file, several at once, or, where nothing can be refused, within a bucket many in a
/// commit; what was done before a failure stays done.
/// Returns  whether something was replaced.
/// Errors   403 onto itself or into itself, or above a bucket, or without leave; 409 without a
///          parent; 412; 423.
[[nodiscard]] Task<Outcome<bool>> transfer(Visit& visit, Found source, Place to, TransferPlan plan);

}  // namespace kelp::webdav
