#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/filer_client.h"

namespace kelp::s3 {

/// An account as answers show it.
struct OwnerNames {
  std::string_view id;
  std::string_view display_name;
};

/// Who owns what a listing shows.
struct Owners {
  OwnerNames bucket;  ///< The bucket's owner: of all that names no owner of its own.
  /// How an account is shown, by its id; none: by that.
  std::function<std::string_view(std::string_view)> name_of = {};

  /// Of what belongs to `id`, which must outlive the answer; empty: the bucket's owner.
  [[nodiscard]] OwnerNames of(std::string_view id) const;
};

/// The parameters that a listing's answer repeats.
struct ListingEcho {
  std::string_view bucket;
  std::string_view prefix;
  std::string_view delimiter;
  std::uint32_t max_keys = 1000;
  bool url_encoding = false;  ///< encoding-type=url.
  /// The RestoreStatus of each object or version of the page, as XML or empty; none: nobody asked.
  std::vector<std::string> restores = {};
};

/// ListObjects (version 1). `marker` as the client sent it.
[[nodiscard]] std::string list_objects_xml(const ListedPage& page, const ListingEcho& echo,
                                           std::string_view marker, const Owners& owners);

/// What only version 2 has.
struct ListingV2Echo {
  std::optional<std::string_view> continuation_token;  ///< As sent, also when empty.
  std::string_view start_after;
  bool fetch_owner = false;
};
/// ListObjectsV2.
[[nodiscard]] std::string list_objects_v2_xml(const ListedPage& page, const ListingEcho& echo,
                                              const ListingV2Echo& v2, const Owners& owners);

/// What ListObjectVersions repeats besides.
struct VersionsEcho {
  std::string_view key_marker;
  std::string_view version_id_marker;
};
/// ListObjectVersions.
[[nodiscard]] std::string list_versions_xml(const ListedVersions& page, const ListingEcho& echo,
                                            const VersionsEcho& markers, const Owners& owners);

/// ListMultipartUploads. Whoever owns an upload is told as who initiated it.
[[nodiscard]] std::string list_uploads_xml(const ListedUploads& page, const ListingEcho& echo,
                                           std::string_view key_marker,
                                           std::string_view upload_id_marker, const Owners& owners);

/// What ListParts repeats.
struct PartsEcho {
  std::string_view bucket;
  std::string_view key;
  std::uint32_t after_part = 0;
  std::uint32_t max_parts = 1000;
  bool url_encoding = false;
};
/// ListParts; the same of its upload.
[[nodiscard]] std::string list_parts_xml(const ListedParts& page, const PartsEcho& echo,
                                         const Owners& owners);

/// ListBuckets. `prefix` as sent; `next_token` empty on the last page.
[[nodiscard]] std::string list_buckets_xml(const ListedBuckets& page, std::string_view prefix,
                                           std::string_view next_token, const OwnerNames& owner);

/// "ChecksumCRC32" and its kin: the XML element of a value.
[[nodiscard]] std::string_view checksum_element(ChecksumAlgorithm algorithm);

}  // namespace kelp::s3
