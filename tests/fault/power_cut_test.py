#!/usr/bin/env python3
"""Power cuts: the server lives on a loop-mounted ext4 that is shut down without a flush (FS_IOC_SHUTDOWN), killed, and
mounted again. What was not synced is gone for good, as it is when a machine loses power. KELP_ROUNDS: 5.

Needs root and a loop device; says SKIPPED loudly without them.
"""

import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev import model  # noqa: E402
from kelpdev.process import KelpProcess, fsck, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

ROUNDS = int(os.environ.get("KELP_ROUNDS", "5"))
FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
QUICK_COLLECTOR = ("--set", "collector.interval=500ms", "--set", "collector.quarantine=1s")


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


class LoopDisk:
    """A file with an ext4 in it, mounted on a folder."""

    def __init__(self, folder, mebibytes):
        self.image, self.mount_point = f"{folder}/disk.img", f"{folder}/disk"
        os.mkdir(self.mount_point)
        run("truncate", "-s", f"{mebibytes}M", self.image)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", self.image, self.mount_point)

    def cut_power(self):
        """Everything that is not on the disk is lost, and every later call fails with EIO.

        In the 2 ms that the call takes, ext4 now and then lets an fdatasync succeed whose data is gone (seen with bare
        files): an answer that arrives after the writers were told to stop says nothing.
        """
        folder = os.open(self.mount_point, os.O_RDONLY)
        fcntl.ioctl(folder, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(folder)

    def unmount(self):
        run("umount", self.mount_point)


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-power-")
        self.addCleanup(self.scratch.cleanup)
        try:
            self.disk = LoopDisk(self.scratch.name, 3000)
        except subprocess.CalledProcessError as error:
            print("SKIPPED: power_cut_test needs root and a loop device:", error.stderr.decode(), file=sys.stderr)
            self.skipTest("no loop mount here")
        self.addCleanup(self.disk.unmount)

    def test_nothing_acknowledged_is_lost_at_a_power_cut(self):
        seed = int(os.environ.get("KELP_SEED", "1"))
        rng = random.Random(seed)
        kelp = KelpProcess(self.scratch.name, *QUICK_COLLECTOR)
        kelp.data = Path(self.disk.mount_point) / "data"
        self.addCleanup(lambda: kelp.process and kelp.kill())
        kelp.start()
        Client(kelp.endpoint, *kelp.keys).must("PUT", f"/{model.BUCKET}")
        states, acknowledged = {}, 0
        for round_number in range(ROUNDS):
            writers = model.load(kelp.endpoint, kelp.keys, f"{seed}/{round_number}", states)
            # The moment of the cut is what varies: a time, not a condition.
            time.sleep(rng.uniform(1, 3))
            for writer in writers:
                writer.stop()
            self.disk.cut_power()
            kelp.kill()
            for writer in writers:
                writer.join()
                acknowledged += writer.acknowledged
            self.disk.unmount()
            self.disk.mount()
            kelp.start()
            problems = model.verify(kelp.endpoint, kelp.keys, states)
            self.assertEqual(problems, [], f"seed {seed}, round {round_number}")
        wait_for(lambda: kelp.metric("kelp_filer_dead_needles") == 0, "the collector's quiet", 60)
        self.assertEqual(kelp.stop(), 0)
        report = fsck(kelp.data)
        self.assertTrue(report["clean"], f"seed {seed}: {report}")
        print(f"{ROUNDS} power cuts, {acknowledged} acknowledged writes, fsck {report}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
