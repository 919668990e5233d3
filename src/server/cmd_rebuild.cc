// kelp filer rebuild: the namespace made anew from what volumes hold, when the metadata is lost.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "filer/core/rebuild.h"
#include "filer/meta_copy.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/accounts.h"
#include "server/cluster_text.h"
#include "server/commands.h"
#include "server/engines.h"
#include "server/meta_store.h"
#include "server/volume_shelf.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr int kAllCameBack = 0;
constexpr int kSomeDidNot = 1;
constexpr int kCouldNotRun = 2;

struct RebuildFlags {
  ConfigFlags config;
  std::vector<std::string> volumes;
  bool dry_run = false;
  bool json = false;
};

/// What became of something that was found under a key.
enum class Fate : std::uint8_t {
  kOlder,       ///< A newer one was taken: overwritten, an older version, or deleted long ago.
  kIncomplete,  ///< Needles of it are missing.
  kDamaged,     ///< A needle does not match its checksums.
  kUpload,      ///< It was taken, and is of an upload that was perhaps never completed.
  kGuessed,     ///< It was taken, and is of a format that does not say that it is whole.
};
constexpr std::array kFateNames = {"older", "incomplete", "damaged", "upload", "guessed"};
constexpr std::array kFateTexts = {"not taken: a newer one was", "not taken: it is not whole",
                                   "not taken: it is damaged",
                                   "taken; whether the upload was completed is not known",
                                   "taken; an older format does not say whether it is whole"};

struct Note {
  Fate fate{};
  std::string bucket;
  std::string key;
  WallTime written;
  std::uint64_t size_bytes = 0;
  std::string why;
};

struct Report {
  std::size_t logs = 0;
  std::size_t needles = 0;
  std::size_t buckets = 0;
  std::size_t unnamed_buckets = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost_keys = 0;  ///< With needles, none of which make an object.
  std::vector<Note> notes;
  std::vector<std::string> troubles;
};

/// The MD5 of each body, from bytes whose checksums were compared.
Result<std::vector<std::string>> read_generation(const VolumeShelf& shelf,
                                                 const FoundGeneration& generation) {
  std::vector<std::string> md5s;
  Digest md5(DigestAlgorithm::kMd5);
  for (const FoundBody& body : generation.bodies) {
    for (const Chunk& chunk : body.chunks) {
      KELP_TRY(const std::string bytes, shelf.read(chunk.fid));
      md5.update(bytes);
    }
    md5s.push_back(md5.finish());
  }
  return md5s;
}

/// Goes over the keys and takes of each the newest generation that is whole and sound.
class Rebuild {
 public:
  Rebuild(const VolumeShelf& shelf, const FoundNamespace& found, std::string owner_id)
      : shelf_(shelf), found_(found), rows_(found, std::move(owner_id)) {}

  Report run() {
    report_.logs = shelf_.logs();
    report_.troubles = shelf_.troubles();
    report_.buckets = found_.buckets.size();
    for (const auto& [id, bucket] : found_.buckets) report_.unnamed_buckets += bucket.named ? 0 : 1;
    for (const FoundKey& key : found_.keys) choose(key);
    return std::move(report_);
  }
  std::map<std::string, std::string> rows() && { return std::move(rows_).finish(); }

 private:
  void note(Fate fate, const FoundKey& key, const FoundGeneration& generation, std::string why) {
    report_.notes.push_back({fate, found_.buckets.at(key.bucket).name, key.key, generation.written,
                             generation.size_bytes, std::move(why)});
  }

  void choose(const FoundKey& key) {
    bool taken = false;
    for (const FoundGeneration& generation : key.generations) {
      if (!generation.missing.empty()) {
        note(Fate::kIncomplete, key, generation, generation.missing);
      } else if (taken) {
        note(Fate::kOlder, key, generation, "");
      } else {
        taken = take(key, generation);
      }
    }
    report_.lost_keys += taken ? 0 : 1;
  }

  bool take(const FoundKey& key, const FoundGeneration& generation) {
    const auto md5s = read_generation(shelf_, generation);
    if (!md5s.has_value()) {
      note(Fate::kDamaged, key, generation, md5s.error().detail());
      return false;
    }
    rows_.add(key, generation, *md5s);
    ++report_.objects;
    report_.bytes += generation.size_bytes;
    if (!generation.upload_id.empty()) note(Fate::kUpload, key, generation, "");
    if (generation.guessed) note(Fate::kGuessed, key, generation, "");
    return true;
  }

  const VolumeShelf& shelf_;
  const FoundNamespace& found_;
  RebuiltRows rows_;
  Report report_;
};

void print_text(const Report& report, bool dry_run) {
  for (const Note& note : report.notes) {
    const auto fate = static_cast<std::size_t>(note.fate);
    fmt::print("{}/{} of {}, {} bytes: {}{}\n", note.bucket, url_encode(note.key, true),
               time_text(note.written), note.size_bytes, kFateTexts[fate],
               note.why.empty() ? "" : " (" + note.why + ")");
  }
  for (const std::string& trouble : report.troubles) fmt::print("{}\n", trouble);
  fmt::print("{:>14}  needles in {} logs\n", report.needles, report.logs);
  fmt::print("{:>14}  buckets, {} of them without their names\n", report.buckets,
             report.unnamed_buckets);
  fmt::print("{:>14}  objects of {} bytes {}\n", report.objects, report.bytes,
             dry_run ? "would come back" : "came back");
  fmt::print("{:>14}  keys have needles and did not come back\n", report.lost_keys);
  fmt::print(
      "No needle says, so it is lost: bodies of up to 8 KiB, empty objects and buckets, "
      "headers, tags, settings, owners, versions, copies.\n");
}

void print_json(const Report& report, bool dry_run) {
  json::array notes;
  for (const Note& note : report.notes) {
    notes.push_back(json::object{{"fate", kFateNames[static_cast<std::size_t>(note.fate)]},
                                 {"bucket", note.bucket},
                                 {"key", url_encode(note.key, true)},
                                 {"written", time_text(note.written)},
                                 {"size_bytes", note.size_bytes},
                                 {"why", note.why}});
  }
  json::array troubles;
  for (const std::string& trouble : report.troubles) troubles.emplace_back(trouble);
  fmt::print("{}\n", json::serialize(json::object{{"dry_run", dry_run},
                                                  {"logs", report.logs},
                                                  {"needles", report.needles},
                                                  {"buckets", report.buckets},
                                                  {"unnamed_buckets", report.unnamed_buckets},
                                                  {"objects", report.objects},
                                                  {"bytes", report.bytes},
                                                  {"lost_keys", report.lost_keys},
                                                  {"notes", std::move(notes)},
                                                  {"troubles", std::move(troubles)}}));
}

Result<void> load(const Config& config, FileIo& io, std::map<std::string, std::string> rows) {
  SystemClock clock;
  MetaPlace place;
  place.to_load = true;
  KELP_TRY(const MetaStore to, open_meta_store(config, place, io, clock));
  auto next = rows.begin();
  const RowSource source = [&]() -> Result<std::vector<KvRow>> {
    constexpr std::size_t kRows = 500;
    std::vector<KvRow> some;
    for (; some.size() < kRows && next != rows.end(); ++next) some.emplace_back(*next);
    return some;
  };
  KELP_CHECK(load_rows(*to.store, source));
  return {};
}

Result<void> refuse_metadata(const Config& config, FileIo& io) {
  if (!is_embedded(config)) return {};  // load_rows() looks
  KELP_TRY(const bool there, io.exists(filer_dir(config.dir)));
  if (!there) return {};
  KELP_TRY(const auto names, io.list(filer_dir(config.dir)));
  if (names.empty()) return {};
  return Error(Errc::kAlreadyExists,
               fmt::format("{} is not empty: move it away, and keep it", filer_dir(config.dir)));
}

Result<int> rebuild(const RebuildFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const Config& config = loaded.config;
  if (config.dir.empty()) return Error(Errc::kInvalidArgument, "say which directory: --dir DIR");
  const auto io = make_posix_file_io();
  KELP_TRY(const ClusterIdentity identity, identity_of(config, *io));
  if (!flags.dry_run) {
    KELP_CHECK(refuse_metadata(config, *io));
  }
  std::map<std::string, std::string> rows;
  Report report;
  {
    std::vector<std::string> paths = flags.volumes;
    if (paths.empty()) paths.push_back(config.dir);
    KELP_TRY(const VolumeShelf shelf, VolumeShelf::open(*io, paths));
    std::vector<FoundNeedle> needles = shelf.needles();
    const std::size_t count = needles.size();
    const FoundNamespace found = sort_needles(std::move(needles));
    Rebuild work(shelf, found, account_id(identity.cluster_id, "admin"));
    report = work.run();
    report.needles = count;
    rows = std::move(work).rows();
  }
  if (!flags.dry_run) {
    KELP_CHECK(load(config, *io, std::move(rows)));
  }
  flags.json ? print_json(report, flags.dry_run) : print_text(report, flags.dry_run);
  return report.lost_keys == 0 && report.troubles.empty() ? kAllCameBack : kSomeDidNot;
}

}  // namespace

void add_filer_rebuild_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.get_subcommand("filer")->add_subcommand(
      "rebuild",
      "The last resort when the metadata is lost: make a new, empty store's from what the volumes "
      "hold; exit code 0: every key that has needles came back, 1: some did not, 2: nothing was "
      "done");
  const auto flags = std::make_shared<RebuildFlags>();
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--cluster-file", "cluster.file");
  command->add_option("--volumes", flags->volumes,
                      "directories of stopped servers, folders of volumes or logs; all of them at "
                      "once (default: DIR)");
  command->add_flag("--dry-run", flags->dry_run, "read everything, write nothing");
  command->add_flag("--json", flags->json, "one JSON object");
  command->callback([flags, &exit_code] {
    const auto ran = rebuild(*flags);
    if (!ran.has_value()) static_cast<void>(fail(ran.error()));
    exit_code = ran.value_or(kCouldNotRun);
  });
}

}  // namespace kelp::server
