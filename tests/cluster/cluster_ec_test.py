#!/usr/bin/env python3
"""Large objects in shards, ec(2,2) on four volume servers: what they cost, two servers killed, one that lost its disk."""

import hashlib
import os
import shutil
import unittest

from cluster_case import REPAIR_AFTER_SECONDS, ClusterCase
from kelpdev.process import wait_for

BUCKET = "shards"
MIB = 1 << 20
# From large_from on; parts that end anywhere in a cell, a row and a needle.
LARGE = [MIB, MIB + 1, 3 * MIB + 12345, 8 * MIB, 8 * MIB + 1 * MIB + 7, 20 * MIB + 1]
SMALL = [20_000, 500_000]


class ErasureCoding(ClusterCase):
    SETTINGS = {"master.large": "ec(2,2)", "volume.writable": "1"}

    def setUp(self):
        super().setUp()
        self.gateway = self.client("gateway1")
        self.gateway.must("PUT", f"/{BUCKET}")

    def put(self, name, size):
        body = os.urandom(size)
        self.gateway.must("PUT", f"/{BUCKET}/{name}", body=body)
        return body

    def put_all(self, prefix, sizes):
        return {f"{prefix}-{number}": self.put(f"{prefix}-{number}", size) for number, size in enumerate(sizes)}

    def check(self, objects, when):
        for name, body in objects.items():
            got = self.gateway.must("GET", f"/{BUCKET}/{name}").body
            self.assertEqual(hashlib.md5(got).hexdigest(), hashlib.md5(body).hexdigest(), f"{name} {when}")
            if len(body) > 200_000:
                begin, end = len(body) // 3, len(body) // 3 + 150_000
                part = self.gateway.must("GET", f"/{BUCKET}/{name}", headers={"Range": f"bytes={begin}-{end - 1}"}).body
                self.assertTrue(part == body[begin:end], f"a range of {name} {when}")

    def stored_bytes(self):
        """What the volume servers' logs take on their disks."""
        return sum(log.stat().st_blocks * 512 for daemon in self.cluster.of("volume") for log in daemon.data.rglob("*.dat"))

    def striped(self):
        status = self.cluster.status()
        return [volume for volume in status["volumes"] if volume.get("scheme")] if status else []

    def test_any_two_of_four_servers_may_die_and_one_gets_its_shards_back(self):
        before = self.stored_bytes()
        large = self.put_all("large", LARGE)
        taken = self.stored_bytes() - before
        ideal = 2 * sum(LARGE)
        print(f"{sum(LARGE) / MIB:.1f} MiB of objects take {taken / MIB:.1f} MiB: {taken / ideal:.3f} of 2 x")
        self.assertLess(taken, ideal * 1.05, "small last parts of objects cost more than their scheme")
        objects = {**large, **self.put_all("small", SMALL)}
        volumes = self.striped()
        self.assertEqual([(volume["scheme"], len(set(volume["members"]))) for volume in volumes], [("ec(2,2)", 4)])
        self.check(objects, "with all servers")

        for pair in (("volume1", "volume3"), ("volume2", "volume4")):
            for name in pair:
                self.cluster[name].kill()
            self.check(large, f"without {pair}")
            self.cluster.start()
        self.check(objects, "after they came back")

        # A server that lost its disk is another one: its shards are made anew from those of the others.
        lost = self.cluster["volume2"]
        node = self.cluster.node_of(self.cluster.status(), "volume2")["node_id"]
        lost.kill()
        shutil.rmtree(lost.data)
        lost.launch()
        lost.await_ready(60)
        wait_for(lambda: self.striped() and all(node not in volume["members"] for volume in self.striped()),
                 "the shards to have another home", REPAIR_AFTER_SECONDS + 90, 0.2)
        self.cluster.wait_whole(90)
        for name in ("volume1", "volume4"):
            self.cluster[name].kill()
        self.check(large, "from what was rebuilt")


class SeveralLost(ClusterCase):
    """ec(4,2) on eight volume servers, of which two die at once."""

    SETTINGS = {"master.large": "ec(4,2)", "volume.writable": "1", "volume.background_rate": "0"}
    SIZES = {"volume": 8, "gateway": 1}

    def read_for_repairs(self):
        return sum(daemon.metric("kelp_volume_background_read_bytes_total")
                   for daemon in self.cluster.of("volume") if daemon.running())

    def test_two_lost_servers_cost_one_reading_of_the_others(self):
        gateway = self.client("gateway1")
        gateway.must("PUT", f"/{BUCKET}")
        objects = {f"/{BUCKET}/object-{number}": os.urandom(8 * MIB) for number in range(8)}
        for path, body in objects.items():
            gateway.must("PUT", path, body=body)
        status = self.cluster.status()
        volume = next(each for each in status["volumes"] if each.get("scheme"))
        lost = [daemon for daemon in self.cluster.of("volume")
                if self.cluster.node_of(status, daemon.name)["node_id"] in volume["members"]][:2]
        gone = {self.cluster.node_of(status, daemon.name)["node_id"] for daemon in lost}
        before = self.read_for_repairs()
        for daemon in lost:
            daemon.kill()

        def whole():
            now = self.cluster.status()
            return now and not now["jobs"] and all(
                each["copies_healthy"] == each["copies_asked"] and not gone & set(each["members"])
                for each in now["volumes"] if each.get("scheme"))

        wait_for(whole, "all shards to be there again", REPAIR_AFTER_SECONDS + 90, 0.2)
        read = self.read_for_repairs() - before
        bodies = sum(len(body) for body in objects.values())
        print(f"two of six shards of {bodies / MIB:.0f} MiB made from {read / MIB:.1f} MiB")
        self.assertLess(read, 1.1 * bodies, "four shards are read once, for both that are lost")
        # Any two more may go.
        members = next(each for each in self.cluster.status()["volumes"] if each.get("scheme"))["members"]
        status = self.cluster.status()
        for daemon in [daemon for daemon in self.cluster.of("volume") if daemon.running()
                       and self.cluster.node_of(status, daemon.name)["node_id"] in members][-2:]:
            daemon.kill()
        for path, body in objects.items():
            self.assertTrue(gateway.must("GET", path).body == body, path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
