"""A release of the chart on a Kubernetes of its own: what the tests of k8s_test.py share."""

import base64
import glob
import json
import os
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/cluster")]
from kelpdev import k8s  # noqa: E402
from kelpdev.containers import Images  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

CHART = ROOT / "deploy/helm/kelp"
# One node has no place for three masters that keep apart, no metrics to scale by and none of the operators' kinds of objects.
ONE_NODE = {
    "image": {"repository": "localhost/kelp", "tag": "dev", "pullPolicy": "Never"},
    "master": {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, "resources": {"requests": {"cpu": "10m"}}},
    "volume": {"defaults": {"resources": {"requests": {"cpu": "10m"}}}},
    "filer": {"resources": {"requests": {"cpu": "10m"}}},
    "s3": {"resources": {"requests": {"cpu": "10m"}}, "autoscaling": {"enabled": False}, "replicas": 2},
    "monitoring": {"podMonitor": {"enabled": False}, "rules": {"enabled": False}}}


def set_up(*binaries):
    """For setUpModule: the node, with the images, and a scratch folder; the thread is where services and pods are reached.

    `binaries` of k8s_binary must have been built too.
    """
    global NODE, FOLDER
    reason = k8s.missing(*binaries)
    if reason:
        print(f"SKIPPED: {reason}", file=sys.stderr)
        raise unittest.SkipTest(reason)
    scratch = tempfile.TemporaryDirectory(prefix="kelp-k8s-")
    unittest.addModuleCleanup(scratch.cleanup)
    FOLDER = Path(scratch.name)
    NODE = k8s.Kubernetes(FOLDER / "node", "kelp-k8s-test", guarded=True)
    begun = time.monotonic()
    if "KELP_K8S" in os.environ:  # a folder of tools/dev k8s up
        NODE = k8s.Kubernetes.attach(os.environ["KELP_K8S"])
        unittest.addModuleCleanup(NODE.leave)
    else:
        before = leftovers()
        unittest.addModuleCleanup(lambda: nothing_is_left(before))
        NODE.up()
        unittest.addModuleCleanup(NODE.down)
        images = Images()
        NODE.load(images, images.kelp(), images.parts())
    NODE.enter()
    print(f"a Kubernetes after {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return NODE, FOLDER


def leftovers():
    """What Kubernetes, containerd and the network's plugins make on a machine."""
    places = ("/sys/fs/cgroup/*/kelp-k8s-test", "/run/netns/cni-*", "/run/containerd", "/run/kelp-k8s*", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods",
              "/var/log/containers", "/run/netns/kelp-k8s-test")
    return {path for place in places for path in glob.glob(place)}


def nothing_is_left(before):
    left = leftovers() - before
    if left:
        raise RuntimeError(f"the node has left {sorted(left)}")


class Release(unittest.TestCase):
    """A release in a namespace that admits only restricted pods."""

    NAMESPACE = SHAPE = ""
    VALUES = {}
    VOLUMES = 10

    @classmethod
    def setUpClass(cls):
        cls.forget()
        cls.addClassCleanup(cls.forget)
        NODE.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": cls.NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        NODE.volumes(cls.VOLUMES)
        cls.prepare()
        cls.took = cls.helm("install")
        wait_for(cls.answers, "the Service leads to the gateways", 30, every=0.1)
        cls.keys = tuple(cls.secret("kelp-keys")[name] for name in ("access_key", "secret_key"))

    @classmethod
    def prepare(cls):
        """What must be there before the chart is installed."""

    @classmethod
    def forget(cls):
        NODE.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--namespace", cls.NAMESPACE)
        NODE.kubectl("delete", "namespace", cls.NAMESPACE, "--ignore-not-found", "--timeout=300s")

    @classmethod
    def helm(cls, command, *words):
        """Installs or upgrades with the values of the class and waits; the seconds that took."""
        values = FOLDER / f"{cls.NAMESPACE}.json"
        values.write_text(json.dumps(cls.VALUES))
        one_node = FOLDER / "one-node.json"
        one_node.write_text(json.dumps(ONE_NODE))
        begun = time.monotonic()
        try:
            NODE.helm(command, "kelp", CHART, "--namespace", cls.NAMESPACE, "--wait", "--timeout", "300s", "--values",
                      CHART / f"ci/{cls.SHAPE}.yaml", "--values", one_node, "--values", values, *words)
        except RuntimeError:
            print(cls.kubectl("get", "pods", "-o", "wide"), cls.kubectl("get", "events"), file=sys.stderr)
            raise
        return time.monotonic() - begun

    @classmethod
    def kubectl(cls, *words, **options):
        return NODE.kubectl("--namespace", cls.NAMESPACE, *words, **options)

    @classmethod
    def get(cls, *words):
        return json.loads(cls.kubectl("get", *words, "-o", "json"))

    @classmethod
    def secret(cls, name):
        return {key: base64.b64decode(value).decode() for key, value in cls.get("secret", name)["data"].items()}

    @classmethod
    def pods(cls, component=None):
        label = "app.kubernetes.io/instance=kelp" + (f",app.kubernetes.io/component={component}" if component else "")
        return {item["metadata"]["name"]: item for item in cls.get("pods", "-l", label)["items"]}

    @classmethod
    def uids(cls, live=False):
        """Of all pods; `live`: without those that are about to end."""
        return {pod["metadata"]["uid"] for pod in cls.pods().values() if not live or "deletionTimestamp" not in pod["metadata"]}

    @classmethod
    def answers(cls):
        try:
            return urllib.request.urlopen(f"{cls.endpoint()}/readyz", timeout=5).status == 200
        except OSError:
            return False

    @classmethod
    def endpoint(cls, service="kelp-s3"):
        spec = cls.get("service", service)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def client(self, service="kelp-s3"):
        client = Client(self.endpoint(service), *self.keys)
        self.addCleanup(client.close)
        return client

    # What is encrypted with the keys of the ring: the name of an object, and what its request says.
    SEALED = {"sse-s3": {"x-amz-server-side-encryption": "AES256"}, "sse-kms": {"x-amz-server-side-encryption": "aws:kms"}}

    def put_sealed(self, bucket):
        client = self.client()
        for name, headers in self.SEALED.items():
            put = client.must("PUT", f"/{bucket}/{name}", body=name.encode() * 1000, headers=headers)
            self.assertEqual({header: put.headers[header] for header in headers}, headers)

    def check_sealed(self, bucket):
        """Everything that was put is read, and more can be."""
        for name, headers in self.SEALED.items():
            got = self.client().must("GET", f"/{bucket}/{name}")
            self.assertEqual(got.body, name.encode() * 1000)
            self.assertEqual({header: got.headers[header] for header in headers}, headers)
        self.put_sealed(bucket)

    @classmethod
    def rollout(cls, kind, name):
        """Waits until all pods are new and ready."""
        try:
            cls.kubectl("rollout", "status", f"{kind}/{name}", "--timeout=240s")
        except RuntimeError:
            print(cls.kubectl("get", "pods", "-o", "wide"), cls.kubectl("logs", "--tail=20", f"{kind}/{name}"), file=sys.stderr)
            raise

    def wait_ready(self, component, count):
        def ready():
            states = [condition["status"] for pod in self.pods(component).values() if "deletionTimestamp" not in pod["metadata"]
                      for condition in pod["status"].get("conditions", []) if condition["type"] == "Ready"]
            return states.count("True") == count
        wait_for(ready, f"{count} pods of {component} are ready", 90, every=0.3)
