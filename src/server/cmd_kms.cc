// `kelp kms`: the master keys of server-side encryption. Shows names, never a key.

#include <fmt/format.h>

#include "crypto/uuid.h"
#include "os/posix_file_io.h"
#include "server/commands.h"
#include "server/key_file.h"

namespace kelp::server {
namespace {

/// What every `kelp kms` command is told.
struct KmsFlags {
  ConfigFlags config;
  std::string id;
  std::string alias;
};

using Work = std::function<Result<void>(FileIo&, const std::string& path, const KmsFlags&)>;

Result<void> init(FileIo& io, const std::string& path, const KmsFlags&) {
  KELP_CHECK(make_key_ring(io, path));
  fmt::print("{}  secret: who has it can read what is encrypted; without it nobody can\n", path);
  return {};
}

Result<void> list(FileIo& io, const std::string& path, const KmsFlags&) {
  KELP_TRY(const s3::KeyRing ring, read_key_ring(io, path));
  for (const auto& [id, key] : ring.keys()) {
    std::string names = id == s3::kS3KeyId ? "for SSE-S3" : s3::key_arn(id);
    for (const auto& [alias, meant] : ring.aliases()) {
      if (meant == id) names += "  alias/" + alias;
    }
    fmt::print("{}  versions={}  {}\n", id, key.versions.size(), names);
  }
  return {};
}

Result<void> add(FileIo& io, const std::string& path, const KmsFlags& flags) {
  const std::string id = flags.id.empty() ? random_uuid() : flags.id;
  const auto change = [&](s3::KeyRing& ring) { return ring.add(id, SecretKey::draw()); };
  KELP_CHECK(change_key_ring(io, path, change));
  fmt::print("{}\n", id);
  return {};
}

Result<void> rotate(FileIo& io, const std::string& path, const KmsFlags& flags) {
  std::uint32_t version = 0;
  const auto change = [&](s3::KeyRing& ring) -> Result<void> {
    KELP_TRY(version, ring.rotate(flags.id, SecretKey::draw()));
    return {};
  };
  KELP_CHECK(change_key_ring(io, path, change));
  fmt::print("{}  versions={}\n", flags.id, version);
  return {};
}

Result<void> point(FileIo& io, const std::string& path, const KmsFlags& flags) {
  const auto change = [&](s3::KeyRing& ring) { return ring.point(flags.alias, flags.id); };
  return change_key_ring(io, path, change);
}

CLI::App* add_subcommand(CLI::App& kms, const std::shared_ptr<KmsFlags>& flags, int& exit_code,
                         const std::string& name, const std::string& help, Work work) {
  CLI::App* command = kms.add_subcommand(name, help);
  flags->config.add_to(*command);
  flags->config.add_named(*command, "--keyring", "s3.keyring");
  flags->config.add_named(*command, "--cluster-file", "cluster.file");
  command->callback([flags, work = std::move(work), &exit_code] {
    const auto run = [&]() -> Result<void> {
      KELP_TRY(const LoadedConfig loaded, flags->config.load());
      const Config& config = loaded.config;
      if (config.dir.empty() && config.s3.keyring.empty() && config.cluster.file.empty()) {
        return Error(Errc::kInvalidArgument, "say where: --keyring FILE or --dir DIR");
      }
      const auto io = make_posix_file_io();
      return work(*io, key_ring_path(config), *flags);
    };
    if (const auto ran = run(); !ran.has_value()) exit_code = fail(ran.error());
  });
  return command;
}

}  // namespace

void add_kms_command(CLI::App& app, int& exit_code) {
  CLI::App* kms = app.add_subcommand("kms", "Master keys of server-side encryption");
  kms->require_subcommand(1);
  const auto make_flags = [] { return std::make_shared<KmsFlags>(); };

  add_subcommand(*kms, make_flags(), exit_code, "init", "Make a key ring", init);
  add_subcommand(*kms, make_flags(), exit_code, "list", "The keys, their versions and aliases",
                 list);

  auto flags = make_flags();
  add_subcommand(*kms, flags, exit_code, "add", "Add a key for SSE-KMS", add)
      ->add_option("id", flags->id, "its id; none: a random one");

  flags = make_flags();
  add_subcommand(*kms, flags, exit_code, "rotate",
                 "Give a key a new version; the older ones stay for reading", rotate)
      ->add_option("id", flags->id, "its id, or s3")
      ->required();

  flags = make_flags();
  CLI::App* alias =
      add_subcommand(*kms, flags, exit_code, "alias", "Let alias/NAME mean a key", point);
  alias->add_option("name", flags->alias, "without alias/")->required();
  alias->add_option("id", flags->id, "the key's id")->required();
}

}  // namespace kelp::server
