"""What the tests of this folder share: a running cluster, its logs when a test fails, boto3 of a pinned version."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.cluster_net import can_have_namespaces  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

REPAIR_AFTER_SECONDS = 5


def in_client_environment():
    """Goes on in the Python that has boto3."""
    venv = environment("s3-clients", ROOT / "tests/s3/requirements.txt")
    if Path(sys.prefix) != venv:
        os.execv(venv / "bin/python", [str(venv / "bin/python"), *sys.argv])


def need_namespaces(case):
    """Skips `case`, and says so, where network namespaces cannot be made."""
    if not can_have_namespaces():
        print("SKIPPED: a cluster with a network that can be cut needs root", file=sys.stderr)
        case.skipTest("not root")


class ClusterCase(unittest.TestCase):
    """self.cluster: 3 masters, 4 volume servers, a filer and 2 gateways; two copies of everything on two nodes."""

    SETTINGS = {}
    SIZES = {}  # of roles, where they differ

    def setUp(self):
        need_namespaces(self)
        scratch = tempfile.TemporaryDirectory(prefix="kelp-cluster-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        settings = {"master.repair_after": f"{REPAIR_AFTER_SECONDS}s", "volume.size_limit": "256MiB",
                    "volume.writable": "0", "volume.reserve": "64MiB", **self.SETTINGS}
        self.cluster = Cluster(self.folder / "cluster", settings, sizes=self.SIZES)
        self.addCleanup(self.cluster.__exit__)
        self.prepare()
        self.cluster.__enter__()

    def prepare(self):
        """For what the cluster needs before it starts; its networks are there."""

    # unittest offers no other moment between a failure and the cleanups, which remove the logs.
    def _callTestMethod(self, method):
        try:
            super()._callTestMethod(method)
        except BaseException:
            print(self.cluster.log_tails(), file=sys.stderr)
            raise

    def client(self, name):
        """A connection to a gateway that does not try again by itself."""
        client = Client(self.cluster[name].endpoint, *self.cluster.keys)
        self.addCleanup(client.close)
        return client
