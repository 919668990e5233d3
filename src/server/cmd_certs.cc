// `kelp certs`: an authority and the daemons' certificates as files, for who has nobody else to
// make them (docs/operations/cluster-tls.md). Never shows a key.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "crypto/certificates.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/cluster_text.h"
#include "server/commands.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr const char* kAuthority = "ca";
/// Clocks differ: what was just issued is taken by those that are behind.
constexpr std::chrono::hours kEarlier{1};

struct CertsFlags {
  std::string dir;
  std::string name;
  std::vector<std::string> names;
  std::vector<std::string> hosts;
  std::uint32_t days = 0;
  std::uint32_t within = 0;
};

/// The folder and what is in it.
class Folder {
 public:
  Folder(FileIo& io, std::string dir) : io_(io), dir_(std::move(dir)) {}

  [[nodiscard]] std::string certificate(const std::string& name) const {
    return dir_ + "/" + name + ".crt";
  }
  [[nodiscard]] std::string key(const std::string& name) const {
    return dir_ + "/" + name + ".key";
  }

  [[nodiscard]] Result<CertifiedKey> read(const std::string& name) const {
    KELP_TRY(std::string own, read_whole_file(io_, certificate(name), kMostBytes));
    KELP_TRY(std::string secret, read_whole_file(io_, key(name), kMostBytes));
    return CertifiedKey{std::move(own), std::move(secret)};
  }
  [[nodiscard]] Result<CertificateView> view(const std::string& name) const {
    KELP_TRY(const std::string pem, read_whole_file(io_, certificate(name), kMostBytes));
    auto found = read_certificate(pem);
    if (found) return found;
    return Error(found.error().code(),
                 fmt::format("{}: {}", certificate(name), found.error().detail()));
  }
  /// Both files are new, and only their owner can read them.
  Result<void> add(const std::string& name, const CertifiedKey& made) const {
    KELP_CHECK(io_.make_dirs(dir_));
    KELP_CHECK(write_file_atomically(io_, key(name), made.key));
    return write_file_atomically(io_, certificate(name), made.certificate);
  }
  Result<void> replace(const std::string& name, const std::string& pem) const {
    return write_file_atomically(io_, certificate(name), pem);
  }
  /// kAlreadyExists when there is a file of that name.
  Result<void> must_be_new(const std::string& name) const {
    for (const std::string& path : {certificate(name), key(name)}) {
      KELP_TRY(const bool there, io_.exists(path));
      if (there) return Error(Errc::kAlreadyExists, fmt::format("{} is there already", path));
    }
    return {};
  }
  /// Of all certificates that are there, the authority's first.
  [[nodiscard]] Result<std::vector<std::string>> names() const {
    KELP_TRY(const auto files, io_.list(dir_));
    std::vector<std::string> found;
    for (const std::string& file : files) {
      if (!file.ends_with(".crt")) continue;
      found.push_back(file.substr(0, file.size() - 4));
    }
    std::ranges::sort(found, {},
                      [](const std::string& name) { return std::pair(name != kAuthority, name); });
    return found;
  }

 private:
  FileIo& io_;
  const std::string dir_;
};

using Work = std::function<Result<void>(const Folder&, const CertsFlags&)>;

CertificateRequest request_for(std::string name, std::uint32_t days) {
  const WallTime now = SystemClock().wall();
  CertificateRequest request;
  request.name = std::move(name);
  request.from = now - kEarlier;
  request.until = now + std::chrono::days(days);
  return request;
}

Result<void> init(const Folder& folder, const CertsFlags& flags) {
  KELP_CHECK(folder.must_be_new(kAuthority));
  KELP_TRY(const CertifiedKey made, make_authority(request_for(flags.name, flags.days)));
  KELP_CHECK(folder.add(kAuthority, made));
  fmt::print(
      "{}  give it to every daemon (cluster.tls_ca)\n{}  secret: who has it can make daemons; "
      "keep it where no daemon runs\n",
      folder.certificate(kAuthority), folder.key(kAuthority));
  return {};
}

/// What becomes the name of a file.
Result<void> check_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  if (!name.empty() && name != kAuthority && std::ranges::all_of(name, fits)) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("'{}': a daemon's name is letters, digits, - and _, and not '{}'", name,
                           kAuthority));
}

Result<void> issue(const Folder& folder, const CertsFlags& flags) {
  KELP_CHECK(check_name(flags.name));
  KELP_CHECK(folder.must_be_new(flags.name));
  KELP_TRY(const CertifiedKey authority, folder.read(kAuthority));
  CertificateRequest request = request_for(flags.name, flags.days);
  request.hosts = flags.hosts;
  KELP_TRY(const CertifiedKey made, issue_certificate(authority, request));
  KELP_CHECK(folder.add(flags.name, made));
  fmt::print("{}  (cluster.tls_cert) for {}, until {}\n{}  (cluster.tls_key) secret\n",
             folder.certificate(flags.name), fmt::join(flags.hosts, ", "), time_text(request.until),
             folder.key(flags.name));
  return {};
}

/// The key stays, so that only one file changes: a daemon never sees halves that do not fit.
Result<void> renew(const Folder& folder, const CertsFlags& flags) {
  KELP_TRY(const CertifiedKey authority, folder.read(kAuthority));
  std::vector<std::string> names = flags.names;
  if (names.empty()) {
    KELP_TRY(names, folder.names());
    std::erase(names, kAuthority);
  }
  for (const std::string& name : names) {
    KELP_CHECK(check_name(name));
    KELP_TRY(CertifiedKey before, folder.read(name));
    KELP_TRY(CertificateView view, folder.view(name));
    CertificateRequest request = request_for(view.name, flags.days);
    request.hosts = std::move(view.hosts);
    request.key = std::move(before.key);
    KELP_TRY(const CertifiedKey made, issue_certificate(authority, request));
    KELP_CHECK(folder.replace(name, made.certificate));
    fmt::print("{}  until {}\n", folder.certificate(name), time_text(request.until));
  }
  return {};
}

Result<void> show(const Folder& folder, const CertsFlags& flags) {
  KELP_TRY(const auto names, folder.names());
  const WallTime now = SystemClock().wall();
  std::vector<std::string> ending;
  for (const std::string& name : names) {
    KELP_TRY(const CertificateView view, folder.view(name));
    const auto left = std::chrono::floor<std::chrono::days>(view.until - now);
    const std::string whom =
        view.authority ? "an authority" : fmt::format("for {}", fmt::join(view.hosts, ", "));
    fmt::print("{}  until {} ({})  by {}  {}\n", name, time_text(view.until),
               view.until <= now ? "ENDED" : fmt::format("{} days", left.count()), view.issuer,
               whom);
    if (view.until <= now + std::chrono::days(flags.within)) ending.push_back(name);
  }
  if (ending.empty()) return {};
  return Error(Errc::kPrecondition, fmt::format("ended, or ends within {} days: {}", flags.within,
                                                fmt::join(ending, ", ")));
}

CLI::App* add(CLI::App& certs, const std::shared_ptr<CertsFlags>& flags, int& exit_code,
              const std::string& name, const std::string& help, Work work) {
  CLI::App* command = certs.add_subcommand(name, help);
  command->add_option("--dir", flags->dir, "the folder of certificates and keys")->required();
  command->callback([flags, work = std::move(work), &exit_code] {
    const auto io = make_posix_file_io();
    const auto ran = work(Folder(*io, flags->dir), *flags);
    if (!ran.has_value()) exit_code = fail(ran.error());
  });
  return command;
}

void add_days(CLI::App& command, CertsFlags& flags, std::uint32_t days) {
  flags.days = days;
  command.add_option("--days", flags.days, "how long it is valid, from now")
      ->check(CLI::Range(1, 36'500))
      ->capture_default_str();
}

}  // namespace

void add_certs_command(CLI::App& app, int& exit_code) {
  CLI::App* certs = app.add_subcommand("certs", "Certificates for TLS among daemons, as files");
  certs->require_subcommand(1);

  auto flags = std::make_shared<CertsFlags>();
  CLI::App* command =
      add(*certs, flags, exit_code, "init", "Make an authority: ca.crt, ca.key", init);
  flags->name = "Kelp cluster";
  command->add_option("--name", flags->name, "its name, for people")->capture_default_str();
  add_days(*command, *flags, 3650);

  flags = std::make_shared<CertsFlags>();
  command = add(*certs, flags, exit_code, "issue", "Make a daemon's NAME.crt and NAME.key", issue);
  command->add_option("NAME", flags->name, "of the two files")->required();
  command->add_option("--host", flags->hosts, "names and addresses that others reach it by")
      ->delimiter(',')
      ->required();
  add_days(*command, *flags, 365);

  flags = std::make_shared<CertsFlags>();
  command = add(*certs, flags, exit_code, "renew",
                "Make certificates anew, with the same hosts and the same keys", renew);
  command->add_option("NAME", flags->names, "whose; nobody: all that are there");
  add_days(*command, *flags, 365);

  flags = std::make_shared<CertsFlags>();
  command =
      add(*certs, flags, exit_code, "show", "Whom the certificates are for, and until when", show);
  command
      ->add_option("--within", flags->within,
                   "days: fails when one of them ends sooner, for scripts")
      ->capture_default_str();
}

}  // namespace kelp::server
