#include <fmt/format.h>

#include <array>

#include "base/encoding.h"
#include "os/posix_file_io.h"
#include "server/commands.h"
#include "server/engines.h"
#include "server/offline.h"

namespace kelp::server {
namespace {

struct FsckFlags {
  ConfigFlags config;
  bool json = false;
  bool verify = false;
};

constexpr int kNothingWrong = 0;
constexpr int kDamaged = 1;
constexpr int kCouldNotRun = 2;

struct Figure {
  std::string_view name;
  std::string_view what;
  std::uint64_t FsckReport::* value;
};

constexpr std::array kFigures = {
    Figure{"buckets", "buckets", &FsckReport::buckets},
    Figure{"objects", "objects", &FsckReport::objects},
    Figure{"inline_bodies", "bodies kept in the metadata", &FsckReport::inline_bodies},
    Figure{"annotations", "annotations of objects", &FsckReport::annotations},
    Figure{"uploads", "multipart uploads", &FsckReport::uploads},
    Figure{"parts", "parts of them", &FsckReport::parts},
    Figure{"needles", "needles on disk", &FsckReport::needles},
    Figure{"dead_needles", "needles in quarantine", &FsckReport::dead_needles},
    Figure{"fid_needles", "needles kept by file id", &FsckReport::fid_needles},
    Figure{"remote_needles", "needles that lie in remotes, not looked at",
           &FsckReport::remote_needles},
    Figure{"verified_bytes", "bytes of needles read and compared", &FsckReport::verified_bytes},
};
constexpr std::array kToCollect = {
    Figure{"orphan_needles", "needles that nothing names", &FsckReport::orphan_needles},
    Figure{"orphan_bytes", "bytes of them", &FsckReport::orphan_bytes},
    Figure{"dropped_buckets", "buckets that were dropped", &FsckReport::dropped_buckets},
    Figure{"left_over_parts", "parts whose upload is gone", &FsckReport::left_over_parts},
    Figure{"loose_annotation_sets", "objects that are gone and left annotations",
           &FsckReport::loose_annotation_sets},
};
constexpr std::array kWrong = {
    Figure{"missing_needles", "needles that are named and not there", &FsckReport::missing_needles},
    Figure{"wrong_shares", "shared needles whose count of names is wrong",
           &FsckReport::wrong_shares},
    Figure{"wrong_size_needles", "needles of another size", &FsckReport::wrong_size_needles},
    Figure{"corrupt_needles", "needles that do not match their checksums",
           &FsckReport::corrupt_needles},
    Figure{"unreadable_volumes", "volumes that cannot be read", &FsckReport::unreadable_volumes},
    Figure{"unreadable_needles", "needles named there", &FsckReport::unreadable_needles},
    Figure{"damaged_objects", "objects that all this damages", &FsckReport::damaged_objects},
    Figure{"damaged_parts", "parts of uploads that it damages", &FsckReport::damaged_parts},
    Figure{"doubly_named_needles", "needles named twice", &FsckReport::doubly_named_needles},
    Figure{"missing_inline_bodies", "bodies missing in the metadata",
           &FsckReport::missing_inline_bodies},
    Figure{"corrupt_inline_bodies", "bodies damaged in the metadata",
           &FsckReport::corrupt_inline_bodies},
    Figure{"unnamed_inline_bodies", "bodies in the metadata that nothing names",
           &FsckReport::unnamed_inline_bodies},
    Figure{"wrong_annotation_sets", "objects whose annotations are not as they say",
           &FsckReport::wrong_annotation_sets},
    Figure{"wrong_counters", "buckets whose counters are wrong", &FsckReport::wrong_counters},
    Figure{"objects_without_bucket", "objects without a bucket",
           &FsckReport::objects_without_bucket},
};

template <std::size_t N>
void print_figures(const FsckReport& report, std::string_view title,
                   const std::array<Figure, N>& figures) {
  fmt::print("{}\n", title);
  for (const Figure& figure : figures) {
    fmt::print("  {:>12}  {}\n", report.*figure.value, figure.what);
  }
}

/// Findings hold numbers and our own words, keys are URL-encoded; quotes and backslashes alone need
/// care.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < ' ' ? ' ' : c);
  }
  return out + "\"";
}

/// "bucket/key" as it stands in a URL, so that any key is printable; a part says of which upload.
std::string path_of(const Damaged& damaged) {
  std::string name = damaged.bucket + "/" + url_encode(damaged.key, true);
  if (damaged.version != 0) name += fmt::format(" version {:016x}", damaged.version);
  if (damaged.part_number == 0) return name;
  return fmt::format("{} upload {} part {}", name, damaged.upload_id, damaged.part_number);
}

std::string json_of(const Damaged& damaged) {
  std::string out = fmt::format("{{\"bucket\": {}, \"key\": {}", json_text(damaged.bucket),
                                json_text(url_encode(damaged.key, true)));
  if (damaged.version != 0) out += fmt::format(", \"version\": \"{:016x}\"", damaged.version);
  if (damaged.part_number != 0) {
    out += fmt::format(", \"upload_id\": {}, \"part_number\": {}", json_text(damaged.upload_id),
                       damaged.part_number);
  }
  out += fmt::format(", \"why\": {}}}",
                     json_text(fmt::format("{} {}", damaged.where, text_of(damaged.damage))));
  return out;
}

void print_text(const FsckReport& report) {
  print_figures(report, "There are", kFigures);
  print_figures(report, "To be collected", kToCollect);
  print_figures(report, "Wrong", kWrong);
  for (const std::string& finding : report.findings) fmt::print("{}\n", finding);
  for (const Damaged& each : report.damaged) {
    fmt::print("{}: {} {}\n", path_of(each), each.where, text_of(each.damage));
  }
  const std::uint64_t untold =
      report.damaged_objects + report.damaged_parts - report.damaged.size();
  if (untold > 0) fmt::print("and {} more\n", untold);
  fmt::print("{}\n", !report.sound()  ? "DAMAGED"
                     : report.clean() ? "clean"
                                      : "sound; a running server collects the rest");
}

void print_json(const FsckReport& report) {
  std::string out = "{";
  const auto add = [&](const auto& figures) {
    for (const Figure& figure : figures) {
      out += fmt::format("\"{}\": {}, ", figure.name, report.*figure.value);
    }
  };
  add(kFigures);
  add(kToCollect);
  add(kWrong);
  out +=
      fmt::format("\"sound\": {}, \"clean\": {}, \"findings\": [", report.sound(), report.clean());
  std::string_view comma;
  for (const std::string& finding : report.findings) {
    out += comma;
    out += json_text(finding);
    comma = ", ";
  }
  out += "], \"damaged\": [";
  comma = "";
  for (const Damaged& each : report.damaged) {
    out += comma;
    out += json_of(each);
    comma = ", ";
  }
  fmt::print("{}]}}\n", out);
}

Result<int> check(const FsckFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  if (loaded.config.dir.empty()) {
    return Error(Errc::kInvalidArgument, "say which directory: --dir DIR, or KELP_DIR");
  }
  if (!is_embedded(loaded.config)) {
    return Error(Errc::kUnimplemented, "fsck reads the embedded engine only; filer.engine is " +
                                           loaded.config.filer.engine);
  }
  const auto io = make_posix_file_io();
  KELP_TRY(const FsckReport report,
           fsck_directory(*io, loaded.config.dir, {.verify = flags.verify}));
  flags.json ? print_json(report) : print_text(report);
  return report.sound() ? kNothingWrong : kDamaged;
}

}  // namespace

void add_fsck_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "fsck",
      "Compare the metadata and the needles of a stopped server; exit code 0: nothing is wrong, 1: "
      "something is, 2: it could not run");
  const auto flags = std::make_shared<FsckFlags>();
  flags->config.add_to(*command);
  command->add_flag("--verify", flags->verify, "read every byte and compare it with its checksums");
  command->add_flag("--json", flags->json, "one JSON object");
  command->callback([flags, &exit_code] {
    const auto checked = check(*flags);
    if (!checked.has_value()) static_cast<void>(fail(checked.error()));
    exit_code = checked.value_or(kCouldNotRun);
  });
}

}  // namespace kelp::server
