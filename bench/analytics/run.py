"""tools/dev bench analytics: what lakehouse clients cost a server. Kelp beside SeaweedFS, in turn within each round.

Recordings of real clients (recordings/, record.py) are replayed; tables of many files are listed, deleted, written and read.
The figure is server CPU microseconds an operation, of the processes' own counters, until the server is quiet again; a bar on a ratio
takes the median of the ratios within a round. Exit status 1 when a bar is missed.
"""

import argparse
import base64
import hashlib
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent / "s3"), str(FOLDER)]
import servers as peers  # noqa: E402
from bars import Bars  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from recording import load  # noqa: E402
from replay import replay  # noqa: E402

KEYS = (peers.ACCESS_KEY, peers.SECRET_KEY)
LANES = 8
# Of each recording of a job: how often a round plays it, about half a second of Kelp's CPU.
JOBS = {"spark": 8, "trino": 16, "flink": 8}
FILES, FILES_A_JOB = 10_000, 100
DELETED, BATCH = 100_000, 1000
TABLE_FILES, PARTITIONS = 100_000, 1000
QUIET_SECONDS, QUIET_AT_MOST, QUIET_CPU = 0.25, 3, 0.005


class Measured:
    """CPU seconds of a server during a `with` block and until it is quiet: what a request leaves to be done belongs to it."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.before = self.server.cpu_seconds()
        return self

    def __exit__(self, *_):
        seen, until = self.server.cpu_seconds(), time.monotonic() + QUIET_AT_MOST
        while time.monotonic() < until:
            time.sleep(QUIET_SECONDS)
            seen, last = self.server.cpu_seconds(), seen
            if seen - last < QUIET_CPU:
                break
        self.seconds = seen - self.before


class Bench:
    def __init__(self, args):
        self.args, self.servers = args, []
        self.kelp = self.start(lambda: peers.Kelp(args.folder, args.kelp))
        self.weed = None if args.no_peers else self.start(lambda: peers.SeaweedFs(args.folder))
        self.rows = []

    def start(self, make):
        server = make()
        self.servers.append(server)
        peers.wait_for(lambda: self.ask(server, "PUT", f"/{peers.BUCKET}").status == 200, f"{server.name}'s bucket")
        return server

    def address(self, server):
        return f"127.0.0.1:{server.port}"

    def ask(self, server, *request, **options):
        client = Client(self.address(server), *KEYS)
        try:
            return client.request(*request, **options)
        finally:
            client.close()

    def stop(self):
        for server in self.servers:
            server.stop()

    def load(self, workload, **options):
        """kelp-load against Kelp; every operation must succeed."""
        words = [self.args.load, "--port", str(self.kelp.port), "--workload", workload, "--bucket", peers.BUCKET, "--access-key",
                 KEYS[0], "--secret-key", KEYS[1]]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: the load generator failed: {done.stderr}")

    def replayed(self, name, times, rounds):
        """{server: CPU microseconds an operation, of each round}."""
        requests, figures = load(FOLDER / f"recordings/{name}.gz"), {}
        operations = len(requests) * times
        for number in range(rounds):
            for server in self.servers if number % 2 == 0 else reversed(self.servers):
                begun = time.monotonic()
                with Measured(server) as measured:
                    told = replay(self.address(server), KEYS, peers.BUCKET, requests, f"{name}/{number}/", times, LANES)
                figures.setdefault(server.name, []).append(measured.seconds * 1e6 / operations)
                print(f"{name:12} {server.name:10} {operations:8} operations {figures[server.name][-1]:8.1f} us each, "
                      f"{time.monotonic() - begun:.1f} s{', told otherwise: ' if told else ''}"
                      f"{', '.join(f'{what} ({count})' for what, count in told.most_common(3))}", flush=True)
                if told and server is self.kelp:
                    sys.exit("bench: Kelp answers otherwise than when this was recorded")
        for server, values in figures.items():
            self.rows.append({"case": name, "server": server, "operations": operations, "cpu_us": statistics.median(values)})
        return figures


def job_bars(bench, bars):
    times = {name: max(1, int(count * bench.args.scale)) for name, count in JOBS.items()}
    times["spark-files"] = max(1, int(FILES / FILES_A_JOB * bench.args.scale))
    for name in times:
        if bench.args.only and bench.args.only != name:
            continue
        figures = bench.replayed(name, times[name], bench.args.rounds if name in JOBS else 1)
        if bench.weed:
            ratios = [kelp / weed for kelp, weed in zip(figures["kelp"], figures["seaweedfs"])]
            what = f"{name}, server CPU / SeaweedFS" if name in JOBS else (
                f"Spark, {FILES_A_JOB * times[name]:,} parquet files, CPU / SeaweedFS")
            bars.at_most(what, 0.5, statistics.median(ratios))


def delete_bar(bench, bars):
    """Deletes of many keys in batches, by one client."""
    keys = int(DELETED * bench.args.scale)
    client, figures = Client(bench.address(bench.kelp), *KEYS), []
    for number in range(bench.args.rounds):
        prefix = f"deleted/{number}/"
        bench.load("put", size=1, keys=keys, operations=keys, clients=32, prefix=prefix, seconds=3600)
        with Measured(bench.kelp):
            pass  # what the puts left to be done
        with Measured(bench.kelp) as measured:
            for first in range(0, keys, BATCH):
                names = "".join(f"<Object><Key>{prefix}{at:08}</Key></Object>" for at in range(first, min(first + BATCH, keys)))
                body = f"<Delete>{names}<Quiet>true</Quiet></Delete>".encode()
                client.must("POST", f"/{peers.BUCKET}", [("delete", "")], body,
                            {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()})
        figures.append(measured.seconds * 1e6 / keys)
    left = client.list_keys(peers.BUCKET, "deleted/")
    client.close()
    if left:
        sys.exit(f"bench: {len(left)} keys are still there")
    bars.at_most(f"delete of {keys:,} keys, {BATCH:,} a request, a key", 15, statistics.median(figures), " us")


def page_bar(bench, bars):
    """The first thing that a query engine asks of a table: which partitions are there."""
    files = int(TABLE_FILES * bench.args.scale) // PARTITIONS
    for partition in range(PARTITIONS):
        bench.load("put", size=1, keys=files, operations=files, clients=16, prefix=f"table/p%3D{partition:04}/part-")
    query = "delimiter=%2F&list-type=2&max-keys=1000&prefix=table%2F"
    page = bench.ask(bench.kelp, "GET", f"/{peers.BUCKET}", [("delimiter", "/"), ("list-type", "2"), ("max-keys", "1000"),
                                                            ("prefix", "table/")])
    if page.body.count(b"<CommonPrefixes>") != PARTITIONS:
        sys.exit(f"bench: the page has {page.body.count(b'<CommonPrefixes>')} partitions")
    bench.load("list", query=query, operations=20, keys=1, clients=2)
    operations, figures = 400, []
    for _ in range(bench.args.rounds):
        with Measured(bench.kelp) as measured:
            bench.load("list", query=query, operations=operations, keys=1, clients=2)
        figures.append(measured.seconds * 1e3 / operations)
    bars.at_most(f"page of {PARTITIONS:,} partitions of {files * PARTITIONS:,} files", 1.5, statistics.median(figures), " ms")


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench analytics", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kelp", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--load", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="the figures as JSON too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="operations of each case, times this")
    parser.add_argument("--only", choices=[*JOBS, "spark-files", "delete", "page"])
    parser.add_argument("--no-peers", action="store_true", help="Kelp alone: no ratios")
    args = parser.parse_args()
    args.folder = Path(tempfile.mkdtemp(prefix="kelp-bench-"))
    bench = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end too
    try:
        bench, bars = Bench(args), Bars()
        if args.only in (None, "page"):
            page_bar(bench, bars)
        if args.only in (None, "delete"):
            delete_bar(bench, bars)
        if args.only not in ("page", "delete"):
            job_bars(bench, bars)
        for row in bench.rows:
            print(f"{row['case']:12} {row['server']:10} {row['operations']:8} operations {row['cpu_us']:8.1f} us each (median)")
        if args.json:
            Path(args.json).write_text(json.dumps({"bench": "analytics", "cases": bench.rows, "bars": bars.lines}, indent=1) + "\n")
        return 1 if bars.short() else 0
    finally:
        if bench:
            bench.stop()
        shutil.rmtree(args.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
