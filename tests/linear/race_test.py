#!/usr/bin/env python3
"""Sixteen writers race for one condition through two gateways, again and again: one wins each time.

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
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

RACES = int(os.environ.get("KELP_ROUNDS", "1000"))
WRITERS = 16
LARGE_EACH = 10  # of so many races one is of bodies that do not lie with the metadata


class Race:
    """`results[writer]` is the status that it was told. All writers begin together, each with a body of its own."""

    def __init__(self, number, before):
        self.number = number
        self.path = f"/races/{number // 2}"
        # First one is to create the object; then one is to replace what was created.
        self.headers = {"If-None-Match": "*"} if number % 2 == 0 else {"If-Match": before}
        self.results = [None] * WRITERS

    def body(self, writer):
        return f"{self.number} {writer} ".encode() * (5000 if self.number % LARGE_EACH == 0 else 1)


class Writers:
    """One thread and one connection each; half of them on either gateway."""

    def __init__(self, endpoints, keys):
        self.race = None
        self.begin, self.end = threading.Barrier(WRITERS + 1), threading.Barrier(WRITERS + 1)
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
                answer = client.request("PUT", race.path, body=race.body(writer), headers=race.headers)
                race.results[writer] = answer.status
            except OSError as error:
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
    def test_one_of_many_writers_wins_each_race(self):
        with (tempfile.TemporaryDirectory(prefix="kelp-races-") as folder,
              Cluster(Path(folder) / "cluster", spread="000", sizes={"master": 1, "volume": 1}) as cluster):
            endpoints = [gateway.endpoint for gateway in cluster.of("gateway")]
            reader = Client(endpoints[0], *cluster.keys)
            reader.must("PUT", "/races")
            writers = Writers(endpoints, cluster.keys)
            begun, etag = time.monotonic(), None
            try:
                for number in range(RACES):
                    race = Race(number, etag)
                    writers.hold(race)
                    winners = [writer for writer, status in enumerate(race.results) if status == 200]
                    self.assertEqual(len(winners), 1, f"race {number}: {race.results}")
                    # 409: the condition could not be decided against so many others.
                    self.assertLessEqual(set(race.results), {200, 409, 412}, f"race {number}")
                    found = reader.must("GET", race.path)
                    self.assertEqual(found.body, race.body(winners[0]), f"race {number}")
                    etag = found.headers["ETag"]
            finally:
                writers.stop()
                reader.close()
            print(f"{RACES} races of {WRITERS} writers in {time.monotonic() - begun:.0f} s, one winner each")


if __name__ == "__main__":
    unittest.main(verbosity=2)
