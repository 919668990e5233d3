#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/file_io.h"
#include "server/import/weed_format.h"

namespace kelp::weed {

/// A volume's files, opened to be read.
class Volume {
 public:
  /// `path` is that of the .dat; the .idx beside it says what is alive. Without one the log is
  /// walked: what was written last under a key is alive, and an empty file counts as removed.
  /// kInvalidArgument for a name without a volume's number, kCorruption for an index that does not
  /// fit the log or a log that cannot be walked to its end; kUnimplemented for another version.
  [[nodiscard]] static Result<Volume> open(FileIo& io, const std::string& path);

  /// By offset.
  [[nodiscard]] const std::vector<Place>& places() const { return places_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] bool walked() const { return walked_; }
  /// The needle there, which must be that of `place`. `bytes` keeps what it points into.
  Result<Needle> read(const Place& place, std::string& bytes) const;

 private:
  std::optional<Header> header_at(std::uint64_t offset) const;
  Result<void> load_index(const std::string& index);
  Result<void> walk();

  std::unique_ptr<File> file_;
  std::uint64_t file_bytes_ = 0;
  std::uint32_t number_ = 0;
  Superblock superblock_;
  std::vector<Place> places_;
  bool walked_ = false;
};

/// A file on its way into a bucket.
struct ImportedFile {
  std::string key;
  std::string body;
  std::string mime;                          ///< Empty: not said.
  std::map<std::string, std::string> pairs;  ///< As Needle::pairs.
  std::uint64_t modified_seconds = 0;
};

/// What a put of one came to.
enum class Imported : std::uint8_t {
  kWritten,
  kThere,  ///< The same bytes are under that key already.
};

/// A live needle that is not in the bucket now.
struct LeftOut {
  std::string fid;
  std::string why;
};

/// What an import did. `needles` is the sum of the others and left_out.
struct ImportReport {
  std::uint64_t volumes = 0;
  std::uint64_t needles = 0;  ///< Alive.
  std::uint64_t written = 0;
  std::uint64_t there = 0;
  std::uint64_t bytes = 0;    ///< Of what was written.
  std::uint64_t renamed = 0;  ///< Under NAME~FID, since several have the name.
  std::uint64_t walked = 0;   ///< Volumes without an index.
  std::vector<LeftOut> left_out;
};

/// Hands every live needle of `volumes` to `put`, each under a key of its own: `prefix` and its
/// name, or its file id when it has none; NAME~FID where several have one name. Each is verified; a
/// bad one, a list of pieces, and one that `put` refuses are left out and told. Blocks; reads the
/// volumes twice.
[[nodiscard]] ImportReport import_volumes(
    const std::vector<Volume>& volumes, const std::string& prefix,
    const std::function<Result<Imported>(const ImportedFile&)>& put);

}  // namespace kelp::weed
