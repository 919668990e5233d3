#!/usr/bin/env python3
"""What many clients saw through two gateways, on a cluster that is broken and mended all the while, has an order.

KELP_SEED sets the seed (1), KELP_SECONDS for how long at least (0: each nemesis once), KELP_OPERATIONS how many
answers at least (20,000).
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/cluster")]
from cluster_case import ClusterCase  # noqa: E402
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from load import BUCKET, History, Worker, read_all  # noqa: E402
from nemesis import Nemesis  # noqa: E402

SEED = int(os.environ.get("KELP_SEED", "1"))
SECONDS = int(os.environ.get("KELP_SECONDS", "0"))
OPERATIONS = int(os.environ.get("KELP_OPERATIONS", "20000"))
CHECK = os.environ.get("KELP_LINEAR_CHECK", str(ROOT / "build/release/tests/linear/kelp_linear_check"))
STALE = os.environ.get("KELP_STALE_BINARY", str(ROOT / "build/release/tests/linear/kelp_stale"))
WORKERS = 16
SLOWEST_SECONDS = 300  # for OPERATIONS, on a machine that does other things
BETWEEN_NEMESES_SECONDS = 0.5
OK, ILLEGAL = 0, 1


def verdict(path):
    """The checker's exit code and what it says."""
    done = subprocess.run([CHECK, str(path)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Load:
    """Workers on the gateways of `cluster`. As a context manager: they stop at its end."""

    def __init__(self, cluster, path):
        self.history = History(path)
        endpoints = {gateway.name: gateway.endpoint for gateway in cluster.of("gateway")}
        self.workers = [Worker(number, self.history, endpoints, cluster.keys, SEED) for number in range(WORKERS)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            worker.stopping.set()
        for worker in self.workers:
            worker.join()

    def run_until(self, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if wrong := [problem for worker in self.workers for problem in worker.wrong]:
                raise AssertionError("\n".join(wrong))
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds} s there are these answers only: {self.history.count}")
            time.sleep(0.05)


def with_stale_read(lines, rng):
    """The lines of one group with a read of what had been replaced before, or None where there is no such read."""
    writes = [line for line in lines if line["op"].startswith("put") and line["outcome"] == "ok"]
    written = {line["value"]: line for line in writes}
    reads = [number for number, line in enumerate(lines) if line["op"] == "get" and line.get("seen") in written]
    rng.shuffle(reads)
    for number in reads:
        read = lines[number]
        seen = written[read["seen"]]
        older = [line["value"] for line in writes if line["key"] == read["key"] and line["return"] < seen["call"]]
        if older and seen["return"] < read["call"]:
            return [*lines[:number], {**read, "seen": rng.choice(older)}, *lines[number + 1:]]
    return None


class Linear(ClusterCase):
    # What the collector may take back, it takes back soon.
    SETTINGS = {"collector.interval": "1s", "collector.quarantine": "5s"}

    def test_what_clients_saw_of_a_broken_cluster_has_an_order(self):
        rng = random.Random(SEED)
        self.client("gateway1").must("PUT", f"/{BUCKET}")
        load = Load(self.cluster, self.folder / "history.jsonl")
        nemesis = Nemesis(self.cluster, rng, load.history.note)
        begun, rounds = time.monotonic(), 0
        with load:
            while rounds == 0 or time.monotonic() < begun + SECONDS:
                for kind in rng.sample(Nemesis.KINDS, len(Nemesis.KINDS)):
                    nemesis.run(kind)
                    until = time.monotonic() + BETWEEN_NEMESES_SECONDS
                    load.run_until(lambda: time.monotonic() > until, 2 * BETWEEN_NEMESES_SECONDS)
                rounds += 1
            answers = max(load.history.answered, OPERATIONS)
            load.run_until(lambda: load.history.answered >= answers, SLOWEST_SECONDS)
        took = time.monotonic() - begun
        read_all(load.workers[0])
        load.workers[0].close()
        self.assertEqual(load.workers[0].wrong, [])
        load.history.close()
        code, said = verdict(load.history.path)
        print(f"{took:.0f} s, {rounds} x {len(Nemesis.KINDS)} nemeses ({', '.join(Nemesis.KINDS)}), "
              f"{load.history.count}\n{said}")
        if code != OK:
            kept = Path(tempfile.gettempdir()) / f"kelp-history-{SEED}-{os.getpid()}.jsonl"
            shutil.copy(load.history.path, kept)
            self.fail(f"seed {SEED}, the history is kept: {kept}\n{said}")
        self.assertGreater(load.history.count["unknown"], 0, "the nemeses disturbed nobody")
        self.check_that_stale_reads_show(load.history.path, rng)

    def check_that_stale_reads_show(self, path, rng):
        """The same history with one read changed has no order: it is dense enough to be worth a check."""
        groups = {}
        for line in map(json.loads, path.read_text().splitlines()):
            if "group" in line:
                groups.setdefault(line["group"], []).append(line)
        changed = self.folder / "changed.jsonl"
        tried = 0
        for name in rng.sample(sorted(groups), len(groups)):
            lines = with_stale_read(groups[name], rng)
            if lines is None:
                continue
            changed.write_text("".join(json.dumps(line) + "\n" for line in lines))
            self.assertEqual(verdict(changed)[0], ILLEGAL, name)
            tried += 1
            if tried == 5:
                return
        self.fail("no read could be changed")


class PlantedBug(unittest.TestCase):
    def test_a_build_whose_row_cache_is_stale_is_noticed(self):
        for _ in range(5):
            code, said = self.play()
            print(said)
            if code == ILLEGAL:
                return
        self.fail(said)

    def play(self):
        """What the checker says of 1,000 answers, or of fewer: stale rows that name bodies which are gone can leave
        every worker with a key that is never answered again."""
        with tempfile.TemporaryDirectory(prefix="kelp-linear-") as folder:
            with Cluster(Path(folder) / "cluster", binary=STALE, spread="000",
                         sizes={"master": 1, "volume": 1}) as cluster:
                client = Client(cluster["gateway1"].endpoint, *cluster.keys)
                client.must("PUT", f"/{BUCKET}")
                client.close()
                load = Load(cluster, Path(folder) / "history.jsonl")
                with load:
                    load.run_until(lambda: load.history.answered >= 1000 or load.history.count["unknown"] >= 3000,
                                   SLOWEST_SECONDS)
                load.history.close()
            return verdict(load.history.path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
