#!/usr/bin/env python3
"""What the chart makes of a cluster that has a release already: a stand-in of the API server answers its look-ups."""

import base64
import json
import os
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chart_test import CHART, ROOT, render, tool, yaml

PAGE = (ROOT / "docs/operations/kubernetes.md").read_text()
KINDS = {"v1": ["Secret", "Service", "ServiceAccount", "ConfigMap", "Pod"], "apps/v1": ["StatefulSet", "Deployment"], "batch/v1": ["Job"],
         "policy/v1": ["PodDisruptionBudget"]}


class Cluster(ThreadingHTTPServer):
    """An API server as far as `lookup` asks it: which kinds there are, and one object by its name."""

    def __init__(self, *objects):
        super().__init__(("127.0.0.1", 0), Answer)
        self.found = {f"{item['kind'].lower()}s/{item['metadata']['name']}": item for item in objects}

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()
        self.folder = tempfile.TemporaryDirectory(prefix="kelp-chart-")
        self.config = Path(self.folder.name) / "config"
        self.config.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {"token": "t"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()
        self.folder.cleanup()

    def upgrade(self, *words):
        """What helm says and renders when it may look things up here."""
        return subprocess.run([tool("helm"), "template", "r", str(CHART), "--namespace", "ns", "--is-upgrade", "--dry-run=server",
                               "--disable-openapi-validation", *words], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": self.folder.name, "KUBECONFIG": str(self.config)})

    def objects(self, *words):
        done = self.upgrade(*words)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout) if item}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = self.answer(self.path.split("?")[0].strip("/"))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def answer(self, path):
        if path == "version":
            return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}
        if path == "api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "apis":
            groups = [(name.split("/")[0], {"groupVersion": name, "version": "v1"}) for name in KINDS if "/" in name]
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": name, "versions": [version], "preferredVersion": version} for name, version in groups]}
        kinds = KINDS.get(path.split("/", 1)[1] if "/" in path else "")
        if kinds:
            return 200, {"kind": "APIResourceList", "groupVersion": path.split("/", 1)[1], "resources": [
                {"name": kind.lower() + "s", "kind": kind, "namespaced": True, "singularName": "", "verbs": ["get"]} for kind in kinds]}
        item = self.server.found.get("/".join(path.split("/")[-2:]))
        return (200, item) if item else (404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})

    def log_message(self, *_):
        pass


def as_kept(objects):
    """Objects as the API server gives them back."""
    for item in objects.values():
        if item["kind"] == "Secret":
            item["data"] = {name: base64.b64encode(value.encode()).decode() for name, value in item.pop("stringData").items()}
    return [item for item in objects.values() if item["kind"] in ("Secret", "StatefulSet")]


class Upgrade(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first = render()
        cls.kept = {name: dict(cls.first["Secret", f"r-kelp-{name}"]["stringData"]) for name in ("keys", "cluster")}
        cls.cluster = Cluster(*as_kept(cls.first))
        cls.enterClassContext(cls.cluster)

    def keys_of(self, objects):
        return objects["Deployment", "r-kelp-s3"]["spec"]["template"]["metadata"]["annotations"]["checksum/keys"]

    def refused(self, *words):
        done = self.cluster.upgrade(*words)
        self.assertNotEqual(done.returncode, 0, words)
        return done.stderr

    def test_secrets_stay_and_no_pod_rolls_for_them(self):
        again = self.cluster.objects()
        for name, kept in self.kept.items():
            self.assertEqual(again["Secret", f"r-kelp-{name}"]["stringData"], kept)
        for key, item in again.items():
            if key[0] in ("StatefulSet", "Deployment"):
                self.assertEqual(item["spec"]["template"], self.first[key]["spec"]["template"], key)

    def beside(self, *gone, **data):
        """A cluster as it is, without the objects `gone` and with `data` in the cluster's secret."""
        items = {(item["kind"], item["metadata"]["name"]): item for item in as_kept(render())}
        items["Secret", "r-kelp-cluster"]["data"] = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
        return self.enterContext(Cluster(*(item for key, item in items.items() if key not in gone)))

    def test_a_secret_of_before_gets_a_ring(self):
        made = self.beside(cluster="old").objects()["Secret", "r-kelp-cluster"]["stringData"]
        self.assertEqual(made["cluster"], "old")
        self.assertRegex(made["keyring"], r"\Akelp-keyring 1\n")

    def test_a_lost_secret_is_not_replaced(self):
        gone = ("Secret", "r-kelp-cluster")
        for cluster in (self.beside(gone), self.beside(keyring="ring"), self.beside()):
            done = cluster.upgrade()
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("secret r-kelp-cluster: it is gone or has no `cluster`, and r-kelp-master runs", done.stderr)
            self.assertIn('Restore it from its backup, or name another secret in auth.existingClusterSecret: "Secrets" in docs/operations/kubernetes.md', done.stderr)
            self.assertEqual(cluster.upgrade("--set", "auth.existingClusterSecret=mine").returncode, 0)
        self.assertIn("\n## Secrets\n", PAGE)
        fresh = self.beside(gone, ("StatefulSet", "r-kelp-master")).objects()
        self.assertIn("keyring", fresh[gone]["stringData"])

    def test_another_key_rolls_the_gateways_alone(self):
        other = self.cluster.objects("--set", "auth.secretKey=another-secret-key")
        self.assertEqual(other["Secret", "r-kelp-keys"]["stringData"],
                         {"access_key": self.kept["keys"]["access_key"], "secret_key": "another-secret-key"})
        self.assertNotEqual(self.keys_of(other), self.keys_of(self.first))
        for key, item in other.items():
            if key[0] == "StatefulSet":
                self.assertEqual(item["spec"]["template"], self.first[key]["spec"]["template"], key)

    def test_claims_of_another_size_are_refused_with_what_to_do(self):
        for value, name in {"volume.defaults.storage.size=40Gi": "r-kelp-volume-default: its claims are 20Gi, not 40Gi",
                            "master.storage.className=fast": "r-kelp-master: its claims are 2Gi, not 2Gi fast",
                            "filer.storage.size=5Gi": "r-kelp-filer: its claims are 10Gi, not 5Gi"}.items():
            said = self.refused("--set", value)
            self.assertIn(name, said)
            self.assertIn('"Larger claims" in docs/operations/kubernetes.md', said)
        self.assertIn("\n## Larger claims\n", PAGE)

    def test_the_same_size_in_other_words_is_not(self):
        for size in ("20480Mi", "20.0Gi", "21474836480"):
            self.assertEqual(self.cluster.upgrade("--set-string", f"volume.defaults.storage.size={size}").returncode, 0, size)

    def test_more_masters_must_wait_to_be_added(self):
        said = self.refused("--set", "master.replicas=5")
        self.assertIn("3 masters run; set master.founders=3", said)
        self.assertIn('"More masters" in docs/operations/kubernetes.md', said)
        self.assertIn("\n## More masters\n", PAGE)
        self.refused("--set", "master.replicas=5", "--set", "master.founders=5")
        masters = self.cluster.objects("--set", "master.replicas=5", "--set", "master.founders=3")["StatefulSet", "r-kelp-master"]
        self.assertEqual(masters["spec"]["replicas"], 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
