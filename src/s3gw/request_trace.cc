#include "s3gw/request_trace.h"

#include <fmt/format.h>

#include <utility>

namespace kelp::s3 {

std::string RequestTrace::Watcher::take() {
  const std::lock_guard lock(mutex_);
  std::string lines = std::exchange(waiting_, {});
  if (dropped_ > 0) lines += fmt::format("{{\"dropped\":{}}}\n", std::exchange(dropped_, 0));
  return lines;
}

void RequestTrace::Watcher::add(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + line.size() > kMaxWaitingBytes) {
    ++dropped_;
  } else {
    waiting_ += line;
  }
}

std::vector<std::shared_ptr<RequestTrace::Watcher>> RequestTrace::present() {
  std::vector<std::shared_ptr<Watcher>> all;
  std::erase_if(watchers_, [&all](const std::weak_ptr<Watcher>& weak) {
    auto watcher = weak.lock();
    if (watcher == nullptr) return true;
    all.push_back(std::move(watcher));
    return false;
  });
  watched_ = !all.empty();
  return all;
}

Result<std::shared_ptr<RequestTrace::Watcher>> RequestTrace::watch(TraceFilter filter) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Error(Errc::kCancelled, "the gateway stops");
  if (present().size() >= kMaxWatchers) {
    return Error(Errc::kResourceExhausted, fmt::format("{} watch already", kMaxWatchers));
  }
  auto watcher = std::make_shared<Watcher>(std::move(filter));
  watchers_.push_back(watcher);
  watched_ = true;
  return watcher;
}

void RequestTrace::take(const RequestRecord& record, const TracedHead& head) {
  if (!watched()) return;
  std::vector<std::shared_ptr<Watcher>> all;
  {
    const std::lock_guard lock(mutex_);
    all = present();
  }
  std::string line;
  for (const auto& watcher : all) {
    if (!watcher->filter_.matches(record)) continue;
    line.clear();
    append_trace_line(record, head, watcher->filter_.headers, line);
    watcher->add(line);
  }
}

}  // namespace kelp::s3
