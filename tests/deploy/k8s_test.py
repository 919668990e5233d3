#!/usr/bin/env python3
"""The Helm chart on a Kubernetes of its own: install, test, roll every pod under load, evict, upgrade, roll back, uninstall.

A node of tools/dev k8s; nothing of another one is touched. `k8s_test.py Small` runs one class. KELP_K8S=FOLDER takes the node that tools/dev k8s up has left
running there.
"""

import base64
import glob
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

import k8s_release
from balancer import haproxy_by_name
from cluster_load import Reader, Running, Writer, longest_gap, p99, wrong_objects
from k8s_release import CHART, Release
from kelpdev.containers import Images
from kelpdev.process import wait_for
from kelpdev.s3 import Client

READY_SECONDS = 60
BUCKET = "rolling"


def setUpModule():
    global NODE
    NODE, _ = k8s_release.set_up()


def balancer():
    """HAProxy with the file of deploy/balancers before the pods of the gateways: objects of Kubernetes."""
    config = haproxy_by_name("kelp-s3-pods.ha.svc.cluster.local", 4)
    labels = {"app": "balancer"}
    rights = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "haproxy", "image": Images().parts(), "imagePullPolicy": "Never", "securityContext": rights,
                 "command": ["haproxy", "-W", "-db", "-f", "/config/haproxy.cfg"], "ports": [{"containerPort": 8333}],
                 "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8333}, "periodSeconds": 1},
                 "volumeMounts": [{"name": "config", "mountPath": "/config"}]}
    pod = {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": "balancer"}}],
           "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}}
    selector = {"app.kubernetes.io/instance": "kelp", "app.kubernetes.io/component": "s3"}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "balancer"}, "data": {"haproxy.cfg": config}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kelp-s3-pods"}, "spec": {
            "clusterIP": "None", "selector": selector, "ports": [{"port": 8333, "targetPort": "s3"}]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "balancer"}, "spec": {"selector": labels, "ports": [{"port": 8333}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "balancer"}, "spec": {
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}]


class OnceWriter(Writer):
    """Tries nothing twice."""
    attempts = 1


class OnceReader(Reader):
    attempts = 1


class HighAvailability(Release):
    NAMESPACE = SHAPE = "ha"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": balancer()}))
        cls.rollout("deployment", "balancer")

    def test_1_it_is_ready_within_a_minute(self):
        print(f"installed after {self.took:.1f} s", file=sys.stderr)
        self.assertLess(self.took, READY_SECONDS)
        self.assertEqual(len(self.pods()), 10)
        self.assertEqual(self.client().must("GET", "/lakehouse", [("policy", "")]).status, 200, "the Job has made it")

    def test_2_helm_test(self):
        said = NODE.helm("test", "kelp", "--namespace", self.NAMESPACE)
        self.assertEqual(said.count("Succeeded"), 2, said)

    def test_3_every_pod_is_rolled_under_load(self):
        self.client().must("PUT", f"/{BUCKET}")
        self.put_sealed(BUCKET)
        retrying, once = [self.endpoint()], [self.endpoint("balancer")]
        kinds = {
            "retries, Service": (Writer(BUCKET, "w", 64 << 10, retrying, self.keys, 10), Reader),
            "once, Service": (OnceWriter(BUCKET, "d", 64 << 10, retrying, self.keys, 10), OnceReader),
            "once, balancer": (OnceWriter(BUCKET, "o", 64 << 10, once, self.keys, 10), OnceReader),
            "once, small, balancer": (OnceWriter(BUCKET, "s", 4 << 10, once, self.keys, 10), OnceReader)}
        writers = [writer for writer, _ in kinds.values()]
        loads = {what: [writer, reader(BUCKET, [writer], once if what.endswith("balancer") else retrying, self.keys, 10)]
                 for what, (writer, reader) in kinds.items()}
        steps = [("deployment", "kelp-s3"), ("statefulset", "kelp-volume-default"), ("statefulset", "kelp-filer"),
                 ("statefulset", "kelp-master")]
        with Running(*(load for pair in loads.values() for load in pair)) as running:
            wait_for(lambda: all(len(writer.objects) > 20 for writer in writers), "some load", 60)
            for kind, name in steps:
                begun, failed = time.monotonic(), len(running.failed)
                old = self.uids()
                self.kubectl("rollout", "restart", f"{kind}/{name}")
                self.rollout(kind, name)
                replaced = old - self.uids(live=True)
                wait_for(lambda replaced=replaced: not replaced & self.uids(), "those that were replaced have ended", 120, every=0.3)
                seen = [len(load.done) + 30 for load in running.loads]
                wait_for(lambda seen=seen: all(len(load.done) >= count for load, count in zip(running.loads, seen)), f"load after {name}", 60)
                ended = time.monotonic()
                print(f"{name}: {ended - begun:.0f} s", *(
                    f"{what}: {sum(begun < when < ended for load in pair for when, _ in load.done)} requests, p99 {p99(pair, begun, ended):.2f} s, "
                    f"gap {longest_gap(pair, begun, ended):.1f} s" for what, pair in loads.items()),
                    f"failed {len(running.failed) - failed}", sep="; ", file=sys.stderr)
        failures = {what: [failure for load in pair for failure in load.failed] for what, pair in loads.items()}
        print({what: sum(load.retried for load in pair) for what, pair in loads.items()}, file=sys.stderr)
        for what, found in failures.items():
            with self.subTest(what):
                self.assertEqual(found[:5], [], f"{len(found)} requests failed")
        self.assertEqual(wrong_objects(self.client(), BUCKET, writers), [])
        self.check_sealed(BUCKET)

    def test_4_an_eviction_takes_one_at_a_time(self):
        self.wait_ready("s3", 2)
        names = sorted(self.pods("s3"))
        evict = lambda name: self.kubectl("create", "--raw", f"/api/v1/namespaces/{self.NAMESPACE}/pods/{name}/eviction", "-f", "-", input=json.dumps(
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": self.NAMESPACE}}))
        evict(names[0])
        with self.assertRaisesRegex(RuntimeError, "disruption budget"):
            evict(names[1])
        wait_for(lambda: names[0] not in self.pods("s3"), "the evicted one is gone", 60, every=0.3)
        self.wait_ready("s3", 2)


class Long(Release):
    """What takes longer: pods killed, upgrades."""

    NAMESPACE, SHAPE = "long", "ha"

    def test_1_every_pod_of_a_kind_is_killed(self):
        client, body = self.client(), os.urandom(3 << 20)
        client.must("PUT", "/lakehouse/before", body=body)
        for component, count in {"volume": 4, "filer": 1, "master": 3, "s3": 2}.items():
            with self.subTest(component):
                old = {pod["metadata"]["uid"] for pod in self.pods(component).values()}
                begun = time.monotonic()
                self.kubectl("delete", "pods", "-l", f"app.kubernetes.io/component={component}", "--force", "--grace-period=0")
                wait_for(lambda old=old, component=component: not old & {pod["metadata"]["uid"] for pod in self.pods(component).values()},
                         "they are gone", 60, every=0.2)
                self.wait_ready(component, count)
                wait_for(lambda component=component: self.works(body, component), f"reads and writes without the old {component}", 60, every=0.2)
                print(f"all of {component} killed: whole again after {time.monotonic() - begun:.0f} s", file=sys.stderr)

    def works(self, body, component):
        client = Client(self.endpoint(), *self.keys)
        try:
            put = client.request("PUT", f"/lakehouse/{component}", body=body)
            return put.status == 200 and client.request("GET", "/lakehouse/before").body == body
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def test_2_an_upgrade_and_back_under_load(self):
        self.client().must("PUT", f"/{BUCKET}")
        self.put_sealed(BUCKET)
        identity = self.secret("kelp-cluster")
        level = lambda: self.get("configmap", "kelp")["data"]["kelp.toml"]
        writer = Writer(BUCKET, "u", 64 << 10, [self.endpoint()], self.keys, 10)
        self.assertIn('log.level = "debug"', level())
        with Running(writer, Reader(BUCKET, [writer], [self.endpoint()], self.keys, 10)) as running:
            took = self.helm("upgrade", "--set", r"settings.log\.level=info")
            self.assertIn('log.level = "info"', level())
            sums = {pod["metadata"]["annotations"]["checksum/settings"] for pod in self.pods().values() if "deletionTimestamp" not in pod["metadata"]}
            self.assertEqual(len(sums), 1, "every pod is new")
            self.assertEqual(self.secret("kelp-cluster"), identity)
            self.check_sealed(BUCKET)
            begun = time.monotonic()
            NODE.helm("rollback", "kelp", "1", "--namespace", self.NAMESPACE, "--wait", "--timeout", "120s")
            self.assertIn('log.level = "debug"', level())
        print(f"upgrade {took:.0f} s, back {time.monotonic() - begun:.0f} s, {len(writer.done)} puts, {writer.retried} retried", file=sys.stderr)
        self.assertEqual(running.failed[:5], [])
        self.assertEqual(wrong_objects(self.client(), BUCKET, [writer]), [])
        self.assertEqual(self.secret("kelp-cluster"), identity)
        self.check_sealed(BUCKET)
        self.assertEqual([name for name, pod in self.pods().items() for status in pod["status"]["containerStatuses"] if status["restartCount"]], [])

    def test_3_an_upgrade_without_a_majority_is_refused(self):
        self.kubectl("scale", "statefulset/kelp-master", "--replicas=1")
        wait_for(lambda: len(self.pods("master")) == 1, "two masters are away", 60, every=0.3)
        with self.assertRaisesRegex(RuntimeError, "pre-upgrade"):
            NODE.helm("upgrade", "kelp", CHART, "--namespace", self.NAMESPACE, "--reuse-values", "--set", "settings.log\\.level=info", "--timeout", "60s")
        self.kubectl("scale", "statefulset/kelp-master", "--replicas=3")
        self.wait_ready("master", 3)


class Small(Release):
    """256 MiB a pod; and what uninstalling leaves."""

    NAMESPACE = SHAPE = "small"
    VOLUMES = 3

    def test_1_its_pods_stay_within_their_memory(self):
        client = self.client()
        client.must("PUT", "/kept")
        bodies = [Bodies(self.endpoint(), self.keys, number) for number in range(4)]
        with Running(*bodies):
            wait_for(lambda: all(len(load.done) + len(load.failed) >= 6 for load in bodies), "six large bodies each", 120, every=0.1)
        self.assertEqual([failure for load in bodies for failure in load.failed], [])
        for name, pod in self.pods().items():
            container = pod["spec"]["containers"][0]
            self.assertEqual(container["resources"]["limits"]["memory"], "256Mi", name)
            self.assertEqual(pod["status"]["containerStatuses"][0]["restartCount"], 0, name)
            group, = glob.glob(f"/sys/fs/cgroup/memory/{NODE.name}/kubepods/*/pod{pod['metadata']['uid']}")
            rss = dict(line.split() for line in Path(group, "memory.stat").read_text().splitlines())["total_rss"]
            print(f"{name}: {int(rss) >> 20} MiB", file=sys.stderr)

    def test_2_a_lost_identity_is_restored_and_not_replaced(self):
        self.put_sealed("kept")
        said = NODE.helm("get", "notes", "kelp", "--namespace", self.NAMESPACE)
        keep, = re.findall(r"kubectl (-n small get secret kelp-cluster -o yaml) \| sed '([^']+)' > ", said)
        copy = subprocess.run(["sed", keep[1]], input=NODE.kubectl(*keep[0].split()), capture_output=True, text=True, check=True).stdout
        identity = self.secret("kelp-cluster")
        self.kubectl("delete", "secret", "kelp-cluster")
        with self.assertRaisesRegex(RuntimeError, "secret kelp-cluster: it is gone"):
            self.helm("upgrade")
        self.kubectl("create", "--filename", "-", input=copy)
        users = {"identities": [{"name": "app", "credentials": [{"accessKey": "app-key", "secretKey": "app-secret"}], "actions": ["Read:kept"]}]}
        self.kubectl("patch", "secret", "kelp-cluster", "--type", "merge", "--patch", json.dumps(
            {"data": {"s3.json": base64.b64encode(json.dumps(users).encode()).decode()}}))
        self.helm("upgrade", "--set", r"settings.s3\.identities_file=/identity/s3.json")
        self.assertLessEqual(identity.items(), self.secret("kelp-cluster").items())
        self.check_sealed("kept")
        app = Client(self.endpoint(), "app-key", "app-secret")
        self.addCleanup(app.close)
        self.assertEqual(app.must("GET", "/kept/sse-s3").body, b"sse-s3" * 1000)
        self.assertEqual(app.request("PUT", "/kept/more", body=b"no").status, 403)

    def test_3_what_uninstalling_leaves_serves_again(self):
        self.client().must("PUT", "/kept/object", body=b"stays")
        NODE.helm("uninstall", "kelp", "--namespace", self.NAMESPACE, "--wait", "--timeout", "120s")
        wait_for(lambda: not self.get("pods")["items"], "the pods are gone", 60, every=0.3)
        kinds = "services,deployments,statefulsets,configmaps,secrets,persistentvolumeclaims,jobs,serviceaccounts,poddisruptionbudgets"
        left = {(item["kind"], item["metadata"]["name"]) for item in self.get(kinds)["items"]}
        self.assertEqual(left - {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}, {
            ("Secret", "kelp-keys"), ("Secret", "kelp-cluster"), ("PersistentVolumeClaim", "data-kelp-filer-0"),
            ("PersistentVolumeClaim", "data-kelp-master-0"), ("PersistentVolumeClaim", "data-kelp-volume-default-0")})
        keys = self.secret("kelp-keys")
        self.helm("install")
        wait_for(self.answers, "the Service leads to the gateways", 30, every=0.1)
        self.assertEqual(self.secret("kelp-keys"), keys)
        self.assertEqual(self.client().must("GET", "/kept/object").body, b"stays")
        self.check_sealed("kept")


class Bodies(Writer):
    """Large bodies, one after the other, there and back."""

    def __init__(self, endpoint, keys, number):
        super().__init__("kept", f"b{number}", 24 << 20, [endpoint], keys, 50)

    def step(self):
        super().step()
        key, md5 = self.objects[-1]
        if hashlib.md5(self.request("GET", f"/{self.bucket}/{key}").body).hexdigest() != md5:
            raise ValueError(f"another body than that of {key} came back")


if __name__ == "__main__":
    unittest.main(verbosity=2)
