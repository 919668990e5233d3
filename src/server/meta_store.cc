#include "server/meta_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "server/engines.h"

namespace kelp::server {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

struct Scheme {
  std::string_view begins;
  std::string_view engine;
};
constexpr std::array kSchemes = {
    Scheme{"postgresql://", "postgresql"},
    Scheme{"postgres://", "postgresql"},
    Scheme{"http://", "etcd"},
    Scheme{"https://", "etcd"},
    Scheme{"redis://", "redis"},
    Scheme{"unix:", "redis"},
};

/// `config` with its engine at that place.
Config config_at(const Config& config, const MetaPlace& place) {
  Config at = config;
  if (!place.password_file.empty()) at.filer.engine_password_file = place.password_file;
  if (place.where.empty()) return at;
  const auto* const scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& each) { return place.where.starts_with(each.begins); });
  if (scheme == kSchemes.end()) {
    at.dir = place.where;
    at.filer.engine = "rocksdb";
    at.filer.engine_url.clear();
  } else {
    at.filer.engine = scheme->engine;
    at.filer.engine_url = place.where;
  }
  return at;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error in_file(const std::string& path, const Error& error) {
  return {error.code(), fmt::format("{}: {}", path, error.detail())};
}

Result<DumpContent> verify_increment(DumpReader reader, DumpContent content) {
  IncrementReader increment(std::move(reader), content.header);
  while (true) {
    KELP_TRY(const auto change, increment.next());
    if (!change) break;
    if (content.changes++ == 0) content.first = change->time;
    content.last = std::max(content.last, change->time);
  }
  content.totals = increment.totals();
  return content;
}

}  // namespace

Result<ClusterIdentity> identity_of(const Config& config, FileIo& io) {
  const std::string path =
      config.cluster.file.empty() ? config.dir + "/cluster" : config.cluster.file;
  if (config.cluster.file.empty() && config.dir.empty()) {
    return Error(Errc::kInvalidArgument,
                 "say which cluster this is: --dir DIR or --cluster-file FILE");
  }
  return read_cluster_file(io, path, KeyPair{});
}

Result<MetaStore> open_meta_store(const Config& config, const MetaPlace& place, FileIo& io,
                                  Clock& clock) {
  const Config at = config_at(config, place);
  KELP_TRY(const ClusterIdentity identity, identity_of(config, io));
  MetaStore opened;
  opened.engine = at.filer.engine;
  if (is_embedded(at)) {
    if (at.dir.empty()) return Error(Errc::kInvalidArgument, "say which directory: --dir DIR");
    if (!place.to_load) {
      KELP_TRY(const bool there, io.exists(filer_dir(at.dir) + "/CURRENT"));
      if (!there) {
        return Error(Errc::kNotFound, fmt::format("{} holds no metadata", filer_dir(at.dir)));
      }
    }
    KELP_TRY(opened.data, join_data_dir(io, at.dir, identity));
  }
  const EngineUse use = place.to_load ? EngineUse::kLoad : EngineUse::kRead;
  KELP_TRY(opened.store, open_engine(at, identity, io, clock, use));
  return opened;
}

Result<DumpFile> DumpFile::create(FileIo& io, const std::string& path) {
  DumpFile dump(io, path);
  if (path == "-") return dump;
  KELP_TRY(const bool there, io.exists(path));
  if (there) return Error(Errc::kAlreadyExists, fmt::format("{} is there already", path));
  KELP_TRY(dump.file_, io.open(path + ".part", OpenMode::kCreate));
  KELP_CHECK(dump.file_->truncate(0));
  return dump;
}

Result<void> DumpFile::write(std::string_view bytes) {
  if (file_ == nullptr) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
    return Error(Errc::kIo, "the standard output takes no more");
  }
  const std::array pieces{as_bytes(bytes)};
  KELP_CHECK(file_->write_at(written_, pieces));
  written_ += bytes.size();
  return {};
}

Result<void> DumpFile::finish() {
  if (file_ == nullptr) {
    if (std::fflush(stdout) == 0) return {};
    return Error(Errc::kIo, "the standard output takes no more");
  }
  KELP_CHECK(file_->sync());
  KELP_CHECK(io_->rename(path_ + ".part", path_));
  return io_->sync_dir(folder_of(path_));
}

void DumpFile::abandon() {
  if (file_ == nullptr) return;
  file_.reset();
  static_cast<void>(io_->remove(path_ + ".part"));
}

DumpReader::Source source_of(File& file) {
  struct Buffer {
    std::string bytes;
    std::size_t at = 0;
    std::uint64_t offset = 0;
  };
  return [&file, buffer = std::make_shared<Buffer>()](MutableByteSpan out) -> Result<std::size_t> {
    std::size_t given = 0;
    while (given < out.size()) {
      if (buffer->at == buffer->bytes.size()) {
        buffer->bytes.resize(kReadBytes);
        KELP_TRY(const std::size_t count,
                 file.read_at(buffer->offset, std::as_writable_bytes(std::span(buffer->bytes))));
        buffer->bytes.resize(count);
        buffer->at = 0;
        buffer->offset += count;
        if (count == 0) break;
      }
      const std::size_t some = std::min(out.size() - given, buffer->bytes.size() - buffer->at);
      std::memcpy(out.data() + given, buffer->bytes.data() + buffer->at, some);
      buffer->at += some;
      given += some;
    }
    return given;
  };
}

Result<DumpContent> verify_dump(FileIo& io, const std::string& path) {
  KELP_TRY(const auto file, io.open(path, OpenMode::kRead));
  DumpReader reader(source_of(*file));
  DumpContent content;
  KELP_TRY(content.header, reader.header());
  if (content.header.since) return verify_increment(std::move(reader), std::move(content));
  while (true) {
    KELP_TRY(const auto rows, reader.next());
    if (rows.empty()) break;
  }
  content.totals = reader.totals();
  return content;
}

Result<DumpHeader> read_dump_header(FileIo& io, const std::string& path) {
  KELP_TRY(const auto file, io.open(path, OpenMode::kRead));
  return DumpReader(source_of(*file)).header();
}

Result<std::vector<DumpContent>> verify_chain(FileIo& io, const std::vector<std::string>& paths) {
  std::vector<DumpContent> chain;
  for (const std::string& path : paths) {
    auto content = verify_dump(io, path);
    if (!content) return in_file(path, content.error());
    if (!chain.empty()) {
      const auto linked = check_link(chain.back().header, content->header);
      if (!linked) return in_file(path, linked.error());
    }
    chain.push_back(*std::move(content));
  }
  return chain;
}

ChainChanges::Open open_each(FileIo& io, std::deque<std::string> paths) {
  return [&io, left = std::move(paths),
          file = std::shared_ptr<File>()]() mutable -> Result<std::optional<DumpReader>> {
    if (left.empty()) return std::nullopt;
    KELP_TRY(file, io.open(left.front(), OpenMode::kRead));
    left.pop_front();
    return DumpReader(source_of(*file));
  };
}

}  // namespace kelp::server
