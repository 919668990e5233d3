#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {

/// How many seeds a test tries: KELP_SEEDS, else as many as usual.
inline std::uint64_t seeds(std::uint64_t usual) {
  const char* const asked = std::getenv("KELP_SEEDS");
  return asked == nullptr ? usual : std::strtoull(asked, nullptr, 10);
}

/// What power cuts and kills left on disks, as far as it was checked; in this process.
inline std::uint64_t crash_states = 0;

/// What a writer knows of a needle.
struct Known {
  std::size_t size = 0;
  bool put_acknowledged = false;
  bool remove_asked = false;
  bool remove_acknowledged = false;
};

/// Writers on a disk that loses power; afterwards what they were promised is checked.
class CrashRun {
 public:
  CrashRun(std::uint64_t seed, bool sync) : rig(seed), rng_(seed * 77) {
    rig.options.sync = sync;
    rig.start_fresh();
  }

  /// Several writers at once, until the power goes off or they are done.
  void work(std::uint64_t power_off_after) {
    rig.disk.power_off_after(power_off_after);
    if (with_vacuum) {
      asio::co_spawn(rig.world.executor(), vacuum_some(),
                     [](std::exception_ptr error) { EXPECT_FALSE(error); });
    }
    for (int writer = 0; writer < 4; ++writer) {
      asio::co_spawn(rig.world.executor(), write_some(),
                     [](std::exception_ptr error) { EXPECT_FALSE(error); });
    }
    rig.world.run_out();
  }

  void restart() {
    const auto started = rig.start();
    ASSERT_TRUE(started.has_value()) << started.error().message();
    // Also a start may be cut short by the next power cut; here it is whole.
  }

  void check(bool power_cut_of_unsynced) {
    ++crash_states;
    for (const auto& [key, known] : known_) {
      const auto got = rig.get_now(key, known.size);
      if (got.has_value()) {
        ASSERT_EQ(*got, body_for(key, known.size)) << "needle " << key;
        ASSERT_FALSE(known.remove_acknowledged && !power_cut_of_unsynced) << "needle " << key;
      } else {
        const Errc code = got.error().code();
        ASSERT_TRUE(code == Errc::kNotFound || code == Errc::kCorruption) << got.error().message();
        const bool must_be_there = known.put_acknowledged && !known.remove_asked;
        ASSERT_FALSE(must_be_there && !power_cut_of_unsynced)
            << "needle " << key << " is lost: " << got.error().message();
      }
    }
    const auto quick = keys();
    ASSERT_TRUE(!*rig.disk.exists(kSnapshot) || rig.disk.remove(kSnapshot).has_value());
    restart();
    ASSERT_EQ(keys(), quick) << "a full scan sees another volume";
    forget_lost();
  }

  VolumeRig rig;
  bool with_vacuum = false;  ///< Beside the writers.
  std::uint64_t vacuums_done = 0;

 private:
  Task<void> vacuum_some() {
    for (int round = 0; round < 3; ++round) {
      const auto done = co_await rig.service->vacuum(VolumeId{1});
      if (done.has_value()) ++vacuums_done;
    }
  }

  Task<void> write_some() {
    for (int step = 0; step < 12; ++step) {
      const std::uint64_t what = rng_.below(10);
      if (what < 7) {
        co_await put_one();
      } else if (what < 9) {
        co_await remove_some();
      } else {
        (void)rig.service->close();  // a snapshot while others write
      }
    }
  }

  Task<void> put_one() {
    const std::uint64_t key = next_key_++;
    const std::size_t size = 1 + rng_.below(rng_.below(3) == 0 ? 200'000 : 3000);
    known_[key].size = size;
    const auto outcome = co_await rig.put(key, body_for(key, size), 1 + rng_.below(90'000));
    known_[key].put_acknowledged = outcome.has_value();
  }

  Task<void> remove_some() {
    std::vector<FileId> fids;
    for (auto& [key, known] : known_) {
      if (!known.put_acknowledged || known.remove_asked || rng_.below(4) != 0) continue;
      known.remove_asked = true;
      fids.push_back(fid_of(key));
    }
    const std::vector<FileId> asked = fids;
    const auto outcome = co_await rig.service->remove(std::move(fids));
    for (const FileId& fid : asked) known_[fid.key.value].remove_acknowledged = outcome.has_value();
  }

  std::vector<std::uint64_t> keys() {
    std::vector<std::uint64_t> keys;
    for (const NeedleInfo& info : rig.list_now()) keys.push_back(info.key.value);
    return keys;
  }

  /// What a power cut took rightly is not asked for again.
  void forget_lost() {
    std::erase_if(known_, [&](const auto& entry) {
      return !rig.get_now(entry.first, entry.second.size).has_value();
    });
    for (auto& [key, known] : known_) {
      known = {.size = known.size, .put_acknowledged = true};
    }
  }

  Rng rng_;
  std::uint64_t next_key_ = 1;
  std::map<std::uint64_t, Known> known_;
};

}  // namespace kelp::test
