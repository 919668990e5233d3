// kelp import seaweedfs: the files of SeaweedFS' volumes into a bucket.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstring>

#include "base/config_value.h"
#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "mount/bucket.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/commands.h"
#include "server/import/weed_import.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr int kAllIsThere = 0;
constexpr int kSomethingIsLeftOut = 1;
constexpr int kCouldNotRun = 2;

struct ImportFlags {
  std::vector<std::string> files;
  std::string endpoint = "http://127.0.0.1:8333";
  std::string bucket;
  std::string prefix;
  std::string region = "us-east-1";
  std::string timeout = "5m";
  bool dry_run = false;
  bool json = false;
};

/// "…": how S3 shows the MD5 of what was put at once.
std::string etag_of(std::string_view body) {
  Digest md5(DigestAlgorithm::kMd5);
  md5.update(as_bytes(body));
  return fmt::format("\"{}\"", hex_encode(md5.finish()));
}

/// Puts a file where there is none; what is there stays.
Result<weed::Imported> put_file(mount::Bucket& bucket, const weed::ImportedFile& file) {
  if (file.key.size() > 1024) {
    return Error(Errc::kInvalidArgument, "its key would have more than 1024 bytes");
  }
  mount::ObjectFacts facts;
  facts.size_bytes = file.body.size();
  facts.modified = WallTime(std::chrono::seconds(file.modified_seconds));
  facts.kept["content-type"] = file.mime.empty() ? "application/octet-stream" : file.mime;
  for (const auto& [name, value] : file.pairs) facts.metadata[name] = value;
  const mount::Body body{file.body.size(), [&file](std::uint64_t offset, MutableByteSpan buffer) {
                           std::memcpy(buffer.data(), file.body.data() + offset, buffer.size());
                           return true;
                         }};
  const std::string etag = etag_of(file.body);
  const auto refused = [&file](const mount::Errno& why) {
    return Error(Errc::kUnavailable, fmt::format("{} was not written: {}", log_value(file.key),
                                                 std::strerror(why.number)));
  };
  auto there = bucket.head(file.key);
  if (!there && there.error().number == ENOENT) {
    const auto written = bucket.put(file.key, body, facts, {.absent = true, .etag = {}});
    if (written && *written == etag) return weed::Imported::kWritten;
    if (!written && written.error().number != EEXIST) return refused(written.error());
    there = bucket.head(file.key);  // somebody was faster
  }
  if (!there) return refused(there.error());
  if (there->etag == etag) return weed::Imported::kThere;
  return Error(Errc::kAlreadyExists,
               fmt::format("another object is under {} already", log_value(file.key)));
}

void print_report(const weed::ImportReport& report, bool dry_run, bool as_json) {
  if (as_json) {
    json::array left;
    for (const auto& each : report.left_out) left.push_back({{"fid", each.fid}, {"why", each.why}});
    const json::value out{{"volumes", report.volumes},      {"needles", report.needles},
                          {"written", report.written},      {"there", report.there},
                          {"bytes", report.bytes},          {"renamed", report.renamed},
                          {"without_index", report.walked}, {"left_out", std::move(left)}};
    fmt::print("{}\n", json::serialize(out));
    return;
  }
  fmt::print("{} volumes, {} files: {} {}, {} bytes; {} were there; {} under NAME~FID\n",
             report.volumes, report.needles, report.written,
             dry_run ? "would be written" : "written", report.bytes, report.there, report.renamed);
  if (report.walked > 0) {
    fmt::print("{} volumes have no .idx: of them what was written last counts\n", report.walked);
  }
  for (const auto& each : report.left_out) fmt::print("LEFT OUT {}: {}\n", each.fid, each.why);
}

Result<weed::ImportReport> run(const ImportFlags& flags) {
  const auto io = make_posix_file_io();
  SystemClock clock;
  std::vector<weed::Volume> volumes;
  for (const std::string& file : flags.files) {
    KELP_TRY(weed::Volume volume, weed::Volume::open(*io, file));
    volumes.push_back(std::move(volume));
  }
  if (flags.dry_run) {
    return weed::import_volumes(volumes, flags.prefix,
                                [](const auto&) { return weed::Imported::kWritten; });
  }
  const auto keys = keys_of_environment();
  if (!keys) {
    return Error(Errc::kUnauthenticated,
                 "no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  KELP_TRY(const auto timeout, parse_duration(flags.timeout));
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
  std::string endpoint = flags.endpoint;
  if (!endpoint.contains("://")) endpoint.insert(0, "http://");
  mount::HttpCalls http(endpoint, patience, clock);
  mount::Bucket bucket(http, flags.bucket, {keys->access_key, keys->secret_key, flags.region},
                       clock, patience);
  mount::Bucket::ListWish one;
  one.limit = 1;
  if (const auto listed = bucket.list(one); !listed) {
    return Error(Errc::kUnavailable, fmt::format("bucket {} at {}: {}", flags.bucket, endpoint,
                                                 std::strerror(listed.error().number)));
  }
  return weed::import_volumes(volumes, flags.prefix,
                              [&bucket](const auto& file) { return put_file(bucket, file); });
}

}  // namespace

void add_import_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("import", "Bring data of other stores into a bucket");
  command->require_subcommand(1);
  CLI::App* weed = command->add_subcommand(
      "seaweedfs", "Every live file of volumes of SeaweedFS, whose servers are stopped");
  const auto flags = std::make_shared<ImportFlags>();
  weed->add_option("FILE.dat", flags->files, "volumes; FILE.idx lies beside")->required();
  weed->add_option("--bucket", flags->bucket, "which exists")->required();
  weed->add_option("--prefix", flags->prefix, "of the keys");
  weed->add_option("--endpoint", flags->endpoint, "the S3 gateway")->capture_default_str();
  weed->add_option("--region", flags->region, "that requests are signed for")
      ->capture_default_str();
  weed->add_option("--timeout", flags->timeout, "of a put, repeated or not")->capture_default_str();
  weed->add_flag("--dry-run", flags->dry_run, "reads and verifies everything, and writes nothing");
  weed->add_flag("--json", flags->json, "the report as JSON");
  weed->callback([flags, &exit_code] {
    const auto report = run(*flags);
    if (!report) {
      fail(report.error());
      exit_code = kCouldNotRun;
      return;
    }
    print_report(*report, flags->dry_run, flags->json);
    exit_code = report->left_out.empty() ? kAllIsThere : kSomethingIsLeftOut;
  });
}

}  // namespace kelp::server
