// fs.mv: other keys for an object, or for all below a prefix.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "server/shell/handlers.h"

namespace kelp::server {
namespace {

/// Renames all objects below `from`; how many.
Task<Result<std::uint64_t>> move_prefix(FilerClient& filer, RenamePrefix request) {
  std::uint64_t objects = 0;
  while (true) {
    KELP_CO_TRY(RenamedPrefix renamed, co_await filer.rename_prefix(request));
    objects += renamed.objects;
    if (!renamed.more) co_return objects;
    request.start_after = std::move(renamed.next);
  }
}

}  // namespace

Task<Result<ShellReply>> fs_mv(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const ShellPath from = path_of(arguments.get("FROM"));
  const ShellPath to = path_of(arguments.get("TO"));
  const bool many = from.key.ends_with('/');
  if (from.key.empty() || to.key.empty() || many != to.key.ends_with('/')) {
    co_return Error(Errc::kInvalidArgument,
                    "two objects, /bucket/key, or two prefixes with a slash at the end, are named");
  }
  if (many && from.bucket != to.bucket) {
    co_return Error(Errc::kInvalidArgument, "a prefix is renamed within its bucket");
  }
  const std::string what =
      fmt::format("{} of the bucket {} to {} of {}", from.key, from.bucket, to.key, to.bucket);
  ShellChange change;
  if (!many) {
    ObjectKey name{.bucket = from.bucket, .key = from.key};
    KELP_CO_CHECK(co_await filer->get_object(std::move(name), false));
    change.steps.push_back("rename the object " + what);
    RenameObject request{.from = {.bucket = from.bucket, .key = from.key},
                         .to = {.bucket = to.bucket, .key = to.key}};
    co_return co_await apply_or_show(world, arguments.apply, change,
                                     without_value(filer->rename_object(std::move(request))));
  }
  change.steps.push_back("rename all objects below " + what);
  RenamePrefix request{.bucket = from.bucket, .from = from.key, .to = to.key, .start_after = {}};
  co_return co_await apply_or_show(world, arguments.apply, change,
                                   without_value(move_prefix(*filer, std::move(request))));
}

}  // namespace kelp::server
