#!/usr/bin/env python3
"""Bad disks: full, failing writes, failing syncs, flipped bytes, a directory in use, a directory of a newer format."""

import json
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import KelpProcess, kelp_binary, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

MIB = 1 << 20


class BadDisk(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-disk-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def start(self, *options, **more):
        kelp = KelpProcess(self.folder / "server", *options, **more)
        kelp.start()
        self.addCleanup(lambda: kelp.process and kelp.kill())
        client = Client(kelp.endpoint, *kelp.keys)
        self.addCleanup(client.close)
        return kelp, client

    def client_of(self, kelp):
        client = Client(kelp.endpoint, *kelp.keys)
        self.addCleanup(client.close)
        return client

    def test_a_full_disk_refuses_writes_and_still_reads_and_deletes(self):
        mount = self.folder / "small"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", mount], capture_output=True).returncode:
            print("SKIPPED: a full disk needs root to mount a tmpfs", file=sys.stderr)
            self.skipTest("no mount here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", mount], check=True))
        kelp = KelpProcess(self.folder / "server", "--set", "volume.reserve=32MiB", "--set", "collector.interval=200ms",
                           "--set", "collector.quarantine=200ms")
        kelp.data = mount / "data"
        kelp.start()
        self.addCleanup(lambda: kelp.process and kelp.kill())
        client = self.client_of(kelp)
        client.must("PUT", "/bad-disk")
        bodies, refused = {}, None
        for number in range(200):
            body = os.urandom(2 * MIB)
            answer = client.request("PUT", f"/bad-disk/{number}", body=body)
            if answer.status != 200:
                refused = answer
                break
            bodies[number] = body
        self.assertIsNotNone(refused, "400 MiB went into a disk of 160")
        self.assertEqual((refused.status, refused.code), (503, "SlowDown"))
        self.assertGreater(len(bodies), 10)
        for number, body in bodies.items():
            self.assertEqual(client.must("GET", f"/bad-disk/{number}").body, body)
        for number in bodies:
            client.must("DELETE", f"/bad-disk/{number}")
        body = os.urandom(2 * MIB)
        wait_for(lambda: client.request("PUT", "/bad-disk/again", body=body).status == 200, "room after the deletes", 10)
        self.assertEqual(client.must("GET", "/bad-disk/again").body, body)
        self.assertEqual(kelp.stop(), 0)

    def test_a_failed_sync_is_never_retried_and_never_acknowledged(self):
        kelp, client = self.start(wrapper=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                                           "inject=fdatasync:error=EIO:when=30+"])
        client.must("PUT", "/bad-disk")
        acknowledged, failed = {}, 0
        for number in range(40):
            body = os.urandom(100_000)
            answer = client.request("PUT", f"/bad-disk/{number}", body=body)
            if answer.status == 200:
                acknowledged[number] = body
            else:
                self.assertIn(answer.status, (500, 503))
                failed += 1
        self.assertGreater(len(acknowledged), 3)
        self.assertGreater(failed, 3)
        with self.assertRaises(urllib.error.HTTPError) as unready:
            urllib.request.urlopen(f"http://{kelp.ready['admin']}/readyz", timeout=10)
        self.assertEqual(unready.exception.code, 503)
        self.assertIn("not ready: ", unready.exception.read().decode())
        last = max(acknowledged)
        self.assertEqual(sorted(acknowledged), list(range(last + 1)), "a write was acknowledged after a failed sync")
        os.kill(kelp.pid, 9)
        kelp.process.wait()
        kelp.process = None
        kelp.wrapper = []
        kelp.start()
        client = self.client_of(kelp)
        for number, body in acknowledged.items():
            self.assertEqual(client.must("GET", f"/bad-disk/{number}").body, body)
        self.assertEqual(kelp.stop(), 0)

    def test_a_flipped_byte_is_never_served(self):
        kelp, client = self.start()
        client.must("PUT", "/bad-disk")
        bodies = {}
        for size in (100, 5000, 100_000, 3 * MIB):
            bodies[size] = os.urandom(size)
            client.must("PUT", f"/bad-disk/{size}", body=bodies[size])
        self.assertEqual(kelp.stop(), 0)
        flipped = 0
        pristine = self.folder / "pristine"
        shutil.copytree(kelp.data, pristine)
        for size, body in bodies.items():
            marker = body[:64]
            for path in sorted(pristine.rglob("*")):
                if not path.is_file() or marker not in path.read_bytes():
                    continue
                shutil.rmtree(kelp.data)
                shutil.copytree(pristine, kelp.data)
                damaged = kelp.data / path.relative_to(pristine)
                content = bytearray(damaged.read_bytes())
                content[content.index(marker) + size // 2] ^= 0x10
                damaged.write_bytes(bytes(content))
                flipped += 1
                try:
                    kelp.start()
                except RuntimeError as error:  # it may refuse to start instead
                    self.assertIn("corrupt", str(error).lower())
                    continue
                client = self.client_of(kelp)
                try:
                    answer = client.request("GET", f"/bad-disk/{size}")
                    self.assertNotEqual(answer.status, 200, f"{size} bytes, flipped in {path.name}, were served")
                except OSError:
                    pass  # cut off in the middle
                except Exception as error:
                    self.assertEqual(type(error).__name__, "IncompleteRead")
                for other, good in bodies.items():
                    if other != size:
                        self.assertEqual(client.must("GET", f"/bad-disk/{other}").body, good)
                kelp.stop()
        self.assertGreaterEqual(flipped, len(bodies))

    def test_fsck_names_what_is_damaged_and_reads_every_byte_when_asked(self):
        kelp, client = self.start()
        client.must("PUT", "/bad-disk")
        bodies = {name: os.urandom(100_000) for name in ("well", "flip ped")}
        for name, body in bodies.items():
            client.must("PUT", f"/bad-disk/{name}", body=body)

        def fsck(*flags):
            done = subprocess.run([kelp_binary(), "fsck", "--dir", str(kelp.data), *flags], capture_output=True, text=True)
            return done.returncode, done.stdout

        self.assertEqual(fsck(), (2, ""), "a running server's directory")
        self.assertEqual(kelp.stop(), 0)
        log = kelp.data / "volume/000000001.dat"
        content = bytearray(log.read_bytes())
        content[content.index(bodies["flip ped"][:64]) + 70_000] ^= 1
        log.write_bytes(bytes(content))
        self.assertEqual(fsck()[0], 0)
        code, text = fsck("--verify")
        self.assertEqual(code, 1)
        self.assertRegex(text, r"(?m)^bad-disk/flip%20ped: needle \S+ is corrupt$")
        code, text = fsck("--verify", "--json")
        report = json.loads(text)
        self.assertEqual((code, report["corrupt_needles"], report["damaged_objects"]), (1, 1, 1))
        self.assertEqual([(each["bucket"], each["key"]) for each in report["damaged"]], [("bad-disk", "flip%20ped")])
        content[40] ^= 1
        log.write_bytes(bytes(content))
        code, text = fsck("--json")
        report = json.loads(text)
        self.assertEqual((code, report["unreadable_volumes"], report["damaged_objects"]), (1, 1, 2))
        shutil.rmtree(kelp.data)
        self.assertEqual(fsck(), (2, ""), "no directory")

    def test_a_byte_that_flips_while_the_server_runs_is_never_served(self):
        kelp, client = self.start()
        client.must("PUT", "/bad-disk")
        for size in (MIB, 64 * MIB):
            body = os.urandom(size)
            target = f"/bad-disk/{size}"
            client.must("PUT", target, body=body)
            self.assertEqual(client.must("GET", target).body, body)
            for place in (0, size // 2 + 4321, size - 16):
                with self.flipped(kelp.data, body[place:place + 16]):
                    reader = self.client_of(kelp)
                    try:
                        self.assertEqual(reader.request("GET", target).status, 500)
                    except IncompleteRead as error:
                        self.assertLessEqual(len(error.partial), place)
                        self.assertTrue(body.startswith(error.partial))
                self.assertEqual(self.client_of(kelp).must("GET", target).body, body)
        self.assertEqual(kelp.stop(), 0)

    @contextmanager
    def flipped(self, folder, marker):
        """One bit of `marker`, wherever a volume below `folder` has it, is another one meanwhile."""
        places = []
        for log in (folder / "volume").glob("*.dat"):
            with open(log, "r+b") as file:
                content = mmap.mmap(file.fileno(), 0)
            self.addCleanup(content.close)
            places += [(content, place) for place in [content.find(marker)] if place >= 0]
        self.assertTrue(places)
        for content, place in places:
            content[place] ^= 0x10
        yield
        for content, place in places:
            content[place] ^= 0x10

    def test_a_second_process_on_the_directory_is_refused(self):
        kelp, _ = self.start()
        done = subprocess.run([kelp_binary(), "server", "--dir", str(kelp.data), "--listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(kelp.pid), done.stderr + done.stdout)
        self.assertEqual(kelp.stop(), 0)

    def test_a_directory_of_a_newer_format_is_refused_with_both_versions(self):
        kelp, _ = self.start()
        self.assertEqual(kelp.stop(), 0)
        cluster = kelp.data / "cluster"
        text = cluster.read_text()
        self.assertIn("format = 1", text)
        cluster.write_text(text.replace("format = 1", "format = 7"))
        with self.assertRaises(RuntimeError) as caught:
            kelp.start()
        self.assertRegex(str(caught.exception), r"7.*1|1.*7")


if __name__ == "__main__":
    unittest.main(verbosity=2)
