#!/usr/bin/env python3
"""What the chart's options make: for pods of every component, for the network around them, and in front of them."""

import http.client
import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from chart_test import CHART, ROOT, helm, only, pods, render, shape, words_of, yaml
from kelpdev.process import KelpProcess, kelp_binary

COMPONENTS = {"master": "StatefulSet/r-kelp-master", "volume": "StatefulSet/r-kelp-volume-default", "filer": "StatefulSet/r-kelp-filer",
              "s3": "Deployment/r-kelp-s3"}
GRACE_SECONDS = {"master": 30, "volume": 90, "filer": 60, "s3": 90, "single": 60}
EVERY_POD = {
    "podAnnotations": {"example.com/team": "data"}, "nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "storage", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}, "priorityClassName": "storage",
    "initContainers": [{"name": "first", "image": "busybox"}], "sidecars": [{"name": "beside", "image": "busybox"}]}


def values_of(own):
    """The same values for the pods of every component."""
    return {name: {"defaults": own} if name == "volume" else own for name in ("master", "volume", "filer", "s3", "single")}


def workloads(values):
    """(component, object) of everything that serves, in both modes."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        objects = render("--values", file.name)
        yield from ((name, objects[tuple(key.split("/"))]) for name, key in COMPONENTS.items())
        yield "single", render("--values", file.name, "--set", "mode=single")["StatefulSet", "r-kelp"]


def notes(*words):
    """What helm says after an install."""
    done = helm("install", "r", CHART, "--namespace", "ns", "--dry-run=client", *words)
    return done.stdout.split("NOTES:\n")[1]


class Pods(unittest.TestCase):
    def test_what_is_said_of_a_component_stands_in_its_pods(self):
        for name, item in workloads(values_of(EVERY_POD)):
            with self.subTest(name):
                template = item["spec"]["template"]
                spec = template["spec"]
                self.assertEqual(template["metadata"]["annotations"]["example.com/team"], "data")
                for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "initContainers"):
                    self.assertEqual(spec[key], EVERY_POD[key], key)
                self.assertEqual([container["name"] for container in spec["containers"][1:]], ["beside"])

    def test_without_it_none_of_it_does(self):
        for name, item in workloads({}):
            spec = item["spec"]["template"]["spec"]
            self.assertEqual({"nodeSelector", "tolerations", "priorityClassName", "initContainers"} & set(spec), set(), name)
            self.assertEqual(len(spec["containers"]), 1, name)

    def test_time_to_end(self):
        for name, item in workloads({}):
            seconds = item["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            self.assertEqual(seconds, GRACE_SECONDS[name], name)
            if name != "master":
                self.assertGreaterEqual(seconds, 60, name)
        for name, item in workloads({"volume": {"defaults": {"terminationGracePeriodSeconds": 200}}, "filer": {"terminationGracePeriodSeconds": 200},
                                     "s3": {"terminationGracePeriodSeconds": 200}}):
            seconds = item["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            self.assertEqual(seconds, 200 if name in ("volume", "filer", "s3") else GRACE_SECONDS[name], name)

    def test_more_variables_are_given_to_all(self):
        entry = {"name": "TZ", "value": "UTC"}
        for name, item in workloads({"extraEnv": [entry]}):
            self.assertIn(entry, only(item)["env"], name)

    def test_the_account_of_the_pods(self):
        for words, account, made in (([], "r-kelp", True), (["--set", "serviceAccount.name=mine"], "mine", True),
                                     (["--set", "serviceAccount.create=false,serviceAccount.name=ours"], "ours", False),
                                     (["--set", "serviceAccount.create=false"], "default", False)):
            objects = shape("ha", "--set", r"serviceAccount.annotations.example\.com/role=none", *words)
            self.assertEqual({spec["serviceAccountName"] for _, spec in pods(objects)}, {account})
            accounts = {key[1]: item for key, item in objects.items() if key[0] == "ServiceAccount"}
            self.assertEqual(set(accounts), {account} if made else set())
            if made:
                self.assertEqual(accounts[account]["metadata"]["annotations"], {"example.com/role": "none"})
                self.assertFalse(accounts[account]["automountServiceAccountToken"])


class Commands(unittest.TestCase):
    """What pods that begin with a shell run in the end: with a program in kelp's place that tells its words."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kelp-chart-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        program = self.folder / "kelp"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def words(self, item, pod):
        container = only(item)
        done = subprocess.run([*container["command"], *container["args"]], capture_output=True, text=True, check=True, cwd=self.folder,
                              env={"PATH": f"{self.folder}:{os.environ['PATH']}", "POD_NAME": pod})
        return done.stdout.splitlines()

    def test_masters_that_came_later_wait_to_be_added(self):
        masters = render("--set", "master.replicas=5", "--set", "master.founders=3")["StatefulSet", "r-kelp-master"]
        for number in range(5):
            words = self.words(masters, f"r-kelp-master-{number}")
            self.assertEqual(words[words.index("--id") + 1], str(number + 1))
            self.assertEqual("--join" in words, number >= 3, number)
            self.assertEqual(words[words.index("--spread") + 1], "001")
        self.assertEqual(words[words.index("--join") + 1], "true")
        self.assertNotIn("--join", words_of(render("--set", "master.replicas=5")["StatefulSet", "r-kelp-master"]))

    def test_gateways_share_the_filers_out(self):
        gateways = shape("etcd")["Deployment", "r-kelp-s3"]
        orders = set()
        for _ in range(40):
            words = self.words(gateways, "r-kelp-s3-7d9f")
            self.assertEqual((words[0], words.count("--filers")), ("s3", 1))
            orders.add(words[words.index("--filers") + 1])
        both = ["r-kelp-filer-0.r-kelp-filer:18888", "r-kelp-filer-1.r-kelp-filer:18888"]
        self.assertEqual(orders, {",".join(both), ",".join(reversed(both))}, "which the first one is differs from gateway to gateway")
        self.assertNotIn("command", only(render()["Deployment", "r-kelp-s3"]), "one filer has no order")

    def test_volume_servers_say_where_they_are(self):
        words = self.words(shape("tls")["StatefulSet", "r-kelp-volume-default"], "r-kelp-volume-default-2")
        self.assertEqual(words[words.index("--address") + 1], "r-kelp-volume-default-2.r-kelp-volume-default:18080")
        self.assertEqual(words[words.index("--listen") + 1], "[::]:18080")


class Ring(unittest.TestCase):
    """The key ring that a template makes, for the program."""

    def test_kelp_reads_and_changes_it(self):
        with tempfile.TemporaryDirectory(prefix="kelp-chart-") as folder:
            file = Path(folder) / "keyring"
            file.write_text(render()["Secret", "r-kelp-cluster"]["stringData"]["keyring"])

            def kms(*words):
                return subprocess.run([kelp_binary(), "kms", *words, "--keyring", file], capture_output=True, text=True, check=True).stdout

            self.assertRegex(kms("list"), r"\A\S{36}  versions=1  \S+  alias/aws/s3\ns3  versions=1  for SSE-S3\n\Z")
            kms("add", "payroll")
            kms("rotate", "s3")
            self.assertIn("s3  versions=2", kms("list"))
            self.assertIn("payroll", kms("list"))

    def test_its_keys_are_drawn(self):
        rings = [render()["Secret", "r-kelp-cluster"]["stringData"]["keyring"] for _ in range(2)]
        keys = re.findall(r"^key \S+ 1 ([0-9a-f]{64})$", "".join(rings), re.MULTILINE)
        self.assertEqual((len(keys), len(set(keys))), (4, 4))

    def test_every_daemon_has_the_secret_beside_its_identity(self):
        for component, key in COMPONENTS.items():
            spec = render()[tuple(key.split("/"))]["spec"]["template"]["spec"]
            volume, = (volume for volume in spec["volumes"] if volume["name"] == "cluster")
            self.assertEqual(volume["secret"], {"secretName": "r-kelp-cluster", "defaultMode": 0o440}, "all of its keys")
            self.assertIn({"name": "cluster", "mountPath": "/identity"}, spec["containers"][0]["volumeMounts"], component)

    def test_who_is_told_to_keep_it(self):
        keep = "get secret r-kelp-cluster -o yaml"
        self.assertIn(keep, notes())
        self.assertNotIn(keep, notes("--set", "auth.existingClusterSecret=mine"))
        self.assertNotIn(keep, notes("--set", "mode=single"))


class MoreCertificates(unittest.TestCase):
    """s3.tls.certificates: a folder with a pair of each, for s3.tls_dir."""

    PAIRS = {"public": "public-tls", "files": "r-kelp-s3-tls-files", "web": "web-tls"}  # of ci/tls.yaml: the secret of each

    def gateways(self, *words):
        """The pod of gateways, and of the one that is everything."""
        yield shape("tls", *words)["Deployment", "r-kelp-s3"]
        yield shape("tls", "--set", "mode=single", *words)["StatefulSet", "r-kelp"]

    def test_each_secret_is_a_pair_in_one_folder(self):
        for item in self.gateways():
            volume, = (volume for volume in item["spec"]["template"]["spec"]["volumes"] if volume["name"] == "tls-names")
            self.assertEqual(volume["projected"], {"defaultMode": 0o440, "sources": [
                {"secret": {"name": secret, "items": [{"key": f"tls.{kind}", "path": f"{name}.{kind}"} for kind in ("crt", "key")]}}
                for name, secret in self.PAIRS.items()]})
            # Without subPath: a file that is mounted alone never changes.
            self.assertIn({"name": "tls-names", "mountPath": "/tls-names", "readOnly": True}, only(item)["volumeMounts"])
            self.assertIn("--tls-cert /tls/tls.crt --tls-key /tls/tls.key --tls-dir /tls-names", words_of(item))

    def test_without_them_there_is_no_folder(self):
        for words in ("s3.tls.certificates=null", "s3.tls.enabled=false"):
            for item in self.gateways("--set", words):
                self.assertNotRegex(json.dumps(item), "tls-names|tls-dir", words)

    def test_cert_manager_makes_those_with_names(self):
        objects = shape("tls")
        made = {name: item["spec"] for (kind, name), item in objects.items() if kind == "Certificate" and name.startswith("r-kelp-s3-")}
        self.assertEqual({name: (spec["secretName"], spec["dnsNames"], spec["issuerRef"]) for name, spec in made.items()}, {
            "r-kelp-s3-files": (self.PAIRS["files"], ["files.example.org", "*.files.example.org"], {"name": "ca", "kind": "ClusterIssuer"}),
            "r-kelp-s3-web": (self.PAIRS["web"], ["web.example.com"], {"name": "acme", "kind": "Issuer"})})
        off = shape("tls", "--set", "s3.tls.enabled=false")
        self.assertEqual([name for kind, name in off if kind == "Certificate"], ["r-kelp-internal"])

    def test_who_cannot_be_made_is_refused(self):
        for certificates, word in (([{"name": "a", "dnsNames": ["a.example.com"]}], "a needs an issuerName"),
                                   ([{"name": "a", "secretName": "b"}, {"name": "a", "secretName": "c"}], "a name of its own: a, a"),
                                   ([{"name": "a", "dnsNames": ["a_b"]}], "pattern"), ([{"name": "a", "dnsNames": []}], "minItems")):
            done = helm("template", "r", CHART, "--set-json", "s3.tls=" + json.dumps({"enabled": True, "certificates": certificates}))
            self.assertNotEqual(done.returncode, 0, certificates)
            self.assertIn(word, done.stderr)


class Everywhere(KelpProcess):
    """A server that listens as the chart's do with two families."""

    def words(self, ready):
        return ["[::]:0" if word == "127.0.0.1:0" else word for word in super().words(ready)]


class Families(unittest.TestCase):
    """IPv4, IPv6 and both."""

    def listening(self, *words):
        """Where the daemons of both modes listen, without the ports."""
        found = set()
        for mode in ("cluster", "single"):
            for _, pod in pods(render("--set", f"mode={mode}", "--set", "s3.tls.enabled=true", "--set", "test.enabled=false,upgradeCheck.enabled=false", *words)):
                text = " ".join(pod["containers"][0]["args"]).replace('"', "")
                addresses = re.findall(r"--(\S*listen) (\S+):\d+", text)
                self.assertGreaterEqual(len(addresses), 2, text)
                found |= {address for name, address in addresses if name != "rpc-listen"}
        return found

    def test_listeners_follow_the_service(self):
        self.assertEqual(self.listening(), {"0.0.0.0"})
        for words in ("ipFamilyPolicy=PreferDualStack", "ipFamilyPolicy=RequireDualStack", "ipFamilies={IPv6}", "ipFamilies={IPv4,IPv6}"):
            self.assertEqual(self.listening("--set", f"s3.service.{words}"), {"[::]"}, words)
        self.assertEqual(self.listening("--set", "s3.service.ipFamilyPolicy=SingleStack,s3.service.ipFamilies={IPv4}"), {"0.0.0.0"})

    def test_such_a_listener_takes_both(self):
        if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
            self.skipTest("no IPv6 here")
        with tempfile.TemporaryDirectory(prefix="kelp-chart-") as folder, Everywhere(Path(folder) / "server") as kelp:
            for host in ("127.0.0.1", "::1"):
                for listener in ("s3", "admin"):
                    asked = http.client.HTTPConnection(host, int(kelp.ready[listener].rsplit(":", 1)[1]), timeout=10)
                    asked.request("GET", "/healthz")
                    self.assertEqual(asked.getresponse().status, 200, (host, listener))
                    asked.close()


class Network(unittest.TestCase):
    """Network policies, read as Kubernetes reads them."""

    HOOKS = {"buckets", "test", "upgrade-check"}
    FRIEND, PROMETHEUS = {"app": "friend"}, {"app": "prometheus"}

    @classmethod
    def setUpClass(cls):
        cls.open = shape("ha")
        cls.narrow = shape("ha", "--set-json", 'networkPolicy={"enabled":true,"s3From":[{"podSelector":{"matchLabels":{"app":"friend"}}}],'
                           '"metricsFrom":[{"podSelector":{"matchLabels":{"app":"prometheus"}}}]}')

    @staticmethod
    def fits(selector, labels):
        return selector.get("matchLabels", {}).items() <= labels.items() and all(
            rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", []))

    @staticmethod
    def labels(objects):
        """The labels of each pod, by component."""
        metadata = [item["metadata"] if key[0] == "Pod" else item["spec"]["template"]["metadata"] for key, item in objects.items()
                    if key[0] in ("StatefulSet", "Deployment", "Job", "Pod")]
        return {entry["labels"]["app.kubernetes.io/component"]: entry["labels"] for entry in metadata}

    def policies(self, objects, labels):
        return [item["spec"] for key, item in objects.items() if key[0] == "NetworkPolicy" and self.fits(item["spec"]["podSelector"], labels)]

    def admitted(self, objects, source, target, port):
        """Whether a pod of this namespace gets through; None as `source`: one of another namespace without labels."""
        for policy in self.policies(objects, self.labels(objects)[target]):
            for rule in policy.get("ingress", []):
                if {"port": port} not in rule["ports"]:
                    continue
                if "from" not in rule or any(
                        "namespaceSelector" in peer if source is None else
                        "namespaceSelector" in peer or self.fits(peer["podSelector"], source) for peer in rule["from"]):
                    return True
        return False

    def test_every_pod_has_one_policy(self):
        for objects in (self.open, self.narrow, shape("single", "--set", "networkPolicy.enabled=true")):
            for component, labels in self.labels(objects).items():
                self.assertEqual(len(self.policies(objects, labels)), 1, component)

    def test_the_charts_own_hooks_get_through(self):
        for objects in (self.open, self.narrow):
            labels = self.labels(objects)
            for component in ("buckets", "test"):
                self.assertTrue(self.admitted(objects, labels[component], "s3", 8333), component)
            for component in ("upgrade-check", "test"):
                self.assertTrue(self.admitted(objects, labels[component], "master", 19333), component)

    def test_those_who_are_named_alone_use_s3(self):
        for port in (8333, 8443):
            self.assertTrue(self.admitted(self.narrow, self.FRIEND, "s3", port))
            self.assertFalse(self.admitted(self.narrow, {"app": "stranger"}, "s3", port))
            self.assertFalse(self.admitted(self.narrow, self.labels(self.narrow)["volume"], "s3", port), "a daemon has nothing to ask there")
            self.assertTrue(self.admitted(self.open, {"app": "stranger"}, "s3", port))

    def test_those_who_are_named_alone_read_metrics(self):
        for component in COMPONENTS:
            self.assertTrue(self.admitted(self.narrow, self.PROMETHEUS, component, 28333))
            self.assertFalse(self.admitted(self.narrow, self.FRIEND, component, 28333), component)
            self.assertFalse(self.admitted(self.narrow, None, component, 28333), component)
            self.assertTrue(self.admitted(self.open, None, component, 28333), "a Prometheus in a namespace of its own")

    def test_nobody_else_speaks_to_daemons(self):
        for component, port in {"master": 19333, "volume": 18080, "filer": 18888}.items():
            for stranger in (self.FRIEND, self.PROMETHEUS, None):
                self.assertFalse(self.admitted(self.narrow, stranger, component, port), component)
            self.assertTrue(self.admitted(self.narrow, self.labels(self.narrow)["s3"], component, port))

    def test_nobody_speaks_to_hooks(self):
        for component in self.HOOKS:
            for port in (8333, 19333, 28333):
                self.assertFalse(self.admitted(self.open, self.FRIEND, component, port), component)


class InFront(unittest.TestCase):
    def test_the_admin_port_has_a_service_when_asked_for(self):
        for words in ([], ["--set", "mode=single"]):
            objects = shape("tls", "--set-json", 's3.adminService={"enabled":true,"port":9999,"annotations":{"a":"b"}}', *words)
            service = objects["Service", "r-kelp-s3-admin"]
            self.assertEqual(service["metadata"]["annotations"], {"a": "b"})
            self.assertEqual((service["spec"]["type"], service["spec"]["ports"]), ("ClusterIP", [{"name": "admin", "port": 9999, "targetPort": "admin"}]))
            self.assertEqual(service["spec"]["selector"], objects["Service", "r-kelp-s3"]["spec"]["selector"])
            self.assertNotIn(("Service", "r-kelp-s3-admin"), shape("tls", *words))

    def test_the_admin_port_is_never_public(self):
        objects = shape("tls", "--set", "s3.adminService.enabled=true")
        public = [objects[key] for key in (("Ingress", "r-kelp-s3"), ("HTTPRoute", "r-kelp-s3"), ("Service", "r-kelp-s3"))]
        for item in public:
            self.assertNotRegex(json.dumps(item["spec"]), "admin|28333", item["kind"])
        for item in objects.values():
            if item["kind"] == "Service" and any(port["targetPort"] == "admin" for port in item["spec"]["ports"]):
                self.assertIn(item["spec"].get("type", "ClusterIP"), ("ClusterIP",), item["metadata"]["name"])

    def test_every_alert_says_where_to_read_on(self):
        done = helm("template", "r", CHART, "--set", "monitoring.rules.enabled=true")
        self.assertIn("runbookUrl", done.stderr)
        example = yaml.safe_load((ROOT / "deploy/examples/argocd.yaml").read_text())["spec"]["source"]["helm"]["valuesObject"]
        self.assertTrue(example["monitoring"]["rules"]["enabled"])
        self.assertRegex(example["monitoring"]["rules"]["runbookUrl"], "^https://.*/$")


class Notes(unittest.TestCase):
    def test_they_say_how_to_go_on(self):
        said = notes("--set", "fullnameOverride=store,s3.service.port=80")
        for line in ("S3 inside the cluster: http://store-s3.ns:80", "get secret store-keys -o jsonpath='{.data.secret_key}'", "helm test -n ns r",
                     "-n ns exec store-master-0 -- kelp cluster status --cluster-file /identity/cluster --masters 1=store-master-0.store-master:19333,",
                     "Uninstalling keeps the claims"):
            self.assertIn(line, said)
        self.assertNotIn("ingress", said)

    def test_they_fit_the_shape(self):
        said = notes("--values", CHART / "ci/tls.yaml", "--set", "mode=single,auth.externalSecret.enabled=false,auth.existingSecret=mine")
        for line in ("(single)", "S3 through the ingress: https://s3.example.com", "S3 through the gateway: s3.example.com", "get secret mine "):
            self.assertIn(line, said)
        self.assertNotIn("cluster status", said)

    def test_they_warn_of_claims_that_go(self):
        said = notes("--set", "persistence.whenDeleted=Delete")
        self.assertIn("DELETES THE CLAIMS", said)
        self.assertNotIn("keeps the claims", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
