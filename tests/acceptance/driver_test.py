#!/usr/bin/env python3
"""acceptance_test.py with a client made here: its sums over several runs, and that nothing outlives it when it is told to end."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent / "tools"))
sys.path.insert(0, str(FOLDER))
from kelpdev.process import wait_for  # noqa: E402
from worlds import BalancedCluster  # noqa: E402

# The driver, with its clients in another folder, and too slow to kill anything.
DRIVER = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(FOLDER)!r})
import acceptance_test
import worlds
worlds.BalancedCluster.disturb = lambda self, ended: ended(1)
acceptance_test.FOLDER = Path(sys.argv.pop(1))
sys.exit(acceptance_test.main())
"""
# Tells its pid and that of a child, and the child's child; then it does what its name says.
CLIENT = """
import json, os, subprocess, sys, time
from pathlib import Path
here = Path(__file__).resolve().parent
child = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
pids = [os.getpid(), child.pid, int(child.stdout.readline())]
(here / "new").write_text(json.dumps(pids))
(here / "new").rename(here / "pids")
if here.name == "stuck":
    time.sleep(1000)
runs = here / "runs"
runs.write_text((runs.read_text() if runs.exists() else "") + "x")
child.kill()
failed = here.name == "flaky" and len(runs.read_text()) == 2
print("3 passed, 1 failed" if failed else "4 passed, 0 failed")
sys.exit(1 if failed else 0)
"""
# Leaves an upload and a temporary key behind, and is content.
LEAVER = f"""
import sys
sys.path.insert(0, {str(FOLDER.parent.parent / "tools")!r})
from kelpdev.s3 import Client
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
client = Client(given["--endpoint"], given["--access-key"], given["--secret-key"])
client.must("POST", "/" + given["--bucket"] + "/half", [("uploads", "")])
client.must("PUT", "/" + given["--bucket"] + "/table/_temporary/0/part", body=bytes(3 << 20))
print("1 passed, 0 failed")
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Driver(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-driver-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "tmp").mkdir()

    def start(self, name, *options, client=CLIENT):
        (self.folder / name).mkdir()
        (self.folder / name / "run.py").write_text(client)
        process = subprocess.Popen([sys.executable, "-c", DRIVER, str(self.folder), name, *options], stdout=subprocess.PIPE, text=True,
                                   env=dict(os.environ, TMPDIR=str(self.folder / "tmp"), PYTHONDONTWRITEBYTECODE="1"))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end_with(self, number):
        """Sends the driver a signal while its client is stuck; the driver, after seeing that nothing is left of what it started."""
        process, told = self.start("stuck"), self.folder / "stuck/pids"
        wait_for(told.exists, "the client's start", 60)
        started = [*children(process.pid), *json.loads(told.read_text())]
        self.assertGreaterEqual(len(set(started)), 4, "a server, the client, two children of it")
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in started if alive(pid)])
        process.send_signal(number)
        process.wait(60)
        wait_for(lambda: not any(map(alive, started)), "the end of all that it started", 20)
        return process

    def test_sigterm_ends_client_and_server(self):
        self.assertEqual(self.end_with(signal.SIGTERM).returncode, 128 + signal.SIGTERM)
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_one_failure_of_several_runs_is_a_failure_and_told(self):
        process = self.start("flaky", "--times", "3")
        said = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, 1, said)
        self.assertEqual(re.findall(r"^flaky +(fine|FAILED) +\d+ s, +\d+\.\d s of server CPU  (.*)$", said, re.MULTILINE),
                         [("fine", "4 passed, 0 failed"), ("FAILED", "3 passed, 1 failed"), ("fine", "4 passed, 0 failed")])

    def test_what_a_client_leaves_in_a_cluster_fails_it(self):
        lacks = BalancedCluster.lacks()
        if lacks:
            self.skipTest(lacks)
        process = self.start("leaver", "--cluster", "--kill", client=LEAVER)
        said = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, 1, said)
        self.assertIn("FAILED leaver: temporary keys: ['table/_temporary/0/part']", said)
        self.assertIn("FAILED leaver: pending uploads: ['half']", said)
        self.assertIn("FAILED leaver: nothing was killed meanwhile", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
