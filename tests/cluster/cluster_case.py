"""What the tests of this folder share: a running cluster, its logs when a test fails, boto3 of a pinned version."""

import hashlib
import os
import sys
import tempfile
import unittest
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from cluster_load import StubbornWriter  # noqa: E402
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.cluster_net import can_have_namespaces  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402
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
    DISKS = 0  # of each volume server, where it has several
    BINARY = None  # the one of this build
    LOOPBACK = False  # no network of its own that could be cut, and no root

    def setUp(self):
        if not self.LOOPBACK:
            need_namespaces(self)
        scratch = tempfile.TemporaryDirectory(prefix="kelp-cluster-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        settings = {"master.repair_after": f"{REPAIR_AFTER_SECONDS}s", "volume.size_limit": "256MiB",
                    "volume.writable": "0", "volume.reserve": "64MiB", **self.SETTINGS}
        self.cluster = Cluster(self.folder / "cluster", settings, sizes=self.SIZES, binary=self.BINARY,
                               disks=self.DISKS, loopback=self.LOOPBACK)
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

    def write(self, gateway, name, **options):
        """A StubbornWriter that runs, and stops at the end of the test at the latest."""
        writer = StubbornWriter(self.cluster[gateway].endpoint, self.cluster.keys, name, **options)
        self.addCleanup(writer.stop)
        writer.start()
        return writer

    def wait_copies_at(self, name):
        """The status once that volume server has a copy; the emptiest volume is moved to it when it has none."""
        def copies():
            status = self.cluster.status()
            if not status or not status["volumes"]:
                return None
            node = self.cluster.node_of(status, name)["node_id"]
            if any(node in volume["members"] for volume in status["volumes"]):
                return status
            volume = min(status["volumes"], key=lambda each: each["bytes"])
            with suppress(RuntimeError):  # it is being moved already
                self.cluster.control("move", str(volume["volume"]), volume["members"][0], node)
            return None

        return wait_for(copies, f"a copy at {name}", 60, 0.5)

    def check_objects(self, objects, gateway="gateway1"):
        """Every one of `objects` (path to MD5) is what was acknowledged."""
        client = self.client(gateway)
        wrong = [path for path, md5 in objects.items() if hashlib.md5(client.must("GET", path).body).hexdigest() != md5]
        self.assertEqual(wrong, [])
