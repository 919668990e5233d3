#include "server/certificate_watch.h"

#include <optional>
#include <utility>

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

}  // namespace

CertificateWatch::CertificateWatch(CertificateWatchSeams seams, std::vector<std::string> files,
                                   std::function<void()> changed)
    : seams_(seams), files_(std::move(files)), changed_(std::move(changed)) {}

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

/// The files' contents, or why they cannot be read.
std::string CertificateWatch::read_all() const {
  std::string all;
  for (const std::string& file : files_) {
    const auto content = read_whole_file(seams_.io, file, kMostBytes);
    all += content ? *content : content.error().message();
    all += '\n';
  }
  return all;
}

}  // namespace kelp::server
