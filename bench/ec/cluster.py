#!/usr/bin/env python3
"""What erasure coding costs a whole cluster of processes: CPU of all daemons for putting, getting, getting without one
server, and rebuilding what that server had, beside a cluster with one copy. One line a bar; exit status 1 when one is missed.

Figures are CPU time, so they hold on a busy machine; rounds of both clusters take turns, medians count."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import cpu_seconds, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

BUCKET = "bench"
REPAIR_AFTER_SECONDS = 5


class Side:
    """One cluster, and what its daemons spend."""

    def __init__(self, folder, binary, volumes, large):
        settings = {"master.repair_after": f"{REPAIR_AFTER_SECONDS}s", "volume.background_rate": "0", "volume.writable": "1",
                    "volume.reserve": "64MiB", **({"master.large": large} if large else {})}
        self.cluster = Cluster(folder, settings, spread="000", loopback=True, binary=binary,
                               sizes={"master": 1, "volume": volumes, "filer": 1, "gateway": 1})
        self.cluster.__enter__()
        self.client = Client(self.cluster["gateway1"].endpoint, *self.cluster.keys, timeout=120)
        self.client.must("PUT", f"/{BUCKET}")

    def pids(self):
        return [daemon.pid for daemon in self.cluster.daemons.values() if daemon.running()]

    def spent(self, work):
        """CPU seconds of the daemons while `work` runs."""
        before = cpu_seconds(self.pids())
        work()
        return cpu_seconds(self.pids()) - before

    def stored_bytes(self):
        return sum(log.stat().st_blocks * 512 for daemon in self.cluster.of("volume") for log in daemon.data.rglob("*.dat"))


def peak_mib(daemon):
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def rebuild(side, shards, gigabytes, count=1):
    """Kills `count` servers that have shards; GB of objects for each CPU second until all are whole, and the most MiB that
    one of the servers which made the shards anew took more than before."""
    status = side.cluster.status()
    members = {node for volume in status["volumes"] if volume["scheme"] for node in volume["members"]}
    names = [daemon.name for daemon in side.cluster.of("volume")]
    node_ids = {name: side.cluster.node_of(status, name)["node_id"] for name in names}
    running = [name for name in names if side.cluster[name].running()]
    spares = [name for name in running if node_ids[name] not in members]
    before_mib = {name: peak_mib(side.cluster[name]) for name in spares}
    for name in [name for name in running if node_ids[name] in members][:count]:
        side.cluster[name].kill()

    def healthy(wanted):
        now = side.cluster.status()
        return now and not now["jobs"] and all(volume["copies_healthy"] == wanted
                                               for volume in now["volumes"] if volume["scheme"])

    wait_for(lambda: healthy(shards - count), "the loss to be seen", 60, 0.05)
    begun = cpu_seconds(side.pids())
    idle_begin = time.monotonic()
    wait_for(lambda: healthy(shards), "the shards to be made anew", 180, 0.05)
    spent = cpu_seconds(side.pids()) - begun
    waited = time.monotonic() - idle_begin
    idle = side.spent(lambda: time.sleep(2)) / 2
    return gigabytes / max(spent - idle * waited, 1e-9), max(
        peak_mib(side.cluster[name]) - before_mib[name] for name in spares)


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench ec_cluster", description=__doc__)
    parser.add_argument("--kelp", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="the figures as JSON too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=64, help="of an object")
    parser.add_argument("--scheme", default="ec(4,2)")
    options = parser.parse_args()
    data, parity = (int(number) for number in options.scheme[3:-1].split(","))
    shards = data + parity
    body = os.urandom(options.mib << 20)
    bars = []

    def bar(name, value, unit, least=None, most=None):
        reached = (least is None or value >= least) and (most is None or value <= most)
        bound = f">= {least}" if least is not None else f"<= {most}"
        bars.append({"name": name, "value": value, "unit": unit, "bar": bound, "reached": reached})
        print(f"{name:<58} {value:8.3f} {unit:<14} bar {bound:<9} {'reached' if reached else 'MISSED'}", flush=True)

    with tempfile.TemporaryDirectory(prefix="kelp-ec-bench-") as folder:
        sides = {}
        try:
            sides["copy"] = Side(Path(folder) / "copy", options.kelp, 2, "")
            sides["ec"] = Side(Path(folder) / "ec", options.kelp, shards + parity + 1, options.scheme)
            costs = {(name, verb): [] for name in sides for verb in ("put", "get")}
            for number in range(options.rounds + 1):
                for name, side in sides.items():
                    path = f"/{BUCKET}/object-{number}"
                    put = side.spent(lambda: side.client.must("PUT", path, body=body))

                    def read():
                        if side.client.must("GET", path).body != body:
                            sys.exit(f"{path}: not what was put")

                    get = side.spent(read)
                    if number > 0:  # the first round warms up
                        costs[name, "put"].append(put)
                        costs[name, "get"].append(get)
            middle = {key: statistics.median(values) for key, values in costs.items()}
            for name in sides:
                for verb in ("put", "get"):
                    print(f"{verb} of {options.mib} MiB, {name}: {middle[name, verb] * 1000:.0f} ms of CPU "
                          f"({len(body) / middle[name, verb] / 1e9:.2f} GB per CPU-second)")
            side = sides["ec"]
            bar(f"put in {options.scheme}: CPU beside one copy", middle["ec", "put"] / middle["copy", "put"], "x", most=1.35)
            stored = side.stored_bytes() / ((options.rounds + 1) * len(body))
            bar(f"bytes on disk beside {shards}/{data}", stored / (shards / data), "x", most=1.02)
            rebuilt, peak = rebuild(side, shards, (options.rounds + 1) * len(body) / 1e9)
            bar("rebuild of a lost server: data", rebuilt, "GB per CPU-s", least=1.0)
            bar("memory that it took", peak, "MiB", most=64)
            if parity > 1:
                rebuilt, peak = rebuild(side, shards, 2 * (options.rounds + 1) * len(body) / 1e9, 2)
                bar("two lost servers at once: data of each", rebuilt, "GB per CPU-s", least=1.0)
                bar("memory that it took", peak, "MiB", most=64)
            gone = next(daemon for daemon in side.cluster.of("volume") if daemon.running())
            gone.kill()
            slow = []
            for number in range(1, options.rounds + 1):
                path = f"/{BUCKET}/object-{number}"
                slow.append(side.spent(lambda: side.client.must("GET", path)))
            bar("get without one server: bytes per CPU-second beside all", middle["ec", "get"] / statistics.median(slow), "x",
                least=0.5)
        finally:
            for side in sides.values():
                side.cluster.close()
    if options.json:
        Path(options.json).write_text(json.dumps({"bench": "ec_cluster", "bars": bars}, indent=1))
    return 0 if all(each["reached"] for each in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
