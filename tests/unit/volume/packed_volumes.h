#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/unit/volume/striped_volumes.h"
#include "volume/core/packing.h"

namespace kelp::test {

/// Volume 1 has copies on the first two servers, who will have shards as well.
class PackedVolumes : public StripedVolumes {
 protected:
  void begin_copies(EcScheme scheme) {
    begin_servers(scheme);
    for (std::uint32_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(run(at(i).create_volume(kStriped, Generation{1}, "")).has_value());
    }
  }
  Task<Result<void>> put_copy(std::uint32_t i, std::uint64_t key, std::size_t size) {
    OpenNeedle request{.fid = fid_of(key),
                       .generation = Generation{1},
                       .body_bytes = size,
                       .bucket = BucketId{3},
                       .object_key = "key/" + std::to_string(key)};
    const std::string body = body_for(key, size);
    KELP_CO_TRY(const auto upload, co_await at(i).open(std::move(request)));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body)));
    co_return co_await upload->finish();
  }
  void put_both(std::uint64_t key, std::size_t size) {
    sizes_[key] = size;
    for (std::uint32_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(run(put_copy(i, key, size)).has_value());
    }
  }
  /// Some of every size, of about four extents.
  void fill() {
    const std::vector<std::size_t> sizes = {1, 70'000, 700'001, 4096, 65'536, 1'500'000};
    for (std::uint64_t key = 1; key <= 60; ++key) put_both(key, sizes[key % sizes.size()]);
  }
  void freeze_copies(std::uint32_t generation) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      const CopyRole role{Generation{generation}, true};
      ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{1}, role)).has_value());
    }
  }
  Result<VolumeDigest> pack(std::uint32_t i, std::uint32_t source = 0) {
    PackSource from{scheme_, static_cast<std::uint8_t>(i), member(source)};
    return run(at(i).pack(kStriped, Generation{2}, "", std::move(from), Urgency::kMove));
  }
  /// What each server packed, the same.
  void pack_all() {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const auto packed = pack(i);
      ASSERT_TRUE(packed.has_value()) << i << packed.error().message();
      EXPECT_EQ(packed->needles, sizes_.size());
      EXPECT_TRUE(verify(i) == *packed);
      EXPECT_TRUE(verify(i) == verify(0)) << i;
    }
  }
  VolumeDigest verify(std::uint32_t i) {
    const auto verified = run(at(i).verify_packed(kStriped, Generation{2}, Urgency::kMove));
    EXPECT_TRUE(verified.has_value()) << verified.error().message();
    return verified.value_or(VolumeDigest{});
  }
  void adopt_all() {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      ASSERT_TRUE(run(at(i).adopt_packed(kStriped, Generation{2})).has_value()) << i;
      const CopyRole role{Generation{3}, false};
      ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{2}, role)).has_value()) << i;
    }
    location_.generation = Generation{3};
  }
  void make_packed(EcScheme scheme) {
    begin_copies(scheme);
    fill();
    freeze_copies(2);
    pack_all();
    adopt_all();
  }
  Task<Result<std::string>> read_packed(FileId fid, std::uint64_t offset, std::size_t size) {
    Error last(Errc::kUnavailable, "nobody");
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const auto place = co_await reached(i).find_packed(fid, scheme_);
      if (!place.has_value()) {
        last = place.error();
        continue;
      }
      const PackedRange range = blocks_around(*place, offset, size);
      const FileId extent{fid.volume, place->extent, place->cookie};
      KELP_CO_TRY(const std::string blocks,
                  co_await read(extent, place->offset + range.begin, range.end - range.begin));
      if (!packed_matches(*place, range.begin, as_bytes(blocks))) {
        co_return Error(Errc::kCorruption, "wrong checksum");
      }
      co_return blocks.substr(offset - range.begin, size);
    }
    co_return last;
  }
  void expect_all_read() {
    for (const auto& [key, size] : sizes_) {
      const auto got = run(read_packed(fid_of(key), 0, size));
      ASSERT_TRUE(got.has_value()) << key << got.error().message();
      ASSERT_TRUE(*got == body_for(key, size)) << key;
    }
  }
  std::vector<NeedleInfo> list(std::uint32_t i, NeedleKey after = {}) {
    return *run(at(i).list_needles(kStriped, after, 10'000));
  }

  // --- what is done to a volume in shards, in generation 3 before and kAnew from then on
  static constexpr Generation kAnew{4};

  void remove(const std::vector<std::uint64_t>& keys) {
    std::vector<FileId> fids;
    for (const std::uint64_t key : keys) {
      fids.push_back(fid_of(key));
      sizes_.erase(key);
      removed_.push_back(key);
    }
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      ASSERT_TRUE(run(at(i).remove(fids)).has_value()) << i;
    }
  }
  void freeze_members(Generation before = Generation{3}) {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const CopyRole role{kAnew, true};
      ASSERT_TRUE(run(at(i).set_role(kStriped, before, role)).has_value()) << i;
    }
  }
  std::uint64_t alive() const {
    std::uint64_t bytes = 0;
    for (const auto& [key, size] : sizes_) bytes += size;
    return bytes;
  }
  using Files = std::map<std::string, std::string>;
  Files files_of(std::uint32_t i) {
    Files files;
    for (const std::string& folder : {std::string("/data"), std::string("/data/pull")}) {
      const auto names = disk(i).list(folder);
      if (!names.has_value()) continue;
      for (const std::string& name : *names) {
        const std::string path = folder + "/" + name;
        if (const auto content = disk(i).content(path)) files[path] = *content;
      }
    }
    return files;
  }
  /// The server begins again with these files.
  void put_back(std::uint32_t i, const Files& files) {
    servers_.at(std::to_string(i)).service.reset();
    for (const auto& [path, content] : files_of(i)) ASSERT_TRUE(disk(i).remove(path).has_value());
    for (const auto& [path, content] : files) {
      ASSERT_TRUE(write_file_atomically(disk(i), path, content).has_value()) << path;
    }
    start(i);
  }
  std::map<std::uint64_t, std::size_t> sizes_;
  std::vector<std::uint64_t> removed_;
};

}  // namespace kelp::test
