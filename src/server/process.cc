#include "server/process.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <fstream>

namespace kelp::server {
namespace {

sigset_t signal_set(bool with_reload) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (with_reload) sigaddset(&set, SIGHUP);
  return set;
}

extern "C" void end_at_once(int) {
  _exit(1);
}

}  // namespace

std::size_t core_count() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return static_cast<std::size_t>(CPU_COUNT(&cores));
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> all_pages >> resident_pages;
  return file ? resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::string machine_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

void prepare_process() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_TRIM_THRESHOLD, 2 << 20);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  umask(077);
  prctl(PR_SET_DUMPABLE, 0);
  std::signal(SIGPIPE, SIG_IGN);
}

void keep_pieces() {
  // Four pieces of half a MiB are read at a time, and an image is a quarter of a needle.
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
}

Signals::Signals(bool with_reload) : with_reload_(with_reload) {
  const sigset_t set = signal_set(with_reload_);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signal Signals::wait() {
  const sigset_t set = signal_set(with_reload_);
  int signal = 0;
  sigwait(&set, &signal);
  if (signal == SIGHUP) return Signal::kReload;
  std::signal(SIGTERM, end_at_once);
  std::signal(SIGINT, end_at_once);
  const sigset_t stops = signal_set(false);
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
  return Signal::kStop;
}

}  // namespace kelp::server
