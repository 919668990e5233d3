#include "filer/core/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "crypto/digest.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/rows.h"
#include "kv/kv_store.h"

namespace kelp {
namespace {

/// Largest needle that a gateway makes: one that is smaller ends its body.
constexpr std::uint64_t kNeedleBytes = 8 << 20;

WallTime at(std::int64_t ns) {
  return WallTime(std::chrono::nanoseconds(ns));
}

/// Needles of one body together, in their order; of two at one offset the later attempt first.
auto order_of(const FoundNeedle& needle) {
  const NeedleOrigin origin = needle.origin.value_or(NeedleOrigin{});
  return std::tuple(needle.bucket.value, std::string_view(needle.key), origin.upload_id,
                    origin.part_number, origin.body.value, origin.offset, ~needle.fid.key.value);
}

bool same_body(const FoundNeedle& a, const FoundNeedle& b) {
  if (a.bucket != b.bucket || a.key != b.key || !a.origin || !b.origin) return false;
  return a.origin->body == b.origin->body && a.origin->upload_id == b.origin->upload_id &&
         a.origin->part_number == b.origin->part_number;
}

using Needles = std::span<const FoundNeedle>;

/// A body with when it was written, and what is missing of it.
struct Candidate {
  FoundBody body;
  WallTime written;
  std::string upload_id;
  bool guessed = false;
  std::string missing;
};

Candidate without_origin(const FoundNeedle& needle) {
  Candidate made{.body = {.size_bytes = needle.body_bytes,
                          .chunks = {{.fid = needle.fid, .size_bytes = needle.body_bytes}}},
                 .written = at(needle.created_ns),
                 .guessed = true};
  if (needle.body_bytes >= kNeedleBytes) {
    made.missing = "a needle of an older format does not say where in its body it was";
  }
  return made;
}

/// `needles` are those of one body, in their order.
Candidate body_of(Needles needles) {
  if (!needles.front().origin) return without_origin(needles.front());
  const NeedleOrigin& origin = *needles.front().origin;
  Candidate made{.body = {.part_number = origin.part_number}, .upload_id = origin.upload_id};
  std::uint64_t offset = 0;
  for (const FoundNeedle& needle : needles) {
    made.written = std::max(made.written, at(needle.created_ns));
    if (needle.origin->offset < offset) continue;  // an attempt that was made again
    if (needle.origin->offset > offset) break;
    made.body.chunks.push_back({.fid = needle.fid, .size_bytes = needle.body_bytes});
    offset += needle.body_bytes;
  }
  made.body.size_bytes = offset;
  if (offset != origin.total_bytes) {
    made.missing =
        fmt::format("{} of its {} bytes", origin.total_bytes - std::min(offset, origin.total_bytes),
                    origin.total_bytes);
    if (origin.part_number > 0) made.missing += fmt::format(" of part {}", origin.part_number);
  }
  return made;
}

FoundGeneration single(Candidate candidate) {
  FoundGeneration made{.written = candidate.written,
                       .size_bytes = candidate.body.size_bytes,
                       .guessed = candidate.guessed,
                       .missing = std::move(candidate.missing)};
  made.bodies.push_back(std::move(candidate.body));
  return made;
}

/// Of each part the body that was written last, whole ones before others.
FoundGeneration upload_of(std::vector<Candidate> parts) {
  std::ranges::sort(parts, [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.body.part_number, !a.missing.empty(), b.written) <
           std::tuple(b.body.part_number, !b.missing.empty(), a.written);
  });
  FoundGeneration made{.upload_id = parts.front().upload_id};
  for (Candidate& part : parts) {
    made.written = std::max(made.written, part.written);
    const std::uint32_t number = part.body.part_number;
    if (!made.bodies.empty() && made.bodies.back().part_number == number) continue;
    const std::uint32_t expected = static_cast<std::uint32_t>(made.bodies.size()) + 1;
    if (made.missing.empty() && number != expected) {
      made.missing = fmt::format("part {}", expected);
    }
    if (made.missing.empty()) made.missing = std::move(part.missing);
    made.size_bytes += part.body.size_bytes;
    made.bodies.push_back(std::move(part.body));
  }
  return made;
}

/// What one key has, the newest first.
std::vector<FoundGeneration> generations_of(std::vector<Candidate> candidates) {
  std::vector<FoundGeneration> made;
  std::map<std::string, std::vector<Candidate>> uploads;
  const auto guesses = std::ranges::count_if(candidates, &Candidate::guessed);
  for (Candidate& candidate : candidates) {
    if (!candidate.upload_id.empty()) {
      uploads[candidate.upload_id].push_back(std::move(candidate));
      continue;
    }
    made.push_back(single(std::move(candidate)));
    // Several could be one after the other, or stretches of one body: nothing says in which order.
    if (made.back().guessed && guesses > 1 && made.back().missing.empty()) {
      made.back().missing = "several needles of an older format, whose order nothing says";
    }
  }
  for (auto& [id, parts] : uploads) made.push_back(upload_of(std::move(parts)));
  std::ranges::sort(made, std::ranges::greater(), &FoundGeneration::written);
  return made;
}

void note_bucket(const FoundNeedle& needle, FoundNamespace& found) {
  const WallTime written = at(needle.created_ns);
  const auto [place, fresh] = found.buckets.try_emplace(needle.bucket);
  FoundBucket& bucket = place->second;
  if (fresh || written < bucket.written) bucket.written = written;
  found.next_id = std::max(found.next_id, needle.bucket.value + 1);
  if (!needle.origin) return;
  if (!needle.origin->bucket.empty()) {
    bucket.name = needle.origin->bucket;
    bucket.named = true;
  }
  const auto upload = parse_upload_id(needle.origin->upload_id);
  if (upload) found.next_id = std::max(found.next_id, *upload + 1);
}

/// Ids rise, so a larger one was made later.
void settle_names(std::map<BucketId, FoundBucket>& buckets) {
  std::map<std::string, FoundBucket*> owners;
  for (auto& [id, bucket] : buckets) {
    if (bucket.named) {
      FoundBucket*& owner = owners[bucket.name];
      if (owner != nullptr) owner->named = false;
      owner = &bucket;
    }
  }
  for (auto& [id, bucket] : buckets) {
    if (!bucket.named) bucket.name = fmt::format("kelp-lost-bucket-{}", id.value);
  }
}

}  // namespace

FoundNamespace sort_needles(std::vector<FoundNeedle> needles) {
  FoundNamespace found;
  // These are annotations', and what a version they had only the metadata knew.
  std::erase_if(needles, [](const FoundNeedle& needle) { return needle.key.empty(); });
  std::ranges::sort(needles, {}, order_of);
  std::vector<Candidate> candidates;
  for (std::size_t begin = 0; begin < needles.size();) {
    std::size_t end = begin + 1;
    note_bucket(needles[begin], found);
    for (; end < needles.size() && same_body(needles[begin], needles[end]); ++end) {
      note_bucket(needles[end], found);
    }
    candidates.push_back(body_of(Needles(needles).subspan(begin, end - begin)));
    const bool key_ends = end == needles.size() || needles[end].bucket != needles[begin].bucket ||
                          needles[end].key != needles[begin].key;
    if (key_ends) {
      found.keys.push_back({.bucket = needles[begin].bucket,
                            .key = needles[begin].key,
                            .generations = generations_of(std::exchange(candidates, {}))});
    }
    begin = end;
  }
  settle_names(found.buckets);
  return found;
}

RebuiltRows::RebuiltRows(const FoundNamespace& found, std::string owner_id)
    : found_(found), owner_id_(std::move(owner_id)), next_id_(found.next_id) {
  for (const auto& [id, bucket] : found.buckets) {
    BucketEntry entry;
    entry.id = id;
    entry.name = bucket.name;
    entry.owner_id = owner_id_;
    entry.created = bucket.written;
    rows_[keys::bucket(bucket.name)] = encode_bucket(entry);
  }
}

void RebuiltRows::add(const FoundKey& key, const FoundGeneration& generation,
                      const std::vector<std::string>& md5s) {
  ObjectEntry entry;
  entry.version = next_id_++;
  entry.modified = generation.written;
  entry.size_bytes = generation.size_bytes;
  entry.owner_id = owner_id_;
  if (generation.upload_id.empty()) {
    entry.etag = md5s.front();
  } else {
    Digest all(DigestAlgorithm::kMd5);
    for (const std::string& md5 : md5s) all.update(md5);
    entry.etag = all.finish();
    entry.etag_parts = static_cast<std::uint32_t>(md5s.size());
  }
  for (const FoundBody& body : generation.bodies) {
    if (!generation.upload_id.empty()) {
      entry.parts.push_back({.part_number = body.part_number, .size_bytes = body.size_bytes});
    }
    entry.layout.chunks.insert(entry.layout.chunks.end(), body.chunks.begin(), body.chunks.end());
  }
  rows_[keys::object(key.bucket, key.key)] = encode_entry(entry);
  auto& [objects, bytes] = usage_[key.bucket];
  ++objects;
  bytes += static_cast<std::int64_t>(entry.size_bytes);
}

std::map<std::string, std::string> RebuiltRows::finish() && {
  for (const auto& [bucket, sums] : usage_) {
    rows_[keys::count(bucket, keys::Counter::kObjects, 0)] = encode_counter(sums.first);
    rows_[keys::count(bucket, keys::Counter::kBytes, 0)] = encode_counter(sums.second);
  }
  rows_[keys::ids()] = encode_number(next_id_);
  return std::move(rows_);
}

}  // namespace kelp
