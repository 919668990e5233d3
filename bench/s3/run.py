"""tools/dev bench s3: Kelp beside SeaweedFS and nginx, interleaved in one run on one disk with one client.

The figure to trust is server CPU microseconds per operation, from the processes' own counters, as the median over
rounds; ratios are taken within a round. Absolute operations a second are of this machine and this hour.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import servers as peers  # noqa: E402
from bars import Bars  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20

# (name, workload, size, clients, operations a round at scale 1, keys); operations are chosen for about 0.5 s or more
# of server CPU on the slowest server.
CASES = [
    ("put 4KiB c1", "put", 4 * KIB, 1, 600, 600),
    ("put 4KiB c32", "put", 4 * KIB, 32, 6000, 6000),
    ("get 4KiB c1", "get", 4 * KIB, 1, 4000, 1000),
    ("get 4KiB c32", "get", 4 * KIB, 32, 20000, 1000),
    ("head c32", "head", 4 * KIB, 32, 20000, 1000),
    ("put 1MiB c1", "put", MIB, 1, 40, 40),
    ("put 1MiB c32", "put", MIB, 32, 128, 128),
    ("get 1MiB c1", "get", MIB, 1, 400, 128),
    ("get 1MiB c32", "get", MIB, 32, 1200, 128),
    ("put 64MiB c1", "put", 64 * MIB, 1, 4, 4),
    ("put 64MiB c32", "put", 64 * MIB, 32, 8, 8),
    ("get 64MiB c1", "get", 64 * MIB, 1, 16, 4),
    ("get 64MiB c32", "get", 64 * MIB, 32, 64, 4),
    ("range 4KiB of 64MiB c32", "range", 4 * KIB, 32, 8000, 4),
    ("list 1000 of 10000", "list", 0, 4, 60, 1),
    ("delete c32", "delete", 4 * KIB, 32, 6000, 6000),
]


class Bench:
    def __init__(self, args, folder):
        self.args = args
        self.kelp = peers.Kelp(folder, args.kelp)
        self.unsynced = peers.Kelp(folder, args.kelp, durability="os", name="kelp-os")
        self.weed = None if args.no_peers else peers.SeaweedFs(folder)
        self.nginx = None if args.no_peers else peers.Nginx(folder)
        self.samples = {}  # (case, server) -> list of dicts
        for server in (self.kelp, self.unsynced, self.weed):
            if server:
                self.make_bucket(server)

    def load(self, server, workload, **options):
        words = [self.args.load, "--port", str(server.port), "--workload", workload, "--bucket", peers.BUCKET]
        if server.unsigned:
            words.append("--unsigned")
        else:
            words += ["--access-key", peers.ACCESS_KEY, "--secret-key", peers.SECRET_KEY]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        before = server.cpu_seconds()
        done = subprocess.run(words, capture_output=True, text=True)
        if not done.stdout:
            sys.exit(f"bench: the load generator failed against {server.name}: {done.stderr}")
        result = json.loads(done.stdout)
        result["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / max(1, result["operations"])
        result["rss_mib"] = server.rss_mib()
        if result["failed"]:
            print(f"bench: {server.name} {workload}: {result['failed']} failed: {done.stderr.strip()}", file=sys.stderr)
        return result

    def make_bucket(self, server):
        peers.wait_for(lambda: self.load(server, "bucket", operations=1)["failed"] == 0, f"{server.name}'s bucket")

    def prepare(self):
        """What the reading cases read, on every server, under prefixes that no writing case touches."""
        for server in (self.kelp, self.unsynced, self.weed, self.nginx):
            if server is None:
                continue
            for size, keys in ((4 * KIB, 1000), (MIB, 128), (64 * MIB, 4)):
                if server.unsigned:
                    for i in range(keys):
                        server.make_file(f"read{size}-{i:08}", size)
                elif server is not self.unsynced:
                    self.load(server, "put", size=size, keys=keys, operations=keys, clients=8, prefix=f"read{size}-")
            if not server.unsigned and server is not self.unsynced:
                self.load(server, "put", size=100, keys=10000, operations=10000, clients=16, prefix="list/")

    def one(self, server, case, round_number):
        name, workload, size, clients, operations, keys = case
        options = {"clients": clients, "operations": max(clients, int(operations * self.args.scale)), "keys": keys}
        if workload == "put":
            options.update(size=size, prefix=f"put{size}-c{clients}-r{round_number}-", keys=options["operations"])
        elif workload == "delete":
            options.update(prefix=f"put{4 * KIB}-c32-r{round_number}-", keys=options["operations"])
        elif workload == "range":
            options.update(size=size, object_size=64 * MIB, prefix=f"read{64 * MIB}-")
        elif workload == "list":
            options.update(query="list-type=2&prefix=list%2F")
        else:
            options.update(size=size, prefix=f"read{size}-")
        return self.load(server, workload, **options)

    def servers_of(self, workload):
        chosen = [self.kelp, self.weed]
        if workload in ("get", "range"):
            chosen.append(self.nginx)
        if workload == "put":
            chosen.append(self.unsynced)
        return [server for server in chosen if server is not None]

    def run(self):
        self.prepare()
        for round_number in range(self.args.rounds):
            for case in CASES:
                if self.args.only and self.args.only not in case[0]:
                    continue
                order = self.servers_of(case[1])
                if round_number % 2:
                    order.reverse()
                for server in order:
                    sample = self.one(server, case, round_number)
                    self.samples.setdefault((case[0], server.name), []).append(sample)
            print(f"round {round_number + 1} of {self.args.rounds} done", file=sys.stderr)

    def median(self, case, server, figure):
        values = [sample[figure] for sample in self.samples.get((case, server), [])]
        return statistics.median(values) if values else math.nan

    def ratio(self, case, other, figure="cpu_us", mine="kelp"):
        """The median over rounds of kelp's figure over the other's in the same round."""
        pairs = zip(self.samples.get((case, mine), []), self.samples.get((case, other), []))
        values = [a[figure] / b[figure] for a, b in pairs if b[figure] > 0]
        return statistics.median(values) if values else math.nan

    def table(self):
        rows = []
        print(f"{'case':26}{'server':11}{'cpu us/op':>11}{'ops/s':>10}{'p50 us':>10}{'p99 us':>10}{'RSS MiB':>9}")
        for case in CASES:
            for server in ("kelp", "kelp-os", "seaweedfs", "nginx"):
                if (case[0], server) not in self.samples:
                    continue
                row = {"case": case[0], "server": server}
                for figure in ("cpu_us", "per_second", "p50_us", "p99_us", "rss_mib"):
                    row[figure] = self.median(case[0], server, figure)
                rows.append(row)
                print(f"{row['case']:26}{server:11}{row['cpu_us']:11.1f}{row['per_second']:10.0f}{row['p50_us']:10.0f}"
                      f"{row['p99_us']:10.0f}{row['rss_mib']:9.0f}")
        return rows


def ratio_bars(bench, bars):
    cpu = bench.ratio
    bars.at_most("GET 4 KiB, server CPU / SeaweedFS", 1 / 7, cpu("get 4KiB c32", "seaweedfs"))
    bars.at_most("GET 4 KiB, server CPU / nginx", 2.1, cpu("get 4KiB c32", "nginx"))
    # What the gateway adds to a plain server of files: signature, policies, namespace, checksum.
    own = bench.median("get 4KiB c32", "kelp", "cpu_us") - bench.median("get 4KiB c32", "nginx", "cpu_us")
    bars.at_most("GET 4 KiB, server CPU above nginx's", 12, own, " us")
    bars.at_most("HEAD, server CPU / SeaweedFS", 1 / 5, cpu("head c32", "seaweedfs"))
    bars.at_most("ranged GET 4 KiB, server CPU / SeaweedFS", 1 / 7, cpu("range 4KiB of 64MiB c32", "seaweedfs"))
    bars.at_most("DELETE, server CPU / SeaweedFS", 2 / 5, cpu("delete c32", "seaweedfs"))
    bars.at_most("PUT 4 KiB durable, server CPU / SeaweedFS unsynced", 1 / 5, cpu("put 4KiB c32", "seaweedfs"))
    bars.at_least("PUT 4 KiB durable at 32 clients, ops/s / SeaweedFS", 1, cpu("put 4KiB c32", "seaweedfs", "per_second"))
    bars.at_most("PUT 1 MiB, server CPU / SeaweedFS", 1 / 4, cpu("put 1MiB c32", "seaweedfs"))
    bars.at_most("PUT 64 MiB, ns of server CPU a byte", 2.0, bench.median("put 64MiB c1", "kelp", "cpu_us") * 1e3 / (64 * MIB))
    bars.at_most("PUT 64 MiB, server CPU / SeaweedFS", 1 / 3, cpu("put 64MiB c1", "seaweedfs"))
    bars.at_most("GET 1 MiB, server CPU / nginx", 1.15, cpu("get 1MiB c32", "nginx"))
    bars.at_most("GET 64 MiB, server CPU / nginx", 1.15, cpu("get 64MiB c32", "nginx"))
    bars.at_least("PUT 4 KiB synced / durability os, ops/s at 32 clients", 0.8,
                  cpu("put 4KiB c32", "kelp-os", "per_second"))


def sync_bar(bench, bars):
    """fdatasync calls per put at 16 clients, counted by the kernel's own trace of the calls."""
    kelp, operations = bench.kelp, int(8000 * bench.args.scale)
    counts = bench.args.folder / "strace"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-e", "trace=fdatasync,fsync,sync_file_range", "-o", str(counts),
                               "-p", str(kelp.process.pid)], stderr=subprocess.DEVNULL)
    peers.wait_for(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{kelp.process.pid}/status").read_text(), "strace")
    bench.load(kelp, "put", size=4 * KIB, keys=operations, operations=operations, clients=16, prefix="syncs-")
    tracer.send_signal(2)
    tracer.wait()
    syncs = 0
    for line in counts.read_text().splitlines():
        fields = line.split()
        if fields and fields[-1] in ("fdatasync", "fsync"):
            syncs += int(fields[3])
    bars.at_most("fdatasync per PUT at 16 clients", 0.2, syncs / operations)


def list_bars(bench, bars):
    """A page of 1,000 in buckets of 1e3 to 1e6 keys, plain and with delimiters; server CPU milliseconds."""
    kelp = bench.kelp
    have = 0
    for total in (1_000, 10_000, 100_000, 1_000_000):
        if total > bench.args.list_keys:
            break
        bench.load(kelp, "put", size=1, keys=total - have, first_key=have, operations=total - have, clients=64,
                   prefix="pages/", seconds=3600)
        have = total
        for what, query in (("", "list-type=2&prefix=pages%2F"),
                            (", delimiter /", "delimiter=%2F&list-type=2&prefix=pages%2F"),
                            (", delimiter 1", "delimiter=1&list-type=2&prefix=pages%2F0")):
            bench.load(kelp, "list", query=query, operations=20, keys=1, clients=2)
            result = bench.load(kelp, "list", query=query, operations=400, keys=1, clients=2)
            bars.at_most(f"LIST page of 1,000 in {total:,} keys{what}", 1.2, result["cpu_us"] / 1000, " ms")


def million_bars(bench, bars):
    """Objects of 1 KiB: disk, memory, restart; then idle figures of a fresh server."""
    args = bench.args
    fresh = peers.Kelp(args.folder, args.kelp, name="kelp-million")
    try:
        time.sleep(1)
        bars.at_most("idle RSS", 32, fresh.rss_mib(), " MiB")
        bench.make_bucket(fresh)
        objects = args.objects
        worst = 0
        for start in range(0, objects, 100_000):
            count = min(100_000, objects - start)
            result = bench.load(fresh, "put", size=1024, keys=count, first_key=start, operations=count, clients=64,
                                prefix="m", seconds=3600)
            worst = max(worst, result["rss_mib"])
        bench.load(fresh, "get", size=1024, keys=100_000, operations=100_000, clients=32, prefix="m", seconds=3600)
        worst = max(worst, fresh.rss_mib())
        fresh.stop()
        seconds = fresh.start()
        stored = fresh.data_bytes()
        split = {name.name: int(subprocess.run(["du", "-s", "--block-size=1", str(name)], capture_output=True,
                                               text=True).stdout.split()[0])
                 for name in (fresh.folder / "data").iterdir() if name.is_dir()}
        print(f"{objects:,} objects of 1 KiB: {stored:,} bytes on disk, by folder {split}")
        bars.at_most(f"disk bytes per byte stored, {objects:,} x 1 KiB", 1.25, stored / (objects * 1024))
        bars.at_most(f"RSS, {objects:,} objects", 200, worst, " MiB")
        bars.at_most(f"restart to ready, {objects:,} objects", 2, seconds, " s")
    finally:
        fresh.stop()


def start_bar(bench, bars):
    """From the start of the process in an empty folder to the first acknowledged put."""
    seconds = []
    for i in range(5):
        begun = time.monotonic()
        fresh = peers.Kelp(bench.args.folder, bench.args.kelp, name=f"kelp-start-{i}")
        try:
            bench.make_bucket(fresh)
            bench.load(fresh, "put", size=4 * KIB, keys=1, operations=1)
            seconds.append(time.monotonic() - begun)
        finally:
            fresh.stop()
    bars.at_most("start to first acknowledged put", 0.2, statistics.median(seconds), " s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kelp", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="operations of each case, times this")
    parser.add_argument("--only", help="cases whose name holds this; no other bars")
    parser.add_argument("--objects", type=int, default=1_000_000, help="of the 1 KiB test; 0: not run")
    parser.add_argument("--list-keys", type=int, default=1_000_000, help="largest bucket of the listing test")
    parser.add_argument("--no-peers", action="store_true", help="Kelp alone")
    args = parser.parse_args()
    args.folder = Path(tempfile.mkdtemp(prefix="kelp-bench-"))
    bench = None
    try:
        bench = Bench(args, args.folder)
        bench.run()
        rows = bench.table()
        bars = Bars()
        print()
        ratio_bars(bench, bars)
        if not args.only:
            sync_bar(bench, bars)
            start_bar(bench, bars)
            list_bars(bench, bars)
            if args.objects:
                million_bars(bench, bars)
        if args.json:
            Path(args.json).write_text(json.dumps({"cases": rows, "bars": bars.lines}, indent=1) + "\n")
        verdicts = [line["verdict"] for line in bars.lines]
        print(f"{verdicts.count('ok')} bars held, {verdicts.count('SHORT')} short")
    finally:
        for server in (bench.kelp, bench.unsynced, bench.weed, bench.nginx) if bench else ():
            if server:
                server.stop()
        shutil.rmtree(args.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
