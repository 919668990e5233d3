// kelp meta: the namespace as a file, and from one engine into another.

#include <fmt/format.h>

#include "base/encoding.h"
#include "client/rpc/rpc_dumps.h"
#include "filer/meta_copy.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/cluster_text.h"
#include "server/commands.h"
#include "server/meta_store.h"
#include "server/rpc_link.h"

namespace kelp::server {
namespace {

struct MetaFlags {
  ConfigFlags config;
  std::string file;
  std::vector<std::string> increments;
  std::string since;
  std::string until;
  MetaPlace from;
  MetaPlace to;
  std::string filer;

  /// The dump and what follows it.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> all{file};
    all.insert(all.end(), increments.begin(), increments.end());
    return all;
  }
};

std::string text_of(const DumpTotals& totals) {
  return fmt::format("{} rows of {} bytes, SHA-256 {}", totals.rows, totals.bytes,
                     hex_encode(totals.sha256));
}

Result<void> check_cluster(const DumpHeader& header, const ClusterIdentity& identity) {
  if (header.cluster_id == identity.cluster_id) return {};
  return Error(Errc::kInvalidArgument, fmt::format("the dump is of cluster {}, this is {}",
                                                   header.cluster_id, identity.cluster_id));
}

/// Not to the standard output, which may be the dump.
void say(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
}

/// `since`: a position, encoded; empty: all.
Task<void> fetch_pieces(MetadataDumps& dumps, DumpFile& file, std::string since,
                        Result<void>& outcome) {
  std::uint64_t dump = 0;
  while (true) {
    const auto piece = co_await dumps.next_piece(dump, since);
    if (piece) outcome = file.write(piece->bytes);
    if (!piece) outcome = piece.error();
    if (!outcome || piece->last) co_return;
    dump = piece->dump;
  }
}

/// Of a filer that runs.
Result<void> dump_from_filer(const Config& config, const std::string& filer,
                             const std::optional<JournalPosition>& since, FileIo& io,
                             DumpFile& file) {
  std::string position;
  if (since) encode_position(*since, position);
  KELP_TRY(const ClusterIdentity identity, identity_of(config, io));
  KELP_TRY(const auto link, RpcLink::open(config, {identity.cluster_id, identity.cluster_secret}));
  RpcMetadataDumps dumps(link->channels(), filer);
  Result<void> outcome;
  link->run(fetch_pieces(dumps, file, std::move(position), outcome));
  return outcome;
}

/// Of an engine that can be opened here.
Result<void> dump_from_engine(const Config& config, const MetaPlace& place,
                              const std::optional<JournalPosition>& since, FileIo& io,
                              DumpFile& file) {
  SystemClock clock;
  KELP_TRY(const MetaStore from, open_meta_store(config, place, io, clock));
  KELP_TRY(const ClusterIdentity identity, identity_of(config, io));
  DumpHeader header{identity.cluster_id, from.engine, {}};
  std::unique_ptr<DumpSource> dump;
  if (since) {
    dump = std::make_unique<MetaIncrement>(*from.store, std::move(header), *since);
  } else {
    dump = std::make_unique<MetaDump>(*from.store, std::move(header));
  }
  dump->set_taken(clock.wall());
  while (!dump->ended()) {
    KELP_TRY(const std::string piece, dump->next());
    KELP_CHECK(file.write(piece));
  }
  return {};
}

/// Where the dump ends that an increment is wanted to.
Result<std::optional<JournalPosition>> position_of(const Config& config, const std::string& since,
                                                   FileIo& io) {
  if (since.empty()) return std::nullopt;
  KELP_TRY(const ClusterIdentity identity, identity_of(config, io));
  KELP_TRY(DumpHeader header, read_dump_header(io, since));
  KELP_CHECK(check_cluster(header, identity));
  return std::move(header.position);
}

Result<void> dump(const MetaFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const auto io = make_posix_file_io();
  KELP_TRY(const auto since, position_of(loaded.config, flags.since, *io));
  KELP_TRY(DumpFile file, DumpFile::create(*io, flags.file));
  const auto written = flags.filer.empty()
                           ? dump_from_engine(loaded.config, flags.from, since, *io, file)
                           : dump_from_filer(loaded.config, flags.filer, since, *io, file);
  if (!written) {
    file.abandon();
    return written;
  }
  KELP_CHECK(file.finish());
  if (flags.file == "-") return {};
  KELP_TRY(const DumpContent content, verify_dump(*io, flags.file));
  if (content.header.since != since) {
    static_cast<void>(io->remove(flags.file));
    return Error(Errc::kUnimplemented, "that filer knows no increments: it is of an older release");
  }
  if (since) {
    say(fmt::format("dumped {} changes, {}", content.changes, text_of(content.totals)));
  } else {
    say("dumped " + text_of(content.totals));
  }
  return {};
}

Result<void> verify(const MetaFlags& flags) {
  const auto io = make_posix_file_io();
  KELP_TRY(const auto chain, verify_chain(*io, flags.files()));
  for (const DumpContent& content : chain) {
    const std::string what =
        content.header.since ? fmt::format("{} changes, ", content.changes) : std::string();
    say(fmt::format("whole: {}{}; of cluster {}, from {}, taken {}", what, text_of(content.totals),
                    content.header.cluster_id, content.header.engine,
                    time_text(content.header.taken)));
  }
  if (chain.size() > 1 && !chain.front().header.since) {
    say(fmt::format("can be loaded as of any time from {} to {}",
                    time_text(chain.front().header.taken), time_text(chain.back().header.taken)));
  }
  return {};
}

/// The time that --until says, if it fits what there is.
Result<std::optional<WallTime>> until_of(const MetaFlags& flags,
                                         const std::vector<DumpContent>& chain) {
  if (flags.until.empty()) return std::nullopt;
  KELP_TRY(const WallTime until, parse_time(flags.until));
  const auto refuse = [&](std::string_view why, WallTime time) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("--until {}: {} {}", flags.until, why, time_text(time)));
  };
  if (until < chain.front().header.taken) {
    return refuse("that is before the full dump was taken, at", chain.front().header.taken);
  }
  if (until > chain.back().header.taken) {
    return refuse("the last of these files was taken before that, at", chain.back().header.taken);
  }
  return until;
}

std::uint64_t changes_in(const std::vector<DumpContent>& chain) {
  std::uint64_t changes = 0;
  for (const DumpContent& content : chain) changes += content.changes;
  return changes;
}

Result<void> load(const MetaFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const auto io = make_posix_file_io();
  SystemClock clock;
  KELP_TRY(const ClusterIdentity identity, identity_of(loaded.config, *io));
  // All of it is read and checked before anything is written.
  KELP_TRY(const auto chain, verify_chain(*io, flags.files()));
  if (chain.front().header.since) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} is an increment: name the full dump first", flags.file));
  }
  KELP_CHECK(check_cluster(chain.front().header, identity));
  KELP_TRY(const auto until, until_of(flags, chain));
  KELP_TRY(const MetaStore to, open_meta_store(loaded.config, flags.to, *io, clock));
  KELP_TRY(const auto file, io->open(flags.file, OpenMode::kRead));
  DumpReader reader(source_of(*file));
  KELP_TRY([[maybe_unused]] const DumpHeader header, reader.header());
  ChainChanges changes(open_each(*io, {flags.increments.begin(), flags.increments.end()}), until);
  ChangeSource source;
  if (!flags.increments.empty()) source = [&changes] { return changes.next(); };
  KELP_TRY(const DumpTotals totals,
           load_rows(*to.store, [&reader] { return reader.next(); }, source));
  if (source) {
    say(fmt::format("made {} of {} changes after the full dump", changes.made(),
                    changes_in(chain)));
  }
  say(fmt::format("loaded into {} and read back: {}", to.engine, text_of(totals)));
  return {};
}

Result<void> copy(const MetaFlags& flags) {
  KELP_TRY(const LoadedConfig loaded, flags.config.load());
  const auto io = make_posix_file_io();
  SystemClock clock;
  KELP_TRY(const MetaStore from, open_meta_store(loaded.config, flags.from, *io, clock));
  KELP_TRY(const MetaStore to, open_meta_store(loaded.config, flags.to, *io, clock));
  MetaWalk walk(*from.store);
  DumpSum read;
  const RowSource rows = [&]() -> Result<std::vector<KvRow>> {
    constexpr std::size_t kRows = 500;
    std::vector<KvRow> some;
    for (; some.size() < kRows && walk.valid(); walk.next()) {
      read.add(walk.key(), walk.value());
      some.emplace_back(walk.key(), walk.value());
    }
    if (!walk.valid()) {
      KELP_CHECK(walk.status());
    }
    return some;
  };
  KELP_TRY(const DumpTotals totals, load_rows(*to.store, rows));
  if (const DumpTotals source = read.finish(); source != totals) {
    return Error(Errc::kCorruption, fmt::format("{} holds {}; {} holds {}", from.engine,
                                                text_of(source), to.engine, text_of(totals)));
  }
  say(fmt::format("copied from {} to {} and read back: {}", from.engine, to.engine,
                  text_of(totals)));
  return {};
}

using Run = Result<void> (*)(const MetaFlags&);

CLI::App* add_one(CLI::App& meta, const std::string& name, const std::string& help, Run run,
                  const std::shared_ptr<MetaFlags>& flags, int& exit_code) {
  CLI::App* command = meta.add_subcommand(name, help);
  command->callback([flags, run, &exit_code] {
    if (const auto ran = run(*flags); !ran.has_value()) exit_code = fail(ran.error());
  });
  return command;
}

void add_config(CLI::App& command, MetaFlags& flags) {
  flags.config.add_to(command);
  flags.config.add_named(command, "--cluster-file", "cluster.file");
}

void add_place(CLI::App& command, const std::string& name, MetaPlace& place, bool required) {
  CLI::Option* where = command.add_option("--" + name, place.where,
                                          "an engine's URL or a folder; without: as configured");
  if (required) where->required();
  command.add_option("--" + name + "-password-file", place.password_file,
                     "its password; without: KELP_ENGINE_PASSWORD");
}

void add_chain(CLI::App& command, MetaFlags& flags) {
  command.add_option("FILE", flags.file, "the dump")->required();
  command.add_option("INCREMENT", flags.increments, "its increments, in their order");
}

}  // namespace

void add_meta_command(CLI::App& app, int& exit_code) {
  CLI::App* meta = app.add_subcommand("meta", "The namespace as a file, and from engine to engine");
  meta->require_subcommand(1);
  const auto of = [](bool to_load) {
    auto flags = std::make_shared<MetaFlags>();
    flags->to.to_load = to_load;
    return flags;
  };
  const auto dumped = of(false);
  CLI::App* command = add_one(*meta, "dump", "Write the namespace of this moment to a file", dump,
                              dumped, exit_code);
  add_config(*command, *dumped);
  add_place(*command, "from", dumped->from, false);
  command->add_option("--filer", dumped->filer, "host:port of a filer that runs");
  command->add_option("--since", dumped->since,
                      "a dump or an increment: write only what changed since (filer.journal_keep)");
  command->add_option("FILE", dumped->file, "- is the standard output")->required();

  const auto verified = of(false);
  command = add_one(*meta, "verify", "Read a dump and its increments and check all of it", verify,
                    verified, exit_code);
  add_chain(*command, *verified);

  const auto filled = of(true);
  command = add_one(*meta, "load", "Put a dump and its increments into an empty store", load,
                    filled, exit_code);
  add_config(*command, *filled);
  add_place(*command, "to", filled->to, false);
  add_chain(*command, *filled);
  command->add_option("--until", filled->until,
                      "leave out what was changed later: 2026-01-31T12:00:00Z");

  const auto copied = of(true);
  command = add_one(*meta, "copy", "Copy the namespace into another, empty store", copy, copied,
                    exit_code);
  add_config(*command, *copied);
  add_place(*command, "from", copied->from, false);
  add_place(*command, "to", copied->to, true);
}

}  // namespace kelp::server
