#include "filer/left_overs.h"

#include <map>
#include <utility>
#include <vector>

#include "filer/core/keys.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"

namespace kelp {
namespace {

constexpr std::size_t kPartsPerCommit = 500;
constexpr std::size_t kUploadsPerRead = 10'000;

struct LeftOvers {
  std::vector<KvRow> parts;
  std::string next;  ///< Where to go on; empty at the end.
};

/// Looks for left-over parts from `from` on. An upload's row stands before its parts, so a part met
/// without it has none.
Result<LeftOvers> find_left_overs(KvStore& store, const std::string& prefix,
                                  const std::string& from) {
  LeftOvers found;
  const auto cursor = store.cursor(keys::within(prefix));
  std::size_t uploads = 0;
  for (cursor->seek(from); cursor->valid();) {
    if (found.parts.size() == kPartsPerCommit || uploads == kUploadsPerRead) {
      found.next = cursor->key();
      break;
    }
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(cursor->key()));
    if (at.part_number == 0) {
      ++uploads;
      cursor->seek(keys::behind(std::string(cursor->key())));
    } else {
      found.parts.emplace_back(cursor->key(), cursor->value());
      cursor->next();
    }
  }
  KELP_CHECK(cursor->status());
  return found;
}

Result<KvBatch> plan_burial(std::vector<KvRow> parts, WallTime now) {
  KvBatch batch;
  std::map<BucketId, std::int64_t> counted;
  for (auto& [key, value] : parts) {
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(key));
    KELP_TRY(const PartRow part, decode_part(value));
    counted[at.bucket] += counted_bytes(part);
    bury(part.chunks, now, batch);
    batch.writes.push_back(KvWrite::remove(key));
    batch.conditions.push_back(KvCondition::equals(std::move(key), std::move(value)));
  }
  for (const auto& [id, bytes] : counted) {
    BucketEntry bucket;
    bucket.id = id;
    add_usage(bucket, usage_of_parts(-bytes), 0, batch);
  }
  return batch;
}

}  // namespace

Task<Result<std::uint64_t>> sweep_left_over_parts(KvAsync& kv, std::string prefix, WallTime now) {
  std::uint64_t swept = 0;
  for (std::string from = prefix; !from.empty();) {
    std::move_only_function<Result<LeftOvers>(KvStore&)> find = [&prefix, &from](KvStore& store) {
      return find_left_overs(store, prefix, from);
    };
    KELP_CO_TRY(LeftOvers found, co_await kv.read<LeftOvers>(std::move(find)));
    from = std::move(found.next);
    if (found.parts.empty()) continue;
    const std::size_t count = found.parts.size();
    KELP_CO_TRY(KvBatch batch, plan_burial(std::move(found.parts), now));
    const Result<void> committed = co_await kv.commit(std::move(batch));
    if (committed) {
      swept += count;
    } else if (committed.error().code() != Errc::kPrecondition) {
      co_return committed.error();
    }  // else another sweep took some of them: the rest waits for the next
  }
  co_return swept;
}

}  // namespace kelp
