"""What the tests of this folder share: a running cluster, its logs when a test fails, boto3 of a pinned version."""

import hashlib
import http.client
import os
import sys
import tempfile
import threading
import time
import unittest
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
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

    def write(self, gateway, name, **options):
        """A Writer that runs, and stops at the end of the test at the latest."""
        writer = Writer(self.cluster[gateway].endpoint, self.cluster.keys, name, **options)
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


class Writer(threading.Thread):
    """Puts objects into /`bucket` until it is stopped, each as often as it takes, as an SDK does."""

    def __init__(self, endpoint, keys, bucket, size=20_000, pause=0.02):
        super().__init__(daemon=True)
        self.client = Client(endpoint, *keys, timeout=60)
        self.bucket, self.size, self.pause = bucket, size, pause
        self.name_of_run = f"{os.urandom(4).hex()}"
        self.objects = {}  # path to MD5 of what was acknowledged
        self.took = []     # (when it was acknowledged, seconds since its first attempt)
        self.refused = []  # (when, status) of attempts that were answered with something else
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            path, body = f"/{self.bucket}/{self.name_of_run}/{len(self.objects):05}", os.urandom(self.size)
            begun = time.monotonic()
            while not self.put(path, body):
                if self.stopping.wait(0.1):
                    return
            self.took.append((time.monotonic(), time.monotonic() - begun))
            self.objects[path] = hashlib.md5(body).hexdigest()
            self.stopping.wait(self.pause)

    def put(self, path, body):
        try:
            status = self.client.request("PUT", path, body=body).status
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        if status != 200:
            self.refused.append((time.monotonic(), status))
        return status == 200

    def stop(self):
        self.stopping.set()
        if self.is_alive():
            self.join()
        self.client.close()

    def since(self, moment):
        """Seconds that each put took which was acknowledged after `moment`."""
        return [seconds for when, seconds in list(self.took) if when > moment]
