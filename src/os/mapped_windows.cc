#include "os/mapped_windows.h"

#include <sys/mman.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <vector>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr std::size_t kPageBytes = 4096;

/// Where a thread goes on when a page of the bytes that it looks at cannot be read.
struct Rescue {
  sigjmp_buf where;
  ByteSpan bytes;
};
thread_local Rescue* rescue = nullptr;

void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto* at = static_cast<const std::byte*>(info->si_addr);
  if (rescue != nullptr && at >= rescue->bytes.data() - kPageBytes &&
      at < rescue->bytes.data() + rescue->bytes.size()) {
    siglongjmp(rescue->where, 1);
  }
  std::signal(SIGBUS, SIG_DFL);  // not ours: the access is repeated, and ends the process
}

void install_handler() {
  static const bool kInstalled = [] {
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    return ::sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  KELP_ASSERT(kInstalled, "SIGBUS has a handler");
}

}  // namespace

std::shared_ptr<const MappedWindow> MappedWindow::map(int file, std::uint64_t offset,
                                                      std::size_t bytes) {
  install_handler();
  void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, static_cast<off_t>(offset));
  if (at == MAP_FAILED) return nullptr;
  const ByteSpan mapped(static_cast<const std::byte*>(at), bytes);
  return std::shared_ptr<const MappedWindow>(new MappedWindow(offset, mapped));
}

MappedWindow::~MappedWindow() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

ByteSpan MappedWindow::part(std::uint64_t offset, std::size_t bytes) const {
  KELP_ASSERT(offset >= offset_ && offset - offset_ + bytes <= bytes_.size(), "inside the window");
  return bytes_.subspan(offset - offset_, bytes);
}

ByteSpan MappedWindow::pages(std::uint64_t offset, std::size_t bytes) const {
  const std::size_t lead = (offset - offset_) % kPageBytes;
  return part(offset - lead, bytes + lead);
}

bool MappedWindow::resident(std::uint64_t offset, std::size_t bytes) const {
  const ByteSpan asked = pages(offset, bytes);
  thread_local std::vector<unsigned char> states;
  states.resize((asked.size() + kPageBytes - 1) / kPageBytes);
  if (::mincore(const_cast<std::byte*>(asked.data()), asked.size(), states.data()) != 0) {
    return false;
  }
  return std::ranges::all_of(states, [](unsigned char page) { return (page & 1U) != 0; });
}

bool MappedWindow::look_at(std::uint64_t offset, std::size_t bytes,
                           const std::function<bool(ByteSpan)>& look) const {
  // All at once: a fault for every 16 pages costs more. Without it (Linux < 5.14) they do it.
  const ByteSpan whole = pages(offset, bytes);
  (void)::madvise(const_cast<std::byte*>(whole.data()), whole.size(), MADV_POPULATE_READ);
  Rescue here{.where = {}, .bytes = part(offset, bytes)};
  if (sigsetjmp(here.where, 0) != 0) {
    rescue = nullptr;
    return false;
  }
  rescue = &here;
  const bool answer = look(here.bytes);
  rescue = nullptr;
  return answer;
}

std::shared_ptr<const MappedWindow> MappedWindows::at(const void* owner, int file,
                                                      std::uint64_t offset) {
  const std::uint64_t number = offset / kWindowBytes;
  std::shared_ptr<const MappedWindow> evicted;  // unmapped after the lock is released
  const std::lock_guard lock(mutex_);
  ++uses_;
  for (Slot& slot : slots_) {
    if (slot.owner != owner || slot.number != number) continue;
    slot.last_used = uses_;
    return slot.window;
  }
  auto window = MappedWindow::map(file, number * kWindowBytes, kWindowBytes + kOverlapBytes);
  if (window == nullptr) return nullptr;
  Slot& oldest = *std::ranges::min_element(slots_, {}, &Slot::last_used);
  evicted = std::move(oldest.window);
  oldest = {.owner = owner, .number = number, .last_used = uses_, .window = window};
  return window;
}

void MappedWindows::forget(const void* owner) {
  for (Slot& slot : slots_) {
    std::shared_ptr<const MappedWindow> dropped;
    const std::lock_guard lock(mutex_);
    if (slot.owner != owner) continue;
    dropped = std::move(slot.window);
    slot = {};
  }
}

}  // namespace kelp
