#include "filer/core/rows.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.h"
#include "base/rng.h"

namespace kelp {
namespace {

WallTime noon() {
  return WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
}

UploadRow upload() {
  UploadRow row;
  row.epoch = 300;
  row.created = noon();
  row.owner_id = std::string(64, 'b');
  row.headers.content_type = "image/png";
  row.headers.user = {{"k", "v"}};
  row.headers.storage_class = "GLACIER";
  row.checksum_algorithm = ChecksumAlgorithm::kSha1;
  row.checksum_type = ChecksumType::kComposite;
  return row;
}

PartRow part() {
  PartRow row;
  row.modified = noon();
  row.size_bytes = 5 << 20;
  row.md5 = std::string(16, 'm');
  row.checksums = {{ChecksumAlgorithm::kSha1, ChecksumType::kFullObject, std::string(20, 's')}};
  row.chunks = {{{VolumeId(1), NeedleKey(2), Cookie(3)}, 5 << 20}};
  return row;
}

FinishedRow finished() {
  FinishedRow row;
  row.finished = noon();
  row.bucket = BucketId(7);
  row.key = std::string("k\0y", 3);
  row.etag = "0123-2";
  row.version = 99;
  row.checksums = part().checksums;
  return row;
}

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::string text;
  file >> text;
  return text;
}

TEST(Rows, KeepTheirGoldenBytes) {
  EXPECT_EQ(hex_encode(encode_upload(upload())), golden("filer_upload_v1.hex"));
  UploadRow locked = upload();
  locked.headers.lock.hold = LegalHold::kOn;
  EXPECT_EQ(hex_encode(encode_upload(locked)), golden("filer_upload_v2.hex"));
  EXPECT_EQ(decode_upload(encode_upload(locked))->headers, locked.headers);
  UploadRow guarded = upload();
  guarded.headers.acl = "grants";
  guarded.headers.encryption = {EncryptionKind::kS3, false, {}, {}, std::string(64, 'w')};
  std::string guarded_row = encode_upload(guarded);
  EXPECT_EQ(hex_encode(guarded_row), golden("filer_upload_v3.hex"));
  EXPECT_EQ(decode_upload(guarded_row).value(), guarded);
  guarded.headers.lock.hold = LegalHold::kOn;
  EXPECT_EQ(decode_upload(encode_upload(guarded)).value(), guarded);
  guarded_row.front() = 2;
  EXPECT_EQ(decode_upload(guarded_row).error().code(), Errc::kCorruption);
  std::string plain_row = encode_upload(upload());
  plain_row.front() = 3;
  EXPECT_EQ(decode_upload(plain_row).error().code(), Errc::kCorruption);
  PartRow uncounted = part();
  uncounted.counted = false;
  EXPECT_EQ(hex_encode(encode_part(uncounted)), golden("filer_part_v1.hex"));
  EXPECT_EQ(hex_encode(encode_part(part())), golden("filer_part_v2.hex"));
  EXPECT_EQ(hex_encode(encode_finished(finished())), golden("filer_finished_v1.hex"));
  FinishedRow with_id = finished();
  with_id.version_id = 0x1234;
  EXPECT_EQ(hex_encode(encode_finished(with_id)), golden("filer_finished_v2.hex"));
  EXPECT_EQ(decode_finished(encode_finished(with_id)).value(), with_id);
  EXPECT_EQ(hex_encode(encode_setting("<TagSet/>")), golden("filer_setting_v1.hex"));
  EXPECT_EQ(decode_setting(encode_setting("<TagSet/>")).value(), "<TagSet/>");
  EXPECT_EQ(hex_encode(encode_dead({.size_bytes = 300})), "01ac02");
  EXPECT_EQ(hex_encode(encode_number(0x0102)), "010201000000000000");
  EXPECT_EQ(hex_encode(encode_key_floor(NeedleKey(0x0102))), "010201000000000000");
  std::string body = "hello";
  seal_body(7, body);
  EXPECT_EQ(hex_encode(body), golden("filer_body_v1.hex"));
}

TEST(Rows, SayWhatIsSharedInANewerFormat) {
  PartRow shared = part();
  shared.chunks.front().shared = true;
  EXPECT_EQ(hex_encode(encode_part(shared)), golden("filer_part_v3.hex"));
  EXPECT_EQ(decode_part(encode_part(shared)).value(), shared);
  EXPECT_EQ(hex_encode(encode_dead({.size_bytes = 300, .shared = true})), "02ac02");
}

TEST(Rows, SayWhatIsAManifestInANewerFormat) {
  PartRow folded = part();
  folded.chunks = {{{kManifests, NeedleKey(0x1234), Cookie(0)}, 300}};
  EXPECT_EQ(hex_encode(encode_part(folded)), golden("filer_part_v4.hex"));
  EXPECT_EQ(decode_part(encode_part(folded)).value(), folded);
  EXPECT_EQ(hex_encode(encode_dead({.size_bytes = 300, .manifest = true})), "03ac0200");
  EXPECT_EQ(hex_encode(encode_dead({300, true, true})), "03ac0201");
}

TEST(Rows, AManifestListsNeedles) {
  std::vector<Chunk> chunks = part().chunks;
  EXPECT_EQ(hex_encode(encode_manifest(chunks)), golden("filer_manifest_v1.hex"));
  EXPECT_EQ(decode_manifest(encode_manifest(chunks)).value(), chunks);
  chunks.front().shared = true;
  EXPECT_EQ(hex_encode(encode_manifest(chunks)), golden("filer_manifest_v2.hex"));
  EXPECT_EQ(decode_manifest(encode_manifest(chunks)).value(), chunks);
  std::string of_a_manifest("\x01\x01\x00\x07\x00\x00\x00\x00\x05", 9);
  EXPECT_EQ(decode_manifest(of_a_manifest).error().code(), Errc::kCorruption);
  of_a_manifest[2] = 1;
  EXPECT_TRUE(decode_manifest(of_a_manifest));
  std::string part_of_one = encode_part(part());
  part_of_one[0] = 4;  // and each chunk without its mark
  EXPECT_FALSE(decode_part(part_of_one));
}

TEST(Rows, SayHowFarTheLifecycleCame) {
  const LifecycleRow place{.ended = WallTime(std::chrono::seconds(1'700'000'000)),
                           .under_way = true,
                           .bucket = "photos",
                           .in_uploads = true,
                           .after = std::string("k\0", 2)};
  EXPECT_EQ(hex_encode(encode_lifecycle(place)), golden("filer_lifecycle_v1.hex"));
  EXPECT_EQ(decode_lifecycle(encode_lifecycle(place)).value(), place);
  EXPECT_EQ(decode_lifecycle(encode_lifecycle({})).value(), LifecycleRow{});
  std::string newer = encode_lifecycle(place);
  newer[0] = 2;
  EXPECT_EQ(decode_lifecycle(newer).error().code(), Errc::kUnimplemented);
}

TEST(Rows, ReadWhatTheyWrite) {
  EXPECT_EQ(decode_upload(encode_upload(upload())).value(), upload());
  EXPECT_EQ(decode_upload(encode_upload({})).value(), UploadRow{});
  EXPECT_EQ(decode_part(encode_part(part())).value(), part());
  PartRow uncounted = part();
  uncounted.counted = false;
  EXPECT_EQ(decode_part(encode_part(uncounted)).value(), uncounted);
  EXPECT_EQ(decode_finished(encode_finished(finished())).value(), finished());
  for (const DeadRow dead : {DeadRow{~0ULL, false}, DeadRow{300, true}, DeadRow{300, false, true},
                             DeadRow{3, true, true}}) {
    EXPECT_EQ(decode_dead(encode_dead(dead)).value(), dead);
  }
  EXPECT_EQ(decode_number(encode_number(~0ULL), "ids").value(), ~0ULL);
  EXPECT_EQ(decode_key_floor(encode_key_floor(NeedleKey(~0ULL))).value(), NeedleKey(~0ULL));
}

TEST(Rows, RefuseEveryTruncationAndNewerFormats) {
  const auto refuses = [](std::string row, auto decode) {
    for (std::size_t size = 0; size < row.size(); ++size) {
      EXPECT_FALSE(decode(row.substr(0, size))) << size;
    }
    EXPECT_FALSE(decode(row + "x"));
    row[0] = 5;
    EXPECT_EQ(decode(row).error().code(), Errc::kUnimplemented);
  };
  refuses(encode_upload(upload()), [](const std::string& row) { return decode_upload(row); });
  refuses(encode_part(part()), [](const std::string& row) { return decode_part(row); });
  refuses(encode_manifest(part().chunks),
          [](const std::string& row) { return decode_manifest(row); });
  refuses(encode_finished(finished()), [](const std::string& row) { return decode_finished(row); });
  refuses(encode_dead({.size_bytes = 300}),
          [](const std::string& row) { return decode_dead(row); });
  refuses(encode_number(300), [](const std::string& row) { return decode_number(row, "ids"); });
  refuses(encode_loose_set({.staged = true, .count = 300}),
          [](const std::string& row) { return decode_loose_set(row); });
  refuses(encode_key_floor(NeedleKey(300)),
          [](const std::string& row) { return decode_key_floor(row); });
}

TEST(Rows, KeepWhatIsKnownOfALooseSet) {
  const LooseSetRow loose{.staged = true,
                          .since = WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789)),
                          .count = 300,
                          .bytes = 70'000};
  const std::string row = encode_loose_set(loose);
  EXPECT_EQ(hex_encode(row), golden("filer_loose_set_v1.hex"));
  EXPECT_EQ(decode_loose_set(row).value(), loose);
  EXPECT_EQ(decode_loose_set(encode_loose_set({})).value(), LooseSetRow{});
  std::string odd = row;
  odd[1] = 2;
  EXPECT_EQ(decode_loose_set(odd).error().code(), Errc::kCorruption);
}

TEST(Rows, SurviveAnyBytes) {
  Rng rng(12);
  const std::vector<std::string> rows = {encode_upload(upload()), encode_part(part()),
                                         encode_finished(finished()),
                                         encode_manifest(part().chunks)};
  for (int i = 0; i < 100'000; ++i) {
    std::string row = rows[rng.below(rows.size())];
    row[rng.below(row.size())] = static_cast<char>(rng.next());
    if (const auto read = decode_upload(row)) {
      EXPECT_EQ(decode_upload(encode_upload(*read)).value(), *read);
    }
    if (const auto read = decode_manifest(row)) {
      EXPECT_EQ(decode_manifest(encode_manifest(*read)).value(), *read);
    }
    if (const auto read = decode_part(row)) {
      EXPECT_EQ(decode_part(encode_part(*read)).value(), *read);
    }
    if (const auto read = decode_finished(row)) {
      EXPECT_EQ(decode_finished(encode_finished(*read)).value(), *read);
    }
  }
}

TEST(InlineBody, IsGuardedByItsChecksumAndItsId) {
  for (const std::string& body : {std::string(), std::string("hello"), std::string(8192, 'x')}) {
    std::string sealed = body;
    seal_body(7, sealed);
    std::string row = sealed;
    ASSERT_TRUE(open_body(7, row));
    EXPECT_EQ(row, body);
    row = sealed;
    EXPECT_FALSE(open_body(8, row));
    for (std::size_t at = 0; at < sealed.size(); at += 1 + sealed.size() / 50) {
      for (int bit = 0; bit < 8; ++bit) {
        row = sealed;
        row[at] = static_cast<char>(row[at] ^ (1 << bit));
        EXPECT_FALSE(open_body(7, row)) << at << ' ' << bit;
      }
    }
    for (std::size_t cut = 1; cut <= sealed.size(); cut += 1 + sealed.size() / 50) {
      row = sealed.substr(0, sealed.size() - cut);
      EXPECT_FALSE(open_body(7, row)) << cut;
    }
  }
}

}  // namespace
}  // namespace kelp
