#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/encryption.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/stored_body.h"
#include "s3gw/write_headers.h"
#include "webdav/append.h"
#include "webdav/core/dav_xml.h"
#include "webdav/core/write_options.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"
#include "webdav/transfer.h"

namespace kelp::webdav {
namespace {

/// A file about to be written: everything that could be refused was.
struct Writing {
  BucketEntry bucket;
  ObjectHeaders headers;
  bool known = false;   ///< Whether it is known what stood there:
  bool exists = false;  ///< a file.
};

/// Users' headers of another store count as S3's.
void rename_headers(Visit& visit) {
  constexpr std::string_view kTheirs = "seaweed-";
  s3::Call& call = visit.call;
  call.with_hoisted.assign(call.http.headers.begin(), call.http.headers.end());
  for (HttpHeader& header : call.with_hoisted) {
    if (!s3::starts_with_lower(header.name, kTheirs)) continue;
    visit.names.push_back("x-amz-meta-" + std::string(header.name.substr(kTheirs.size())));
    header.name = visit.names.back();
  }
  call.headers = call.with_hoisted;
}

/// Properties stay with a file whose content changes (RFC 4918 section 9.7.1).
void keep_dead_props(const ObjectEntry& old, ObjectHeaders& headers) {
  const auto is_props = [](const auto& line) { return line.first == kDeadPropsName; };
  const auto kept = std::ranges::find_if(old.headers.user, is_props);
  if (kept == old.headers.user.end() || std::ranges::any_of(headers.user, is_props)) return;
  headers.user.push_back(*kept);
}

Task<Outcome<Writing>> prepare(Visit& visit, const Place& place) {
  Writing writing;
  rename_headers(visit);
  KELP_DAV_CO_TRY(writing.headers, s3::read_object_headers(visit.call.headers));
  KELP_DAV_CO_CHECK(co_await ask(visit, s3::Operation::kPutObject, place.bucket, place.key));
  KELP_DAV_CO_TRY(writing.bucket, co_await s3::own_bucket(visit.call));
  if (place.strict) {
    KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, place));
    if (found.directory()) co_return failed(405, "it is a directory");
    KELP_DAV_CO_CHECK(co_await check_parent(visit, place));
    writing.known = true;
    writing.exists = found.file();
    if (found.file()) keep_dead_props(found.object->entry, writing.headers);
  }
  KELP_DAV_CO_CHECK(check_locks(visit, place, {.parent = !writing.exists}));
  co_return writing;
}

/// What was written, for the answer.
struct Written {
  std::uint64_t size_bytes = 0;
  std::string etag;
};

Task<Outcome<Written>> commit(Visit& visit, PutObject request) {
  KELP_DAV_CO_CHECK(give_owner(visit, request.entry));
  KELP_DAV_CO_TRY(request.conditions, s3::write_conditions(visit.call));
  Written written{request.entry.size_bytes, etag_text(request.entry)};
  const WriteConditions conditions = request.conditions;
  const auto outcome = co_await visit.filer().put_object(std::move(request));
  if (outcome) co_return written;
  s3::note_refusal(visit.call.services.deps, outcome.error());
  co_return std::unexpected(as_failure(s3::write_error(outcome.error(), conditions)));
}

/// A body whose length is known: the gateway's way.
Task<Outcome<Written>> write_known(Visit& visit, Writing writing) {
  s3::Call& call = visit.call;
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  request.entry.headers = std::move(writing.headers);
  KELP_DAV_CO_TRY(request.conditions, s3::write_conditions(call));
  const s3::BodyNeeds needs{.default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  KELP_DAV_CO_TRY(s3::PayloadSpec spec, s3::payload_spec(call, needs));
  KELP_DAV_CO_CHECK(s3::check_upload_size(spec));
  AskForRoom room{.size_bytes = spec.decoded_bytes};
  KELP_DAV_CO_CHECK(co_await s3::check_room(call, writing.bucket, std::move(room)));
  std::optional<s3::NeedleSink> sink;
  std::string& storage_class = request.entry.headers.storage_class;
  storage_class = writing.bucket.storage_class;
  KELP_DAV_CO_TRY(s3::BodyKey key, co_await s3::key_for_write(call, writing.bucket));
  request.entry.headers.encryption = key.encryption;
  auto storing =
      s3::store_body(call, std::move(spec), sink, writing.bucket.id, storage_class, std::move(key));
  KELP_DAV_CO_TRY(s3::StoredBody stored, co_await std::move(storing));
  s3::take_body(std::move(stored), request);
  co_return co_await commit(visit, std::move(request));
}

/// One that ends when it ends.
Task<Outcome<Written>> write_loose(Visit& visit, BodyReader& body, Writing writing) {
  const s3::Call& call = visit.call;
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  request.entry.headers = std::move(writing.headers);
  KELP_DAV_CO_TRY(request.conditions, s3::write_conditions(call));
  KELP_DAV_CO_CHECK(co_await refuse_sealed(visit, writing.bucket));
  LooseBodyPlan plan{.bucket = writing.bucket, .key = request.key, .front = {}};
  KELP_DAV_CO_TRY(LooseBody stored, co_await store_loose(visit, body, std::move(plan)));
  take_body(stored, request);
  co_return co_await commit(visit, std::move(request));
}

Task<void> reply_written(Visit& visit, const Place& place, Written written, bool replaced) {
  HttpResponse head = s3::begin_response(visit.call, replaced ? 204 : 201);
  head.add("ETag", '"' + written.etag + '"');
  std::string body;
  if (!place.strict) {
    boost::json::object said;
    said["name"] = name_of(place);
    said["size"] = written.size_bytes;
    said["eTag"] = written.etag;
    body = boost::json::serialize(said) + "\n";
    head.add("Content-Type", "application/json");
  }
  co_await reply(visit, std::move(head), std::move(body));
}

/// mv.from and cp.from: the target is the path, or a place in it when it is a directory.
Task<Outcome<void>> relocate(Visit& visit, WriteOptions options) {
  KELP_DAV_CO_CHECK(refuse_body(visit));
  const bool move = !options.move_from.empty();
  KELP_DAV_CO_TRY(const Place from,
                  parse_plain_place(move ? options.move_from : options.copy_from));
  KELP_DAV_CO_TRY(const Found source, co_await look_up(visit, from));
  if (source.kind == Found::Kind::kNothing) {
    co_return std::unexpected(co_await nothing_there(visit, from, "the source is not there"));
  }
  KELP_DAV_CO_TRY(const Found at, co_await look_up(visit, visit.place));
  Place to = visit.place;
  const bool into = to.slash || at.directory();
  if (into) to = child_of(to, name_of(source.place));
  // Directories are not merged.
  const TransferPlan plan{.move = move, .needs_parent = to.strict, .over_directory = !into};
  KELP_DAV_CO_CHECK(co_await transfer(visit, source, to, plan));
  co_await reply_empty(visit, 204);
  co_return Outcome<void>{};
}

/// A path with a slash and no body.
Task<Outcome<void>> put_directory(Visit& visit) {
  const Place& place = visit.place;
  KELP_DAV_CO_CHECK(co_await ask(visit, s3::Operation::kPutObject, place.bucket, place.prefix()));
  KELP_DAV_CO_CHECK(check_locks(visit, place, {.parent = true}));
  const auto made = co_await make_directory(visit, place);
  if (!made && made.error().status != 405) co_return std::unexpected(made.error());
  co_await reply_empty(visit, 201);
  co_return Outcome<void>{};
}

Outcome<WriteOptions> options_of(const Visit& visit) {
  const Level level = visit.place.level;
  if (level != Level::kBucket && level != Level::kEntry) {
    return failed(403, "files are written below /buckets/BUCKET/ and nowhere else");
  }
  const StoreFacts facts{visit.place.bucket, visit.site.options.replication};
  return read_write_options(visit.query.parameters(), facts);
}

/// A file out of a form, below the path, or at it when that has no trailing slash.
Task<Outcome<void>> upload_form(Visit& visit, std::string boundary) {
  FormFile file(visit.call.body, boundary);
  KELP_DAV_CO_TRY(const FormCutter::Field field, co_await file.open());
  Place place = visit.place;
  if (place.slash || place.level == Level::kBucket) {
    if (field.filename.contains('/') || field.filename == "." || field.filename == "..") {
      co_return failed(400, "the form's file name is none");
    }
    place = child_of(place, field.filename);
  }
  KELP_DAV_CO_CHECK(s3::check_key(place.key));
  KELP_DAV_CO_TRY(Writing writing, co_await prepare(visit, place));
  writing.headers.content_type = field.content_type;
  const bool exists = writing.exists;
  KELP_DAV_CO_TRY(Written written, co_await write_loose(visit, file, std::move(writing)));
  co_await reply_written(visit, place, std::move(written), exists);
  co_return Outcome<void>{};
}

}  // namespace

Task<Outcome<void>> put(Visit& visit) {
  KELP_DAV_CO_TRY(const WriteOptions options, options_of(visit));
  if (!options.move_from.empty() || !options.copy_from.empty()) {
    co_return co_await relocate(visit, options);
  }
  const Place place = visit.place;
  if (place.level == Level::kBucket || place.slash) {
    if (!refuse_body(visit) || place.level == Level::kBucket) {
      co_return failed(place.strict ? 405 : 400, "a directory has no content: name a file in it");
    }
    co_return co_await put_directory(visit);
  }
  KELP_DAV_CO_TRY(Writing writing, co_await prepare(visit, place));
  const bool exists = writing.exists;
  if (options.append) {
    if (visit.call.header("if-match") || visit.call.header("if-none-match")) {
      co_return failed(400, "op=append takes no conditions: it fails when the file changes");
    }
    KELP_DAV_CO_TRY(Appended appended,
                    co_await append_to_file(visit, visit.call.body, std::move(writing.bucket),
                                            place.key, std::move(writing.headers)));
    Written written{appended.size_bytes, std::move(appended.etag)};
    co_await reply_written(visit, place, std::move(written), exists);
    co_return Outcome<void>{};
  }
  Outcome<Written> outcome;
  if (visit.call.http.chunked) {
    outcome = co_await write_loose(visit, visit.call.body, std::move(writing));
  } else {
    outcome = co_await write_known(visit, std::move(writing));
  }
  KELP_DAV_CO_TRY(Written written, std::move(outcome));
  co_await reply_written(visit, place, std::move(written), exists);
  co_return Outcome<void>{};
}

Task<Outcome<void>> post(Visit& visit) {
  const std::string_view type = visit.call.header("content-type").value_or("");
  if (!s3::starts_with_lower(type, "multipart/form-data")) co_return co_await put(visit);
  KELP_DAV_CO_TRY(const WriteOptions options, options_of(visit));
  if (options.append || !options.move_from.empty() || !options.copy_from.empty()) {
    co_return failed(400, "a form is uploaded as it is: without op, mv.from and cp.from");
  }
  KELP_DAV_CO_TRY(std::string boundary, form_boundary(type));
  co_return co_await upload_form(visit, std::move(boundary));
}

}  // namespace kelp::webdav
