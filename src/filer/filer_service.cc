#include "filer/filer_service.h"

#include <fmt/format.h>

#include <utility>

#include "filer/core/keys.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::size_t kMostRemembered = 1024;

}  // namespace

FilerService::FilerService(KvStore& store, WorkPool& pool, Clock& clock, FilerOptions options)
    : kv_(store, pool), clock_(clock), options_(options), ids_(kv_, options.lease_ids) {}

std::uint64_t FilerService::inline_limit_bytes() const {
  return options_.inline_limit_bytes;
}

Task<Result<FilerService::FoundBucket>> FilerService::find_bucket(std::string name) {
  FoundBucket found;
  found.row_key = keys::bucket(name);
  KELP_CO_TRY(auto row, co_await kv_.get(found.row_key));
  if (!row) co_return Error(Errc::kNotFound, "no such bucket", Reason::kNoSuchBucket);
  found.row = *std::move(row);
  KELP_CO_TRY(found.bucket, decode_bucket(found.row));
  found.bucket.name = std::move(name);
  co_return found;
}

Task<Result<FilerService::FoundBucket>> FilerService::remember_bucket(std::string name) {
  {
    const std::lock_guard lock(memory_mutex_);
    if (const auto known = memory_.find(name); known != memory_.end()) co_return known->second;
  }
  KELP_CO_TRY(FoundBucket found, co_await find_bucket(name));
  const std::lock_guard lock(memory_mutex_);
  if (memory_.size() >= kMostRemembered) memory_.clear();
  FoundBucket& kept = memory_[std::move(name)];
  kept = found;
  kept.remembered = true;
  co_return found;
}

void FilerService::forget_bucket(const std::string& name) {
  const std::lock_guard lock(memory_mutex_);
  memory_.erase(name);
}

Task<Result<CurrentObject>> FilerService::find_object(std::string row_key) {
  CurrentObject current;
  KELP_CO_TRY(current.row, co_await kv_.get(std::move(row_key)));
  if (current.row) {
    KELP_CO_TRY(current.entry, decode_entry(*current.row));
  }
  co_return current;
}

Error kept_losing(int attempts) {
  return Error(Errc::kConflict, fmt::format("other writers won {} times", attempts),
               Reason::kConditionConflict);
}

Result<void> check_object_key(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxKeyBytes) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("a key of {} bytes; 1 to {} are allowed", key.size(), kMaxKeyBytes));
}

Error no_such_upload() {
  return Error(Errc::kNotFound, "no such upload", Reason::kNoSuchUpload);
}

Result<MemoryBudget::Share> FilerService::take_memory(std::size_t things) const {
  constexpr std::size_t kBytesOfOne = 1024;  // Its row, read and written, and what was asked of it.
  auto share = MemoryBudget::take_of(options_.memory, things * kBytesOfOne);
  if (!share) return Error(Errc::kResourceExhausted, "the filer's memory for calls is spent");
  return *std::move(share);
}

}  // namespace kelp
