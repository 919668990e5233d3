#!/usr/bin/env python3
"""Plants bugs and shows that the simulation of whole clusters finds each: tests/sim/README.md.

    tests/sim/mutants.py [--preset dev] [--cpu SECONDS] [--list] [NAME ...]

Works on a copy of the sources under build/mutants. A planted bug must break a promise in some seed within so many CPU
seconds; the script prints which seed, and fails when one gets away."""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COPY = ROOT / "build/mutants/src"
TARGET = "sim_cluster_test"
TEST = "ClusterStorm.NothingAcknowledgedIsLostWhateverHappens"
STRIPED_TEST = "ClusterStorm.NothingInShardsIsLostWhateverHappens"
KEPT = ["CMakeLists.txt", "CMakePresets.json", "cmake", "include", "src", "tests/CMakeLists.txt", "tests/support", "tests/sim"]

# name: (what a reader should believe is impossible, file, text, what it becomes)
MUTANTS = {
    "ack-before-replicate": (
        "the primary acknowledges alone", "src/volume/replicated_upload.cc",
        "tasks.push_back(copy.upload->finish());",
        "if (&copy == &copies_.front()) tasks.push_back(copy.upload->finish());"),
    "ack-before-fsync": (
        "a needle is acknowledged from the page cache", "src/volume/store/group_commit.cc",
        "outcome = file_->sync();", "outcome = Result<void>();"),
    "reissued-lease": (
        "the last key of a block is reserved again", "src/master/core/commands.cc",
        "state.key_mark = NeedleKey{mark};", "state.key_mark = NeedleKey{mark - 1};"),
    "keys-kept-over-a-change": (
        "a block is leased from before it is reserved", "src/master/lease_desk.cc",
        "  const auto outcome = co_await context_.propose(command);\n",
        "  if (keys_left() == 0) {\n    next_key_ = context_.state().key_mark;\n"
        "    end_key_ = NeedleKey{next_key_.value + command.count};\n  }\n"
        "  const auto outcome = co_await context_.propose(command);\n"),
    "stale-leader-leases": (
        "a master neither notices that it lost the lead nor asks", "src/master/master_machine.cc",
        "  leading_ = false;\n  if (changed_) changed_();", "  if (changed_) changed_();"),
    "lease-from-memory": (
        "a master that slept leases before it asks whether it still leads", "src/master/lease_desk.cc",
        "    KELP_CO_CHECK(co_await context_.confirm_serving());\n", "    KELP_CO_CHECK(context_.check_serving());\n"),
    "token-not-checked": (
        "a lease's token allows any key", "src/wire/lease_token.cc",
        "claims.volume != fid.volume || fid.key < claims.first_key ||\n"
        "      fid.key.value - claims.first_key.value >= claims.key_count",
        "claims.volume != fid.volume"),
    "unknown-volume-trusted": (
        "masters without a memory believe volume servers that have one", "src/master/master_control.cc",
        "if (volume.volume < context_.state().next_volume) continue;", "if (volume.volume.value > 0) continue;"),
    "old-generation-accepted": (
        "an upload ends in a generation that is over", "src/volume/store/volume_file.cc",
        "  KELP_CHECK(check_thawed());\n  if (role_.generation != generation) {",
        "  if (role_.generation < generation) {"),
    "freeze-does-not-wait": (
        "a copy is called frozen while uploads end", "src/volume/store/volume_copies.cc",
        "  co_await await_finishing();\n", ""),
    "role-not-stored": (
        "a restart forgets the generation of a copy", "src/volume/store/volume_copies.cc",
        "  const std::lock_guard one_at_a_time(role_mutex_);\n",
        "  const std::lock_guard one_at_a_time(role_mutex_);\n"
        "  if (role().generation.value > 0) return {};\n"),
    "job-ends-untold": (
        "a volume goes on in a generation that no copy was told", "src/master/job_runner.cc",
        "  if (told >= least_members(volume)) co_return Result<void>();", "  if (told < 99) co_return Result<void>();"),
    "source-deleted-early": (
        "the source of a move goes before the switch is committed", "src/master/job_runner.cc",
        "    KELP_CO_CHECK(co_await check_covers(job, pulled, other));\n",
        "    KELP_CO_CHECK(co_await check_covers(job, pulled, other));\n"
        "    if (job.from) (void)co_await context_.reach(*job.from)->retire(job.volume, volume.generation);\n"),
    "copy-not-compared": (
        "a copy that misses needles is taken for whole", "src/volume/store/volume_copies.cc",
        "if (index_.find(last).has_value()) continue;",
        "if (index_.find(last).has_value() || last.value % 16 == 0) continue;"),
    "vote-not-stored": (
        "terms and votes are not written", "src/raft/node/wal.cc",
        "Result<void> Wal::append_all(std::span<const WalChange> changes) {\n",
        "Result<void> Wal::append_all(std::span<const WalChange> changes) {\n"
        "  bool any = false;\n  for (const auto& c : changes) any = any || c.reset || !c.entries.empty();\n"
        "  if (!any) return {};\n"),
    "raft-log-not-synced": (
        "a member acknowledges entries from the page cache", "src/raft/node/wal.cc",
        "  failed_ = true;  // unless the sync succeeds\n  KELP_CHECK(file_->sync());\n", ""),
    "read-not-verified": (
        "a body leaves without its checksum", "src/volume/core/needle_format.cc",
        'if (!blocks_match(body, 0, trailer)) return corrupt("needle body: wrong checksum");', ""),
    "parity-not-awaited": (
        "a needle in shards is acknowledged by its data shards", "src/client/striped_upload.cc",
        "tasks.push_back(finish_one(writer));",
        "if (writer.member.shard < scheme_.data) tasks.push_back(finish_one(writer));"),
    "rebuild-leaves-out": (
        "a rebuild passes over what just enough members have", "src/volume/volume_rebuilding.cc",
        "there || holders < from.scheme.data", "there || holders <= from.scheme.data"),
    "another-shard-rebuilt": (
        "a member gets the bytes of its neighbour's shard", "src/volume/shard_rebuild.cc",
        "out.push_back({made.shard, image",
        "out.push_back({(made.shard + 1U) % scheme_.shards(), image"),
}
# Found where larger needles lie in shards.
STRIPED = {"parity-not-awaited", "rebuild-leaves-out", "another-shard-rebuilt"}
# A bug that needs a second one before anything shows.
ALSO = {
    # Either of the two alone is harmless: a leader asks a majority when its lease is over.
    "stale-leader-leases": [("src/master/master_context.cc", "  if (node->holds_lease()) co_return Result<void>();\n",
                             "  if (node != nullptr) co_return Result<void>();\n")],
    "copy-not-compared": [("src/master/job_runner.cc", "if (made == expected)",
                           "if (made == expected || made.needles < 1'000'000)")],
}


def edits_of(name):
    _, file, old, new = MUTANTS[name]
    return [(file, old, new)] + ALSO.get(name, [])


def copy_sources():
    """Writes only what differs: what was built from the rest stays built."""
    for kept in KEPT:
        source = ROOT / kept
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            target = COPY / file.relative_to(ROOT)
            if not file.is_file() or "__pycache__" in file.parts:
                continue
            if not target.exists() or target.read_bytes() != file.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())


def build(preset):
    """The build's last lines when it fails."""
    directory = COPY / "build" / preset
    env = {**os.environ, "CCACHE_BASEDIR": str(COPY), "CCACHE_NOHASHDIR": "1"}
    if not (directory / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", preset, "-B", str(directory), "-S", str(COPY), "-DKELP_BENCH=OFF"],
                       cwd=COPY, env=env, check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run(["cmake", "--build", str(directory), "--target", TARGET, "--", "--quiet"], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return directory / "tests/sim" / TARGET, "" if made.returncode == 0 else made.stdout[-3000:]


def hunt(program, test, cpu_seconds):
    """(whether it was found, CPU seconds, what was said)"""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    env = {**os.environ, "KELP_SEEDS": "1000000000", "KELP_SEED": "1"}
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([str(program), f"--gtest_filter={test}"], env=env, preexec_fn=limit,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    seed = re.search(r"seed (\d+)", run.stdout)
    broken = re.search(r"broken: (.*)", run.stdout) or re.search(r"(.*failed:.*|livelock.*|deadlock.*)", run.stdout)
    found = seed is not None and run.returncode not in (-24, -9)
    return found, used, f"seed {seed[1]}: {broken[1] if broken else 'stopped'}" if found else run.stdout[-300:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="release")
    parser.add_argument("--cpu", type=int, default=60)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.list:
        for name, mutant in MUTANTS.items():
            print(f"{name:26} {mutant[0]}")
        return 0
    copy_sources()
    escaped = []
    for name in options.names or MUTANTS:
        originals = {}
        for file, old, new in edits_of(name):
            path = COPY / file
            text = path.read_text()
            originals.setdefault(path, text)
            if text.count(old) != 1:
                print(f"{name}: {file} has the text {text.count(old)} times, once is meant", flush=True)
                return 2
            path.write_text(text.replace(old, new))
        begin = time.monotonic()
        program, trouble = build(options.preset)
        built = time.monotonic() - begin
        found, used, said = (False, 0.0, trouble) if trouble else hunt(program, STRIPED_TEST if name in STRIPED else TEST, options.cpu)
        for path, text in originals.items():
            path.write_text(text)
        if not found:
            escaped.append(name)
        print(f"{name:26} {'found' if found else 'ESCAPED':8} {used:6.1f} s CPU (built in {built:.0f} s)  {said}",
              flush=True)
    if escaped:
        print("escaped: " + " ".join(escaped))
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
