#include "s3gw/ops/copy_annotations.h"

#include <utility>

#include "s3gw/authorize.h"
#include "s3gw/ops/annotation_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kDirective = "x-amz-object-annotation-directive";

std::unexpected<S3Error> changed() {
  return s3_error(S3Code::kServiceUnavailable,
                  "The annotations of the source were modified during the copy. Please try again.");
}

/// The version that is copied, as it is to be named.
ObjectKey name_of(const FoundSource& source) {
  ObjectKey name{.bucket = source.name.bucket, .key = source.name.key};
  name.version_id = shown_version_id(source.object.bucket, source.object.entry);
  return name;
}

bool is_same(const ObjectEntry& a, const ObjectEntry& b) {
  return a.version == b.version && a.layout.annotations == b.layout.annotations;
}

/// Copies annotations of one version into one set.
class Copier {
 public:
  /// All must outlive it.
  Copier(Call& call, const FoundSource& source, const BucketEntry& bucket,
         const Encryption& of_copy)
      : call_(call), source_(source), bucket_(bucket), of_copy_(of_copy) {}

  Task<S3Result<Annotations>> copy_all() {
    ListAnnotations page{.object = name_of(source_)};
    for (bool more = true; more;) {
      const auto listed = co_await call_.services.deps.filer.list_annotations(page);
      if (!listed) co_return std::unexpected(source_error(listed.error()));
      if (!is_same(listed->object, source_.object.entry)) co_return changed();
      for (const ListedObject& one : listed->annotations) {
        KELP_S3_CO_CHECK(co_await copy_one(one.key));
        page.start_after = one.key;
      }
      more = listed->truncated;
    }
    // All of it was of one point in time, when nothing has changed up to here.
    const auto now = co_await call_.services.deps.filer.get_object(page.object, false);
    if (!now) co_return std::unexpected(source_error(now.error()));
    if (!is_same(now->entry, source_.object.entry)) co_return changed();
    co_return staged_;
  }

 private:
  static S3Error source_error(const Error& error) {
    if (error.code() == Errc::kNotFound) return changed().error();
    return from_error(error);
  }

  Task<S3Result<void>> copy_one(std::string name) {
    FilerClient& filer = call_.services.deps.filer;
    GetAnnotation get{
        .object = name_of(source_), .name = std::move(name), .with_inline_body = true};
    auto found = co_await filer.get_annotation(get);
    if (!found) co_return std::unexpected(source_error(found.error()));
    KELP_S3_CO_TRY(AnnotationText payload,
                   co_await read_annotation(call_, *std::move(found), true));
    PutAnnotation put{.object = {.bucket = bucket_.name}, .name = std::move(get.name)};
    put.staged = true;
    put.set = staged_.set;
    std::optional<NeedleSink> sink;
    auto storing = store_annotation(call_, bucket_.id, of_copy_, std::move(payload), put, sink);
    KELP_S3_CO_CHECK(co_await std::move(storing));
    const std::uint64_t bytes = put.entry.size_bytes;
    const auto staged = co_await filer.put_annotation(std::move(put));
    if (!staged) {
      note_refusal(call_.services.deps, staged.error());
      co_return std::unexpected(from_error(staged.error()));
    }
    if (staged->full) co_return s3_error(S3Code::kAnnotationLimitExceeded);
    staged_.set = staged->set;
    ++staged_.count;
    staged_.bytes += bytes;
    co_return S3Result<void>{};
  }

  Call& call_;
  const FoundSource& source_;
  const BucketEntry& bucket_;
  const Encryption& of_copy_;
  Annotations staged_;
};

}  // namespace

S3Result<bool> copies_annotations(const Call& call) {
  auto directive = call.header(kDirective);
  if (!directive) directive = call.parameter(kDirective);
  if (!directive || *directive == "COPY") return true;
  if (*directive == "EXCLUDE") return false;
  return std::unexpected(S3Error{
      S3Code::kInvalidArgument,
      "Unknown annotation directive.",
      {{"ArgumentName", std::string(kDirective)}, {"ArgumentValue", std::string(*directive)}}});
}

Task<S3Result<void>> authorize_annotations(Call& call, const FoundSource& source, std::string key) {
  if (source.object.entry.layout.annotations.count == 0) co_return S3Result<void>{};
  KELP_S3_CO_CHECK(
      co_await authorize_in(call, source.name.bucket, "s3:getobjectannotation", source.name.key));
  co_return co_await authorize_also(call, "s3:putobjectannotation", std::move(key));
}

Task<S3Result<Annotations>> stage_annotations(Call& call, const FoundSource& source,
                                              BucketEntry bucket, Encryption of_copy) {
  if (source.object.entry.layout.annotations.count == 0) co_return Annotations{};
  Copier copier(call, source, bucket, of_copy);
  co_return co_await copier.copy_all();
}

}  // namespace kelp::s3
