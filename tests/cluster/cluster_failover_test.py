#!/usr/bin/env python3
"""kill -9 of the leading master, again and again: how long until a put that needs a new lease works.

KELP_ROUNDS sets the number of kills (5).
"""

import os
import statistics
import time
import unittest

from cluster_case import ClusterCase

ROUNDS = int(os.environ.get("KELP_ROUNDS", "5"))
BOUND_SECONDS = 5  # on a busy test machine; the aim is 2 s for 99 of 100
# A lease has room for an eighth of a volume's limit: a body of more than half of that takes a lease of its own. A
# gateway may hold one lease that is open and one that it took ahead; the fourth put surely asked the new leader.
SIZE_LIMIT_MIB = 16
BODY = os.urandom(1_300_000)
PUTS = 4


class Failover(ClusterCase):
    SETTINGS = {"volume.size_limit": f"{SIZE_LIMIT_MIB}MiB"}

    def puts(self, client, name):
        """Puts PUTS objects, each as often as it takes; the seconds of all, and how many attempts were refused."""
        begun, refused = time.monotonic(), 0
        for number in range(PUTS):
            while client.request("PUT", f"/failover/{name}/{number}", body=BODY).status != 200:
                refused += 1
                self.assertLess(time.monotonic() - begun, 30, "puts are refused for 30 s")
                time.sleep(0.02)
        return time.monotonic() - begun, refused

    def test_leases_come_from_the_next_leader(self):
        client = self.client("gateway1")
        client.must("PUT", "/failover")
        self.puts(client, "first")
        usual = min(self.puts(client, f"usual{number}")[0] for number in range(3))
        took, refusals = [], 0
        for number in range(ROUNDS):
            leader = self.cluster.wait_leader()
            self.cluster[leader].kill()
            seconds, refused = self.puts(client, f"round{number}")
            took.append(seconds)
            refusals += refused
            self.cluster[leader].start()
        for number in range(ROUNDS):
            for part in range(PUTS):
                answer = client.must("GET", f"/failover/round{number}/{part}")
                self.assertEqual(answer.body, BODY)
        print(f"{ROUNDS} kills of the leader: {PUTS} puts with leases of the next one took p50 "
              f"{statistics.median(took):.2f} s, max {max(took):.2f} s (undisturbed {usual:.2f} s), {refusals} refused "
              f"attempts; each {[round(seconds, 2) for seconds in took]}")
        self.assertLess(max(took), BOUND_SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
