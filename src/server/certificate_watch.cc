#include "server/certificate_watch.h"

#include <optional>
#include <utility>

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

}  // namespace

CertificateWatch::CertificateWatch(CertificateWatchSeams seams, std::vector<std::string> files,
                                   std::function<void()> changed, std::string folder)
    : seams_(seams),
      files_(std::move(files)),
      changed_(std::move(changed)),
      folder_(std::move(folder)) {}

Task<void> CertificateWatch::run() {
  std::optional<std::string> known;
  for (;;) {
    std::move_only_function<Result<void>()> look = [this, &known]() -> Result<void> {
      std::string now = read_all();
      if (known && *known != now) changed_();
      known = std::move(now);
      return {};
    };
    // A full pool: the next look tells.
    [[maybe_unused]] const auto looked = co_await offload<void>(seams_.pool, std::move(look));
    const auto slept = co_await seams_.timers.sleep_until(seams_.clock.mono() + kInterval);
    if (!slept) co_return;
  }
}

/// A folder that cannot be listed is taken for a file, which cannot be read.
std::vector<std::string> CertificateWatch::files_now() const {
  std::vector<std::string> files = files_;
  std::erase(files, "");
  if (folder_.empty()) return files;
  const auto names = seams_.io.list(folder_);
  if (!names) {
    files.push_back(folder_);
    return files;
  }
  for (const std::string& name : *names) files.push_back(folder_ + "/" + name);
  return files;
}

/// The files' names and contents, or why they cannot be read.
std::string CertificateWatch::read_all() const {
  std::string all;
  for (const std::string& file : files_now()) {
    all += file + '\n';
    const auto content = read_whole_file(seams_.io, file, kMostBytes);
    all += content ? *content : content.error().message();
    all += '\n';
  }
  return all;
}

}  // namespace kelp::server
