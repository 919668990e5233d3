#!/usr/bin/env python3
"""Full volumes of small objects become ec(4,2) on six volume servers: what they cost, any two servers killed, removals and their room,
another scheme and copies again, fsck."""

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import unittest

from cluster_case import ClusterCase, in_client_environment

if __name__ == "__main__":
    in_client_environment()
import boto3  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402

BUCKET = "small"
SCHEME = "ec(4,2)"
KIB = 1 << 10


class SealedVolumes(ClusterCase):
    SETTINGS = {"volume.size_limit": "8MiB", "volume.writable": "1", "collector.quarantine": "1s", "collector.interval": "1s"}
    SIZES = {"volume": 6}

    def setUp(self):
        super().setUp()
        access, secret = self.cluster.keys
        self.s3 = boto3.client("s3", endpoint_url=self.cluster["gateway1"].endpoint, region_name="us-east-1",
                               aws_access_key_id=access, aws_secret_access_key=secret)
        self.s3.create_bucket(Bucket=BUCKET)

    def put_all(self, count, full):
        """So many objects, and more until so many volumes are full: who writes fast has a volume grow past its limit before the
        masters hear of it."""
        sizes = random.Random(7)
        objects = {}
        for number in itertools.count():
            if number >= count and number % 20 == 0 and len(self.volumes(phase="sealed")) >= full:
                return objects
            body = os.urandom(sizes.randrange(9 * KIB, 150 * KIB))
            self.s3.put_object(Bucket=BUCKET, Key=f"object-{number}", Body=body)
            objects[f"object-{number}"] = hashlib.md5(body).hexdigest()

    def check(self, objects, when):
        wrong = [key for key, md5 in objects.items()
                 if hashlib.md5(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).hexdigest() != md5]
        self.assertEqual(wrong, [], when)

    def shell(self, script, *more, code=0):
        done = subprocess.run([*self.cluster.shell_words(), "-c", script, *more], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def begin(self, command):
        """Gives the shell a command that is refused while a server that came back is not known to be there."""
        words = [*self.cluster.shell_words(), "-c", command]
        wait_for(lambda: subprocess.run(words, capture_output=True, timeout=120).returncode == 0, command, 60, 0.5)

    def volumes(self, **wanted):
        status = self.cluster.status() or {"volumes": []}
        return [volume for volume in status["volumes"] if all(volume.get(key) == value for key, value in wanted.items())]

    def stored_bytes(self, volumes):
        """What those volumes take on all disks."""
        names = {f"{volume['volume']:09}.dat" for volume in volumes}
        return sum(log.stat().st_blocks * 512 for daemon in self.cluster.of("volume") for log in daemon.data.rglob("*.dat*")
                   if log.name in names)

    def is_settled(self, numbers, scheme=SCHEME, members=6):
        status = self.cluster.status()
        return status and not status["jobs"] and all((volume.get("scheme") or "") == scheme and volume["copies_healthy"] == members
                                                     for volume in status["volumes"] if volume["volume"] in numbers)

    def test_full_volumes_become_shards_that_survive_any_two_servers(self):
        objects = self.put_all(600, 3)
        self.cluster.wait_whole(60)
        self.shell("job.pause --apply")  # no moves meanwhile
        full = self.volumes(phase="sealed")
        self.assertGreaterEqual(len(full), 3, "volumes are full")
        numbers = {volume["volume"] for volume in full}
        before = self.stored_bytes(full)
        open_volume = self.volumes(phase="writable")[0]["volume"]
        self.shell(f"volume.seal {open_volume} '{SCHEME}' --apply", code=2)
        for number in sorted(numbers):
            self.shell(f"volume.seal {number} '{SCHEME}' --apply")
        for _ in range(3):
            self.check(objects, "while they are sealed")
        wait_for(lambda: self.is_settled(numbers), "the volumes to be shards", 120, 0.2)
        self.shell("job.resume --apply")
        after = self.stored_bytes(full)
        times = 2 * after / before
        print(f"{len(full)} volumes of two copies took {before / 2**20:.1f} MiB, in {SCHEME} {after / 2**20:.1f}: {times:.3f} times one copy")
        self.assertLess(times, 1.5 * 1.05)
        self.check(objects, "in shards")

        # Removed objects are gone from every member, and fsck misses nothing.
        removed = [f"object-{number}" for number in range(0, 100, 2)]
        for key in removed:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
            del objects[key]
        self.assertIn("good", self.shell("volume.fsck --json"))
        self.check(objects, "after others were removed")

        in_shards = {key: objects[key] for key in self.keys_in(list(objects), numbers)}
        self.assertGreater(len(in_shards), 100)
        servers = [daemon.name for daemon in self.cluster.of("volume")]
        for pair in ((servers[0], servers[3]), (servers[1], servers[2]), (servers[4], servers[5])):
            for name in pair:
                self.cluster[name].kill()
            self.check(in_shards, f"without {pair}")
            self.cluster.start()
        self.cluster.wait_whole(120)
        self.check(objects, "after they came back")

    def test_the_room_of_removed_objects_comes_back(self):
        objects = self.put_all(250, 2)
        self.cluster.wait_whole(60)
        self.shell("job.pause --apply")
        full = self.volumes(phase="sealed")
        numbers = {volume["volume"] for volume in full}
        self.assertGreaterEqual(len(numbers), 2, "volumes are full")
        for number in sorted(numbers):
            self.shell(f"volume.seal {number} '{SCHEME}' --apply")
        wait_for(lambda: self.is_settled(numbers), "the volumes to be shards", 120, 0.2)
        before = self.stored_bytes(full)

        in_shards = self.keys_in(list(objects), numbers)
        removed = random.Random(3).sample(in_shards, len(in_shards) * 7 // 10)
        for key in removed:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
            del objects[key]
        alive = sum(self.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] for key in in_shards if key in objects)
        self.shell("job.resume --apply")

        def is_back():
            self.check(dict(random.sample(sorted(objects.items()), 20)), "while their volume is packed anew")
            return self.stored_bytes(full) < 1.5 * alive * 1.15 and self.is_settled(numbers)

        wait_for(is_back, "the room of removed objects to come back", 240, 0.2)
        after = self.stored_bytes(full)
        print(f"{len(numbers)} volumes took {before / 2**20:.1f} MiB, without 70 % of their objects {after / 2**20:.1f}: "
              f"{after / alive:.3f} times what lives")
        self.check(objects, "after their volumes were packed anew")
        self.assertIn("good", self.shell("volume.fsck --json"))
        there = {entry["Key"] for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for entry in page["Contents"]}
        self.assertEqual(there, set(objects))
        servers = [daemon.name for daemon in self.cluster.of("volume")]
        for name in (servers[1], servers[4]):
            self.cluster[name].kill()
        self.check({key: objects[key] for key in in_shards if key in objects}, "without two servers")
        self.cluster.start()
        self.cluster.wait_whole(120)
        self.check(objects, "after they came back")

    def test_shards_become_those_of_another_scheme_and_copies_again(self):
        objects = self.put_all(250, 2)
        self.cluster.wait_whole(60)
        self.shell("job.pause --apply")
        full = self.volumes(phase="sealed")
        numbers = {volume["volume"] for volume in full}
        self.assertGreaterEqual(len(numbers), 2, "volumes are full")
        copies = self.stored_bytes(full)
        first = min(numbers)
        self.shell(f"volume.ec.change {first} 'ec(2,2)' --apply", code=2)
        self.shell(f"volume.ec.decode {first} --apply", code=2)
        for number in sorted(numbers):
            self.shell(f"volume.seal {number} '{SCHEME}' --apply")
        wait_for(lambda: self.is_settled(numbers), "the volumes to be shards", 120, 0.2)

        self.shell(f"volume.ec.change {first} '{SCHEME}' --apply", code=2)
        self.shell(f"volume.ec.change {first} 'ec(8,4)' --apply", code=1)  # of six servers
        servers = [daemon.name for daemon in self.cluster.of("volume")]
        in_shards = self.keys_in(list(objects), numbers)
        steps = [("volume.ec.change {} 'ec(2,1)' --apply", "ec(2,1)", 3, 1.5 / 2, (servers[0],)),
                 ("volume.ec.change {} 'ec(3,3)' --apply", "ec(3,3)", 6, 2 / 2, (servers[1], servers[3], servers[4])),
                 ("volume.ec.decode {} --apply", "", 2, 1, (servers[2],)),
                 ("volume.seal {} 'ec(4,2)' --apply", SCHEME, 6, 1.5 / 2, (servers[0], servers[5]))]
        for command, scheme, members, times, killed in steps:
            for number in sorted(numbers):
                self.begin(command.format(number))
            for key in in_shards[:5]:
                self.s3.delete_object(Bucket=BUCKET, Key=key)
                del objects[key]
            in_shards = in_shards[5:]

            def is_done(scheme=scheme, members=members):
                self.check(dict(random.sample(sorted(objects.items()), 20)), "while it changes")
                return self.is_settled(numbers, scheme, members)

            wait_for(is_done, f"the volumes to be {scheme or 'copies'}", 120, 0.2)
            # Who holds what is no part of it any more is told so once the masters know the new members to be whole.
            wait_for(lambda times=times: self.stored_bytes(full) < copies * times * 1.05, f"what is no part of {scheme or 'copies'} to go", 30, 0.2)
            stored = self.stored_bytes(full)
            print(f"{len(numbers)} volumes as {scheme or 'copies'} take {stored / 2**20:.1f} MiB, {2 * stored / copies:.3f} times one copy")
            self.check(objects, f"in {scheme or 'copies'}")
            for name in killed:
                self.cluster[name].kill()
            self.check({key: objects[key] for key in in_shards}, f"in {scheme or 'copies'} without {killed}")
            self.cluster.start()
            self.cluster.wait_whole(120)
            self.assertIn("good", self.shell("volume.fsck --json"))
        there = {entry["Key"] for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for entry in page["Contents"]}
        self.assertEqual(there, set(objects))

    def keys_in(self, keys, numbers):
        """Those of `keys` whose bytes lie in the volumes `numbers`."""
        script = "; ".join(f"fs.meta.cat /{BUCKET}/{key}" for key in keys)
        entries = [json.loads(line) for line in self.shell(script, "--json").splitlines() if line.strip()]
        self.assertEqual(len(entries), len(keys))
        return [key for key, entry in zip(keys, entries, strict=True)
                if all(int(chunk["fid"].split(",")[0]) in numbers for chunk in entry["chunks"])]


if __name__ == "__main__":
    print(sys.version.split()[0], boto3.__version__)
    unittest.main(verbosity=2)
