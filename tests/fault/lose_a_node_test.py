#!/usr/bin/env python3
"""Four machines with four disks each, large objects in ec(8,4): one machine's disks are destroyed, and later another machine.

tests/fault/lose_a_node.sh is the long form. KELP_TREES names the trees to load, with colons between them; KELP_LARGE_MIB how
much of large files comes on top.
"""

import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402

TREES = os.environ.get("KELP_TREES", str(ROOT / "docs")).split(":")
LARGE_MIB = int(os.environ.get("KELP_LARGE_MIB", "40"))
BUCKET = "s3://tree"
MACHINES, DISKS = 4, 4
SETTINGS = {"master.large": "ec(8,4)", "master.repair_after": "3s", "volume.background_rate": "0", "volume.writable": "1",
            "volume.reserve": "64MiB"}
AWS = "/usr/bin/aws"
PATIENCE_SECONDS = 240


def machine_of(daemon):
    return daemon.number - 1


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def make_tree(folder):
    """The trees that were named, and files of all lengths around cells, rows, parts and needles."""
    for tree in TREES:
        shutil.copytree(tree, folder / Path(tree).name, ignore_dangling_symlinks=True)
    rng, left = random.Random(1), LARGE_MIB << 20
    for number in range(1 << 20):
        size = min(left, rng.choice((1 << 20, (3 << 20) + 12345, 8 << 20, (8 << 20) + 1, 20 << 20)))
        if size == 0:
            return
        (folder / f"large {number}.bin").write_bytes(rng.randbytes(size))
        left -= size


class LoseANode(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory(prefix="kelp-lose-a-node-")
        self.addCleanup(work.cleanup)
        self.folder = Path(work.name)
        sizes = {"master": 1, "volume": MACHINES, "filer": 1, "gateway": 1}
        # Copies on three machines; one volume server a machine.
        self.cluster = Cluster(self.folder / "cluster", SETTINGS, spread="002", sizes=sizes, loopback=True, disks=DISKS)
        self.addCleanup(self.cluster.close)
        self.cluster.__enter__()

    def aws(self, *words):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=self.cluster.keys[0], AWS_SECRET_ACCESS_KEY=self.cluster.keys[1],
                           AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
                           AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        endpoint = self.cluster["gateway1"].endpoint
        done = subprocess.run([AWS, "--endpoint-url", endpoint, *words], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"aws {' '.join(words)}: {done.stdout}{done.stderr}")

    def lose(self, machine):
        """Its process is killed and its disks are empty."""
        for daemon in self.cluster.of("volume"):
            if machine_of(daemon) == machine:
                daemon.kill()
                shutil.rmtree(daemon.data)

    def check(self, when):
        down = self.folder / "down"
        begun = time.monotonic()
        self.aws("s3", "sync", "--only-show-errors", BUCKET, str(down))
        names = files_of(self.up)
        self.assertEqual(files_of(down), names, when)
        _, different, errors = filecmp.cmpfiles(self.up, down, names, shallow=False)
        self.assertEqual(different + errors, [], when)
        shutil.rmtree(down)
        print(f"{len(names)} files are as they were, {when}: {time.monotonic() - begun:.1f} s", flush=True)

    def machines_of(self, volume):
        """How many members of a volume each machine has; -1 stands for servers that are not known."""
        addresses = {address: machine_of(daemon) for daemon in self.cluster.of("volume") for address in daemon.node_addresses()}
        places = [addresses.get(node["address"], -1) for node in self.status["nodes"] if node["node_id"] in volume["members"]]
        return {machine: places.count(machine) for machine in places}

    def wait_whole(self, without=()):
        def whole():
            self.status = self.cluster.status()
            return self.status and not self.status["jobs"] and all(
                volume["copies_healthy"] == volume["copies_asked"] == len(volume["members"])
                and not set(without) & set(self.machines_of(volume)) for volume in self.status["volumes"])

        wait_for(whole, "full redundancy", PATIENCE_SECONDS, 0.2)

    @unittest.skipUnless(Path(AWS).exists(), "SKIPPED: there is no AWS CLI here")
    def test_a_machine_is_lost_with_its_disks_and_after_the_repair_another_one(self):
        self.up = self.folder / "up"
        make_tree(self.up)
        self.aws("s3", "mb", BUCKET)
        self.aws("s3", "sync", "--only-show-errors", str(self.up), BUCKET)
        self.check("after they were written")
        self.wait_whole()
        striped = [volume for volume in self.status["volumes"] if volume["scheme"]]
        self.assertTrue(striped, "nothing lies in shards")
        for volume in striped:
            self.assertEqual(self.machines_of(volume), dict.fromkeys(range(MACHINES), 3), "no machine has more than m shards")

        self.lose(0)
        self.check("with one machine of four gone")
        begun = time.monotonic()
        self.wait_whole(without=(0,))
        print(f"full redundancy again after {time.monotonic() - begun:.1f} s", flush=True)
        self.lose(1)
        self.check("with another one gone")


if __name__ == "__main__":
    unittest.main()
