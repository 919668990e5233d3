// kelp volume dump, verify, export, import: volumes as files, while no server has them.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/cluster_text.h"
#include "server/commands.h"
#include "server/meta_store.h"
#include "server/offline.h"
#include "volume/offline_volume.h"
#include "volume/volume_export.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr int kSound = 0;
constexpr int kDamaged = 1;
constexpr int kCouldNotRun = 2;

struct VolumeFlags {
  std::string path;  ///< Of a server, a folder of volumes or a log.
  std::string file;  ///< Of an export.
  bool json = false;
};

void say(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
}

std::string_view state_of(const LogStep& step, bool live) {
  if (!step.header) return "nothing";
  if (!step.trailer_matches) return "unfinished";
  if (step.header->tombstone) return "tombstone";
  return live ? "live" : "removed";
}

/// The object's key in a back pointer, as it stands in a URL.
std::string key_text(const LogStep& step) {
  const auto pointer = split_back_pointer(*step.header, step.back_pointer);
  return pointer.has_value() ? url_encode(pointer->key, true) : "?";
}

/// Of which stretch of which body it is, when it says so.
std::optional<NeedleOrigin> origin_of(const LogStep& step) {
  const auto pointer = split_back_pointer(*step.header, step.back_pointer);
  if (!pointer.has_value() || pointer->origin.empty()) return std::nullopt;
  auto origin = decode_origin(pointer->origin);
  return origin.has_value() ? std::optional(*std::move(origin)) : std::nullopt;
}

/// One step of a log for a person.
void print_step(VolumeId volume, const LogStep& step, bool live) {
  if (!step.header) {
    fmt::print("{:>14}  {:<10} {:>10}\n", step.offset, state_of(step, live), step.bytes);
    return;
  }
  const NeedleHeader& header = *step.header;
  std::string part;
  if (const auto origin = origin_of(step)) {
    part = fmt::format(" byte {} of {}", origin->offset, origin->total_bytes);
    if (origin->part_number > 0) {
      part += fmt::format(" of part {} of {}", origin->part_number, origin->upload_id);
    }
  }
  if (header.packed_bytes > 0) part += fmt::format(" packed, of {} bytes", header.packed_bytes);
  if (header.part)
    part += fmt::format(" shard {} of {}", header.part->shard, to_string(header.part->scheme));
  fmt::print("{:>14}  {:<10} {:>10}  {}  {}  bucket {}  {}{}\n", step.offset, state_of(step, live),
             header.body_bytes, to_string(FileId{volume, header.key, header.cookie}),
             time_text(WallTime(std::chrono::nanoseconds(header.created_ns))), header.bucket.value,
             key_text(step), part);
}

/// The same as a JSON object on a line.
void print_step_json(VolumeId volume, const LogStep& step, bool live) {
  json::object out{{"volume", volume.value}, {"offset", step.offset}, {"bytes", step.bytes}};
  out["state"] = state_of(step, live);
  if (step.header) {
    const NeedleHeader& header = *step.header;
    out["fid"] = to_string(FileId{volume, header.key, header.cookie});
    out["key"] = header.key.value;
    out["cookie"] = header.cookie.value;
    out["body_bytes"] = header.body_bytes;
    out["created"] = time_text(WallTime(std::chrono::nanoseconds(header.created_ns)));
    out["bucket"] = header.bucket.value;
    out["object_key"] = key_text(step);
    if (const auto origin = origin_of(step)) {
      out["origin"] = {{"bucket", origin->bucket},       {"body", origin->body.value},
                       {"offset", origin->offset},       {"total_bytes", origin->total_bytes},
                       {"upload_id", origin->upload_id}, {"part_number", origin->part_number}};
    }
    if (header.packed_bytes > 0) out["packed_bytes"] = header.packed_bytes;
    if (header.part) {
      out["shard"] = header.part->shard;
      out["scheme"] = to_string(header.part->scheme);
      out["whole_bytes"] = header.part->body_bytes;
    }
  }
  fmt::print("{}\n", json::serialize(out));
}

std::string describe(const OfflineVolume& volume) {
  const auto& superblock = volume.superblock();
  if (!superblock)
    return fmt::format("volume {}: {}", volume.volume().value, superblock.error().detail());
  const auto generation = volume.role() ? volume.role()->generation : superblock->generation;
  return fmt::format("volume {}: generation {}, collection '{}', cluster {}, {} bytes",
                     volume.volume().value, generation.value, superblock->collection,
                     to_string(superblock->cluster_id), volume.file_bytes());
}

/// False when not all of it could be listed.
Result<bool> dump_one(const OfflineVolume& volume, bool as_json) {
  if (!as_json) fmt::print("{}\n", describe(volume));
  auto visit = [&](const LogStep& step, bool live) -> Result<void> {
    as_json ? print_step_json(volume.volume(), step, live)
            : print_step(volume.volume(), step, live);
    return {};
  };
  KELP_TRY(const OfflineVolume::End end, volume.walk(visit));
  const std::string why = end.stopped ? end.stopped->detail() : "";
  if (as_json) {
    json::object out{{"volume", volume.volume().value}, {"end", end.offset}};
    out["stopped"] = end.stopped ? json::value(why) : json::value();
    fmt::print("{}\n", json::serialize(out));
  } else {
    fmt::print("{:>14}  {}\n", end.offset, end.stopped ? "stopped here: " + why : "end of the log");
  }
  return !end.stopped.has_value();
}

/// Calls `look` for each volume; one that cannot be opened is told, and the others looked at.
template <typename Look>
Result<int> for_each_volume(const VolumeFlags& flags, Look look) {
  const auto io = make_posix_file_io();
  KELP_TRY(const VolumesFolder volumes, lock_volumes(*io, flags.path));
  if (volumes.logs.empty()) {
    return Error(Errc::kNotFound, fmt::format("{} holds no volume", volumes.directory));
  }
  bool sound = true;
  for (const std::string& log : volumes.logs) {
    Result<bool> good = true;
    if (const auto volume = OfflineVolume::open(*io, log); volume.has_value()) {
      good = look(*volume);
    } else {
      good = volume.error();
    }
    if (!good.has_value()) say(fmt::format("{}: {}", log, good.error().message()));
    sound = sound && good.value_or(false);
  }
  return sound ? kSound : kDamaged;
}

Result<int> dump(const VolumeFlags& flags) {
  return for_each_volume(flags,
                         [&](const OfflineVolume& volume) { return dump_one(volume, flags.json); });
}

void print_finding(const VolumeFinding& finding) {
  fmt::print("{:>14}  {}{}{}\n", finding.offset, finding.damage ? "DAMAGED " : "",
             finding.key ? fmt::format("needle {:x}: ", finding.key->value) : "", finding.what);
}

json::object json_of(const VolumeFinding& finding) {
  json::object out{{"offset", finding.offset}, {"damage", finding.damage}, {"what", finding.what}};
  if (finding.key) out["key"] = finding.key->value;
  return out;
}

Result<bool> verify_one(const OfflineVolume& volume, bool as_json) {
  KELP_TRY(const VolumeCheck check, check_volume(volume));
  if (as_json) {
    json::array findings;
    for (const VolumeFinding& finding : check.findings) findings.push_back(json_of(finding));
    const json::object out{{"volume", volume.volume().value}, {"sound", check.sound()},
                           {"needles", check.needles},        {"needle_bytes", check.needle_bytes},
                           {"removed", check.removed},        {"tombstones", check.tombstones},
                           {"findings", std::move(findings)}};
    fmt::print("{}\n", json::serialize(out));
    return check.sound();
  }
  fmt::print("{}\n", describe(volume));
  for (const VolumeFinding& finding : check.findings) print_finding(finding);
  fmt::print("{:>14}  needles of {} bytes; {} removed, {} tombstones: {}\n", check.needles,
             check.needle_bytes, check.removed, check.tombstones,
             check.sound() ? "sound" : "DAMAGED");
  return check.sound();
}

Result<int> verify(const VolumeFlags& flags) {
  return for_each_volume(
      flags, [&](const OfflineVolume& volume) { return verify_one(volume, flags.json); });
}

Result<VolumeExport> write_export(const OfflineVolume& volume, DumpFile& file) {
  KELP_TRY(VolumeExport done,
           export_volume(volume, [&file](std::string_view bytes) { return file.write(bytes); }));
  KELP_CHECK(file.finish());
  return done;
}

Result<int> export_one(const VolumeFlags& flags) {
  const auto io = make_posix_file_io();
  KELP_TRY(const VolumesFolder volumes, lock_volumes(*io, flags.path));
  if (volumes.logs.size() != 1) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} volumes are there; say which log", volumes.logs.size()));
  }
  KELP_TRY(const OfflineVolume volume, OfflineVolume::open(*io, volumes.logs.front()));
  KELP_TRY(DumpFile file, DumpFile::create(*io, flags.file));
  auto done = write_export(volume, file);
  if (!done.has_value()) {
    file.abandon();
    return done.error();
  }
  for (const VolumeFinding& finding : done->left_out) {
    say(fmt::format("left out: needle {:x} at {}: {}", finding.key->value, finding.offset,
                    finding.what));
  }
  if (done->end.stopped) {
    say(fmt::format("stopped at {}: {}", done->end.offset, done->end.stopped->detail()));
  }
  say(fmt::format("exported {} needles of {} bytes; {} left out", done->needles, done->body_bytes,
                  done->left_out.size()));
  return done->left_out.empty() && !done->end.stopped ? kSound : kDamaged;
}

/// The bytes of the standard input.
Result<std::size_t> read_input(MutableByteSpan out) {
  const std::size_t got = std::fread(out.data(), 1, out.size(), stdin);
  if (got == out.size() || std::ferror(stdin) == 0) return got;
  return Error(Errc::kIo, "the standard input cannot be read");
}

Result<int> import_one(const VolumeFlags& flags) {
  const auto io = make_posix_file_io();
  const SystemClock clock;
  const auto pool = make_thread_pool({.threads = 1});
  std::unique_ptr<File> file;
  ImportSource source = read_input;
  if (flags.file != "-") {
    KELP_TRY(file, io->open(flags.file, OpenMode::kRead));
    source = source_of(*file);
  }
  KELP_TRY(const VolumesFolder folder, lock_volumes(*io, flags.path));
  ImportTarget target{*io, *pool, clock, folder.directory, std::nullopt};
  if (folder.data) {
    KELP_TRY(target.cluster_id, parse_uuid(folder.data->identity.cluster_id));
  }
  KELP_TRY(const VolumeImport done, import_volume(target, source));
  say(fmt::format("{} volume {}: {} needles of {} bytes; {} were there already",
                  done.made ? "made" : "added to", done.volume.value, done.needles, done.body_bytes,
                  done.were_here));
  return kSound;
}

CLI::App* add_one(CLI::App& volume, const std::string& name, const std::string& help,
                  Result<int> (*run)(const VolumeFlags&), const std::shared_ptr<VolumeFlags>& flags,
                  int& exit_code) {
  CLI::App* command = volume.add_subcommand(name, help);
  command->callback([flags, run, &exit_code] {
    const auto ran = run(*flags);
    if (!ran.has_value()) static_cast<void>(fail(ran.error()));
    exit_code = ran.value_or(kCouldNotRun);
  });
  return command;
}

constexpr const char* kPathHelp =
    "a stopped server's directory, a folder of volumes, or a log: NNNNNNNNN.dat";

}  // namespace

void add_volume_commands(CLI::App& app, int& exit_code) {
  CLI::App& volume = *app.get_subcommand("volume");
  const auto dumped = std::make_shared<VolumeFlags>();
  CLI::App* command =
      add_one(volume, "dump",
              "List what the logs of volumes hold, as far as they can be read; exit "
              "code 1: not to their ends",
              dump, dumped, exit_code);
  command->add_option("PATH", dumped->path, kPathHelp)->required();
  command->add_flag("--json", dumped->json, "a JSON object on a line for each needle");

  const auto verified = std::make_shared<VolumeFlags>();
  command = add_one(volume, "verify",
                    "Compare every checksum of volumes, and the index with the log; exit code 0: "
                    "sound, 1: something is damaged, 2: it could not run",
                    verify, verified, exit_code);
  command->add_option("PATH", verified->path, kPathHelp)->required();
  command->add_flag("--json", verified->json, "a JSON object on a line for each volume");

  const auto exported = std::make_shared<VolumeFlags>();
  command = add_one(volume, "export",
                    "Write the needles of a volume that are sound to a tar file; exit code 1: some "
                    "were left out",
                    export_one, exported, exit_code);
  command->add_option("PATH", exported->path, "a log, or a folder with one")->required();
  command->add_option("FILE", exported->file, "- is the standard output")->required();

  const auto imported = std::make_shared<VolumeFlags>();
  command = add_one(volume, "import", "Put an exported volume, or its needles, into a folder",
                    import_one, imported, exit_code);
  command->add_option("FILE", imported->file, "of an export; - is the standard input")->required();
  command->add_option("DIR", imported->path, "a stopped server's directory, or a folder of volumes")
      ->required();
}

}  // namespace kelp::server
