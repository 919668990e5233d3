#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "filer/core/keys.h"
#include "tests/unit/filer/filer_world.h"
#include "wire/sealed.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

constexpr FilerOptions kSmallParts{.min_part_bytes = 10};

template <typename T>
void expect_error(const Result<T>& result, Errc code, Reason reason = Reason::kNone) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_EQ(result.error().reason(), reason) << result.error().message();
}

std::string md5_of(const std::string& body) {
  Digest digest(DigestAlgorithm::kMd5);
  digest.update(body);
  return digest.finish();
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

UploadName start(FilerWorld& world, std::string key, CreateUpload create = {}) {
  create.bucket = "photos";
  create.key = key;
  create.owner_id = "alice";
  const auto upload = world.run(world.filer.create_upload(std::move(create)));
  EXPECT_TRUE(upload);
  return {"photos", std::move(key), upload->upload_id};
}

PutPart part_of(FilerWorld& world, const UploadName& upload, std::uint32_t number,
                const std::string& body) {
  PutPart part;
  part.upload = upload;
  part.part_number = number;
  part.size_bytes = body.size();
  part.md5 = md5_of(body);
  if (!body.empty()) part.chunks.push_back(world.chunk(body.size()));
  return part;
}

NamedPart named(std::uint32_t number, const std::string& body) {
  return {number, hex_encode(md5_of(body)), {}};
}

std::size_t rows_within(FilerWorld& world, char space) {
  return world.store->scan(keys::within(std::string(1, space)), 100'000).value().size();
}

TEST(FilerUploads, JoinsPartsInTheirOrder) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  CreateUpload create;
  create.headers.content_type = "video/mp4";
  create.headers.storage_class = "STANDARD_IA";
  const UploadName upload = start(world, "film", create);
  const std::string one(10, 'a');
  const std::string two(12, 'b');
  const std::string three(3, 'c');
  const PutPart last = part_of(world, upload, 9, three);
  const PutPart first = part_of(world, upload, 2, one);
  const PutPart middle = part_of(world, upload, 5, two);
  for (const PutPart& part : {last, first, middle}) {
    ASSERT_TRUE(world.run(world.filer.put_part(part)));
  }
  const auto listed = world.run(world.filer.list_parts(upload, 0, 2));
  ASSERT_TRUE(listed) << listed.error().message();
  ASSERT_EQ(listed->parts.size(), 2U);
  EXPECT_EQ(listed->parts[0].part_number, 2U);
  EXPECT_EQ(listed->parts[1].part_number, 5U);
  EXPECT_TRUE(listed->truncated);
  const auto more = world.run(world.filer.list_parts(upload, 5, 2));
  ASSERT_EQ(more->parts.size(), 1U);
  EXPECT_EQ(more->parts[0].md5, md5_of(three));
  EXPECT_FALSE(more->truncated);
  EXPECT_EQ(more->upload.headers.content_type, "video/mp4");

  CompleteUpload complete;
  complete.upload = upload;
  complete.parts = {named(2, one), named(5, two), named(9, three)};
  const auto completed = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(completed) << completed.error().message();
  EXPECT_EQ(completed->etag, hex_encode(md5_of(md5_of(one) + md5_of(two) + md5_of(three))) + "-3");
  const auto found = world.run(world.filer.get_object({"photos", "film"}, true));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->entry.size_bytes, 25U);
  EXPECT_EQ(found->entry.version, completed->version);
  EXPECT_EQ(found->entry.headers.content_type, "video/mp4");
  EXPECT_EQ(found->entry.headers.storage_class, "STANDARD_IA");
  EXPECT_EQ(found->entry.owner_id, "alice");
  EXPECT_THAT(found->entry.layout.chunks,
              testing::ElementsAre(first.chunks[0], middle.chunks[0], last.chunks[0]));
  ASSERT_EQ(found->entry.parts.size(), 3U);
  EXPECT_EQ(found->entry.parts[2].part_number, 9U);
  EXPECT_EQ(rows_within(world, keys::kUpload), 0U);
  EXPECT_EQ(rows_within(world, keys::kDead), 0U);
}

TEST(FilerUploads, AnswersARepeatedCompleteForAWeek) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName upload = start(world, "film");
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 1, "x"))));
  CompleteUpload complete;
  complete.upload = upload;
  complete.parts = {named(1, "x")};
  const auto first = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(first);
  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "film", "other"))));
  const auto again = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->etag, first->etag);
  EXPECT_EQ(again->version, first->version);
  CompleteUpload elsewhere = complete;
  elsewhere.upload.key = "other";
  expect_error(world.run(world.filer.complete_upload(elsewhere)), Errc::kNotFound,
               Reason::kNoSuchUpload);
  world.clock.advance(std::chrono::days(7) + std::chrono::seconds(1));
  expect_error(world.run(world.filer.complete_upload(complete)), Errc::kNotFound,
               Reason::kNoSuchUpload);
}

TEST(FilerUploads, RefusesAWrongComplete) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName upload = start(world, "film");
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 1, "small"))));
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 2, "last"))));
  const auto complete = [&](std::vector<NamedPart> parts) {
    CompleteUpload request;
    request.upload = upload;
    request.parts = std::move(parts);
    return world.run(world.filer.complete_upload(std::move(request)));
  };
  expect_error(complete({}), Errc::kInvalidArgument);
  expect_error(complete({named(1, "small"), named(2, "last")}), Errc::kInvalidArgument,
               Reason::kPartTooSmall);
  expect_error(complete({named(2, "last"), named(1, "small")}), Errc::kInvalidArgument,
               Reason::kInvalidPartOrder);
  expect_error(complete({named(1, "small"), named(1, "small")}), Errc::kInvalidArgument,
               Reason::kInvalidPartOrder);
  expect_error(complete({named(3, "small")}), Errc::kInvalidArgument, Reason::kInvalidPart);
  expect_error(complete({named(1, "other")}), Errc::kInvalidArgument, Reason::kInvalidPart);
  NamedPart with_checksum = named(1, "small");
  with_checksum.checksums.push_back({ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject, "abcd"});
  expect_error(complete({with_checksum}), Errc::kInvalidArgument, Reason::kInvalidPart);

  CompleteUpload request;
  request.upload = upload;
  request.parts = {named(1, "small")};
  request.object_bytes = 6;
  expect_error(world.run(world.filer.complete_upload(request)), Errc::kInvalidArgument);
  request.object_bytes = 5;
  request.conditions.if_match = "*";
  expect_error(world.run(world.filer.complete_upload(request)), Errc::kNotFound,
               Reason::kNoSuchKey);
  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "film", "there"))));
  request.conditions = {.if_none_match_any = true};
  expect_error(world.run(world.filer.complete_upload(request)), Errc::kPrecondition,
               Reason::kConditionFailed);
  request.conditions = {};
  ASSERT_TRUE(world.run(world.filer.complete_upload(request)));
  // The part that was not named is dead now; the object it replaced was inline.
  EXPECT_EQ(rows_within(world, keys::kDead), 1U);
  EXPECT_EQ(rows_within(world, kBulkPrefix), 0U);
  const auto usage = world.run(world.filer.bucket_usage("photos"));
  EXPECT_EQ(usage->objects, 1);
  EXPECT_EQ(usage->bytes, 5);
}

TEST(FilerUploads, NamesWhatIsMissing) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName upload = start(world, "film");
  for (const char* id : {"", "nonsense", "00000000000000ff", "00000000000000FF"}) {
    const UploadName wrong{"photos", "film", id};
    expect_error(world.run(world.filer.get_upload(wrong)), Errc::kNotFound, Reason::kNoSuchUpload);
    expect_error(world.run(world.filer.put_part(part_of(world, wrong, 1, "x"))), Errc::kNotFound,
                 Reason::kNoSuchUpload);
    expect_error(world.run(world.filer.list_parts(wrong, 0, 10)), Errc::kNotFound,
                 Reason::kNoSuchUpload);
    expect_error(world.run(world.filer.abort_upload(wrong)), Errc::kNotFound,
                 Reason::kNoSuchUpload);
    CompleteUpload complete;
    complete.upload = wrong;
    complete.parts = {named(1, "x")};
    expect_error(world.run(world.filer.complete_upload(complete)), Errc::kNotFound,
                 Reason::kNoSuchUpload);
  }
  UploadName other_key = upload;
  other_key.key = "fil";
  expect_error(world.run(world.filer.get_upload(other_key)), Errc::kNotFound,
               Reason::kNoSuchUpload);
  UploadName no_bucket = upload;
  no_bucket.bucket = "nope";
  expect_error(world.run(world.filer.get_upload(no_bucket)), Errc::kNotFound,
               Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.put_part(part_of(world, upload, 0, "x"))),
               Errc::kInvalidArgument);
  expect_error(world.run(world.filer.put_part(part_of(world, upload, 10'001, "x"))),
               Errc::kInvalidArgument);
  EXPECT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 10'000, "x"))));
}

TEST(FilerUploads, TakesEncryptedPartsOfTheirSealedLengthOnly) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  CreateUpload create;
  create.headers.encryption = {EncryptionKind::kS3, false, {}, {}, "wrapped"};
  const UploadName upload = start(world, "film", create);
  EXPECT_EQ(world.run(world.filer.get_upload(upload))->headers.encryption,
            create.headers.encryption);
  PutPart part = part_of(world, upload, 3, "twenty bytes of body");
  expect_error(world.run(world.filer.put_part(part)), Errc::kInvalidArgument);
  part.chunks = {world.chunk(sealed_bytes(20))};
  ASSERT_TRUE(world.run(world.filer.put_part(part)));
  CompleteUpload complete;
  complete.upload = upload;
  complete.parts = {named(3, "twenty bytes of body")};
  ASSERT_TRUE(world.run(world.filer.complete_upload(complete)));
  const auto found = world.run(world.filer.get_object({"photos", "film"}, false));
  EXPECT_EQ(found->entry.size_bytes, 20U);
  EXPECT_EQ(found->entry.headers.encryption, create.headers.encryption);
  const UploadName plain = start(world, "plain");
  PutPart longer = part_of(world, plain, 3, "x");
  longer.chunks = {world.chunk(sealed_bytes(1))};
  expect_error(world.run(world.filer.put_part(longer)), Errc::kInvalidArgument);
}

TEST(FilerUploads, ReplacesAPart) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName upload = start(world, "film");
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 1, "first"))));
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 1, "second"))));
  EXPECT_EQ(rows_within(world, keys::kDead), 1U);
  const auto listed = world.run(world.filer.list_parts(upload, 0, 10));
  ASSERT_EQ(listed->parts.size(), 1U);
  EXPECT_EQ(listed->parts[0].md5, md5_of("second"));
}

TEST(FilerUploads, BuriesAnAbortedUpload) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName upload = start(world, "film");
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 1, "one"))));
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, upload, 2, "two"))));
  ASSERT_TRUE(world.run(world.filer.abort_upload(upload)));
  EXPECT_EQ(rows_within(world, keys::kUpload), 0U);
  EXPECT_EQ(rows_within(world, keys::kDead), 2U);
  expect_error(world.run(world.filer.abort_upload(upload)), Errc::kNotFound, Reason::kNoSuchUpload);
}

TEST(FilerUploads, CombinesCrcsToOneOfTheWholeObject) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  CreateUpload create;
  create.checksum_algorithm = ChecksumAlgorithm::kCrc32;
  create.checksum_type = ChecksumType::kFullObject;
  const UploadName upload = start(world, "film", create);
  const std::string one(11, 'a');
  const std::string two(7, 'b');
  CompleteUpload complete;
  complete.upload = upload;
  std::uint32_t number = 0;
  for (const std::string& body : {one, two}) {
    PutPart part = part_of(world, upload, ++number, body);
    part.checksums.push_back(
        {ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject, big_endian(crc32(as_bytes(body)))});
    ASSERT_TRUE(world.run(world.filer.put_part(part)));
    complete.parts.push_back(named(number, body));
    complete.parts.back().checksums = part.checksums;
  }
  const Checksum whole{ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject,
                       big_endian(crc32(as_bytes(one + two)))};
  complete.full_checksum = whole;
  complete.full_checksum->value[0] ^= 1;
  expect_error(world.run(world.filer.complete_upload(complete)), Errc::kInvalidArgument);
  complete.full_checksum = whole;
  const auto completed = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(completed) << completed.error().message();
  EXPECT_THAT(completed->checksums, testing::ElementsAre(whole));
  const auto found = world.run(world.filer.get_object({"photos", "film"}, false));
  EXPECT_EQ(found->entry.parts[0].checksums.size(), 1U);
}

TEST(FilerUploads, HashesChecksumsToACompositeOne) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  CreateUpload create;
  create.checksum_algorithm = ChecksumAlgorithm::kSha256;
  const UploadName upload = start(world, "film", create);
  std::string values;
  CompleteUpload complete;
  complete.upload = upload;
  std::uint32_t number = 0;
  for (const std::string& body : {std::string(10, 'a'), std::string("b")}) {
    PutPart part = part_of(world, upload, ++number, body);
    part.checksums.push_back(
        {ChecksumAlgorithm::kSha256, ChecksumType::kFullObject, std::string(view(sha256(body)))});
    values += part.checksums[0].value;
    ASSERT_TRUE(world.run(world.filer.put_part(part)));
    complete.parts.push_back(named(number, body));
  }
  const auto completed = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(completed) << completed.error().message();
  EXPECT_THAT(completed->checksums,
              testing::ElementsAre(Checksum{ChecksumAlgorithm::kSha256, ChecksumType::kComposite,
                                            std::string(view(sha256(values))), 2}));
}

TEST(FilerUploads, ListsUploadsByKeyThenAge) {
  FilerWorld world(1, kSmallParts);
  world.make_bucket("photos");
  const UploadName b1 = start(world, "b");
  const UploadName a = start(world, std::string("a\0z", 3));
  const UploadName b2 = start(world, "b");
  const UploadName d = start(world, "dir/x");
  ASSERT_TRUE(world.run(world.filer.put_part(part_of(world, b1, 1, "x"))));
  ListUploads request;
  request.bucket = "photos";
  request.delimiter = "/";
  request.limit = 2;
  const auto page = world.run(world.filer.list_uploads(request));
  ASSERT_TRUE(page) << page.error().message();
  ASSERT_EQ(page->uploads.size(), 2U);
  EXPECT_EQ(page->uploads[0].upload_id, a.upload_id);
  EXPECT_EQ(page->uploads[0].key, a.key);
  EXPECT_EQ(page->uploads[1].upload_id, b1.upload_id);
  EXPECT_TRUE(page->truncated);
  EXPECT_EQ(page->next_key_marker, "b");
  EXPECT_EQ(page->next_upload_id_marker, b1.upload_id);
  request.key_marker = page->next_key_marker;
  request.upload_id_marker = page->next_upload_id_marker;
  const auto rest = world.run(world.filer.list_uploads(request));
  ASSERT_EQ(rest->uploads.size(), 1U);
  EXPECT_EQ(rest->uploads[0].upload_id, b2.upload_id);
  EXPECT_EQ(rest->uploads[0].owner_id, "alice");
  EXPECT_THAT(rest->common_prefixes, testing::ElementsAre("dir/"));
  EXPECT_FALSE(rest->truncated);
  request.upload_id_marker = "nonsense";
  expect_error(world.run(world.filer.list_uploads(request)), Errc::kInvalidArgument);
  request = {};
  request.bucket = "photos";
  request.key_marker = "b";  // without an upload id: behind all of b's
  EXPECT_EQ(world.run(world.filer.list_uploads(request))->uploads.size(), 1U);
}

}  // namespace
}  // namespace kelp
