#!/usr/bin/env python3
"""The image, and the compose files with it: from nothing to the first object, a cluster that loses containers, limits of memory."""

import collections
import json
import os
import re
import shutil
import sys
import time
import unittest
from pathlib import Path

import composed
import pressure
from composed import KEYS, ROOT, Composed
from kelpdev.containers import revision_and_time, run
from kelpdev.process import kelp_binary, wait_for
from kelpdev.venv import environment

IMAGE_MB = 120
GATEWAYS = ("s3-1", "s3-2")
# Headers of these are compiled too and have no code: what they declare is in shared libraries, or is the kernel's.
DECLARED = {"libbz2-dev", "libc6-dev", "libcurl4-openssl-dev", "libedit-dev", "libfuse3-dev", "libhiredis-dev", "libisal-dev", "libpq-dev", "libpugixml-dev",
            "librdkafka-dev", "libssl-dev", "libxxhash-dev", "linux-libc-dev", "zlib1g-dev"}


def setUpModule():
    global IMAGES, DOCKER, KELP, FOLDER
    IMAGES, DOCKER, KELP, FOLDER = composed.set_up()


def compiled_in():
    """The packages whose code is in the binary, as the build knows them: archives that it linked, headers that it read."""
    build = Path(kelp_binary()).parents[2]
    linked = re.search(r"^build src/server/kelp:.*\n(?:  .*\n)*?  LINK_LIBRARIES = (.*)$", (build / "build.ninja").read_text(), re.M)[1]
    files = {path for path in linked.split() if re.match(r"/usr/.*\.a$", path)}
    for read in re.findall(r"^src/\S+: #deps .*\n((?:    .*\n)+)", run("ninja", "-C", build, "-t", "deps"), re.M):  # of Kelp's objects, not of tests
        files |= set(re.findall(r"^    (/usr/(?!lib/llvm)\S+)$", read, re.M))
    owners = run("dpkg", "-S", *sorted({str(Path(file).resolve()) for file in files}))
    return {line.split(":")[0] for line in owners.splitlines()} - DECLARED


class Image(unittest.TestCase):
    def test_it_is_small_and_says_what_it_is_made_of(self):
        megabytes = IMAGES.size_bytes(KELP) / 1e6
        self.assertLessEqual(megabytes, IMAGE_MB)
        print(f"image: {megabytes:.0f} MB", file=sys.stderr)
        about = json.loads(IMAGES.podman("inspect", KELP))[0]["Config"]
        self.assertEqual(about["User"], "10001:10001")
        revision, epoch = revision_and_time()
        labels = {name.rsplit(".", 1)[1]: value for name, value in about["Labels"].items() if name.startswith("org.opencontainers")}
        self.assertEqual({name: labels[name] for name in ("title", "licenses", "version", "revision")},
                         {"title": "Kelp", "licenses": "Apache-2.0", "version": "dev", "revision": revision})
        text = DOCKER.docker("run", "--rm", "--entrypoint", "cat", KELP, "/usr/share/kelp-sbom.spdx.json")
        (FOLDER / "bill.spdx.json").write_text(text)
        run(environment("sbom", Path(__file__).parent / "sbom-requirements.txt") / "bin/pyspdxtools", "-i", FOLDER / "bill.spdx.json")
        bill = json.loads(text)
        self.assertEqual(bill["creationInfo"]["created"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch))))
        linked = {line["relatedSpdxElement"] for line in bill["relationships"] if line["relationshipType"] == "STATIC_LINK"}
        packages = {package["name"]: package for package in bill["packages"]}
        self.assertEqual(linked, {packages[name]["SPDXID"] for name in compiled_in()})
        self.assertEqual(packages["librocksdb-dev"]["versionInfo"], run("dpkg-query", "-W", "-f", "${Version}", "librocksdb-dev"))
        self.assertLessEqual({"kelp", "libisal2", "libssl3", "libstdc++6"}, set(packages))

    def test_it_runs_without_rights_on_a_root_that_cannot_be_written(self):
        self.addCleanup(DOCKER.docker, "rm", "--force", "bare")
        DOCKER.docker("run", "--detach", "--name", "bare", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "10001:10001",
                      "--security-opt", "no-new-privileges", KELP)
        wait_for(lambda: DOCKER.docker("inspect", "--format", "{{.State.Health.Status}}", "bare").strip() == "healthy", "it is healthy", 30,
                 every=0.2)
        DOCKER.docker("stop", "--time", "20", "bare")
        self.assertEqual(DOCKER.docker("inspect", "--format", "{{.State.ExitCode}}", "bare").strip(), "0")


class OneService(Composed):
    def test_up_put_restart_get(self):
        self.up("one", "docker-compose.yml")
        keys = ("kelp-dev", "kelp-dev-secret")
        self.aws("s3", "mb", "s3://first", keys=keys)
        self.aws("s3", "cp", __file__, "s3://first/test", keys=keys)
        self.compose("restart", "--timeout", "20")
        wait_for(self.is_ready, "it answers again", 30, every=0.2)
        self.assertEqual(self.aws("s3", "cp", "s3://first/test", "-", keys=keys), Path(__file__).read_text())
        wait_for(lambda: self.health("kelp") == "healthy", "it is healthy", 30, every=0.2)


class ACluster(Composed):
    FILES = ("cluster/docker-compose.yml",)

    def test_there_are_no_keys_but_those_that_are_given(self):
        self.project, self.files, self.keys = "nokeys", self.FILES, {}
        with self.assertRaisesRegex(RuntimeError, "set KELP_ACCESS_KEY"):
            self.compose("config")

    def test_it_serves_while_containers_die_and_stays_within_its_memory(self):
        self.up("many", *self.FILES, keys=KEYS)
        keys = tuple(KEYS.values())
        checked = self.checked()
        self.wait_healthy(*checked)
        body = FOLDER / "body"
        body.write_bytes(os.urandom(96 << 20))
        self.aws("s3", "mb", "s3://first", keys=keys)
        self.aws("s3", "cp", "--no-progress", body, "s3://first/body", keys=keys)
        for victim in ("volume2", "volume3", "filer1", "s3-1", "master1"):  # ec(2,2): any two volume servers
            DOCKER.docker("kill", f"many_{victim}_1")
        copy = FOLDER / "copy"
        self.aws("s3", "cp", "--no-progress", "s3://first/body", copy, keys=keys)
        self.assertEqual(copy.read_bytes(), body.read_bytes())
        self.compose("up", "--detach", "--no-build")
        self.wait_healthy(*checked)
        self.aws("s3", "cp", "--no-progress", body, "s3://first/again", keys=keys)
        self.press(checked, keys)

    def inspect(self, name):
        return json.loads(DOCKER.docker("inspect", self.container(name)))[0]

    def answers_of(self, gateway):
        """How often each class of status was answered by a gateway since it was started."""
        address = next(iter(self.inspect(gateway)["NetworkSettings"]["Networks"].values()))["IPAddress"]
        text = DOCKER.inside("curl", "-s", f"http://{address}:28333/metrics")
        counts = collections.Counter()
        for status, count in re.findall(r'^kelp_s3_requests_total\{.*status="(\w+)".*\} (\S+)$', text, re.M):
            counts[status] += int(float(count))
        return counts

    def answers(self):
        return sum((self.answers_of(name) for name in GATEWAYS), collections.Counter())

    def busy(self):
        return {name: self.answers_of(name).total() for name in GATEWAYS}

    def tell_warnings(self, services):
        """What the daemons warned of last, for whoever looks for why a request failed."""
        for name in services:
            text = DOCKER.docker("logs", "--tail", "2000", self.container(name))
            for line in [line for line in text.splitlines() if re.search(r"\b(warn(ing)?|error|critical)\b", line)][-12:]:
                print(f"{name}: {line[:400]}", file=sys.stderr)

    def press(self, services, keys):
        """Many clients at once: each daemon answers, or says 503, and none dies."""
        started = {name: self.inspect(name)["State"]["StartedAt"] for name in services}
        before = self.answers()
        with DOCKER.entered():
            lines, statuses = pressure.press(*composed.PORT.split(":"), "first", keys)
        answers = self.answers() - before
        for line in [*lines, dict(statuses), dict(answers), self.busy()]:
            print(line, file=sys.stderr)
        if any(line["failed"] for line in lines):
            self.tell_warnings(services)
        self.assertLessEqual(set(statuses), {200, 503})
        self.assertLessEqual(set(answers), {"2xx", "5xx"})
        self.assertGreater(statuses[200], 20)
        self.assertGreater(min(self.busy().values()), 100, "the gateway that was killed is asked again")
        self.assertEqual([line["what"] for line in lines if line["failed"] == line["operations"]], [])
        for name in services:
            about = self.inspect(name)
            had = pressure.memory(about["State"]["Pid"])
            print(f"{name}: {had['process'] >> 20} MiB, with page cache {had['group'] >> 20} MiB of {int(had['limit']) >> 20} MiB", file=sys.stderr)
            self.assertEqual((about["State"]["StartedAt"], about["State"]["OOMKilled"], had["kills"]), (started[name], False, 0), name)
            self.assertEqual((int(had["limit"]), about["HostConfig"]["ReadonlyRootfs"]), (256 << 20, True), name)


class Production(Composed):
    FILES = ("docker-compose.prod.yml",)

    def setUp(self):
        self.secrets = FOLDER / "secrets"
        self.secrets.mkdir(exist_ok=True)
        for name, value in (("access_key", "prod-test"), ("secret_key", "prod-test-secret")):
            file = self.secrets / name
            file.write_text(value + "\n")
            os.chown(file, 10001, 10001)
            file.chmod(0o400)

    def test_it_has_the_keys_of_its_files_and_no_rights(self):
        self.up("prod", *self.FILES, keys={"KELP_SECRETS": str(self.secrets)})
        keys = ("prod-test", "prod-test-secret")
        self.aws("s3", "mb", "s3://first", keys=keys)
        with self.assertRaisesRegex(RuntimeError, "InvalidAccessKeyId"):
            self.aws("s3", "ls", keys=("kelp-dev", "kelp-dev-secret"))
        wait_for(lambda: self.health("kelp") == "healthy", "it is healthy", 30, every=0.2)
        about = json.loads(DOCKER.docker("inspect", "prod_kelp_1"))[0]
        host = about["HostConfig"]
        self.assertEqual((host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]), (True, ["ALL"], ["no-new-privileges:true"]))
        self.assertEqual((host["Memory"], host["PidsLimit"], host["LogConfig"]["Config"]["max-size"]), (1 << 30, 512, "10m"))
        self.assertEqual(host["PortBindings"]["8333/tcp"][0]["HostIp"], "127.0.0.1")
        self.assertNotIn("prod-test", json.dumps(about["Config"]), "keys are in no variable")
        self.assertNotIn("prod-test", DOCKER.docker("logs", "prod_kelp_1"))
        self.compose("restart", "--timeout", "20")
        wait_for(self.is_ready, "it answers again", 30, every=0.2)
        self.assertIn("first", self.aws("s3", "ls", keys=keys))


class Beside(Composed):
    """What stands beside Kelp and cannot be pulled here: its wiring."""

    def test_the_lakehouse_has_its_bucket_and_metrics_can_be_scraped(self):
        files = ("docker-compose.yml", "analytics.yml", "monitoring.yml")
        self.up("lake", *files, keys={**KEYS, "GRAFANA_PASSWORD": "x"}, services=["lakehouse"])
        wait_for(lambda: "lakehouse" in self.aws("s3", "ls", keys=tuple(KEYS.values())), "the bucket", 60, every=0.5)
        wait_for(lambda: "exited" in DOCKER.docker("inspect", "--format", "{{.State.Status}}", "lake_lakehouse_1"), "its end", 30, every=0.2)
        self.assertEqual(DOCKER.docker("inspect", "--format", "{{.State.ExitCode}}", "lake_lakehouse_1").strip(), "0")
        address = DOCKER.docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "lake_kelp_1").strip()
        self.assertIn("kelp_server_info", DOCKER.inside("curl", "-s", f"http://{address}:28333/metrics"))

    def test_all_engines_mean_the_same_warehouse(self):
        folder = ROOT / "docker/analytics"
        for file in ("hive-site.xml", "spark-defaults.conf"):
            self.assertIn("s3a://lakehouse/warehouse/", (folder / file).read_text())
        for file in folder.iterdir():
            self.assertIn("http://kelp:8333", file.read_text(), file.name)
            self.assertRegex(file.read_text().replace("-", ".").lower(), r"path.style.access(</name><value>|\W)+true", file.name)


class Files(unittest.TestCase):
    """What docker-compose makes of each combination, without starting it."""

    ALL = {"KELP_ACCESS_KEY": "a-key", "KELP_SECRET_KEY": "a-secret", "KELP_ENGINE_PASSWORD": "p", "GRAFANA_PASSWORD": "g", "KELP_IMAGE": "kelp:x",
           "KELP_SECRETS": "/secrets", "KELP_FILER_ENGINE_URL": "postgresql://kelp@db/kelp"}
    # The files, and what must be set for them.
    COMBINATIONS = {
        ("docker-compose.yml",): (),
        ("docker-compose.yml", "monitoring.yml"): ("GRAFANA_PASSWORD",),
        ("docker-compose.yml", "analytics.yml"): ("KELP_ACCESS_KEY", "KELP_SECRET_KEY"),
        ("docker-compose.yml", "analytics.yml", "monitoring.yml"): ("KELP_ACCESS_KEY", "KELP_SECRET_KEY", "GRAFANA_PASSWORD"),
        ("docker-compose.prod.yml",): ("KELP_IMAGE", "KELP_SECRETS"),
        ("cluster/docker-compose.yml",): ("KELP_ACCESS_KEY", "KELP_SECRET_KEY"),
        ("cluster/docker-compose.yml", "cluster/monitoring.yml"): ("GRAFANA_PASSWORD",),
        ("cluster/docker-compose.yml", "cluster/redis.yml"): ("KELP_SECRET_KEY",),
        ("cluster/docker-compose.yml", "cluster/redis.yml", "cluster/monitoring.yml"): ("KELP_SECRET_KEY",),
        ("cluster/docker-compose.yml", "cluster/postgresql.yml"): ("KELP_ENGINE_PASSWORD",),
        ("cluster/docker-compose.yml", "cluster/postgresql.yml", "cluster/monitoring.yml"): ("KELP_ENGINE_PASSWORD", "GRAFANA_PASSWORD"),
        ("swarm/stack.yml",): ("KELP_IMAGE", "KELP_FILER_ENGINE_URL"),
    }

    def config(self, files, without=(), *words):
        given = {"PATH": os.environ["PATH"], **{name: value for name, value in self.ALL.items() if name not in without}}
        return run("/usr/bin/docker-compose", *(word for file in files for word in ("-f", ROOT / "docker" / file)), "config", *words, env=given)

    def test_every_combination_is_understood_and_asks_for_what_it_needs(self):
        named = {file for files in self.COMBINATIONS for file in files}
        there = {str(file.relative_to(ROOT / "docker")) for file in (ROOT / "docker").rglob("*.yml")} - {"monitoring/prometheus.yml"}
        self.assertEqual(named, there)
        for files, needed in self.COMBINATIONS.items():
            with self.subTest(files=files):
                made = self.config(files)
                for path in re.findall(r"^    - (/\S+):/\S+:ro$", made, re.M):
                    self.assertTrue(Path(path).exists(), path)
                for name in needed:
                    with self.assertRaisesRegex(RuntimeError, f"set {name}"):
                        self.config(files, without=(name,))

    def test_fixed_keys_stand_in_the_file_for_the_laptop_only(self):
        files = [file for folder in ("docker", "deploy") for file in (ROOT / folder).rglob("*") if file.is_file()]
        known = r"kelp-dev|(KEY|PASSWORD|SECRET)\w*:?-\w"  # the keys themselves, and ${A_KEY:-something}
        fixed = [str(file.relative_to(ROOT)) for file in files if re.search(known, file.read_text(errors="replace"))]
        self.assertEqual(fixed, ["docker/docker-compose.yml"])

    def test_metrics_of_every_service_are_scraped(self):
        scraped = set(re.search(r"names: \[(.*)\]", (ROOT / "docker/monitoring/prometheus.yml").read_text())[1].split(", "))
        clusters = set(self.config(("cluster/docker-compose.yml",), (), "--services").split()) - {"identity", "etcd", "balancer"}
        self.assertEqual(scraped, clusters | {"kelp"})
        if not shutil.which("promtool"):
            print("SKIPPED: promtool is not installed", file=sys.stderr)
            self.skipTest("no promtool")
        run("promtool", "check", "config", "--syntax-only", ROOT / "docker/monitoring/prometheus.yml")

    def test_daemons_of_a_swarm_that_have_a_disk_stay_where_it_is(self):
        made = self.config(("swarm/stack.yml",))
        services = dict(re.findall(r"^  (\w+):\n((?:    .*\n)+)", made.split("services:\n")[1], re.M))
        for number in (1, 2, 3):
            self.assertIn(f"{number}=master{number}:19333", services["s3"])
            self.assertIn(f"node.labels.kelp.master == {number}", services[f"master{number}"])
        for name, text in services.items():
            self.assertIn("ALL", text, name)
            if name.startswith(("master", "volume")):
                self.assertIn("stop-first", text)
                self.assertIn(f"- {name}:/var/lib/kelp", text)
            if name.startswith("master"):  # the name of one that waits for the others to be ready is never told to them
                self.assertRegex(text, r"test:\n +- CMD\n +- kelp\n +- health\n +\w+:")
        self.assertNotIn("a-secret", made, "keys are the swarm's secrets")


if __name__ == "__main__":
    unittest.main(verbosity=2)
