#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ec/scheme.h"
#include "volume/core/needle_format.h"
#include "wire/packed_place.h"

namespace kelp {

// Small needles of a full volume, packed (docs/formats/extent.md): the needles lie one after the
// other in extents, each extent is a striped needle, and each packed needle leaves a stub on every
// member that says where its body lies.

/// Needles are gathered up to about so many bytes, or one needle.
inline constexpr std::uint64_t kExtentBytes = 8ULL << 20;
/// An extent as its members are to have it: images under kImageSeed.
struct PackedExtent {
  NeedleKey key;
  NeedleKey last;                   ///< Of the needles in it.
  std::vector<std::string> shards;  ///< By number.
  std::string stubs;                ///< The same on each member; by key.
};

/// Packs whole needles into one extent. The same needles give the same bytes. CPU: about 0.4 ns a
/// byte.
///
/// `images`  whole needles under kImageSeed, ascending, verified by who read them; at least one.
/// Errors    kInvalidArgument for a needle that is packed or a shard, for a key with kExtentBit, or
///           when they are longer than a needle may be; kCorruption for what is no image.
[[nodiscard]] Result<PackedExtent> pack_extent(EcScheme scheme, std::string_view images);

/// What members get of a needle that has shards of its own, in another scheme; with the scheme {}
/// the needle as a whole, as keep_whole() has it.
///
/// `frame`  of any of its shards as it lies now.
/// `body`   all of it, verified by who read it.
/// Errors   kInvalidArgument when they do not fit, or for a scheme out of range.
[[nodiscard]] Result<PackedExtent> split_needle(EcScheme scheme, const NeedleFrame& frame,
                                                std::string_view body);
/// Whole needles for copies, in the place of a shard and its stubs: `shards` has one, of nothing.
[[nodiscard]] PackedExtent keep_whole(std::string images);

/// What a stub says. kCorruption for anything that pack_extent() would not make; kInvalidArgument
/// when it is none.
[[nodiscard]] Result<PackedPlace> decode_stub(const NeedleHeader& header, ByteSpan body);

/// The key of the last of some images, at least one. kCorruption for what is no image.
[[nodiscard]] Result<NeedleKey> last_key_of(std::string_view images);

/// The stubs in front of the first extent of a batch of images; the key of the last one goes to
/// `last`. kCorruption for what is no image.
[[nodiscard]] Result<std::string_view> leading_stubs(std::string_view images, NeedleKey& last);

}  // namespace kelp
