// volume.fsck: do the volume servers have what the metadata names?

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "server/shell/handlers.h"
#include "server/shell/table.h"
#include "wire/remote_volume.h"

namespace kelp::server {
namespace {

namespace json = boost::json;

constexpr Column kColumns[] = {{"object"}, {"fid"}, {"node"}, {"error"}};
constexpr std::size_t kMostRows = 1000;

/// A needle that an object names.
struct Named {
  FileId fid;
  std::uint64_t bytes = 0;
  std::string key;  ///< Of the object.
};

/// What is wrong; of a copy as a whole when there is no `key`.
struct Finding {
  VolumeId volume;
  std::string key;
  std::string fid;
  std::string node;
  std::string error;
};

/// What one copy lacks of `needles`, which ascend. Neighbours share an answer.
Task<std::vector<Finding>> compare_copy(VolumeAdmin& node, std::string name, VolumeId volume,
                                        std::vector<Named> needles) {
  constexpr std::uint32_t kWindow = 1000;
  std::vector<Finding> out;
  std::vector<NeedleInfo> window;
  for (const Named& named : needles) {
    if (window.empty() || window.back().key < named.fid.key) {
      const NeedleKey before{named.fid.key.value - 1};
      auto listed = co_await node.list_needles(volume, before, kWindow);
      if (!listed.has_value()) {
        out.push_back({volume, "", "", name, listed.error().message()});
        co_return out;
      }
      window = *std::move(listed);
    }
    const auto at = std::ranges::lower_bound(window, named.fid.key, {}, &NeedleInfo::key);
    std::string error;
    if (at == window.end() || at->key != named.fid.key) {
      error = "is not there";
    } else if (at->cookie != named.fid.cookie || at->body_bytes != named.bytes) {
      error =
          fmt::format("is another one, of {} bytes in place of {}", at->body_bytes, named.bytes);
    }
    if (!error.empty()) out.push_back({volume, named.key, to_string(named.fid), name, error});
  }
  co_return out;
}

/// Compares bucket after bucket and gathers what is wrong.
class Fsck {
 public:
  Fsck(ShellWorld& world, FilerClient& filer) : world_(world), filer_(filer) {}

  Task<Result<void>> look(std::string bucket, std::string prefix) {
    ListObjects request;
    request.bucket = std::move(bucket);
    request.prefix = std::move(prefix);
    while (true) {
      KELP_CO_TRY(ListedPage page, co_await filer_.list_objects(request));
      std::set<std::string> keys;
      for (ListedObject& object : page.objects) keys.insert(std::move(object.key));
      KELP_CO_CHECK(co_await look_at(request.bucket, std::move(keys)));
      if (!page.truncated) co_return Result<void>();
      request.start_after = std::move(page.next);
    }
  }

  ShellReply reply() {
    ShellReply out;
    out.good = found_ == 0;
    out.text = rows_.empty() ? "" : table_text(rows_, kColumns);
    if (found_ > rows_.size()) out.text += fmt::format("and more, {} in all\n", found_);
    out.text += fmt::format("{} needles of {} objects: {}\n", needles_, objects_,
                            out.good ? "all are there" : "SOME ARE MISSING or not to be read");
    out.json = {{"good", out.good},
                {"objects", objects_},
                {"needles", needles_},
                {"found", found_},
                {"findings", std::move(rows_)}};
    return out;
  }

 private:
  /// Objects are replaced and volumes move meanwhile: only what is found twice is wrong.
  Task<Result<void>> look_at(std::string bucket, std::set<std::string> keys) {
    constexpr std::chrono::milliseconds kPause{300};
    objects_ += keys.size();
    std::uint64_t needles = 0;
    KELP_CO_TRY(auto findings, co_await compare(bucket, keys, needles));
    needles_ += needles;
    if (findings.empty()) co_return Result<void>();
    KELP_CO_CHECK(co_await world_.timers.sleep_until(world_.clock.mono() + kPause));
    KELP_CO_TRY(findings, co_await compare(bucket, std::move(keys), needles));
    for (const Finding& finding : findings) note(bucket, finding);
    co_return Result<void>();
  }

  Task<Result<std::vector<Finding>>> compare(std::string bucket, std::set<std::string> keys,
                                             std::uint64_t& needles) {
    std::map<VolumeId, std::vector<Named>> named;
    for (const std::string& key : keys) {
      ObjectKey name{bucket, key};
      const auto found = co_await filer_.get_object(std::move(name), false);
      if (!found.has_value() && found.error().code() == Errc::kNotFound) continue;
      KELP_CO_CHECK(found);
      KELP_CO_TRY(const std::vector<Chunk> chunks, co_await needles_of(found->entry.layout));
      for (const Chunk& chunk : chunks) {
        if (is_remote(chunk.fid.volume)) continue;  // no volume server has it
        named[chunk.fid.volume].push_back({chunk.fid, chunk.size_bytes, key});
        ++needles;
      }
    }
    std::vector<Finding> findings;
    if (named.empty()) co_return findings;
    KELP_CO_TRY(const ClusterView view, co_await world_.masters.view());
    for (auto& [volume, wanted] : named) {
      std::ranges::sort(wanted, {}, [](const Named& each) { return each.fid.key; });
      std::ranges::move(co_await compare_volume(view, volume, std::move(wanted)),
                        std::back_inserter(findings));
    }
    co_return findings;
  }

  /// The chunks of `layout`, those of manifests in their place.
  Task<Result<std::vector<Chunk>>> needles_of(Layout layout) {
    std::vector<Chunk> needles;
    for (const Chunk& chunk : layout.chunks) {
      if (!chunk.is_manifest()) {
        needles.push_back(chunk);
        continue;
      }
      KELP_CO_TRY(const auto listed, co_await filer_.get_manifest(chunk.fid.key.value));
      std::ranges::copy(listed, std::back_inserter(needles));
    }
    co_return needles;
  }

  Task<std::vector<Finding>> compare_volume(const ClusterView& view, VolumeId volume,
                                            std::vector<Named> needles) {
    std::vector<Finding> findings;
    const auto found = std::ranges::find(
        view.volumes, volume, [](const VolumeView& each) { return each.location.volume; });
    if (found == view.volumes.end()) {
      for (const Named& named : needles) {
        findings.push_back(
            {volume, named.key, to_string(named.fid), "", "its volume was never made"});
      }
      co_return findings;
    }
    for (const VolumeMember& member : found->location.members) {
      std::string name = node_name(view, member.node_id);
      if (!is_alive(view, member.node_id)) {
        findings.push_back({volume, "", "", std::move(name), "the volume server is silent"});
        continue;
      }
      const auto node = world_.volumes.at(member.address);
      std::ranges::move(co_await compare_copy(*node, std::move(name), volume, needles),
                        std::back_inserter(findings));
    }
    co_return findings;
  }

  void note(const std::string& bucket, const Finding& finding) {
    const bool whole = finding.key.empty();
    if (whole && !bad_copies_.emplace(finding.volume, finding.node).second) return;
    ++found_;
    if (rows_.size() == kMostRows) return;
    json::object row{{"volume", finding.volume.value}, {"error", finding.error}};
    if (!finding.node.empty()) row["node"] = finding.node;
    row["fid"] = whole ? fmt::format("volume {}", finding.volume.value) : finding.fid;
    if (!whole) row["object"] = shown("/" + bucket + "/" + finding.key);
    rows_.push_back(std::move(row));
  }

  ShellWorld& world_;
  FilerClient& filer_;
  std::uint64_t objects_ = 0;
  std::uint64_t needles_ = 0;
  std::uint64_t found_ = 0;
  std::set<std::pair<VolumeId, std::string>> bad_copies_;  ///< Said once.
  json::array rows_;
};

}  // namespace

Task<Result<ShellReply>> volume_fsck(ShellWorld& world, ShellArguments arguments) {
  KELP_CO_TRY(FilerClient* const filer, filer_of(world));
  const ShellPath path = path_of(arguments.get("PATH"));
  KELP_CO_TRY(const auto buckets, co_await buckets_of(*filer, path));
  Fsck fsck(world, *filer);
  for (const std::string& bucket : buckets) {
    KELP_CO_CHECK(co_await fsck.look(bucket, path.key));
  }
  co_return fsck.reply();
}

}  // namespace kelp::server
