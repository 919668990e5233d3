#!/usr/bin/env python3
"""`kelp certs` on its own: the commands of docs/operations/cluster-tls.md, what it leaves on the disk, what it refuses."""

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import KelpProcess, kelp_binary, wait_for  # noqa: E402

PAGE = ROOT / "docs/operations/cluster-tls.md"


class Certs(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-certs-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "kelp").symlink_to(Path(kelp_binary()).resolve())
        self.environment = dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}")

    def sh(self, text):
        return subprocess.run(["sh", "-euc", text], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)

    def refused(self, text, why):
        done = self.sh(text)
        self.assertNotEqual(done.returncode, 0, text)
        self.assertRegex(done.stderr, why)

    def contents(self):
        return {path.name: path.read_bytes() for path in (self.folder / "certs").iterdir()}

    def test_what_the_page_says_works_and_shows_no_key(self):
        done = self.sh(re.search(r"```sh\n(.*?)```", PAGE.read_text(), re.S)[1])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("PRIVATE", done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"volume1  until \S+ \(364 days\)  by Kelp cluster  for volume1.example.com, 10.0.0.21\n")
        names = [f"{name}.{kind}" for name in ("ca", "master1", "operator", "volume1") for kind in ("crt", "key")]
        self.assertEqual(sorted(self.contents()), names)
        for name in names:
            self.assertEqual(stat.S_IMODE((self.folder / "certs" / name).stat().st_mode), 0o600, name)

    def test_nothing_is_overwritten(self):
        self.sh("kelp certs init --dir certs; kelp certs issue --dir certs v --host v")
        for kept in ("ca.crt", "v.crt"):  # the key alone is reason enough
            before = self.contents()
            self.refused("kelp certs init --dir certs", "is there already")
            self.refused("kelp certs issue --dir certs v --host v", "is there already")
            self.assertEqual(self.contents(), before)
            (self.folder / "certs" / kept).unlink()

    def test_a_renewal_keeps_key_and_hosts_and_show_tells_in_time(self):
        self.sh("kelp certs init --dir certs; kelp certs issue --dir certs v --host v.example,::1 --days 20")
        self.refused("kelp certs show --dir certs --within 30", "ends within 30 days: v")
        before = self.contents()
        self.assertEqual(self.sh("kelp certs renew --dir certs").returncode, 0)
        after = self.contents()
        self.assertEqual({name for name in after if after[name] != before[name]}, {"v.crt"})
        shown = self.sh("kelp certs show --dir certs --within 30")
        self.assertIn("for v.example, ::1", shown.stdout)
        self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_what_cannot_be_meant_is_refused(self):
        self.refused("kelp certs issue --dir nowhere v --host v", "nowhere")
        self.sh("kelp certs init --dir certs")
        self.refused("kelp certs issue --dir certs ../v --host v", "letters, digits")
        self.refused("kelp certs issue --dir certs ca --host v", "letters, digits")
        self.refused("kelp certs issue --dir certs v", "--host is required")
        self.refused("kelp certs issue --dir certs v --host 'a b'", "neither a DNS name")
        self.refused("kelp certs issue --dir certs v --host v --days 0", "--days")
        self.refused("kelp certs renew --dir certs nobody", "nobody")
        (self.folder / "certs/bad.crt").write_text("no PEM")
        self.refused("kelp certs show --dir certs", "bad.crt")

    def test_the_shell_reaches_one_process_that_is_told_of_certificates(self):
        self.sh("kelp certs init --dir certs; kelp certs issue --dir certs one --host 127.0.0.1")
        keys = {f"cluster.tls_{key}": f"{self.folder}/certs/{file}" for key, file in
                {"cert": "one.crt", "key": "one.key", "ca": "ca.crt"}.items()}
        told = [word for item in keys.items() for word in ("--set", "=".join(item))]
        with KelpProcess(self.folder / "one", "--rpc-listen", "127.0.0.1:0", *told) as one:
            shell = f"kelp shell --dir one/data --masters 1={one.ready['rpc']} -c volume.list"
            listed = self.sh(f"{shell} {' '.join(told)}")
            self.assertEqual(listed.returncode, 0, listed.stderr)
            self.refused(shell, "unavailable")
            self.assertIn("reason=not_tls", (self.folder / "one/log").read_text())
            self.sh("kelp certs renew --dir certs")
            os.kill(one.pid, signal.SIGHUP)
            wait_for(lambda: "cluster_tls_reloaded" in (self.folder / "one/log").read_text(), "the renewed certificate", 30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
