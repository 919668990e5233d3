#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace kelp {

/// A number that means one thing. Distinct tags do not convert into each other.
template <typename Tag, typename Int>
struct StrongId {
  Int value{};
  constexpr StrongId() = default;
  constexpr explicit StrongId(Int v) : value(v) {}
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

using VolumeId = StrongId<struct VolumeIdTag, std::uint32_t>;
/// Identifies a needle inside the cluster; leased in ranges, never reused.
using NeedleKey = StrongId<struct NeedleKeyTag, std::uint64_t>;
/// Random; whoever names a needle must know it.
using Cookie = StrongId<struct CookieTag, std::uint32_t>;
/// Given to a bucket at creation, never reused: a bucket made again under the same name has another
/// one.
using BucketId = StrongId<struct BucketIdTag, std::uint64_t>;
/// Rises when a volume's member set changes; a copy of an older generation is never trusted.
using Generation = StrongId<struct GenerationTag, std::uint32_t>;

}  // namespace kelp

/// So that ids can be keys of unordered containers.
template <typename Tag, typename Int>
struct std::hash<kelp::StrongId<Tag, Int>> {
  std::size_t operator()(kelp::StrongId<Tag, Int> id) const noexcept {
    return std::hash<Int>{}(id.value);
  }
};
