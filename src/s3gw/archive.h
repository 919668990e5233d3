#pragma once

#include <string_view>

#include "s3gw/call.h"
#include "wire/entry.h"

namespace kelp::s3 {

/// Whether objects of a class must be restored before they are read: those of
/// GatewayOptions::archive_classes.
[[nodiscard]] bool is_archive(const Call& call, std::string_view storage_class);

/// InvalidObjectState, with `message` or the code's own text, for an object of such a class which
/// is not restored now. For whatever reads the bytes of an object.
[[nodiscard]] S3Result<void> check_readable(const Call& call, const ObjectEntry& entry,
                                            std::string_view message = {});

/// Adds x-amz-restore where the object is restored, or about to be.
void add_restore(const Call& call, const ObjectEntry& entry, HttpResponse& head);

/// The error of a class that allows no such thing.
[[nodiscard]] S3Error invalid_object_state(const ObjectEntry& entry, std::string_view message = {});

}  // namespace kelp::s3
