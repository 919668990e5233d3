// A browser's upload of a form: POST Object. Source: "POST Object" of the S3 developer guide.

#include <algorithm>

#include "base/encoding.h"
#include "s3gw/auth_post.h"
#include "s3gw/authorize.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/form_data.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"
#include "s3gw/core/post_form.h"
#include "s3gw/core/post_policy.h"
#include "s3gw/core/sealing.h"
#include "s3gw/core/tags.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/encryption.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/file_part.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/sealing_sink.h"
#include "s3gw/ops/stored_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// Files that may be larger go into needles while they arrive; smaller ones are gathered first.
constexpr std::uint64_t kGatherBytes = 512 * 1024;

/// A form up to its file.
struct Form {
  PostFields fields;
  std::string begun;      ///< The first bytes of the file, and perhaps what follows it.
  std::string delimiter;  ///< What ends the file.
  FileLength length;      ///< What the file's length can be.
  PostPolicy policy;
};

Task<S3Result<Form>> read_form(Call& call) {
  KELP_S3_CO_TRY(const std::string boundary,
                 form_boundary(call.header("content-type").value_or("")));
  if (!call.http.content_length) co_return s3_error(S3Code::kMissingContentLength);
  const std::uint64_t total = *call.http.content_length;
  std::string begun(static_cast<std::size_t>(std::min<std::uint64_t>(total, 2 * kMaxFormBytes)),
                    '\0');
  auto read = co_await read_full(call.body, std::as_writable_bytes(std::span(begun)));
  KELP_S3_CO_TRY(const std::size_t bytes, std::move(read));
  begun.resize(bytes);
  call.bytes_in = bytes;
  KELP_S3_CO_TRY(FormHead head, parse_form_head(begun, boundary, bytes == total));
  Form form;
  form.delimiter = file_delimiter(boundary);
  const std::uint64_t shortest_end = form.delimiter.size() + 2;
  if (total < head.file_begins + shortest_end) co_return s3_error(S3Code::kMalformedPOSTRequest);
  form.length.most = total - head.file_begins - shortest_end;
  // What may stand behind the file is bounded, and so is what is not known of its length.
  if (form.length.most > kGatherBytes) form.length.least = form.length.most - kMaxFormBytes;
  begun.erase(0, head.file_begins);
  form.begun = std::move(begun);
  form.fields = post_fields(std::move(head));
  co_return form;
}

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

/// Whether it may be the name of a header.
bool is_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 127 &&
           std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string::npos;
  });
}

/// Makes the fields the headers of the call: what a PUT says in headers a form says in fields.
S3Result<void> take_as_headers(Call& call, const PostFields& fields) {
  call.auth.hoisted.clear();
  for (const PostField& field : fields) {
    if (field.lower.starts_with(kMetaPrefix) && !is_token(field.lower)) {
      return bad_argument("The name of a form field is not valid.", field.name, {});
    }
    call.auth.hoisted.emplace_back(field.lower == "acl" ? "x-amz-acl" : field.lower, field.value);
  }
  call.with_hoisted.clear();
  for (const auto& [name, value] : call.auth.hoisted) call.with_hoisted.push_back({name, value});
  call.headers = call.with_hoisted;
  return {};
}

/// Who signed the form, and that it is used as its signer meant.
S3Result<void> admit_form(Call& call, Form& form) {
  const GatewayDeps& deps = call.services.deps;
  const std::string* const key = find_field(form.fields, "key");
  if (key == nullptr) return missing_field("key");
  const AuthOptions options{.region = call.services.options.region};
  KELP_S3_TRY(call.auth,
              authenticate_form(form.fields, deps.credentials, deps.clock.wall(), options));
  // Of an anonymous form nobody signed what it may hold: the bucket alone decides.
  if (call.auth.credential != nullptr) {
    KELP_S3_TRY(form.policy, parse_post_policy(*find_field(form.fields, "policy")));
    KELP_S3_CHECK(
        check_post_policy(form.policy, form.fields, call.request.bucket, deps.clock.wall()));
    KELP_S3_CHECK(check_length(form.policy, form.length));
  }
  if (key->empty()) {
    return bad_argument("User key must have a length greater than 0.", "key", {});
  }
  KELP_S3_CHECK(check_key(*key));
  call.request.key = *key;
  call.request.scope = Scope::kObject;
  return {};
}

/// Where the bytes of a file go whose length is known within kMaxFormBytes: those that are there
/// for sure to needles, the rest to memory.
class FormSink final : public ByteSink {
 public:
  FormSink(ByteSink* needles, std::uint64_t certain) : needles_(needles), certain_(certain) {}

  Task<S3Result<void>> append(ByteSpan bytes) override {
    const ByteSpan sure = bytes.first(sure_of(bytes));
    if (!sure.empty()) {
      KELP_S3_CO_CHECK(co_await needles_->append(sure));
      certain_ -= sure.size();
    }
    rest.append(as_text(bytes.subspan(sure.size())));
    co_return S3Result<void>{};
  }
  Task<S3Result<void>> make_room() override {
    if (certain_ > 0) co_return co_await needles_->make_room();
    co_return S3Result<void>{};
  }
  S3Result<std::size_t> append_here(ByteSpan bytes) override {
    if (certain_ == 0) return std::size_t{0};
    KELP_S3_TRY(const std::size_t taken, needles_->append_here(bytes.first(sure_of(bytes))));
    certain_ -= taken;
    return taken;
  }

  std::string rest;

 private:
  [[nodiscard]] std::size_t sure_of(ByteSpan bytes) const {
    return static_cast<std::size_t>(std::min<std::uint64_t>(certain_, bytes.size()));
  }
  ByteSink* needles_;
  std::uint64_t certain_;
};

/// The needles of a file; they must live until the commit that names them has returned.
struct FileSinks {
  std::optional<NeedleSink> certain;
  std::optional<NeedleSink> rest;
};

/// Stores what a FormSink kept in memory.
Task<S3Result<void>> store_rest(Call& call, std::string rest, NeedleSink::Target target,
                                FileSinks& sinks, StoredBody& stored) {
  if (rest.empty()) co_return S3Result<void>{};
  const bool all = stored.chunks.empty();
  if (all && rest.size() <= call.services.deps.filer.inline_limit_bytes()) {
    stored.inline_body = std::move(rest);
    co_return S3Result<void>{};
  }
  target.total_bytes = rest.size();
  if (!all) target.origin.total_bytes = kUnknownLength;
  sinks.rest.emplace(call.services.deps, std::move(target));
  KELP_S3_CO_CHECK(co_await sinks.rest->append(as_bytes(rest)));
  KELP_S3_CO_TRY(const std::vector<Chunk> chunks, co_await sinks.rest->finish());
  stored.chunks.insert(stored.chunks.end(), chunks.begin(), chunks.end());
  co_return S3Result<void>{};
}

/// Reads the file to where it stays, and proves what the form says of it.
Task<S3Result<StoredBody>> store_file(Call& call, Form& form, PayloadSpec spec, BucketId bucket,
                                      std::string storage_class, FileSinks& sinks, BodyKey key) {
  // Which frame is the last one of an encrypted file is known at its end.
  const std::uint64_t certain =
      key.any() ? bytes_before_last(form.length.least) : form.length.least;
  NeedleSink::Target target{.bucket = bucket,
                            .object_key = call.request.key,
                            .total_bytes = certain,
                            .storage_class = std::move(storage_class),
                            .origin = {.bucket = call.request.bucket}};
  std::optional<BufferPool::Buffer> room;
  if (certain > 0) {
    NeedleSink::Target first = target;
    first.origin.total_bytes = kUnknownLength;
    first.total_bytes = stored_bytes(key.encryption, certain);
    target.origin.offset = first.total_bytes;
    sinks.certain.emplace(call.services.deps, std::move(first));
  } else {
    room = call.services.buffers.reserve(static_cast<std::size_t>(form.length.most));
    if (!room) co_return s3_error(S3Code::kSlowDown);
  }
  ByteSink* needles = sinks.certain ? &*sinks.certain : nullptr;
  std::optional<SealingSink> sealing;
  if (key.any() && certain > 0) {
    std::vector<SealedBody> bodies{{1, form.length.most}};
    auto opened = SealingSink::open(call.services, key, *needles, std::move(bodies));
    if (!opened) co_return std::unexpected(std::move(opened).error());
    sealing.emplace(*std::move(opened));
    needles = &*sealing;
  }
  FormSink sink(needles, certain);
  FilePart file(call.body, std::move(form.begun), form.delimiter);
  HttpRequest http = call.http;
  http.content_length.reset();
  Call inner{.services = call.services,
             .http = http,
             .body = file,
             .response = call.response,
             .id = call.id,
             .headers = call.headers};
  auto received = co_await receive_stream(inner, std::move(spec), sink);
  call.bytes_in = *call.http.content_length;
  if (file.broken()) co_return s3_error(S3Code::kMalformedPOSTRequest);
  StoredBody stored;
  KELP_S3_CO_TRY(stored.result, std::move(received));
  KELP_S3_CO_CHECK(co_await file.finish());
  const std::uint64_t bytes = stored.result.decoded_bytes;
  KELP_S3_CO_CHECK(check_length(form.policy, {.least = bytes, .most = bytes}));
  stored.result.md5 = shown_md5(key, std::move(stored.result.md5));
  if (sealing) {
    KELP_S3_CO_TRY(sink.rest, co_await sealing->settle(std::move(sink.rest)));
  } else if (key.any()) {
    sink.rest = seal_body(key.key, 1, new_salt(), sink.rest);
  }
  if (sinks.certain) {
    KELP_S3_CO_TRY(stored.chunks, co_await sinks.certain->finish());
  }
  mark_sealed(key.encryption, target);
  KELP_S3_CO_CHECK(
      co_await store_rest(call, std::move(sink.rest), std::move(target), sinks, stored));
  co_return stored;
}

/// The object's address, as the browser reaches it.
std::string location_of(const Call& call) {
  std::string url = call.http.secure ? "https://" : "http://";
  url += find_header(call.http.headers, "host").value_or("");
  if (!call.request.virtual_hosted) url += "/" + call.request.bucket;
  return url + "/" + url_encode(call.request.key, false);
}

/// A value in the query of a redirect: as a form encodes it.
std::string form_encoded(std::string_view text) {
  std::string encoded = url_encode(text, false);
  for (std::size_t at = 0; (at = encoded.find("%20", at)) != encoded.npos;) {
    encoded.replace(at, 3, "+");
  }
  return encoded;
}

/// Where the browser goes next; empty: nowhere.
std::string redirect_of(const Call& call, const PostFields& fields, std::string_view etag) {
  const std::string* url = find_field(fields, "success_action_redirect");
  if (url == nullptr) url = find_field(fields, "redirect");
  if (url == nullptr) return {};
  if (!starts_with_lower(*url, "http://") && !starts_with_lower(*url, "https://")) return {};
  return *url + (url->contains('?') ? "&" : "?") + "bucket=" + call.request.bucket +
         "&key=" + form_encoded(call.request.key) + "&etag=" + form_encoded(etag);
}

std::string post_response(const Call& call, std::string_view location, std::string_view etag) {
  std::string body;
  XmlWriter xml(body);
  xml.begin_plain("PostResponse");
  xml.element("Location", location);
  xml.element("Bucket", std::string_view(call.request.bucket));
  xml.element("Key", std::string_view(call.request.key));
  xml.etag(etag);
  xml.close("PostResponse");
  return body;
}

/// The answer's head and body, but for the version.
std::pair<HttpResponse, std::string> answer_of(Call& call, const PostFields& fields,
                                               const ObjectEntry& entry) {
  const std::string etag = etag_text(entry);
  const std::string location = location_of(call);
  const std::string redirect = redirect_of(call, fields, "\"" + etag + "\"");
  const std::string* const asked = find_field(fields, "success_action_status");
  int status = 204;
  if (!redirect.empty()) {
    status = 303;
  } else if (asked != nullptr && (*asked == "200" || *asked == "201")) {
    status = *asked == "200" ? 200 : 201;
  }
  HttpResponse head = begin_response(call, status);
  add_etag(entry, head);
  head.add("Location", redirect.empty() ? location : redirect);
  add_checksums(entry.checksums, head);
  add_encryption(call, entry.headers.encryption, head);
  std::string body;
  if (status == 201) {
    head.add("Content-Type", "application/xml");
    body = post_response(call, location, etag);
  }
  return {std::move(head), std::move(body)};
}

}  // namespace

// As put_object(): what can be refused is refused before the file is read, and the commit at the
// end is the moment from which the object is there.
Task<S3Result<void>> post_object(Call& call) {
  KELP_S3_CO_TRY(Form form, co_await read_form(call));
  S3Result<void> admitted = admit_form(call, form);
  if (!admitted && co_await known_by_now(call.services.deps.news, admitted.error().code)) {
    admitted = admit_form(call, form);
  }
  KELP_S3_CO_CHECK(admitted);
  const Credential* const signer = call.auth.credential;
  const auto permit = call.services.limits.enter_key(
      signer == nullptr ? std::string_view() : signer->access_key, call.services.deps.clock.mono());
  if (!permit) co_return s3_error(S3Code::kSlowDown);
  KELP_S3_CO_CHECK(take_as_headers(call, form.fields));
  KELP_S3_CO_CHECK(co_await authorize(call));
  PutObject request{.bucket = call.request.bucket, .key = call.request.key};
  KELP_S3_CO_TRY(request.entry.headers, read_object_headers(call.headers));
  if (const std::string* const tags = find_field(form.fields, "tagging")) {
    KELP_S3_CO_CHECK(co_await authorize_also(call, "s3:putobjecttagging", call.request.key));
    KELP_S3_CO_TRY(request.entry.headers.tags, parse_tagging(*tags, kMaxObjectTags));
  }
  PayloadHead promises{.headers = call.headers,
                       .content_length = form.length.most,
                       .claim = {},
                       .chunk_signing = std::nullopt,
                       .default_checksum = ChecksumAlgorithm::kCrc64Nvme};
  KELP_S3_CO_TRY(PayloadSpec spec, parse_payload_spec(promises));
  spec.is_length_limit = true;
  KELP_S3_CO_CHECK(check_upload_size(spec));
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(NewOwner owner, new_owner(call));
  request.entry.headers.acl = std::move(owner.acl);
  take_default_class(call, bucket, request.entry.headers);
  KELP_S3_CO_CHECK(check_lock(call, bucket, request.entry.headers.lock));
  KELP_S3_CO_TRY(BodyKey key, co_await key_for_write(call, bucket));
  request.entry.headers.encryption = key.encryption;
  AskForRoom room{.size_bytes = form.length.least};
  KELP_S3_CO_CHECK(co_await check_room(call, bucket, std::move(room)));

  FileSinks sinks;
  auto storing = store_file(call, form, std::move(spec), bucket.id,
                            request.entry.headers.storage_class, sinks, std::move(key));
  KELP_S3_CO_TRY(StoredBody stored, co_await std::move(storing));
  request.entry.owner_id = std::move(owner.id);
  take_body(std::move(stored), request);
  auto [head, body] = answer_of(call, form.fields, request.entry);
  request.conditions.origin = origin_of(call, EventCause::kPost);
  const std::string key_put = request.key;
  ObjectEntry told = told_of_expiration(call, request.entry);
  const auto outcome = co_await call.services.deps.filer.put_object(std::move(request));
  if (!outcome) {
    note_refusal(call.services.deps, outcome.error());
    co_return std::unexpected(from_error(outcome.error()));
  }
  add_version_id(outcome->version_id, head);
  told.modified = outcome->modified;
  add_expiration(call, key_put, told, head);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
