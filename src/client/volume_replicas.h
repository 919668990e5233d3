#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/ids.h"
#include "wire/fid.h"
#include "wire/lease.h"
#include "wire/packed_place.h"

namespace kelp {

/// What a volume holds, in few bytes: equal on two copies when they hold the same live needles.
struct VolumeDigest {
  Generation generation;
  std::uint64_t needles = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t keys_hash = 0;  ///< Sum over the live needles of a hash of key and length.
  friend bool operator==(const VolumeDigest&, const VolumeDigest&) = default;
};

/// From what a shard is computed.
struct StripeSources {
  EcScheme scheme;
  std::uint8_t shard = 0;             ///< That is to be made.
  std::vector<VolumeMember> members;  ///< Who has the others; of at least `scheme.data` of them.
  /// Shards that are missing as well: they are made beside this one from the same reading, and who
  /// is to have them comes for them (VolumeReplicas::read_rebuilt).
  std::vector<std::uint8_t> others = {};
  /// Who makes this shard in that way.
  std::optional<VolumeMember> maker = {};
};

/// From what a shard of a packed volume is made, or a copy of one that lies in shards.
struct PackSource {
  EcScheme scheme;         ///< {}: a copy, of whole needles.
  std::uint8_t shard = 0;  ///< That is to be made; 0 for a copy.
  VolumeMember copy;       ///< Who has the volume's needles whole, and packs them.
  /// The volume lies in shards of this other scheme: `copy` is one of its members and puts the
  /// needles together from all of them. {}: it lies in copies.
  EcScheme from = {};
  std::vector<VolumeMember> members = {};  ///< All, if there is `from`.
};

/// Some of a needle, for whoever computes another shard from it.
struct NeedlePart {
  std::string frame;  ///< Its image (docs/formats/needle.md) under seed 0 without body and padding.
  std::string body;   ///< The bytes that were asked for, as far as the body goes.
};

/// How a volume server's copy takes part from now on.
struct CopyRole {
  Generation generation;
  bool frozen = false;  ///< Takes neither needles nor tombstones: its bytes do not change.
};

/// Why bytes are copied, and so how much of a server's budget for background work it gets. Values
/// travel: never renumber.
enum class Urgency : std::uint8_t {
  kMove = 1,      ///< Balance, or a node is emptied: nothing is lost by waiting.
  kRepair = 2,    ///< A copy is missing, more than one is left.
  kLastCopy = 3,  ///< One copy is left.
};

/// What the master asks of one volume server about one copy of a volume, to repair, move and
/// retire copies. Safe from any io thread. Every call may be repeated.
class VolumeReplicas {
 public:
  virtual ~VolumeReplicas() = default;
  /// The copy has `role` when this returns, durably; writes of an older generation are refused from
  /// then on and those under way have ended. Succeeds when it already has it. kConflict when the
  /// copy's generation is older than `oldest` (it missed too much to be trusted) or newer than the
  /// role's; kNotFound.
  virtual Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) = 0;
  /// Makes a copy of a frozen volume here, equal to the one at `source`: its live needles, each
  /// verified as it is read there and again as it lies here, durable on return, with `generation`
  /// and frozen. Goes on where an earlier attempt stopped; does nothing when it is done. A copy of
  /// an older generation is set aside until the new one thaws, never merged. Both servers keep to
  /// their budgets. kCorruption when a needle does not check: nothing is taken for whole. kConflict
  /// for a copy here that is as new.
  virtual Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation,
                                          std::string collection, VolumeMember source,
                                          Urgency urgency) = 0;
  /// As pull(), of a volume whose needles lie in shards: makes each live needle's shard from k
  /// others of a generation, each read once and verified. A needle that fewer than k members have
  /// was never acknowledged and is left out.
  /// Where several are missing, one server reads the k shards and makes all of them, and the
  /// others come to it for theirs; one that it does not have (any more) they make themselves.
  virtual Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation,
                                             std::string collection, StripeSources from,
                                             Urgency urgency);
  /// A needle's image that this server makes in passing, for rebuild() of shard `shard` elsewhere;
  /// under seed 0. Given once; keys ascend. Waits a while; empty: not made yet, ask again.
  /// kNotFound: not made for others, or not kept. kConflict: nothing is made for others now.
  virtual Task<Result<std::string>> read_rebuilt(VolumeId volume, Generation generation,
                                                 std::uint8_t shard, NeedleKey key);
  /// The copy's digest. `verify`: after reading every byte back and comparing its checksums.
  virtual Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) = 0;
  /// Removes a copy whose generation is `generation` or older; kConflict for a newer one. A copy
  /// that is not there counts as removed.
  virtual Task<Result<void>> retire(VolumeId volume, Generation generation) = 0;
  /// Live needles with keys over `after`, ascending, of a frozen copy of this generation, for
  /// pull(): needle images (docs/formats/needle.md) under seed 0, one after the other, about 4 MiB
  /// or one needle. Empty at the end. kCorruption names the needle.
  virtual Task<Result<std::string>> read_needles(VolumeId volume, Generation generation,
                                                 NeedleKey after, Urgency urgency) = 0;
  /// One live needle, as read_needles() gives it, of a copy of this generation, frozen or not: for
  /// another member whose own is damaged. kNotFound, kCorruption, kConflict.
  virtual Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                                NeedleKey key) = 0;
  /// Some of a live needle of a copy of this generation: bytes [offset, offset + bytes) of its
  /// body, at most kPieceBytes, whole blocks but for the end, verified; with them what a receiver
  /// needs to verify them again. Errors as read_needle().
  virtual Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                             std::uint64_t offset, std::size_t bytes);

  // --- packing a volume (docs/formats/extent.md). Errors as pull() and read_needles().

  /// Makes a shard of a frozen volume of copies here, beside a copy that may be here too: extents
  /// and stubs of all its needles, durable on return, with `generation` and frozen, and readable,
  /// but no copy before adopt_packed(). Goes on where an earlier attempt stopped, unless that had
  /// another source; does nothing when it is done. Of a volume in shards (PackSource::from) the
  /// same in another scheme, or a copy: packed needles come to lie in other extents, and each of
  /// the others in other shards.
  /// Returns  what is packed, the same on every member: packed needles, bytes of their bodies, and
  ///          a hash over the keys and cookies of needles and extents.
  virtual Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation,
                                          std::string collection, PackSource from, Urgency urgency);
  /// The same of what pack() made, after reading every byte back from where it lies and comparing
  /// its checksums.
  virtual Task<Result<VolumeDigest>> verify_packed(VolumeId volume, Generation generation,
                                                   Urgency urgency);
  /// What pack() made is this server's copy when this returns; a copy of an older generation is set
  /// aside until it thaws. kNotFound when pack() did not end well here.
  virtual Task<Result<void>> adopt_packed(VolumeId volume, Generation generation);
  /// What pack() made in `generation` or an older one is gone, unless it was adopted.
  virtual Task<Result<void>> drop_packed(VolumeId volume, Generation generation);
  /// For pack(): the shard of the next extent over the needles with keys over `after` and their
  /// stubs, images under seed 0; empty at the end. What the shards have in common is made once.
  /// For a copy: the needles themselves.
  virtual Task<Result<std::string>> read_packed(VolumeId volume, Generation generation,
                                                PackSource from, NeedleKey after, Urgency urgency);
  /// Where a packed needle lies; in extents of `scheme`, where the volume is just getting another
  /// one ({}: in any). kNotFound, kConflict for one that is not packed here so, kCorruption.
  virtual Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme);
  /// Packs a frozen packed volume anew, for this server: its shard of the extents of which half or
  /// more is alive, and of new ones with the living needles of the others, and all stubs. As
  /// pack(): durable on return, beside what is here, and no copy before adopt_packed(). Neither
  /// more nor fewer needles than are here, or kCorruption; kConflict for a volume that is not
  /// packed.
  /// `from`  all members, this one too; `shard` is the one here.
  virtual Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation,
                                            std::string collection, StripeSources from,
                                            Urgency urgency);
  /// The packed volumes here that have garbage which repack() would take away, as they were when
  /// last looked at.
  virtual Task<Result<std::vector<SparseVolume>>> sparse_volumes();
};

}  // namespace kelp
