#include "volume/store/disk_pulse.h"

#include <algorithm>

namespace kelp {
namespace {

std::int64_t second_of(MonoTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

MonoTime DiskPulse::begin() {
  const MonoTime now = clock_.mono();
  const std::lock_guard lock(mutex_);
  running_.insert(now);
  last_begin_ = now;
  return now;
}

void DiskPulse::end(MonoTime begun) {
  const MonoTime now = clock_.mono();
  const std::lock_guard lock(mutex_);
  running_.erase(running_.find(begun));
  const std::int64_t number = second_of(now);
  Second& second = seconds_.at(static_cast<std::size_t>(number) % seconds_.size());
  const auto took = now - begun;
  second = {number, second.number == number ? std::min(second.quickest, took) : took};
}

std::chrono::microseconds DiskPulse::latency() const {
  const MonoTime now = clock_.mono();
  const std::lock_guard lock(mutex_);
  auto quickest = std::chrono::nanoseconds::max();
  for (const Second& second : seconds_) {
    const bool lately = second.number > second_of(now) - kMemory.count();
    if (lately) quickest = std::min(quickest, second.quickest);
  }
  if (quickest == std::chrono::nanoseconds::max()) {
    quickest = running_.empty() ? std::chrono::nanoseconds{} : now - *running_.begin();
  }
  return std::chrono::ceil<std::chrono::microseconds>(quickest);
}

bool DiskPulse::idle() const {
  const MonoTime now = clock_.mono();
  const std::lock_guard lock(mutex_);
  const bool ever = last_begin_ != MonoTime{};
  return running_.empty() && (!ever || now - last_begin_ >= std::chrono::seconds(1));
}

}  // namespace kelp
