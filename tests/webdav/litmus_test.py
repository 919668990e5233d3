#!/usr/bin/env python3
"""litmus, the WebDAV test suite of Debian, passes as a whole against `kelp server`, and leaves locks and files behind it."""

import re
import subprocess
import unittest

from files_world import FilesWorld

SUITES = ("basic", "copymove", "props", "locks", "http")


def setUpModule():
    FilesWorld.start()


def tearDownModule():
    FilesWorld.stop()


class Litmus(unittest.TestCase):
    def passes(self, suite):
        bucket = f"litmus-{suite}"
        FilesWorld.s3.create_bucket(Bucket=bucket)
        folder = FilesWorld.work / suite
        folder.mkdir()
        done = subprocess.run(["litmus", f"{FilesWorld.url}/dav/{bucket}/", *FilesWorld.kelp.keys], cwd=folder,
                              capture_output=True, text=True, env={"TESTS": suite, "PATH": "/usr/bin:/bin"})
        summary = re.search(r"of (\d+) tests run: (\d+) passed, (\d+) failed", done.stdout)
        self.assertIsNotNone(summary, done.stdout + done.stderr)
        self.assertEqual((done.returncode, summary[3]), (0, "0"), done.stdout)
        self.assertEqual(summary[1], summary[2])
        self.assertNotIn("WARNING", done.stdout)
        self.assertNotIn("SKIPPED", done.stdout)

    def test_basic(self):
        self.passes("basic")

    def test_copymove(self):
        self.passes("copymove")

    def test_props(self):
        self.passes("props")

    def test_locks(self):
        self.passes("locks")

    def test_http(self):
        self.passes("http")

    def test_every_suite_is_here(self):
        self.assertEqual(sorted(f"test_{suite}" for suite in SUITES),
                         sorted(name for name in dir(self) if name.startswith("test_") and "every" not in name))


if __name__ == "__main__":
    unittest.main(verbosity=2)
