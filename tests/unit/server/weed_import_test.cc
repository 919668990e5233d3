// Volumes of SeaweedFS: server/import. What its own server writes is read in
// tests/s3/weed_import_test.py; here are the forms that it does not write any more.
#include "server/import/weed_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "base/crc.h"
#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/support/sim_disk.h"

namespace kelp::weed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string big(std::uint64_t value, std::size_t bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> 8 * bytes);
  return out;
}

/// A log, needle by needle, with its index.
class Log {
 public:
  explicit Log(int version)
      : version_(version), dat_(big(static_cast<std::uint64_t>(version), 1) + big(0, 7)) {}

  Log& put(std::uint64_t key, const std::string& data, const std::string& name = {},
           std::uint8_t more_flags = 0, bool masked = false) {
    std::string body = big(data.size(), 4) + data;
    body += static_cast<char>((name.empty() ? 0 : 2) | more_flags);
    if (!name.empty()) body += big(name.size(), 1) + name;
    if (data.empty()) body.clear();
    place(key, body, crc32c(as_bytes(data)), masked);
    return *this;
  }
  Log& remove(std::uint64_t key) {
    place(key, "", 0, false);
    idx_.resize(idx_.size() - 16);
    idx_ += big(key, 8) + big(0, 4) + big(0xffffffff, 4);
    return *this;
  }
  [[nodiscard]] const std::string& dat() const { return dat_; }
  [[nodiscard]] const std::string& idx() const { return idx_; }

 private:
  void place(std::uint64_t key, const std::string& body, std::uint32_t crc, bool masked) {
    idx_ += big(key, 8) + big(dat_.size() / 8, 4) + big(body.size(), 4);
    dat_ += big(0x637037d6, 4) + big(key, 8) + big(body.size(), 4) + body;
    dat_ += big(masked ? std::rotl(crc, 17) + 0xa282ead8U : crc, 4);
    if (version_ == 3) dat_ += big(1, 8);
    dat_.resize(dat_.size() + 8 - dat_.size() % 8);
  }
  int version_;
  std::string dat_;
  std::string idx_;
};

class WeedImport : public ::testing::Test {
 protected:
  void store(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(disk_.make_dirs("/w").has_value());
    ASSERT_TRUE(write_file_atomically(disk_, "/w/" + name, bytes).has_value());
  }
  ImportReport import(const std::vector<std::string>& names) {
    std::vector<Volume> volumes;
    for (const std::string& name : names) {
      auto volume = Volume::open(disk_, "/w/" + name);
      EXPECT_TRUE(volume.has_value()) << volume.error().message();
      if (volume) volumes.push_back(*std::move(volume));
    }
    files_.clear();
    return import_volumes(volumes, "in/", [this](const ImportedFile& file) -> Result<Imported> {
      EXPECT_FALSE(files_.contains(file.key)) << file.key << " would be overwritten";
      files_[file.key] = file;
      return Imported::kWritten;
    });
  }
  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const auto& [key, file] : files_) out.push_back(key);
    return out;
  }
  Errc refusal(const std::string& name) {
    const auto volume = Volume::open(disk_, "/w/" + name);
    return volume ? Errc{} : volume.error().code();
  }

  test::SimDisk disk_{{.seed = 1}};
  std::map<std::string, ImportedFile> files_;
};

TEST_F(WeedImport, ReadsItsGoldenBytesOfMaskedChecksumsAndWideOffsets) {
  store("3.dat", *hex_decode(test::golden("weed_volume_v2.hex")));
  store("3.idx", *hex_decode(test::golden("weed_index_5.hex")));
  const ImportReport report = import({"3.dat"});
  EXPECT_THAT(report.left_out, SizeIs(0));
  EXPECT_EQ(report.written, 2U);
  EXPECT_THAT(keys(), ElementsAre("in/3,0211223344", "in/cat.jpg"));
  const ImportedFile& cat = files_["in/cat.jpg"];
  EXPECT_EQ(cat.body, "hello");
  EXPECT_EQ(cat.mime, "image/jpeg");
  EXPECT_EQ(cat.modified_seconds, 1'700'000'000U);
  EXPECT_EQ(files_["in/3,0211223344"].body, "plain crc, no name");
}

TEST_F(WeedImport, TakesWhatIsAliveAndNothingElse) {
  for (const int version : {2, 3}) {
    Log log(version);
    log.put(1, "old", "a")
        .put(2, "removed", "b")
        .put(1, "new", "a")
        .remove(2)
        .put(4, "masked", "d", 0, true);
    store("pictures_7.dat", log.dat());
    store("pictures_7.idx", log.idx());
    EXPECT_THAT(import({"pictures_7.dat"}).left_out, SizeIs(0)) << version;
    EXPECT_THAT(keys(), ElementsAre("in/a", "in/d"));
    EXPECT_EQ(files_["in/a"].body, "new");
    ASSERT_TRUE(disk_.remove("/w/pictures_7.idx").has_value());
    const ImportReport walked = import({"pictures_7.dat"});
    EXPECT_EQ(walked.walked, 1U);
    EXPECT_THAT(keys(), ElementsAre("in/a", "in/d"));
    EXPECT_EQ(files_["in/a"].body, "new");
  }
}

TEST_F(WeedImport, AVolumeMayHoldNothing) {
  Log log(3);
  store("1.dat", log.dat());
  store("1.idx", log.idx());
  EXPECT_EQ(import({"1.dat"}).needles, 0U);
  log.put(1, "removed").remove(1);
  store("1.dat", log.dat());
  store("1.idx", log.idx());
  EXPECT_EQ(import({"1.dat"}).needles, 0U);
}

TEST_F(WeedImport, KeepsFilesOfOneNameApart) {
  Log first(3);
  Log second(3);
  first.put(1, "one", "same").put(2, "two", "same").put(3, "alone", "other").put(5, "");
  second.put(4, "three", "same");
  store("1.dat", first.dat());
  store("1.idx", first.idx());
  store("2.dat", second.dat());
  store("2.idx", second.idx());
  const ImportReport report = import({"1.dat", "2.dat"});
  EXPECT_EQ(report.renamed, 3U);
  EXPECT_EQ(report.needles, 5U);
  EXPECT_THAT(keys(), ElementsAre("in/1,05637037d6", "in/other", "in/same~1,01637037d6",
                                  "in/same~1,02637037d6", "in/same~2,04637037d6"));
}

TEST_F(WeedImport, LeavesOutEveryNeedleThatDoesNotCheckAndNoOther) {
  Log log(3);
  log.put(1, std::string(100, 'x'), "bad").put(2, "good", "good");
  for (const std::size_t at : {30U, 100U, 125U}) {
    std::string damaged = log.dat();
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    store("1.dat", damaged);
    store("1.idx", log.idx());
    const ImportReport report = import({"1.dat"});
    EXPECT_THAT(keys(), ElementsAre("in/good")) << at;
    ASSERT_THAT(report.left_out, SizeIs(1));
    EXPECT_THAT(report.left_out[0].fid, HasSubstr("1,01"));
  }
  store("1.dat", log.dat().substr(0, log.dat().size() - 20));
  EXPECT_THAT(import({"1.dat"}).left_out, SizeIs(1)) << "cut short";
  EXPECT_THAT(keys(), ElementsAre("in/bad"));
}

TEST_F(WeedImport, TellsWhatItCannotMakeAFileOf) {
  Log log(3);
  log.put(1, "[]", "manifest", 0x80).put(2, "\x28\xb5\x2f\xfd zstd", "zstd", 0x01);
  log.put(3, "\x1f\x8b broken", "gzip", 0x01);
  store("1.dat", log.dat());
  store("1.idx", log.idx());
  const ImportReport report = import({"1.dat"});
  ASSERT_THAT(report.left_out, SizeIs(3));
  EXPECT_THAT(report.left_out[0].why, HasSubstr("pieces"));
  EXPECT_THAT(report.left_out[1].why, HasSubstr("not with gzip"));
  EXPECT_THAT(report.left_out[2].why, HasSubstr("broken"));
}

TEST_F(WeedImport, RefusesWhatIsNoVolume) {
  Log log(3);
  log.put(1, "x", "x");
  store("1.dat", log.dat());
  store("1.idx", log.idx().substr(1));
  EXPECT_EQ(refusal("1.dat"), Errc::kCorruption) << "an index of another length";
  std::string elsewhere = log.idx();
  elsewhere[11] = 9;
  store("1.idx", elsewhere);
  EXPECT_EQ(refusal("1.dat"), Errc::kCorruption) << "an index of another log";
  store("2.dat", "\4" + log.dat().substr(1));
  EXPECT_EQ(refusal("2.dat"), Errc::kUnimplemented);
  store("3.dat", "\3");
  EXPECT_EQ(refusal("3.dat"), Errc::kCorruption);
  store("4.dat", log.dat() + "rubbish behind the last needle");
  EXPECT_EQ(refusal("4.dat"), Errc::kCorruption) << "without an index a log is read to its end";
  store("x.dat", log.dat());
  EXPECT_EQ(refusal("x.dat"), Errc::kInvalidArgument);
  EXPECT_EQ(refusal("9.dat"), Errc::kNotFound);
}

}  // namespace
}  // namespace kelp::weed
