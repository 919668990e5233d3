// The filer keeps the same promises in process, in a simulated world and over TCP.
#include "tests/unit/client/rpc_bindings.h"

namespace kelp::test {
namespace {

Task<void> filer_answers(Clients c) {
  RandomMessage random(11);
  Script& s = c.fakes.filer.script;
  FilerClient& f = c.filer;
  const auto name = random.make<UploadName>();
  const auto bucket = random.make<BucketMessage>();
  co_await answers(s, bucket, f.create_bucket(bucket.bucket), &BucketMessage::bucket);
  co_await answers(s, BucketName{"b"}, f.get_bucket("b"), &BucketMessage::bucket);
  EXPECT_EQ(f.inline_limit_bytes(), FakeFiler::kInlineLimit);
  co_await answers(s, BucketName{"b"}, f.delete_bucket("b"));
  co_await answers(s, BucketName{"b"}, f.drop_bucket("b"));
  const auto buckets = random.make<ListBuckets>();
  co_await answers(s, buckets, f.list_buckets(buckets));
  co_await answers(s, BucketName{"b"}, f.bucket_usage("b"));
  const auto quota = random.make<SetBucketQuota>();
  co_await answers(s, quota, f.set_bucket_quota(quota), &BucketMessage::bucket);
  const auto versioning = random.make<SetBucketVersioning>();
  co_await answers(s, versioning, f.set_bucket_versioning(versioning), &BucketMessage::bucket);
  const auto setting = random.make<BucketSetting>();
  co_await answers(s, setting, f.get_bucket_setting(setting));
  co_await answers(s, setting, f.set_bucket_setting(setting));
  const auto settings = random.make<GetBucketSettings>();
  co_await answers(s, settings, f.get_bucket_settings(settings));
  const auto listing = random.make<ListBucketSettings>();
  co_await answers(s, listing, f.list_bucket_settings(listing));
  const auto storage_class = random.make<SetBucketClass>();
  co_await answers(s, storage_class, f.set_bucket_class(storage_class), &BucketMessage::bucket);
  const auto bucket_lock = random.make<SetBucketLock>();
  co_await answers(s, bucket_lock, f.set_bucket_lock(bucket_lock), &BucketMessage::bucket);
  const auto events = random.make<SetBucketEvents>();
  co_await answers(s, events, f.set_bucket_events(events), &BucketMessage::bucket);
  const auto read = random.make<ReadEvents>();
  co_await answers(s, read, f.read_events(read));
  const auto room = random.make<AskForRoom>();
  co_await answers(s, room, f.ask_for_room(room));
  const auto put = random.make<PutObject>();
  co_await answers(s, put, f.put_object(put));
  const auto share = random.make<ShareObject>();
  co_await answers(s, share, f.share_object(share));
  const auto append = random.make<AppendObject>();
  co_await answers(s, append, f.append_object(append));
  const auto rename = random.make<RenameObject>();
  co_await answers(s, rename, f.rename_object(rename));
  const auto find = random.make<FindRename>();
  co_await answers(s, find, f.find_rename(find));
  const auto prefix = random.make<RenamePrefix>();
  co_await answers(s, prefix, f.rename_prefix(prefix));
  const auto get = random.make<GetObject>();
  co_await answers(s, get, f.get_object(get.name, get.with_inline_body));
  const auto manifest = random.make<GetManifest>();
  co_await answers(s, manifest, f.get_manifest(manifest.manifest), &ManifestChunks::chunks);
  const auto del = random.make<DeleteObject>();
  co_await answers(s, del, f.delete_object(del.name, del.conditions));
  const auto list = random.make<ListObjects>();
  co_await answers(s, list, f.list_objects(list));
  const auto versions = random.make<ListVersions>();
  co_await answers(s, versions, f.list_versions(versions));
  const auto tags = random.make<SetObjectTags>();
  co_await answers(s, tags, f.set_object_tags(tags));
  const auto acl = random.make<SetObjectAcl>();
  co_await answers(s, acl, f.set_object_acl(acl));
  const auto lock = random.make<SetObjectLock>();
  co_await answers(s, lock, f.set_object_lock(lock));
  const auto restore = random.make<RestoreObject>();
  co_await answers(s, restore, f.restore_object(restore));
  const auto rewrap = random.make<RewrapObject>();
  co_await answers(s, rewrap, f.rewrap_object(rewrap));
  const auto annotation = random.make<PutAnnotation>();
  co_await answers(s, annotation, f.put_annotation(annotation));
  const auto get_annotation = random.make<GetAnnotation>();
  co_await answers(s, get_annotation, f.get_annotation(get_annotation));
  const auto annotations = random.make<ListAnnotations>();
  co_await answers(s, annotations, f.list_annotations(annotations));
  const auto no_annotation = random.make<DeleteAnnotation>();
  co_await answers(s, no_annotation, f.delete_annotation(no_annotation));
  const auto create = random.make<CreateUpload>();
  co_await answers(s, create, f.create_upload(create));
  co_await answers(s, name, f.get_upload(name));
  const auto part = random.make<PutPart>();
  co_await answers(s, part, f.put_part(part));
  const auto share_part = random.make<SharePart>();
  co_await answers(s, share_part, f.share_part(share_part));
  co_await answers(s, ListParts{name, 5, 6}, f.list_parts(name, 5, 6));
  const auto uploads = random.make<ListUploads>();
  co_await answers(s, uploads, f.list_uploads(uploads));
  co_await answers(s, name, f.abort_upload(name));
  const auto complete = random.make<CompleteUpload>();
  co_await answers(s, complete, f.complete_upload(complete));
}
TEST(Bindings, TheFilersAnswersComeWhole) {
  everywhere(filer_answers);
}

Task<void> filer_fails(Clients c) {
  RandomMessage random(12);
  FilerClient& f = c.filer;
  EXPECT_TRUE(co_await f.get_bucket("b"));
  c.fakes.filer.script.set_error(scripted_error());
  const auto name = random.make<UploadName>();
  co_await fails(f.create_bucket({}));
  co_await fails(f.get_bucket("b"));
  co_await fails(f.delete_bucket("b"));
  co_await fails(f.drop_bucket("b"));
  co_await fails(f.list_buckets({}));
  co_await fails(f.bucket_usage("b"));
  co_await fails(f.set_bucket_quota({}));
  co_await fails(f.set_bucket_versioning({}));
  co_await fails(f.set_bucket_class({}));
  co_await fails(f.set_bucket_lock({}));
  co_await fails(f.set_bucket_events({}));
  co_await fails(f.read_events({}));
  co_await fails(f.get_bucket_setting({}));
  co_await fails(f.get_bucket_settings({}));
  co_await fails(f.set_bucket_setting({}));
  co_await fails(f.list_bucket_settings({}));
  co_await fails(f.ask_for_room({}));
  co_await fails(f.put_object(random.make<PutObject>()));
  co_await fails(f.get_object({"b", "k"}, true));
  co_await fails(f.delete_object({"b", "k"}, {}));
  co_await fails(f.delete_objects({}));
  co_await fails(f.list_objects({}));
  co_await fails(f.list_versions({}));
  co_await fails(f.put_annotation({}));
  co_await fails(f.get_annotation({}));
  co_await fails(f.list_annotations({}));
  co_await fails(f.delete_annotation({}));
  co_await fails(f.set_object_tags({}));
  co_await fails(f.set_object_acl({}));
  co_await fails(f.set_object_lock({}));
  co_await fails(f.restore_object({}));
  co_await fails(f.rewrap_object({}));
  co_await fails(f.get_manifest(1));
  co_await fails(f.create_upload({}));
  co_await fails(f.get_upload(name));
  co_await fails(f.put_part({}));
  co_await fails(f.share_object(random.make<ShareObject>()));
  co_await fails(f.share_part({}));
  co_await fails(f.append_object(random.make<AppendObject>()));
  co_await fails(f.rename_object({}));
  co_await fails(f.rename_prefix({}));
  co_await fails(f.list_parts(name, 1, 2));
  co_await fails(f.list_uploads({}));
  co_await fails(f.abort_upload(name));
  co_await fails(f.complete_upload({}));
}
TEST(Bindings, TheFilersErrorsKeepTheirReason) {
  everywhere(filer_fails);
}

Task<void> delete_many(Clients c) {
  const DeleteObjects four{"b", {"0", "1", "2", "3"}, {std::nullopt, kNullVersion, 7, 8}};
  const auto outcomes = co_await c.filer.delete_objects(four);
  EXPECT_EQ(c.fakes.filer.script.last(), encode_message(four));
  EXPECT_TRUE(outcomes && outcomes->size() == 4);
  if (!outcomes || outcomes->size() != 4) co_return;
  EXPECT_TRUE((*outcomes)[0] && (*outcomes)[0]->existed);
  EXPECT_TRUE((*outcomes)[2] && !(*outcomes)[2]->existed);
  EXPECT_EQ((*outcomes)[3].error().reason(), Reason::kNoSuchKey);
  EXPECT_EQ((*outcomes)[3].error().detail(), "not 3");
  std::vector<std::string> keys(1000, std::string(1024, 'k'));
  DeleteObjects all{"b", std::move(keys), {}};
  all.version_ids.assign(1000, ~0ULL);
  const auto many = co_await c.filer.delete_objects(std::move(all));
  EXPECT_TRUE(many && many->size() == 1000) << "the largest request that S3 knows";
}
TEST(Bindings, ADeleteOfManyHasAnOutcomeForEach) {
  everywhere(delete_many);
}

Task<void> largest_object(Clients c) {
  PutObject put;
  put.entry.etag = std::string(16, 'e');
  const std::uint64_t chunk = 8 << 20;
  for (std::uint64_t i = 0; i < (5ULL << 40) / chunk; ++i) {
    put.entry.layout.chunks.push_back(
        {{VolumeId(200), NeedleKey(1ULL << 40 | i), Cookie(0xffffffff)}, chunk});
  }
  co_await answers(c.fakes.filer.script, put, c.filer.put_object(put));
}
TEST(Bindings, AnObjectOfFiveTebibytesFits) {
  everywhere(largest_object);
}

}  // namespace
}  // namespace kelp::test
