#include "s3gw/archive.h"

#include <algorithm>

#include "s3gw/core/restore.h"

namespace kelp::s3 {
namespace {

/// Nothing: the object is no archived one, or was never restored.
std::optional<RestoredCopy> copy_of(const Call& call, const ObjectEntry& entry) {
  if (!is_archive(call, entry.headers.storage_class)) return std::nullopt;
  return restored_copy(entry.headers);
}

}  // namespace

bool is_archive(const Call& call, std::string_view storage_class) {
  const auto& classes = call.services.options.archive_classes;
  return !storage_class.empty() && std::ranges::find(classes, storage_class) != classes.end();
}

S3Error invalid_object_state(const ObjectEntry& entry, std::string_view message) {
  const std::string& stored = entry.headers.storage_class;
  return S3Error{S3Code::kInvalidObjectState,
                 std::string(message),
                 {{"StorageClass", stored.empty() ? std::string("STANDARD") : stored}}};
}

S3Result<void> check_readable(const Call& call, const ObjectEntry& entry,
                              std::string_view message) {
  if (!is_archive(call, entry.headers.storage_class)) return {};
  const auto copy = copy_of(call, entry);
  if (copy && copy->readable(call.services.deps.clock.wall())) return {};
  return std::unexpected(invalid_object_state(entry, message));
}

void add_restore(const Call& call, const ObjectEntry& entry, HttpResponse& head) {
  const auto copy = copy_of(call, entry);
  if (!copy) return;
  const std::string line = restore_line(*copy, call.services.deps.clock.wall());
  if (!line.empty()) head.add(kRestoreHeader, line);
}

}  // namespace kelp::s3
