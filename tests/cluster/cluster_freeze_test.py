#!/usr/bin/env python3
"""SIGSTOP of the leading master, a volume server and a gateway at once, and their thaw 30 s later: meanwhile the others took
over and the volumes have other members. What the frozen ones still believe is refused.

KELP_PAUSE sets the seconds (30).
"""

import os
import time
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

PAUSE_SECONDS = int(os.environ.get("KELP_PAUSE", "30"))


class Freeze(ClusterCase):
    def test_what_was_frozen_finds_its_place_again(self):
        cluster = self.cluster
        self.client("gateway1").must("PUT", "/frozen")
        stays, sleeps = self.write("gateway1", "frozen"), self.write("gateway2", "frozen", pause=0)
        wait_for(lambda: min(len(stays.took), len(sleeps.took)) > 50, "some puts", 60)
        self.wait_copies_at("volume2")
        before = cluster.wait_whole()
        leader = cluster.wait_leader()
        frozen = [cluster[name] for name in (leader, "volume2", "gateway2")]
        node = cluster.node_of(before, "volume2")["node_id"]
        generations = {v["volume"]: v["generation"] for v in before["volumes"] if node in v["members"]}
        self.assertTrue(generations)
        for daemon in frozen:
            daemon.freeze()
        begun = time.monotonic()
        cluster.wait_leader(besides=leader)
        wait_for(lambda: time.monotonic() > begun + PAUSE_SECONDS, "the pause", PAUSE_SECONDS + 60, 0.1)
        meanwhile = len(stays.since(begun))
        self.assertGreater(meanwhile, 20, "the others go on")
        volumes = wait_for(cluster.status, "the status", 30)["volumes"]
        replaced = [v["volume"] for v in volumes if v["generation"] > generations.get(v["volume"], v["generation"])]
        self.assertTrue(replaced, "no volume got other members meanwhile")

        for daemon in frozen:
            daemon.thaw()
        thawed = time.monotonic()
        wait_for(lambda: len(sleeps.since(thawed)) > 30, "puts through the thawed gateway", 60)
        wait_for(lambda: sum(m.metric("kelp_master_leading") for m in cluster.of("master")) == 1, "one leads alone", 60, 0.1)
        logs = {volume: cluster["volume2"].data / f"volume/{volume:09}.dat" for volume in replaced if volume in generations}

        def none_is_old():
            # One that came back since, by a move, is a member.
            status = cluster.status()
            return status and not any(logs[v["volume"]].exists() and node not in v["members"]
                                      for v in status["volumes"] if v["volume"] in logs)

        wait_for(none_is_old, "the end of the copies that were replaced", 120, 0.2)
        for writer in (stays, sleeps):
            writer.stop()
        # The stale copies are gone: a write that only they had taken would be missing now.
        for gateway in ("gateway1", "gateway2"):
            self.check_objects(stays.objects | sleeps.objects, gateway)
        status = cluster.wait_whole(120)
        self.assertTrue(all(master["alive"] for master in status["masters"]))
        print(f"{PAUSE_SECONDS} s: {meanwhile} puts meanwhile, {len(replaced)} volumes got other members; after the thaw "
              f"{len(sleeps.since(thawed))} puts through gateway2, {len(sleeps.refused)} of its attempts were refused: "
              f"{sorted({status for _, status in sleeps.refused}, key=str)}")
        self.assertEqual(cluster.stop(), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
