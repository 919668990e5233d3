#include "kv/kv_store.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace kelp {
namespace {

Result<void> check_key(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxKvKeyBytes) return {};
  return Error(Errc::kInvalidArgument, fmt::format("kv: a key of {} bytes; 1 to {} are allowed",
                                                   key.size(), kMaxKvKeyBytes));
}

/// A bound of a range: a key, or one byte more to name the end just behind a longest key.
Result<void> check_end(std::string_view end) {
  if (!end.empty() && end.size() <= kMaxKvKeyBytes + 1) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("kv: a range ends at a key of {} bytes; 1 to {} are allowed", end.size(),
                           kMaxKvKeyBytes + 1));
}

Result<void> check_value(std::string_view value) {
  if (value.size() <= kMaxKvValueBytes) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("kv: a value of {} bytes; at most {} are allowed", value.size(),
                           kMaxKvValueBytes));
}

}  // namespace

Result<void> check_limits(const KvBatch& batch) {
  for (const KvCondition& condition : batch.conditions) {
    KELP_CHECK(check_key(condition.key));
    if (condition.kind == KvCondition::Kind::kEmptyRange) {
      KELP_CHECK(check_end(condition.value));
    }
    if (condition.kind == KvCondition::Kind::kAtMost && condition.value.size() != 8) {
      return Error(Errc::kInvalidArgument, "kv: the limit of a counter is no counter");
    }
  }
  for (const KvWrite& write : batch.writes) {
    KELP_CHECK(check_key(write.key));
    if (write.numbered && write.key.size() < sizeof(std::uint64_t)) {
      return Error(Errc::kInvalidArgument, "kv: a key without room for its number");
    }
    if (write.kind == KvWrite::Kind::kPut) {
      KELP_CHECK(check_value(write.value));
    }
    if (write.kind == KvWrite::Kind::kDeleteRange) {
      KELP_CHECK(check_end(write.value));
    }
  }
  return {};
}

void number_rows(KvBatch& batch, std::uint64_t& last) {
  for (KvWrite& write : batch.writes) {
    if (!write.numbered) continue;
    const std::uint64_t number = std::byteswap(++last);
    std::memcpy(write.key.data() + write.key.size() - sizeof number, &number, sizeof number);
  }
}

std::size_t payload_bytes(const KvBatch& batch) {
  std::size_t bytes = 0;
  for (const KvCondition& condition : batch.conditions) {
    bytes += condition.key.size() + condition.value.size();
  }
  for (const KvWrite& write : batch.writes) bytes += write.key.size() + write.value.size();
  return bytes;
}

Error condition_failed(const KvCondition& condition, std::size_t index) {
  const char* what = "";
  switch (condition.kind) {
    case KvCondition::Kind::kAbsent:
      what = "absent";
      break;
    case KvCondition::Kind::kPresent:
      what = "present";
      break;
    case KvCondition::Kind::kEquals:
      what = "equals";
      break;
    case KvCondition::Kind::kEmptyRange:
      what = "empty_range";
      break;
    case KvCondition::Kind::kAtMost:
      what = "at_most";
      break;
  }
  return {Errc::kPrecondition, fmt::format("condition {} ({}) does not hold", index, what)};
}

KvCondition KvCondition::at_most(std::string key, std::int64_t limit) {
  return {Kind::kAtMost, std::move(key), encode_counter(limit)};
}

bool counter_at_most(const std::optional<std::string>& value, std::string_view limit) {
  const auto counter = decode_counter(value);
  const auto most = decode_counter(std::string(limit));
  return counter && most && *counter <= *most;
}

std::string encode_counter(std::int64_t counter) {
  return {reinterpret_cast<const char*>(&counter), sizeof counter};
}

Result<std::int64_t> decode_counter(const std::optional<std::string>& value) {
  if (!value) return std::int64_t{0};
  std::int64_t counter = 0;
  if (value->size() != sizeof counter) {
    return Error(Errc::kCorruption, fmt::format("a counter of {} bytes, not 8", value->size()));
  }
  std::memcpy(&counter, value->data(), sizeof counter);
  return counter;
}

}  // namespace kelp
