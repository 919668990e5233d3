#include "wire/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/rng.h"
#include "tests/support/golden.h"

namespace kelp {
namespace {

using test::golden;
using testing::HasSubstr;

WallTime at(std::int64_t nanoseconds) {
  return WallTime(std::chrono::nanoseconds(nanoseconds));
}

/// One with everything.
ObjectEntry full_entry() {
  ObjectEntry entry;
  entry.version = 1'000'001;
  entry.modified = at(1'700'000'000'123'456'789);
  entry.size_bytes = 10'485'761;
  entry.etag = std::string("\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
  entry.etag_parts = 2;
  entry.owner_id = std::string(60, '0') + "beef";
  entry.headers.content_type = "text/html";
  entry.headers.standard = {{"cache-control", "no-cache"}, {"expires", "0"}};
  entry.headers.user = {{"name", "value"}, {"empty", ""}};
  entry.headers.storage_class = "STANDARD_IA";
  entry.headers.tags = {{"k", "v"}};
  entry.checksums = {{ChecksumAlgorithm::kCrc32, ChecksumType::kComposite, "abcd", 2},
                     {ChecksumAlgorithm::kSha256, ChecksumType::kFullObject, std::string(32, 's')}};
  entry.parts = {{1, 10'485'760, {{ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject, "wxyz"}}},
                 {2, 1, {}}};
  entry.layout.chunks = {{{VolumeId(3), NeedleKey(0x1234567), Cookie(0xdeadbeef)}, 10'485'760},
                         {{VolumeId(4), NeedleKey(0x1234568), Cookie(7)}, 1}};
  return entry;
}

ObjectEntry plain_entry() {
  ObjectEntry entry;
  entry.version = 2'000'000;
  entry.modified = at(1'700'000'000'123'456'789);
  entry.size_bytes = 1024;
  entry.etag = std::string(16, 'e');
  entry.owner_id = std::string(64, 'a');
  entry.headers.content_type = "application/octet-stream";
  entry.checksums = {
      {ChecksumAlgorithm::kCrc64Nvme, ChecksumType::kFullObject, std::string(8, 'c')}};
  entry.layout.inline_id = entry.version;
  return entry;
}

BucketEntry bucket() {
  BucketEntry bucket;
  bucket.id = BucketId(77);
  bucket.name = "photos";
  bucket.owner_id = std::string(64, 'f');
  bucket.region = "eu-central-1";
  bucket.created = at(1'700'000'000'000'000'000);
  return bucket;
}

BucketEntry limited_bucket() {
  BucketEntry limited = bucket();
  limited.quota = {300, 2, 9};
  return limited;
}

TEST(Entry, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(encode_entry(full_entry())), golden("entry_v1.hex"));
  EXPECT_EQ(hex_encode(encode_entry(plain_entry())), golden("entry_plain_v1.hex"));
  EXPECT_EQ(hex_encode(encode_bucket(bucket())), golden("bucket_v1.hex"));
  EXPECT_EQ(hex_encode(encode_bucket(limited_bucket())), golden("bucket_v2.hex"));
}

TEST(Entry, KeepsEveryKindOfChecksum) {
  ObjectEntry entry = plain_entry();
  entry.checksums.clear();
  for (int number = 1; number <= static_cast<int>(ChecksumAlgorithm::kXxhash128); ++number) {
    const auto algorithm = static_cast<ChecksumAlgorithm>(number);
    const std::string value(checksum_bytes(algorithm), static_cast<char>('a' + number));
    ASSERT_FALSE(value.empty());
    entry.checksums.push_back({algorithm, ChecksumType::kFullObject, value});
    entry.checksums.push_back({algorithm, ChecksumType::kComposite, value, 3});
  }
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
}

TEST(Entry, SaysWhichNeedlesAreSharedInASecondFormat) {
  ObjectEntry entry = full_entry();
  entry.layout.chunks.front().shared = true;
  const std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v2.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(decode_listed(row)->size_bytes, entry.size_bytes);
  entry.layout.chunks.front().shared = false;
  EXPECT_EQ(encode_entry(entry), encode_entry(full_entry()));
}

TEST(Entry, SaysInAThirdFormatWhatVersionsNeed) {
  ObjectEntry entry = full_entry();
  entry.has_id = true;
  entry.older_null = 77;
  entry.layout.chunks.front().shared = true;
  const std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v3.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_TRUE(decode_listed(row)->has_id);
  ObjectEntry null = plain_entry();
  null.older_null = 5;
  EXPECT_EQ(decode_entry(encode_entry(null)).value(), null);
  null.older_null = 0;
  EXPECT_EQ(hex_encode(encode_entry(null)), golden("entry_plain_v1.hex"));

  BucketEntry versioned = limited_bucket();
  versioned.versioning = Versioning::kEnabled;
  versioned.events = {.keep_seconds = 604'800, .log = 77};
  EXPECT_EQ(hex_encode(encode_bucket(versioned)), golden("bucket_v3.hex"));
  BucketEntry telling = bucket();
  telling.events = versioned.events;
  EXPECT_EQ(decode_bucket(encode_bucket(telling)).value(), telling);
  versioned.storage_class = "GLACIER_IR";
  EXPECT_EQ(hex_encode(encode_bucket(versioned)), golden("bucket_v4.hex"));
  BucketEntry classed = bucket();
  classed.storage_class = "OF_TOMORROW";
  EXPECT_EQ(decode_bucket(encode_bucket(classed)).value(), classed);
  for (const Versioning state : {Versioning::kEnabled, Versioning::kSuspended}) {
    for (BucketEntry each : {bucket(), limited_bucket()}) {
      each.versioning = state;
      EXPECT_EQ(decode_bucket(encode_bucket(each)).value(), each);
    }
  }
}

TEST(Entry, SaysInAFourthFormatHowItIsLocked) {
  ObjectEntry entry = full_entry();
  entry.headers.lock = {{RetentionMode::kCompliance, at(1'800'000'000'000'000'000)},
                        LegalHold::kOn};
  const std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v4.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(decode_listed(row)->size_bytes, entry.size_bytes);
  entry.has_id = true;
  entry.older_null = 7;
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
  ObjectEntry held = plain_entry();
  held.headers.lock.hold = LegalHold::kOff;
  std::string held_row = encode_entry(held);
  EXPECT_EQ(decode_entry(held_row).value(), held);
  held_row.front() = 3;
  EXPECT_EQ(decode_entry(held_row).error().code(), Errc::kCorruption) << "format 3 has no lock";
  for (const char facts : {'\x00', '\x30', '\x03'}) {  // nothing, and values that are none
    held_row = encode_entry(held);
    held_row.back() = facts;
    EXPECT_EQ(decode_entry(held_row).error().code(), Errc::kCorruption) << int{facts};
  }

  BucketEntry locked = limited_bucket();
  locked.versioning = Versioning::kEnabled;
  locked.lock = {.enabled = true, .mode = RetentionMode::kGovernance, .days = 30};
  EXPECT_EQ(hex_encode(encode_bucket(locked)), golden("bucket_v5.hex"));
  EXPECT_EQ(decode_bucket(encode_bucket(locked)).value(), locked);
  locked.storage_class = "GLACIER_IR";
  locked.lock = {.enabled = true};
  EXPECT_EQ(decode_bucket(encode_bucket(locked)).value(), locked);
  locked.versioning = Versioning::kSuspended;
  EXPECT_EQ(decode_bucket(encode_bucket(locked)).error().code(), Errc::kCorruption);
  locked.versioning = Versioning::kEnabled;
  locked.lock.days = 1;
  EXPECT_EQ(decode_bucket(encode_bucket(locked)).error().code(), Errc::kCorruption);
}

TEST(Entry, SaysInAFifthFormatThatAManifestIsNamed) {
  ObjectEntry entry = full_entry();
  entry.layout.chunks.back() = {{kManifests, NeedleKey(0x1234), Cookie(0)}, 1};
  std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v5.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(decode_listed(row)->size_bytes, entry.size_bytes);
  for (const char format : {'\x03', '\x04'}) {  // which builds that know no manifest would read
    row.front() = format;
    EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << int{format};
  }
  entry.headers.lock.hold = LegalHold::kOn;
  entry.has_id = true;
  entry.older_null = 7;
  entry.layout.chunks.front().shared = true;
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
  ObjectEntry versioned = full_entry();
  versioned.has_id = true;
  row = encode_entry(versioned);
  row.front() = 5;
  EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << "no manifest is named";
}

TEST(Entry, SaysInASixthFormatWhoMayReadItAndHowItIsEncrypted) {
  ObjectEntry entry = full_entry();
  entry.headers.acl = "grants";
  entry.headers.encryption = {.kind = EncryptionKind::kKms,
                              .bucket_key = true,
                              .key_id = "key-1",
                              .context = "{}",
                              .wrapped_key = std::string(64, 'w')};
  std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v6.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(decode_listed(row)->size_bytes, entry.size_bytes);
  for (const char format : {'\x03', '\x04', '\x05'}) {  // of builds that would read ciphertext
    row.front() = format;
    EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << int{format};
  }
  entry.layout.chunks.back() = {{kManifests, NeedleKey(0x1234), Cookie(0)}, 1};
  entry.headers.lock.hold = LegalHold::kOn;
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
  ObjectEntry granted = plain_entry();
  granted.headers.acl = "grants";
  EXPECT_EQ(decode_entry(encode_entry(granted)).value(), granted);
  ObjectEntry versioned = full_entry();
  versioned.has_id = true;
  row = encode_entry(versioned);
  row.front() = 6;
  EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << "neither is there";
}

TEST(Entry, SaysInASeventhFormatThatItHasAnnotations) {
  ObjectEntry entry = full_entry();
  entry.has_id = true;
  entry.older_null = 7;
  entry.layout.annotations = {.set = 300, .count = 2, .bytes = 70'000, .revision = 1'000'002};
  std::string row = encode_entry(entry);
  EXPECT_EQ(hex_encode(row), golden("entry_v7.hex"));
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(decode_listed(row)->size_bytes, entry.size_bytes);
  for (const char format : {'\x03', '\x04', '\x05', '\x06'}) {  // of builds that would lose them
    row.front() = format;
    EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << int{format};
  }
  entry.headers.acl = "grants";
  entry.headers.lock.hold = LegalHold::kOn;
  entry.layout.chunks.back() = {{kManifests, NeedleKey(0x1234), Cookie(0)}, 1};
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
  entry = plain_entry();
  entry.layout.annotations = {.set = 1, .count = 1, .bytes = 1, .revision = 1};
  row = encode_entry(entry);
  EXPECT_EQ(decode_entry(row).value(), entry);
  EXPECT_EQ(row.size(), encode_entry(plain_entry()).size() + 5) << "flags, four small numbers";
  for (const std::size_t from_end : {3, 4}) {  // no annotations; no set
    std::string odd = row;
    odd[odd.size() - from_end] = '\0';
    EXPECT_EQ(decode_entry(odd).error().code(), Errc::kCorruption) << from_end;
  }
  ObjectEntry versioned = full_entry();
  versioned.has_id = true;
  row = encode_entry(versioned);
  row.front() = 7;
  EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << "there are none";
}

TEST(Entry, RefusesEncryptionThatNobodyHas) {
  ObjectEntry entry = plain_entry();
  for (const auto kind : {EncryptionKind::kS3, EncryptionKind::kCustomer}) {
    entry.headers.encryption = {.kind = kind, .key_id = {}, .context = {}, .wrapped_key = "w"};
    EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
    std::string row = encode_entry(entry);
    EXPECT_EQ(row.size(), encode_entry(plain_entry()).size() + 4) << "flags, kind, text";
    for (const char facts : {'\x00', '\x04', '\x09', '\x11'}) {  // none, unknown, a bucket key
      row[row.size() - 3] = facts;
      EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << int{facts};
    }
    row = encode_entry(entry);
    row.pop_back();
    row.back() = 0;  // No key.
    EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption);
  }
}

TEST(Entry, RefusesAThirdFormatThatSaysNothingOfVersions) {
  ObjectEntry entry = plain_entry();
  entry.has_id = true;
  std::string row = encode_entry(entry);
  for (const char flags : {'\x00', '\x04', '\x02'}) {  // none, an unknown one, one without a number
    row[2] = flags;
    EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption) << int{flags};
  }
  BucketEntry versioned = bucket();
  versioned.versioning = Versioning::kEnabled;
  std::string bucket_row = encode_bucket(versioned);
  for (const char state : {'\x00', '\x03'}) {
    bucket_row[bucket_row.size() - 3] = state;  // Behind it: no events.
    EXPECT_EQ(decode_bucket(bucket_row).error().code(), Errc::kCorruption);
  }
  bucket_row = encode_bucket(versioned);
  bucket_row.back() = '\x01';  // A log in which nothing is kept.
  EXPECT_EQ(decode_bucket(bucket_row).error().code(), Errc::kCorruption);
}

TEST(Entry, ReadsWhatItWrites) {
  EXPECT_EQ(decode_entry(encode_entry(full_entry())).value(), full_entry());
  EXPECT_EQ(decode_entry(encode_entry(plain_entry())).value(), plain_entry());
  EXPECT_EQ(decode_entry(encode_entry({})).value(), ObjectEntry{});
  EXPECT_EQ(decode_bucket(encode_bucket(bucket())).value(), bucket());
  EXPECT_EQ(decode_bucket(encode_bucket({})).value(), BucketEntry{});
  EXPECT_EQ(decode_bucket(encode_bucket(limited_bucket())).value(), limited_bucket());
}

TEST(Entry, ReadsOddValuesToo) {
  ObjectEntry entry = full_entry();
  entry.modified = at(-1);
  entry.version = ~0ULL;
  entry.size_bytes = ~0ULL;
  entry.etag = "odd";
  entry.etag_parts = ~0U;
  entry.owner_id = std::string(64, 'A');  // upper case is another id
  entry.delete_marker = true;
  entry.headers.content_type = "application/x-unheard-of; charset=\"\xff\"";
  entry.headers.storage_class = "LUNAR";
  entry.checksums.push_back({ChecksumAlgorithm::kSha1, ChecksumType::kFullObject, "short"});
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
  entry.layout = {.inline_id = 5, .chunks = {}};
  EXPECT_EQ(decode_entry(encode_entry(entry)).value(), entry);
}

TEST(Entry, IsSmallForAPlainObject) {
  EXPECT_LE(encode_entry(plain_entry()).size(), 84U);
  ObjectEntry of_the_bucket = plain_entry();
  of_the_bucket.owner_id.clear();
  EXPECT_LE(encode_entry(of_the_bucket).size(), 52U);
}

TEST(Entry, ReadsItsFrontForListings) {
  for (const ObjectEntry& entry : {full_entry(), plain_entry(), ObjectEntry{}}) {
    const std::string row = encode_entry(entry);
    const auto listed = decode_listed(row);
    ASSERT_TRUE(listed) << listed.error().message();
    EXPECT_EQ(listed->version, entry.version);
    EXPECT_EQ(listed->modified, entry.modified);
    EXPECT_EQ(listed->size_bytes, entry.size_bytes);
    EXPECT_EQ(etag_text(*listed), etag_text(entry));
    EXPECT_EQ(owner_text(*listed), entry.owner_id);
    EXPECT_EQ(listed->storage_class, entry.headers.storage_class);
    ASSERT_EQ(listed->checksum_count, entry.checksums.size());
    for (std::size_t i = 0; i < entry.checksums.size(); ++i) {
      EXPECT_EQ(listed->checksum_algorithms[i], entry.checksums[i].algorithm);
    }
  }
  EXPECT_EQ(decode_listed(encode_entry(full_entry()))->checksum_type, ChecksumType::kComposite);
}

TEST(Entry, ListsFiveAlgorithmsOfMore) {
  ObjectEntry entry;
  for (int i = 0; i < 7; ++i) {
    entry.checksums.push_back({ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject, "abcd"});
  }
  EXPECT_EQ(decode_listed(encode_entry(entry))->checksum_count, 5U);
}

TEST(Entry, WritesEtagsAsS3Does) {
  EXPECT_EQ(etag_text(full_entry()), "000102030405060708090a0b0c0d0e0f-2");
  EXPECT_EQ(etag_text(plain_entry()), "65656565656565656565656565656565");
}

TEST(Entry, RefusesEveryTruncationAndEveryByteTooMany) {
  for (const std::string& row : {encode_entry(full_entry()), encode_entry(plain_entry())}) {
    for (std::size_t size = 0; size < row.size(); ++size) {
      const std::string cut = row.substr(0, size);
      const auto read = decode_entry(cut);
      ASSERT_FALSE(read) << size;
      EXPECT_EQ(read.error().code(), Errc::kCorruption);
    }
    EXPECT_FALSE(decode_entry(row + '\0'));
  }
  for (const std::string& row : {encode_bucket(bucket()), encode_bucket(limited_bucket())}) {
    for (std::size_t size = 0; size < row.size(); ++size) {
      EXPECT_FALSE(decode_bucket(row.substr(0, size)));
    }
    EXPECT_FALSE(decode_bucket(row + '\0'));
  }
}

TEST(Entry, RefusesANewerFormatNamingBoth) {
  std::string row = encode_entry(plain_entry());
  row[0] = 8;
  for (const Error& error : {decode_entry(row).error(), decode_listed(row).error()}) {
    EXPECT_EQ(error.code(), Errc::kUnimplemented);
    EXPECT_THAT(error.detail(), HasSubstr("format 8"));
    EXPECT_THAT(error.detail(), HasSubstr("knows 7"));
  }
  std::string bucket_row = encode_bucket(bucket());
  bucket_row[0] = 9;
  EXPECT_EQ(decode_bucket(bucket_row).error().code(), Errc::kUnimplemented);
  row[0] = 0;
  EXPECT_EQ(decode_entry(row).error().code(), Errc::kCorruption);
}

TEST(Entry, RefusesWhatNoEncoderWrites) {
  const std::string row = encode_entry(plain_entry());
  std::string unknown_flag = row;
  unknown_flag[1] = static_cast<char>(unknown_flag[1] | 0x80);
  EXPECT_FALSE(decode_entry(unknown_flag));
  EXPECT_FALSE(decode_listed(unknown_flag));
  // A count far beyond what the row can hold neither allocates nor loops.
  std::string chunks;
  ByteWriter(chunks).varint(~0ULL);
  ByteReader in(chunks);
  EXPECT_TRUE(decode_chunks(in, ChunkForm::kPlain).size() <= 1);
  EXPECT_TRUE(in.failed());
}

TEST(Entry, SurvivesAnyBytes) {
  Rng rng(11);
  ObjectEntry shared = full_entry();
  shared.layout.chunks.front().shared = true;
  ObjectEntry guarded = plain_entry();
  guarded.headers.acl = "grants";
  guarded.headers.encryption = {EncryptionKind::kKms, true, "key-1", "{}", "wrapped"};
  const std::vector<std::string> rows = {
      encode_entry(full_entry()),      encode_entry(plain_entry()), encode_bucket(bucket()),
      encode_bucket(limited_bucket()), encode_entry(shared),        encode_entry(guarded)};
  for (int i = 0; i < 200'000; ++i) {
    std::string row = rows[rng.below(rows.size())];
    for (std::uint64_t flips = 1 + rng.below(4); flips > 0; --flips) {
      row[rng.below(row.size())] = static_cast<char>(rng.next());
    }
    row.resize(rng.below(2) == 0 ? row.size() : rng.below(row.size() + 1));
    // What is read is a value like any other: it can be written and read again.
    if (const auto entry = decode_entry(row)) {
      EXPECT_EQ(decode_entry(encode_entry(*entry)).value(), *entry);
      EXPECT_TRUE(decode_listed(row));
    }
    static_cast<void>(decode_listed(row));
    if (const auto read = decode_bucket(row)) {
      EXPECT_EQ(decode_bucket(encode_bucket(*read)).value(), *read);
    }
  }
}

}  // namespace
}  // namespace kelp
