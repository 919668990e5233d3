#include <fmt/format.h>

#include "base/encoding.h"
#include "base/log.h"
#include "catalog/core/commit.h"
#include "catalog/looks.h"
#include "catalog/table_answer.h"
#include "crypto/uuid.h"

namespace kelp::catalog {
namespace {

/// A commit whose requirements still hold is tried again when another one was faster, so often.
constexpr int kMaxAttempts = 10;
/// What working on a table's metadata takes, as a multiple of its size: the JSON as a tree, and the
/// new text.
constexpr std::size_t kWorkFactor = 3;

ObjectName pointer_name(const Visit& visit, std::string_view table) {
  const Place& place = visit.place;
  return {.bucket = place.warehouse.bucket, .key = table_key(place.warehouse, place.space, table)};
}

/// Where a table lies whose request does not say: in the namespace's place or the warehouse's, in a
/// folder that no other table has, whatever becomes of its name.
Birth birth_of(const Visit& visit, const FoundNamespace& space, std::string_view table) {
  Birth birth{.uuid = random_uuid(), .location = {}, .now_ms = visit.now_ms()};
  std::string folder = place_of(visit, visit.place.space, space.properties);
  while (folder.ends_with('/')) folder.pop_back();
  birth.location =
      fmt::format("{}/{}{}", folder, url_encode(table, false), folder_suffix(birth.uuid));
  return birth;
}

/// A metadata file that was written.
struct Written {
  ObjectName name;
  std::string location;
};

Task<Outcome<Written>> write_metadata(Visit& visit, const NewTable& table,
                                      std::string_view previous) {
  std::string location = fmt::format("{}/{}", table.folder, metadata_name(previous, random_uuid()));
  KELP_CATALOG_CO_TRY(const ObjectName name, parse_location(location));
  const Expected nothing;
  KELP_CATALOG_CO_TRY(const Done done, co_await write_object(visit, name, table.metadata, nothing));
  if (done == Done::kRefused) {
    co_return failed(500, "InternalServerError", "a metadata file of that name is there already");
  }
  co_return Written{.name = name, .location = std::move(location)};
}

/// Takes back a metadata file that surely no pointer names. One that stays harms nobody.
Task<void> forget(Visit& visit, ObjectName name) {
  const std::string whatever;
  const auto removed = co_await remove_object(visit, std::move(name), whatever);
  if (removed) co_return;
  logger("catalog").debug("metadata_left request_id={} error={}", visit.id,
                          log_value(removed.error().message));
}

/// Makes the pointer name the new metadata file: the moment from which the commit counts. kRefused,
/// with the file gone again: others were faster.
Task<Outcome<Done>> swap(Visit& visit, ObjectName pointer, const NewTable& table, Written written,
                         Expected expected) {
  const Pointer to{.metadata_location = written.location, .uuid = table.uuid};
  const std::string record = encode_pointer(to);
  auto done = co_await write_object(visit, std::move(pointer), record, expected);
  if (!done && done.error().status >= 500) {
    // It may have happened: the client must not clean up.
    Failure failure = std::move(done).error();
    failure.status = 500;
    failure.type = "CommitStateUnknownException";
    co_return std::unexpected(std::move(failure));
  }
  if (!done || *done == Done::kRefused) co_await forget(visit, written.name);
  co_return done;
}

/// A table that was made must have a namespace: when that was dropped meanwhile the table goes.
Task<Outcome<void>> check_still_there(Visit& visit, std::string_view table) {
  const auto space = co_await find_namespace(visit, visit.place.space);
  if (space || space.error().status != 404) co_return Outcome<void>{};
  const ObjectName pointer = pointer_name(visit, table);
  const std::string whatever;
  KELP_CATALOG_CO_CHECK(co_await remove_object(visit, pointer, whatever));
  co_return std::unexpected(space.error());
}

/// Makes a table that must not be there.
Task<Outcome<Reply>> add_table(Visit& visit, std::string name, const NewTable& table) {
  const ObjectName pointer = pointer_name(visit, name);
  const Expected nothing;
  KELP_CATALOG_CO_TRY(const Written written, co_await write_metadata(visit, table, ""));
  KELP_CATALOG_CO_TRY(const Done done, co_await swap(visit, pointer, table, written, nothing));
  if (done == Done::kRefused) co_return table_exists_already(visit.place.space, name);
  KELP_CATALOG_CO_CHECK(co_await check_still_there(visit, name));
  co_return table_answer(visit, written.location, table.metadata);
}

/// One try of a commit. Nothing: others were faster.
Task<Outcome<std::optional<Reply>>> try_commit(Visit& visit, const FoundNamespace* space) {
  const Place& place = visit.place;
  KELP_CATALOG_CO_TRY(const auto found, co_await look_for_table(visit, place.space, place.table));
  std::string metadata;
  std::string previous;
  if (found) {
    previous = found->pointer.metadata_location;
    KELP_CATALOG_CO_TRY(metadata, co_await read_metadata(visit, previous));
  }
  KELP_CATALOG_CO_CHECK(reserve(visit, kWorkFactor * (metadata.size() + visit.text.size())));
  CommitInput input{.request = visit.text,
                    .metadata = metadata,
                    .metadata_location = previous,
                    .birth = {.uuid = {}, .location = {}, .now_ms = visit.now_ms()}};
  if (space != nullptr) input.birth = birth_of(visit, *space, place.table);
  const std::function<Outcome<NewTable>()> work = [&input] { return table_after(input); };
  KELP_CATALOG_CO_TRY(const NewTable table, co_await run_apart<NewTable>(
                                                visit, metadata.size() + visit.text.size(), work));
  KELP_CATALOG_CO_TRY(const Written written, co_await write_metadata(visit, table, previous));
  const Expected as_read{.etag = found ? found->etag : std::string()};
  const ObjectName pointer = pointer_name(visit, place.table);
  KELP_CATALOG_CO_TRY(const Done done, co_await swap(visit, pointer, table, written, as_read));
  if (done == Done::kRefused) co_return std::nullopt;
  if (!found) {
    KELP_CATALOG_CO_CHECK(co_await check_still_there(visit, place.table));
  }
  co_return table_answer(visit, written.location, table.metadata);
}

}  // namespace

Task<Outcome<Reply>> create_table(Visit& visit) {
  KELP_CATALOG_CO_TRY(const Object request, parse_object(visit.text));
  KELP_CATALOG_CO_TRY(const std::string name, text_of(request, "name"));
  KELP_CATALOG_CO_CHECK(check_name(name));
  KELP_CATALOG_CO_TRY(const bool staged, flag_of(request, "stage-create"));
  KELP_CATALOG_CO_TRY(const FoundNamespace space,
                      co_await find_namespace(visit, visit.place.space));
  KELP_CATALOG_CO_TRY(const auto there, co_await look_for_table(visit, visit.place.space, name));
  if (there) co_return table_exists_already(visit.place.space, name);
  KELP_CATALOG_CO_CHECK(reserve(visit, kWorkFactor * visit.text.size()));
  const Birth birth = birth_of(visit, space, name);
  const std::function<Outcome<NewTable>()> work = [&visit, &birth] {
    return table_of_request(visit.text, birth);
  };
  KELP_CATALOG_CO_TRY(const NewTable table,
                      co_await run_apart<NewTable>(visit, visit.text.size(), work));
  KELP_CATALOG_CO_CHECK(parse_location(table.folder));
  if (staged) co_return table_answer(visit, {}, table.metadata);
  co_return co_await add_table(visit, name, table);
}

Task<Outcome<Reply>> register_table(Visit& visit) {
  KELP_CATALOG_CO_TRY(const Object request, parse_object(visit.text));
  KELP_CATALOG_CO_TRY(const std::string name, text_of(request, "name"));
  KELP_CATALOG_CO_CHECK(check_name(name));
  KELP_CATALOG_CO_TRY(const std::string location, text_of(request, "metadata-location"));
  KELP_CATALOG_CO_TRY(const bool overwrite, flag_of(request, "overwrite"));
  KELP_CATALOG_CO_CHECK(co_await find_namespace(visit, visit.place.space));
  KELP_CATALOG_CO_TRY(const ObjectName file, parse_location(location));
  KELP_CATALOG_CO_TRY(const auto found, co_await read_object(visit, file));
  if (!found) co_return bad_request("there is no such metadata file: " + location);
  KELP_CATALOG_CO_CHECK(reserve(visit, kWorkFactor * found->text.size()));
  const std::function<Outcome<NewTable>()> work = [&found] { return table_of_file(found->text); };
  KELP_CATALOG_CO_TRY(const NewTable table,
                      co_await run_apart<NewTable>(visit, found->text.size(), work));
  const Pointer pointer{.metadata_location = location, .uuid = table.uuid};
  std::optional<Expected> expected;
  if (!overwrite) expected = Expected{};
  const ObjectName key = pointer_name(visit, name);
  const std::string record = encode_pointer(pointer);
  KELP_CATALOG_CO_TRY(const Done done, co_await write_object(visit, key, record, expected));
  if (done == Done::kRefused) co_return table_exists_already(visit.place.space, name);
  KELP_CATALOG_CO_CHECK(co_await check_still_there(visit, name));
  co_return table_answer(visit, location, table.metadata);
}

Task<Outcome<Reply>> commit_table(Visit& visit) {
  const Place& place = visit.place;
  const auto space = co_await find_namespace(visit, place.space);
  // Where there is no namespace there is no table: the specification has no other 404 here.
  if (!space && space.error().status == 404) co_return no_such_table(place.space, place.table);
  if (!space) co_return std::unexpected(space.error());
  const auto own = static_cast<std::ptrdiff_t>(visit.memory.size());
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_CATALOG_CO_TRY(auto reply, co_await try_commit(visit, &*space));
    if (reply) co_return *std::move(reply);
    visit.memory.erase(visit.memory.begin() + own, visit.memory.end());
  }
  co_return commit_failed("others kept changing the table meanwhile");
}

}  // namespace kelp::catalog
