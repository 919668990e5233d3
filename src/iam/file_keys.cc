#include "iam/file_keys.h"

#include <utility>

#include "base/log.h"
#include "iam/core/file_users.h"

namespace kelp::iam {
namespace {

spdlog::logger& log() {
  static spdlog::logger& room = logger("iam");
  return room;
}

}  // namespace

FileKeys::FileKeys(const s3::CredentialStore& roots, s3::Account owner, Read read_file)
    : roots_(roots),
      owner_(std::move(owner)),
      read_(std::move(read_file)),
      keys_(std::make_shared<const Keys>()) {}

const s3::Credential* FileKeys::find(std::string_view access_key) const {
  return roots_.find(access_key);
}

std::shared_ptr<const s3::Credential> FileKeys::hold(std::string_view access_key,
                                                     std::string_view token) const {
  if (auto root = roots_.hold(access_key, token)) return root;
  std::shared_ptr<const Keys> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  const auto at = keys->find(std::string(access_key));
  return at == keys->end() ? nullptr : at->second;
}

Result<void> FileKeys::load() {
  KELP_TRY(std::string text, read_());
  if (text == text_) return {};
  KELP_TRY(std::vector<s3::Credential> users, parse_file_users(text, owner_));
  auto keys = std::make_shared<Keys>();
  for (s3::Credential& user : users) {
    std::string key = user.access_key;
    keys->emplace(std::move(key), std::make_shared<const s3::Credential>(std::move(user)));
  }
  text_ = std::move(text);
  log().info("identities_read keys={}", keys->size());
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  return {};
}

Task<void> FileKeys::run(WorkPool& pool, Clock& clock, Timers& timers) {
  std::string failing;
  while ((co_await timers.sleep_until(clock.mono() + kInterval)).has_value()) {
    auto look = [this] { return load(); };
    const auto read = co_await offload<void>(pool, std::move(look));
    const std::string now = read ? std::string() : read.error().message();
    // Once, and not every two seconds.
    if (!now.empty() && now != failing) log().error("identities_not_read error={}", log_value(now));
    failing = now;
  }
}

}  // namespace kelp::iam
