#!/usr/bin/env python3
"""The commands of docs/operations/cluster.md, as they stand there, make a cluster that works."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster_case import ROOT, need_namespaces
from kelpdev.cluster_net import Namespaces
from kelpdev.process import kelp_binary


class ByHand(unittest.TestCase):
    def test_the_page_can_be_pasted(self):
        need_namespaces(self)
        page = (ROOT / "docs/operations/cluster.md").read_text()
        commands = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.S))
        self.assertIn("kelp cluster init", commands)
        with tempfile.TemporaryDirectory(prefix="kelp-by-hand-") as folder:
            (Path(folder) / "kelp").symlink_to(Path(kelp_binary()).resolve())
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("KELP_", "AWS_"))}
            environment.update(PATH=f"{folder}:/usr/bin:{os.environ['PATH']}", AWS_EC2_METADATA_DISABLED="true",
                               AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
            net = Namespaces()  # the page's ports are free there, and what it starts ends with it
            try:
                # Its output goes to a file: the daemons keep a pipe open for as long as they run.
                with open(Path(folder) / "out", "w+") as out:
                    done = subprocess.run([*net.inside(), "bash", "-euc", commands], cwd=folder, env=environment,
                                          stdout=out, stderr=out, timeout=60)
                    out.seek(0)
                    text = out.read()
                self.assertEqual(done.returncode, 0, text)
                self.assertRegex(text, r"(?m)^\d{4}-.* ready$", "the listing of the second gateway")
                last_status = text.split("make_bucket")[0].rsplit("cluster ", 1)[1]
                self.assertEqual(len(re.findall(r"(?m)^master \d", last_status)), 3)
            finally:
                net.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
