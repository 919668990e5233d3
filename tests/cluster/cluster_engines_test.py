#!/usr/bin/env python3
"""Three gateways and three filers on one metadata engine that is a server of its own: equal, linearizable, and they ride
out the loss of a filer and restarts of the engine.

KELP_ENGINE: postgresql, etcd (three members) or redis. KELP_ROUNDS: races of 16 conditional writers (200).
KELP_OPERATIONS: answers in each part of the history whose order is checked (1,000).
"""

import http.client
import os
import sys
import threading
import time
import unittest
from pathlib import Path

from annotation_checks import AnnotationChecks
from cluster_case import ClusterCase
from engine_servers import KINDS, program_of
from kelpdev.process import wait_for

sys.path.append(str(Path(__file__).resolve().parent.parent / "linear"))
from linear_test import BUCKET, OK, Load, verdict  # noqa: E402
from load import read_all  # noqa: E402

ENGINE = os.environ.get("KELP_ENGINE", "postgresql")
ROUNDS = int(os.environ.get("KELP_ROUNDS", "200"))
OPERATIONS = int(os.environ.get("KELP_OPERATIONS", "1000"))
GATEWAYS = ("gateway1", "gateway2", "gateway3")
WRITERS = 16
SMALL, LARGE = b"small body", os.urandom(300_000)


class Writer(threading.Thread):
    """Puts numbered objects through one gateway until told to stop, again and again until each is acknowledged."""

    def __init__(self, case, gateway, name):
        super().__init__()
        self.case, self.gateway, self.name_ = case, gateway, name
        self.done, self.refused, self.longest = 0, 0, 0.0
        self.stopping = threading.Event()

    def run(self):
        client = self.case.client(self.gateway)
        while not self.stopping.is_set():
            begun = time.monotonic()
            while True:
                try:
                    if client.request("PUT", f"/ridden/{self.name_}/{self.done}", body=SMALL).status == 200:
                        break
                except (OSError, http.client.HTTPException):
                    pass
                self.refused += 1
                time.sleep(0.05)
            self.longest = max(self.longest, time.monotonic() - begun)
            self.done += 1


class Engines(AnnotationChecks, ClusterCase):
    SETTINGS = {"collector.interval": "500ms"}
    SIZES = {"master": 1, "volume": 2, "filer": 3, "gateway": 3}

    def setUp(self):
        kind = KINDS[ENGINE]
        program = program_of(kind)
        if program is None:
            print(f"SKIPPED: {kind.programs[0]} is not installed (tools/dev setup)", file=sys.stderr)
            self.skipTest("not installed")
        self.kind, self.program = kind, program
        super().setUp()

    def prepare(self):
        self.engine = self.kind(self.program, self.cluster.net.inside())
        self.addCleanup(self.engine.close)
        self.cluster.settings.update(self.engine.settings())

    def read_at_once(self):
        """What one gateway acknowledged another one reads, lists and no longer finds, at once."""
        one, other = self.client("gateway1"), self.client("gateway2")
        one.must("PUT", "/shared")
        for number in range(60):
            writer, reader = (one, other) if number % 2 else (other, one)
            body = LARGE if number % 10 == 0 else SMALL + str(number).encode()
            writer.must("PUT", f"/shared/key{number % 7}", body=body)
            self.assertEqual(reader.must("GET", f"/shared/key{number % 7}").body, body)
            self.assertIn(f"key{number % 7}", [key for key, _ in reader.list_keys("shared")])
        one.must("DELETE", "/shared/key1")
        self.assertEqual(other.request("GET", "/shared/key1").status, 404)
        parts = [os.urandom(5 << 20), b"end"]
        one.multipart("shared", "parts", parts)
        self.assertEqual(other.must("GET", "/shared/parts").body, b"".join(parts))

    def races(self):
        """Of WRITERS that create one key through all gateways one wins, and its body stays."""
        clients = [self.client(GATEWAYS[number % 3]) for number in range(WRITERS)]
        clients[0].must("PUT", "/races")
        barrier = threading.Barrier(WRITERS)
        answers = [[None] * WRITERS for _ in range(ROUNDS)]

        def race(writer):
            for number in range(ROUNDS):
                barrier.wait(120)
                answers[number][writer] = clients[writer].request(
                    "PUT", f"/races/{number}", body=f"{number} {writer}".encode(), headers={"if-none-match": "*"}).status

        threads = [threading.Thread(target=race, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        double = 0
        for number, statuses in enumerate(answers):
            self.assertLessEqual(set(statuses), {200, 409, 412}, f"round {number}: {statuses}")
            winners = [writer for writer, status in enumerate(statuses) if status == 200]
            double += len(winners) > 1
            self.assertEqual(len(winners), 1, f"round {number}: {statuses}")
            if number % 20 == 0:
                body = clients[1].must("GET", f"/races/{number}").body
                self.assertEqual(body, f"{number} {winners[0]}".encode())
        print(f"{ENGINE}: {ROUNDS} races of {WRITERS} writers through three gateways: {double} double winners", flush=True)

    def ride_out(self, what, disturb):
        """Writers go on while `disturb` runs; whatever was acknowledged is there, through every gateway."""
        writers = [Writer(self, GATEWAYS[number % 3], f"{what}{number}") for number in range(4)]
        for writer in writers:
            writer.start()
        try:
            wait_for(lambda: all(writer.done > 5 for writer in writers), "the first puts", 60)
            disturb()
            before = [writer.done for writer in writers]
            wait_for(lambda: all(writer.done > done + 5 for writer, done in zip(writers, before)),
                     f"puts after {what}", 60)
        finally:
            for writer in writers:
                writer.stopping.set()
            for writer in writers:
                writer.join()
        for gateway in GATEWAYS:
            keys = {key for key, _ in self.client(gateway).list_keys("ridden", what)}
            self.assertEqual(keys, {f"{writer.name_}/{number}" for writer in writers for number in range(writer.done)})
        print(f"{ENGINE}: {what}: {sum(writer.done for writer in writers)} puts, {sum(w.refused for w in writers)} "
              f"refused attempts, the longest put took {max(w.longest for w in writers):.2f} s", flush=True)

    def lose_a_filer(self):
        self.cluster["filer1"].kill()

    def restart_the_engine(self):
        self.engine.kill()
        self.engine.start()

    def lose_the_leader(self):
        leader = wait_for(self.engine.leader, "a leader of etcd", 60)
        self.engine.end(leader)
        wait_for(lambda: self.engine.leader() not in (None, leader), "the next leader of etcd", 60)
        self.engine.start()

    def order(self):
        """What clients of all gateways saw while the engine restarted and a filer was lost has an order."""
        self.client("gateway1").must("PUT", f"/{BUCKET}")
        load = Load(self.cluster, self.folder / "history.jsonl")
        with load:
            for disturb in (self.restart_the_engine, self.lose_a_filer, self.start_the_filer):
                self.answers(load)
                disturb()
            self.answers(load)
        read_all(load.workers[0])
        load.workers[0].close()
        self.assertEqual(load.workers[0].wrong, [])
        load.history.close()
        code, said = verdict(load.history.path)
        print(f"{ENGINE}: {load.history.count}\n{said}", flush=True)
        self.assertEqual(code, OK, said)

    def answers(self, load):
        wanted = load.history.answered + OPERATIONS
        load.run_until(lambda: load.history.answered >= wanted, 120)

    def start_the_filer(self):
        self.cluster["filer1"].start()

    def test_three_filers_on_one_engine(self):
        self.read_at_once()
        self.timed("annotations", self.check_annotations)
        self.races()
        client = self.client("gateway1")
        client.must("PUT", "/ridden")
        self.ride_out("restart", self.restart_the_engine)
        if ENGINE == "etcd":
            self.ride_out("election", self.lose_the_leader)
        self.ride_out("filer", self.lose_a_filer)
        self.start_the_filer()
        self.order()
        self.read_after_all()

    @staticmethod
    def timed(what, do):
        begun = time.monotonic()
        do()
        print(f"{ENGINE}: {what}: {time.monotonic() - begun:.1f} s", flush=True)

    def read_after_all(self):
        counts = {gateway: len(self.client(gateway).list_keys("ridden")) for gateway in GATEWAYS}
        self.assertEqual(len(set(counts.values())), 1, counts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
