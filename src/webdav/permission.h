#pragma once

#include <cstdint>
#include <string>

#include "webdav/visit.h"

namespace kelp::webdav {

// Who may do what: s3gw/authorize decides, as for S3, by the operation that a method amounts to.
// Here is what is asked. Who may not is answered 403; 404 where there is no such bucket.

/// Whether the request may do `operation` to a key of a bucket, to the bucket when `key` is empty.
/// The gateway's operations speak of these from then on.
[[nodiscard]] Task<Outcome<void>> ask(Visit& visit, s3::Operation operation, std::string bucket,
                                      std::string key);
/// Whether it may list a directory, `limit` names at a time; the same as ask() else.
[[nodiscard]] Task<Outcome<void>> ask_to_list(Visit& visit, Place place, std::uint32_t limit);

/// Whether it may, besides, know what lies in a directory.
[[nodiscard]] Task<Outcome<void>> may_list(Visit& visit, const Place& place);
/// Whether it may, besides, read what was found at a place.
[[nodiscard]] Task<Outcome<void>> may_read(Visit& visit, const Place& place,
                                           const FoundObject& object);
/// Whether it may, besides, remove a key.
[[nodiscard]] Task<Outcome<void>> may_remove(Visit& visit, std::string bucket, std::string key);

/// The failure of who asked for what is not there: 404 and `text` to who may list, else 403.
[[nodiscard]] Task<Failure> nothing_there(Visit& visit, Place place, std::string text);

}  // namespace kelp::webdav
