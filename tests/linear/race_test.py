#!/usr/bin/env python3
"""Sixteen writers race for one condition through two gateways, again and again: one wins each time.

They put, copy, complete uploads and delete, all in the same way or each in another one.
KELP_ROUNDS sets the number of races (1000).
"""

import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from conditional import WAYS, attempt, prepare  # noqa: E402
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

RACES = int(os.environ.get("KELP_ROUNDS", "1000"))
WRITERS = 16
LARGE_EACH = 10  # of so many races one is of bodies that do not lie with the metadata
# How they write, of two races each: the first to create an object, the second to replace or delete it.
KINDS = ("put", "put", "put", "put", "copy", "complete", "delete", "mixed")


class Race:
    """`results[writer]` is the status that it was told. All writers begin together, each with a body of its own."""

    def __init__(self, number, before):
        self.number = number
        self.kind = KINDS[number // 2 % len(KINDS)]
        self.path = f"/races/{number // 2}"
        # First one is to create the object; then one is to replace or delete what was created.
        self.creates = number % 2 == 0
        self.headers = {"If-None-Match": "*"} if self.creates else {"If-Match": before}
        self.results = [None] * WRITERS

    def way(self, writer):
        """How that writer writes. A delete has no If-None-Match."""
        if self.kind != "mixed":
            return "put" if self.creates and self.kind == "delete" else self.kind
        return WAYS[writer % (3 if self.creates else 4)]

    def body(self, writer):
        return f"{self.number} {writer} ".encode() * (5000 if self.number % LARGE_EACH == 0 else 1)

    def run(self, writer, client, begin):
        """That writer's part: it gets ready, and asks when all are."""
        way, body = self.way(writer), self.body(writer)
        try:
            prepared = prepare(client, way, self.path, body, f"/races/source-{self.number}-{writer}")
        finally:
            begin.wait()
        answer = attempt(client, way, self.path, body, self.headers, prepared)
        self.results[writer] = 200 if answer.status == 204 else answer.status


class Writers:
    """One thread and one connection each; half of them on either gateway."""

    def __init__(self, endpoints, keys):
        self.race = None
        self.begin, self.end = threading.Barrier(WRITERS + 1), threading.Barrier(WRITERS + 1)
        self.ready = threading.Barrier(WRITERS)
        clients = [Client(endpoints[number % 2], *keys) for number in range(WRITERS)]
        self.threads = [threading.Thread(target=self.run, args=pair, daemon=True) for pair in enumerate(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, writer, client):
        while True:
            self.begin.wait()
            race = self.race
            if race is None:
                return client.close()
            try:
                race.run(writer, client, self.ready)
            except (OSError, RuntimeError) as error:
                race.results[writer] = str(error)
            self.end.wait()

    def hold(self, race):
        self.race = race
        self.begin.wait()
        self.end.wait()

    def stop(self):
        self.race = None
        self.begin.wait()
        for thread in self.threads:
            thread.join()


class Races(unittest.TestCase):
    def judge(self, race, reader):
        """Exactly one won, and what is there is what that one wrote. The ETag of it; None when it is gone."""
        where = f"race {race.number}, {race.kind}"
        winners = [writer for writer, status in enumerate(race.results) if status == 200]
        self.assertEqual(len(winners), 1, f"{where}: {race.results}")
        deletes = any(race.way(writer) == "delete" for writer in range(WRITERS))
        # 409: the condition could not be decided against so many others. 404: what had to match is gone.
        self.assertLessEqual(set(race.results), {200, 409, 412} | ({404} if deletes else set()), where)
        found = reader.request("GET", race.path)
        if race.way(winners[0]) == "delete":
            self.assertEqual(found.status, 404, where)
            return None
        self.assertEqual((found.status, found.body), (200, race.body(winners[0])), where)
        return found.headers["ETag"]

    def test_one_of_many_writers_wins_each_race(self):
        with (tempfile.TemporaryDirectory(prefix="kelp-races-") as folder,
              Cluster(Path(folder) / "cluster", spread="000", sizes={"master": 1, "volume": 1}) as cluster):
            endpoints = [gateway.endpoint for gateway in cluster.of("gateway")]
            reader = Client(endpoints[0], *cluster.keys)
            reader.must("PUT", "/races")
            writers = Writers(endpoints, cluster.keys)
            begun, etag = time.monotonic(), None
            won = dict.fromkeys(WAYS, 0)
            try:
                for number in range(RACES):
                    race = Race(number, etag)
                    writers.hold(race)
                    etag = self.judge(race, reader)
                    won[race.way(race.results.index(200))] += 1
            finally:
                writers.stop()
                reader.close()
            self.assertTrue(all(won.values()) or RACES < 2 * len(KINDS), won)
            print(f"{RACES} races of {WRITERS} writers in {time.monotonic() - begun:.0f} s, one winner each: {won}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
