#!/usr/bin/env python3
"""Power cuts: the server lives on an ext4 whose disk is cloned at one instant, in the middle of everything. Then it is
killed, and goes on with the clone: what had not reached the disk by then is gone for good, as it is when a machine loses
power. KELP_ROUNDS: 5.

Needs root, loop devices and XFS, which holds the disk and clones it; says SKIPPED loudly without them.
"""

import os
import random
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
QUICK_COLLECTOR = ("--set", "collector.interval=500ms", "--set", "collector.quarantine=1s")


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


class LoopDisk:
    """An ext4 in a file, mounted on a folder; the file is in an XFS, which clones it between two writes of its device.

    Shutting the ext4 down instead (FS_IOC_SHUTDOWN) is no power cut: in the 2 ms that it takes, an fdatasync now and then
    succeeds whose data is gone, and the next write behind it is kept.
    """

    def __init__(self, folder, mebibytes):
        self.store, self.mount_point = f"{folder}/store", f"{folder}/disk"
        self.image, self.clone = f"{self.store}/disk.img", f"{self.store}/clone.img"
        self.mounted = []
        store_image = f"{folder}/store.img"
        run("truncate", "-s", f"{2 * mebibytes}M", store_image)
        run("mkfs.xfs", "-q", store_image)
        try:
            self.mount(store_image, self.store)
            run("truncate", "-s", f"{mebibytes}M", self.image)
            run("mkfs.ext4", "-q", "-F", self.image)
            self.mount(self.image, self.mount_point)
        except subprocess.CalledProcessError:
            self.unmount()
            raise

    def mount(self, image, folder):
        os.makedirs(folder, exist_ok=True)
        run("mount", "-o", "loop", image, folder)
        self.mounted.append(folder)

    def cut_power(self):
        """What is on the disk now is all that replace() brings back."""
        run("cp", "--reflink=always", self.image, self.clone)

    def replace(self):
        """Goes on with what was there at the cut. Nobody uses the disk."""
        run("umount", self.mounted.pop())
        os.replace(self.clone, self.image)
        self.mount(self.image, self.mount_point)

    def unmount(self):
        while self.mounted:
            run("umount", self.mounted.pop())


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-power-")
        self.addCleanup(self.scratch.cleanup)
        try:
            self.disk = LoopDisk(self.scratch.name, 3000)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            why = getattr(error, "stderr", None) or str(error).encode()
            print("SKIPPED: power_cut_test needs root, loop devices and XFS:", why.decode(), file=sys.stderr)
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
            self.disk.replace()
            kelp.start()
            problems = model.verify_moves(kelp.endpoint, kelp.keys, writers)
            problems += model.verify(kelp.endpoint, kelp.keys, states)
            self.assertEqual(problems, [], f"seed {seed}, round {round_number}")
        wait_for(lambda: kelp.metric("kelp_filer_dead_needles") == 0, "the collector's quiet", 60)
        self.assertEqual(kelp.stop(), 0)
        report = fsck(kelp.data)
        self.assertTrue(report["clean"], f"seed {seed}: {report}")
        print(f"{ROUNDS} power cuts, {acknowledged} acknowledged writes, fsck {report}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
