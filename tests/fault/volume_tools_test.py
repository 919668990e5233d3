#!/usr/bin/env python3
"""kelp volume dump, verify, export and import on the folder of a server that was stopped."""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import KelpProcess, fsck, kelp_binary  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

KIB = 1 << 10


def volume(*words, code=0):
    """What `kelp volume` prints; `code` is what it must exit with."""
    done = subprocess.run([kelp_binary(), "volume", *map(str, words)], capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise RuntimeError(f"kelp volume {words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def rows(*words, code=0):
    return [json.loads(line) for line in volume(*words, "--json", code=code).splitlines() if line.startswith("{")]


class VolumeTools(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-volume-tools-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.kelp = KelpProcess(self.folder / "kelp", "--set", "volume.writable=1")
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.kelp.start()
        client = Client(self.kelp.endpoint, *self.kelp.keys)
        client.must("PUT", "/bucket")
        self.bodies = {f"photos/{i} \u00e4.jpg": os.urandom(40 * KIB + i) for i in range(5)}
        for key, body in self.bodies.items():
            client.must("PUT", self.path(key), body=body)
        client.close()

    @staticmethod
    def path(key):
        return f"/bucket/{key}"

    def stop(self):
        self.assertEqual(self.kelp.stop(), 0)
        (self.log,) = (self.kelp.data / "volume").glob("*.dat")

    def flip(self, at):
        with open(self.log, "r+b") as log:
            log.seek(at)
            byte = log.read(1)[0]
            log.seek(at)
            log.write(bytes([byte ^ 1]))

    def read_all(self):
        client = Client(self.kelp.endpoint, *self.kelp.keys)
        answers = {key: client.request("GET", self.path(key)) for key in self.bodies}
        client.close()
        return {key for key, answer in answers.items() if answer.status == 200 and answer.body == self.bodies[key]}

    def test_a_directory_in_use_is_left_alone(self):
        for words in (("dump", self.kelp.data), ("verify", self.kelp.data / "volume"),
                      ("export", self.kelp.data, self.folder / "tar"),
                      ("verify", self.kelp.data / "volume" / "000000001.dat")):
            self.assertIn(str(self.kelp.pid), volume(*words, code=2))

    def test_what_was_written_is_listed_and_sound(self):
        self.stop()
        *needles, end = rows("dump", self.kelp.data)
        self.assertEqual(sorted(n["body_bytes"] for n in needles), sorted(map(len, self.bodies.values())))
        self.assertEqual({n["state"] for n in needles}, {"live"})
        self.assertIn("photos/3%20%C3%A4.jpg", {n["object_key"] for n in needles})
        self.assertEqual((end["end"], end["stopped"]), (self.log.stat().st_size, None))
        self.assertEqual(volume("dump", self.log).count(" live "), len(self.bodies))
        (check,) = rows("verify", self.log)
        self.assertEqual((check["sound"], check["needles"], check["findings"]), (True, len(self.bodies), []))
        self.assertTrue(fsck(self.kelp.data)["clean"], "the tools changed something")

    def test_a_flipped_byte_is_found_and_the_rest_is_rescued(self):
        self.stop()
        hurt = rows("dump", self.log)[2]
        self.flip(hurt["offset"] + hurt["bytes"] // 2)
        (check,) = rows("verify", self.kelp.data, code=1)
        self.assertEqual([f["key"] for f in check["findings"] if f["damage"]], [hurt["key"]])
        self.assertIn("DAMAGED", volume("verify", self.log, code=1))
        export = self.folder / "rescued.tar"
        self.assertIn("1 left out", volume("export", self.log, export, code=1))
        with tarfile.open(export) as tar:
            sound = {tar.extractfile(m).read() for m in tar.getmembers() if m.name != "superblock"}
        self.assertEqual(len(sound), len(self.bodies) - 1)
        self.assertLess(sound, set(self.bodies.values()))
        # The volume made anew of what was rescued serves that.
        self.log.rename(self.folder / "damaged.dat")
        self.log.with_suffix(".idx").unlink()
        self.assertIn("made volume 1: 4 needles", volume("import", export, self.kelp.data))
        self.assertEqual(rows("verify", self.kelp.data)[0]["sound"], True)
        self.kelp.start()
        self.assertEqual({self.bodies[key] for key in self.read_all()}, sound)

    def test_a_lost_header_is_found_and_a_damaged_log_is_listed_around_it(self):
        self.stop()
        before = rows("dump", self.log)
        self.flip(before[1]["offset"] + 10)
        after = rows("dump", self.log)
        self.assertEqual([row.get("state") for row in after], ["live", "nothing", "live", "live", "live", None])
        (check,) = rows("verify", self.log, code=1)
        self.assertIn(before[1]["key"], [f.get("key") for f in check["findings"] if f["damage"]])

    def test_an_export_moves_a_volume(self):
        self.stop()
        export = subprocess.run([kelp_binary(), "volume", "export", self.log, "-"], capture_output=True, check=True).stdout
        names = [path.name for path in self.log.parent.iterdir()]
        for name in names:
            (self.log.parent / name).rename(self.folder / name)
        subprocess.run([kelp_binary(), "volume", "import", "-", self.kelp.data], input=export, check=True,
                       capture_output=True)
        self.kelp.start()
        self.assertEqual(self.read_all(), set(self.bodies))


if __name__ == "__main__":
    unittest.main()
