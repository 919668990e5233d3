#include "volume/core/volume_index.h"

#include <algorithm>

#include "base/assert.h"

namespace kelp {
namespace {

constexpr std::size_t kFreshLimit = 4096;
constexpr std::size_t kSectionRows = 1024;
constexpr std::size_t kRowsAtATime = 64 * kSectionRows;
constexpr unsigned kOffsetBits = 40;
constexpr std::uint64_t kOffsetMask = (1ULL << kOffsetBits) - 1;

}  // namespace

std::uint64_t pack(NeedlePlace place) {
  KELP_ASSERT(place.offset > 0 && place.offset % 8 == 0 && place.offset / 8 <= kOffsetMask,
              "needles lie on multiples of 8 behind the superblock");
  KELP_ASSERT(place.bytes > 0 && place.bytes % 8 == 0 && place.bytes / 8 < (1U << 24),
              "a needle's length is bounded");
  return (static_cast<std::uint64_t>(place.bytes / 8) << kOffsetBits) | place.offset / 8;
}

NeedlePlace unpack_place(std::uint64_t packed) {
  return {.offset = (packed & kOffsetMask) * 8,
          .bytes = static_cast<std::uint32_t>((packed >> kOffsetBits) * 8)};
}

void VolumeIndex::append(std::span<const IndexEntry> entries) {
  KELP_ASSERT(fresh_.empty(), "needles are appended before others are inserted");
  size_ += entries.size();
  std::vector<Row> rows;
  while (!entries.empty()) {
    rows.clear();
    for (const IndexEntry& entry : entries.first(std::min(entries.size(), kRowsAtATime))) {
      rows.push_back({entry.key.value, pack(entry.place)});
      live_bytes_ += entry.place.bytes;
    }
    append_sections(rows, sections_);
    entries = entries.subspan(rows.size());
  }
}

bool VolumeIndex::insert(NeedleKey key, NeedlePlace place) {
  if (find(key).has_value()) return false;
  fresh_.emplace(key.value, pack(place));
  ++size_;
  live_bytes_ += place.bytes;
  if (fresh_.size() >= kFreshLimit) merge_fresh();
  return true;
}

std::optional<NeedlePlace> VolumeIndex::find(NeedleKey key) const {
  if (const auto at = fresh_.find(key.value); at != fresh_.end()) return unpack_place(at->second);
  const auto slot = slot_of(key.value);
  if (!slot.has_value()) return std::nullopt;
  return unpack_place(sections_[slot->section].places[slot->row]);
}

std::optional<NeedlePlace> VolumeIndex::erase(NeedleKey key) {
  std::optional<NeedlePlace> place;
  if (const auto at = fresh_.find(key.value); at != fresh_.end()) {
    place = unpack_place(at->second);
    fresh_.erase(at);
  } else if (const auto slot = slot_of(key.value)) {
    std::uint64_t& packed = sections_[slot->section].places[slot->row];
    place = unpack_place(packed);
    packed = 0;
    ++erased_;
  } else {
    return std::nullopt;
  }
  --size_;
  live_bytes_ -= place->bytes;
  if (erased_ > kFreshLimit + size_) compact();
  return place;
}

std::vector<IndexEntry> VolumeIndex::list(std::optional<NeedleKey> after, std::size_t limit) const {
  std::vector<IndexEntry> entries;
  if (limit == 0 || (after.has_value() && after->value == UINT64_MAX)) return entries;
  const std::uint64_t first = after.has_value() ? after->value + 1 : 0;
  std::vector<Row> fresh;
  for (const auto& [key, place] : fresh_) {
    if (key >= first) fresh.push_back({key, place});
  }
  std::ranges::sort(fresh, {}, &Row::key);
  auto next = fresh.begin();
  const auto take = [&](std::uint64_t key, std::uint64_t place) {
    entries.push_back({NeedleKey{key}, unpack_place(place)});
    return entries.size() < limit;
  };
  for (std::size_t s = section_of(first); s < sections_.size(); ++s) {
    const Section& section = sections_[s];
    for (std::size_t row = 0; row < section.deltas.size(); ++row) {
      const std::uint64_t key = section.base + section.deltas[row];
      if (key < first || section.places[row] == 0) continue;
      for (; next != fresh.end() && next->key < key; ++next) {
        if (!take(next->key, next->place)) return entries;
      }
      if (!take(key, section.places[row])) return entries;
    }
  }
  for (; next != fresh.end(); ++next) {
    if (!take(next->key, next->place)) return entries;
  }
  return entries;
}

std::size_t VolumeIndex::memory_bytes() const {
  std::size_t bytes = sections_.capacity() * sizeof(Section) +
                      fresh_.bucket_count() * (sizeof(Row) + 1) + sizeof(*this);
  for (const Section& section : sections_) {
    bytes += section.deltas.capacity() * sizeof(std::uint32_t) +
             section.places.capacity() * sizeof(std::uint64_t) + 16;  // the heap's own
  }
  return bytes;
}

/// The last section whose base is not over `key`, or 0.
std::size_t VolumeIndex::section_of(std::uint64_t key) const {
  const auto after = std::ranges::upper_bound(sections_, key, {}, &Section::base);
  return after == sections_.begin() ? 0 : static_cast<std::size_t>(after - sections_.begin()) - 1;
}

std::optional<VolumeIndex::Slot> VolumeIndex::slot_of(std::uint64_t key) const {
  if (sections_.empty()) return std::nullopt;
  const std::size_t index = section_of(key);
  const Section& section = sections_[index];
  if (key < section.base || key - section.base > UINT32_MAX) return std::nullopt;
  const auto delta = static_cast<std::uint32_t>(key - section.base);
  const auto at = std::ranges::lower_bound(section.deltas, delta);
  if (at == section.deltas.end() || *at != delta) return std::nullopt;
  const auto row = static_cast<std::size_t>(at - section.deltas.begin());
  if (section.places[row] == 0) return std::nullopt;
  return Slot{index, row};
}

/// Moves the hash into the sections: each section that gets new rows is made anew.
void VolumeIndex::merge_fresh() {
  std::vector<Row> fresh;
  fresh.reserve(fresh_.size());
  for (const auto& [key, place] : fresh_) fresh.push_back({key, place});
  std::ranges::sort(fresh, {}, &Row::key);
  fresh_.clear();

  std::vector<Section> merged;
  merged.reserve(sections_.size() + fresh.size() / kSectionRows + 2);
  auto next = fresh.begin();
  if (sections_.empty()) {
    append_sections(fresh, merged);
    next = fresh.end();
  }
  for (std::size_t s = 0; s < sections_.size(); ++s) {
    const bool last = s + 1 == sections_.size();
    auto end = next;
    while (end != fresh.end() && (last || end->key < sections_[s + 1].base)) ++end;
    if (next == end) {
      merged.push_back(std::move(sections_[s]));
      continue;
    }
    std::vector<Row> old_rows;
    append_live_rows(sections_[s], old_rows);
    erased_ -= sections_[s].deltas.size() - old_rows.size();
    std::vector<Row> rows;
    rows.reserve(old_rows.size() + static_cast<std::size_t>(end - next));
    std::ranges::merge(old_rows, std::ranges::subrange(next, end), std::back_inserter(rows), {},
                       &Row::key, &Row::key);
    append_sections(rows, merged);
    next = end;
  }
  sections_ = std::move(merged);
}

/// Takes the erased rows out of every section.
void VolumeIndex::compact() {
  std::vector<Row> rows;
  rows.reserve(size_);
  for (const Section& section : sections_) append_live_rows(section, rows);
  sections_.clear();
  append_sections(rows, sections_);
  erased_ = 0;
}

void VolumeIndex::append_live_rows(const Section& section, std::vector<Row>& rows) {
  for (std::size_t row = 0; row < section.deltas.size(); ++row) {
    if (section.places[row] == 0) continue;
    rows.push_back({section.base + section.deltas[row], section.places[row]});
  }
}

/// Cuts sorted rows into sections of about even size.
void VolumeIndex::append_sections(const std::vector<Row>& rows, std::vector<Section>& sections) {
  const std::size_t pieces = (rows.size() + kSectionRows - 1) / kSectionRows;
  const std::size_t rows_each = pieces == 0 ? 0 : (rows.size() + pieces - 1) / pieces;
  std::size_t begin = 0;
  while (begin < rows.size()) {
    const std::uint64_t base = rows[begin].key;
    std::size_t end = begin;
    while (end < rows.size() && end - begin < rows_each && rows[end].key - base <= UINT32_MAX) {
      ++end;
    }
    Section section;
    section.base = base;
    section.deltas.reserve(end - begin);
    section.places.reserve(end - begin);
    for (; begin < end; ++begin) {
      section.deltas.push_back(static_cast<std::uint32_t>(rows[begin].key - base));
      section.places.push_back(rows[begin].place);
    }
    sections.push_back(std::move(section));
  }
}

}  // namespace kelp
