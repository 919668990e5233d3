#!/usr/bin/env python3
"""The AWS CLI syncs a tree up and down through both gateways while the leading master and a volume server are killed."""

import filecmp
import os
import random
import subprocess
import unittest

from cluster_case import REPAIR_AFTER_SECONDS, ClusterCase
from kelpdev.process import wait_for

BUCKET = "tree"
MIB = 1 << 20


def make_tree(folder, seed, files=180):
    """Bodies of both kinds: up to 8 KiB they lie with the metadata, larger ones in volumes; some go up in parts."""
    rng = random.Random(seed)
    for number in range(files):
        path = folder / f"d{number % 7}" / f"file {number:03}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(rng.choice((0, 1, 5000, 8193, 20_000, 70_000, 150_000))))
    for number, size in enumerate((3 * MIB, 9 * MIB + 1, 17 * MIB)):
        (folder / f"large{number}.bin").write_bytes(rng.randbytes(size))


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


class Sync(ClusterCase):
    def start_sync(self, gateway, *words):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=self.cluster.keys[0], AWS_DEFAULT_REGION="us-east-1",
                           AWS_SECRET_ACCESS_KEY=self.cluster.keys[1], AWS_EC2_METADATA_DISABLED="true",
                           AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        return subprocess.Popen(
            ["/usr/bin/aws", "--endpoint-url", self.cluster[gateway].endpoint, "s3", "sync", "--only-show-errors",
             *map(str, words)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, sync):
        out, _ = sync.communicate(timeout=120)
        self.assertEqual(sync.returncode, 0, out)

    def sync_down(self, gateway):
        down = self.folder / f"down-{gateway}-{len(list(self.folder.iterdir()))}"
        self.finish(self.start_sync(gateway, f"s3://{BUCKET}", down))
        names = files_of(self.up)
        self.assertEqual(files_of(down), names)
        _, different, errors = filecmp.cmpfiles(self.up, down, names, shallow=False)
        self.assertEqual(different + errors, [])

    def test_a_sync_survives_the_leader_and_a_volume_server(self):
        self.up = self.folder / "up"
        for seed, half in enumerate(("one", "two")):
            make_tree(self.up / half, seed)
        lister = self.client("gateway1")
        lister.must("PUT", f"/{BUCKET}")

        def await_objects(sync, count):
            """Until that many are there, and the sync goes on."""
            wait_for(lambda: len(lister.list_keys(BUCKET)) >= count or sync.poll() is not None, f"{count} objects", 60,
                     0.05)
            self.assertIsNone(sync.poll(), "the sync ended before it was disturbed")

        leader = self.cluster.wait_leader()
        sync = self.start_sync("gateway1", self.up / "one", f"s3://{BUCKET}/one")
        await_objects(sync, 40)
        self.cluster[leader].kill()
        self.finish(sync)
        next_leader = self.cluster.wait_leader(besides=leader)

        sync = self.start_sync("gateway2", self.up / "two", f"s3://{BUCKET}/two")
        await_objects(sync, 183 + 40)
        self.cluster["volume2"].kill()
        self.finish(sync)
        self.sync_down("gateway1")  # with two copies less than were asked for, still every byte

        self.cluster[leader].start()
        self.cluster["volume2"].start()
        self.cluster.wait_alive()
        self.cluster.wait_masters()
        status = self.cluster.wait_whole(REPAIR_AFTER_SECONDS + 60)
        self.sync_down("gateway2")
        self.assertEqual(self.cluster.stop(), {})
        print(f"{len(files_of(self.up))} files, {leader} then {next_leader} led, {len(status['volumes'])} volumes are whole")


if __name__ == "__main__":
    unittest.main(verbosity=2)
