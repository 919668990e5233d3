#!/usr/bin/env python3
"""Vacuum of the real binary: most of a volume is deleted while clients read and write, and nothing else goes."""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import KelpProcess, disk_bytes, kelp_binary, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

OBJECTS = 18_000
WRITERS = 4
MIB = 1 << 20


def body_of(key):
    """9 to 10 KiB that tell themselves from every other object's; too large for the metadata."""
    seed = hashlib.sha256(key.encode()).digest()
    return seed * (9 * 32 + seed[0] % 32)


class Load:
    """Clients that put, read and delete until they are told to stop; what they were promised is kept."""

    def __init__(self, kelp):
        self.kelp = kelp
        self.there = set()
        self.wrong = []
        self.stopped = threading.Event()

    def each(self, keys, work, threads=WRITERS):
        """`work(client, key)` for all `keys`, by several clients."""
        keys = list(keys)

        def run(mine):
            client = Client(self.kelp.endpoint, *self.kelp.keys)
            try:
                for key in mine:
                    work(client, key)
            except Exception as error:  # noqa: BLE001 - told by the test
                self.wrong.append(repr(error))
            finally:
                client.close()

        workers = [threading.Thread(target=run, args=(keys[i::threads],)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def put(self, client, key):
        client.must("PUT", f"/vacuum/{key}", body=body_of(key))
        self.there.add(key)

    def get(self, client, key):
        if client.must("GET", f"/vacuum/{key}").body != body_of(key):
            self.wrong.append(f"{key} has another body")

    def delete(self, client, key):
        self.there.discard(key)
        client.must("DELETE", f"/vacuum/{key}")

    def keep_busy(self):
        """Puts and reads new objects, and reads the old ones `kept`."""
        client = Client(self.kelp.endpoint, *self.kelp.keys)
        kept = sorted(self.there)
        for number in range(10_000_000):
            if self.stopped.is_set():
                break
            self.put(client, f"busy-{number}")
            self.get(client, f"busy-{number}")
            self.get(client, random.choice(kept))
        client.close()


class Vacuum(unittest.TestCase):
    def fsck(self, kelp):
        out = subprocess.run([kelp_binary(), "fsck", "--dir", str(kelp.data), "--verify", "--json"], capture_output=True,
                             text=True, check=False)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        return json.loads(out.stdout)

    def test_deleted_room_comes_back_under_load_and_what_is_left_is_whole(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-vacuum-")
        self.addCleanup(scratch.cleanup)
        kelp = KelpProcess(Path(scratch.name), "--set", "collector.interval=200ms", "--set", "collector.quarantine=200ms",
                           "--set", "volume.background_rate=0")
        kelp.start()
        self.addCleanup(lambda: kelp.process and kelp.kill())
        client = Client(kelp.endpoint, *kelp.keys)
        client.must("PUT", "/vacuum")
        load = Load(kelp)
        keys = [f"{number:06}" for number in range(OBJECTS)]
        load.each(keys, load.put)
        full = disk_bytes(kelp.data / "volume")
        load.each([key for key in keys if not key.endswith("7")], load.delete)
        busy = threading.Thread(target=load.keep_busy)
        busy.start()
        try:
            wait_for(lambda: kelp.metric("kelp_volume_vacuumed_volumes_total") > 0, "a vacuum", 120, 0.1)
        finally:
            load.stopped.set()
            busy.join()
        live = sum(len(body_of(key)) for key in load.there)
        self.assertLess(disk_bytes(kelp.data / "volume"), live * 1.3 + 8 * MIB, f"of {full}")
        load.each(load.there, load.get)
        kelp.kill()
        kelp.start()
        load.each(load.there, load.get)
        self.assertEqual(load.wrong, [])
        client.close()
        self.assertEqual(kelp.stop(), 0)
        report = self.fsck(kelp)
        self.assertEqual(report["objects"], len(load.there))
        self.assertEqual(report["orphan_needles"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
