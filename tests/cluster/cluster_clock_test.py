#!/usr/bin/env python3
"""Wall clocks that jump by a day, forward and back, in a running cluster: of the leading master, a volume server, the filer,
a gateway. Only the gateway's jump is seen by clients, since their signatures carry a date. The jumps are made by wall_clock.cc,
preloaded into the daemons."""

import os
import struct
import time
import unittest
from contextlib import contextmanager

from cluster_case import ClusterCase
from kelpdev.process import wait_for

DAY_SECONDS = 86_400
PUTS = 40            # that must go through with each clock
BOUND_SECONDS = 20   # for them, on a busy test machine


class Clocks(ClusterCase):
    # The collector looks for what is dead and what nobody names, all the time.
    SETTINGS = {"collector.interval": "500ms", "collector.quarantine": "1s", "collector.orphan_interval": "2s",
                "volume.size_limit": "32MiB"}

    def prepare(self):
        for daemon in self.cluster.daemons.values():
            self.set_clock(daemon.name, 0)
            daemon.variables = {"LD_PRELOAD": os.environ["KELP_WALL_CLOCK_LIBRARY"], "KELP_WALL_CLOCK": str(daemon.folder / "clock")}

    @contextmanager
    def jumped(self, name, days):
        self.set_clock(name, days)
        yield
        self.set_clock(name, 0)

    def set_clock(self, name, days):
        file = os.open(self.cluster[name].folder / "clock", os.O_CREAT | os.O_WRONLY, 0o644)
        os.pwrite(file, struct.pack("=q", days * DAY_SECONDS), 0)  # in place: the daemon has it mapped
        os.close(file)

    def puts_go_on(self, what):
        since = time.monotonic()
        wait_for(lambda: len(self.writer.since(since)) > PUTS, f"{PUTS} puts with {what}", 120)
        worst = max(self.writer.since(since))
        print(f"{what}: the slowest put took {worst:.2f} s")
        self.assertLess(worst, BOUND_SECONDS, what)

    def test_a_day_forward_or_back_loses_nothing_and_stops_nobody(self):
        cluster = self.cluster
        client = self.client("gateway1")
        client.must("PUT", "/clocks")
        # A body of its own lease now and then: 4 MiB of room are in one.
        self.writer = self.write("gateway1", "clocks", size=300_000, pause=0.01)
        self.puts_go_on("right clocks")
        for day in (1, -1):
            leader = cluster.wait_leader()
            with self.jumped(leader, day):
                self.puts_go_on(f"{leader} {day:+} d")
                cluster.control("transfer")
                cluster.wait_leader(besides=leader)
                self.puts_go_on(f"another leader than {leader} {day:+} d")
            for name in ("volume1", "filer1"):
                with self.jumped(name, day):
                    self.puts_go_on(f"{name} {day:+} d")
                self.puts_go_on(f"{name} back from {day:+} d")
            # One that starts with a wrong clock leads.
            late = next(master for master in cluster.of("master") if master.name != cluster.wait_leader())
            self.assertEqual(late.stop(), 0)
            with self.jumped(late.name, day):
                late.start()
                cluster.wait_masters()
                cluster.control("transfer", str(late.number))
                wait_for(lambda: cluster.wait_leader() == late.name, f"{late.name} leads", 60, 0.1)
                self.puts_go_on(f"{late.name} leads at {day:+} d")
            self.puts_go_on(f"{late.name} leads, back from {day:+} d")
            with self.jumped("gateway2", day):
                answer = self.client("gateway2").request("GET", next(iter(self.writer.objects)))
                self.assertEqual((answer.status, answer.code), (403, "RequestTimeTooSkewed"))
                self.puts_go_on(f"gateway2 {day:+} d")
        self.writer.stop()
        cluster.wait_whole()
        # The collector has looked at everything several times by now.
        self.check_objects(self.writer.objects, "gateway2")
        self.assertEqual(cluster.stop(), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
