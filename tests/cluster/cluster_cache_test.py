#!/usr/bin/env python3
"""A volume server with two disks and a cache in front of them: what is read often comes from the cache, bytes that change in it
are served from the disks, and a crash leaves nothing of it."""

import os
import sys
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

KIB = 1024
MIB = KIB * KIB


class Cache(ClusterCase):
    SIZES = {"master": 1, "volume": 1, "filer": 1, "gateway": 1}
    DISKS = 2
    SETTINGS = {"master.share_hosts": "true", "volume.writable": "1", "volume.tags": "hdd", "volume.cache_size": "32MiB"}

    def prepare(self):
        self.server = self.cluster["volume1"]
        self.cache = self.folder / "cache"
        self.cache.mkdir()
        self.cluster.settings["volume.cache"] = str(self.cache)
        self.blocks = self.cache / "blocks"

    def put(self, client, count):
        """Objects, and more behind them: the end of a log is not cached."""
        client.must("PUT", "/often")
        self.bodies = {f"/often/{number}": os.urandom(20_000 + number * 17_001) for number in range(count)}
        for path, body in self.bodies.items():
            client.must("PUT", path, body=body)
        for number in range(4):
            client.must("PUT", f"/often/behind-{number}", body=bytes(300_000))

    def cool(self):
        """Takes the logs out of memory: what is asked for comes from the cache or from the disk."""
        for log in self.server.data.glob("disk*/volume/*.dat"):
            file = os.open(log, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)

    def read_all(self):
        client = self.client("gateway1")
        for path, body in self.bodies.items():
            self.cool()
            self.assertEqual(client.must("GET", path).body, body, path)

    def count(self, name):
        return self.server.metric(f"kelp_volume_cache_{name}")

    def warm(self):
        def served():
            before = self.count("hits_total")
            self.read_all()
            return self.count("hits_total") - before > len(self.bodies)

        wait_for(served, "reads from the cache", 60, 0)

    def damage(self):
        """Changes a byte in every 8 KiB of the cache; how many were not zero."""
        changed = 0
        with open(self.blocks, "r+b") as file:
            for at in range(0, self.blocks.stat().st_size, 8 * KIB):
                file.seek(at)
                byte = file.read(1)[0]
                changed += byte != 0
                file.seek(at)
                file.write(bytes([byte ^ 0x40]))
        return changed

    def test_bytes_are_right_whatever_the_cache_has(self):
        client = self.client("gateway1")
        self.put(client, 24)
        self.read_all()
        self.warm()
        self.assertGreater(self.count("admitted_total"), 24)
        self.assertLessEqual(self.count("bytes"), 32 * MIB)
        self.assertEqual(self.count("bad_total"), 0)

        self.assertGreater(self.damage(), 100)
        self.read_all()
        self.assertGreater(self.count("bad_total"), 10)
        self.assertEqual(self.server.metric("kelp_volume_corruptions_total"), 0, "the disks are sound")
        self.warm()

        self.server.kill()
        self.assertTrue(self.blocks.exists())
        self.damage()
        self.server.launch()
        self.server.await_ready(60)
        self.assertEqual(self.count("bytes"), 0)
        self.assertLess(self.blocks.stat().st_blocks * 512, MIB, "what was in it is thrown away")
        wait_for(lambda: self.client("gateway1").request("GET", "/often/1").status == 200, "the volumes are found", 60, 0.2)
        self.read_all()
        self.warm()
        self.assertEqual(self.count("bad_total"), 0)
        self.assertEqual(self.count("off"), 0)

        # Without its directory it serves all the same.
        self.assertEqual(self.server.stop(), 0)
        self.cache.rename(self.folder / "elsewhere")
        self.server.launch()
        self.server.await_ready(60)
        self.assertEqual(self.count("off"), 1)
        self.assertIn("cache_off", self.server.log())
        wait_for(lambda: self.client("gateway1").request("GET", "/often/1").status == 200, "the volumes are found", 60, 0.2)
        self.read_all()
        self.assertFalse(self.cache.exists())


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
