#!/usr/bin/env python3
"""The image, and the compose files with it: from nothing to the first object, a cluster that loses containers, limits of memory."""

import json
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.containers import Docker, Images, need_containers  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402

IMAGE_MB = 120
KEYS = {"KELP_ACCESS_KEY": "compose-test", "KELP_SECRET_KEY": "compose-test-secret"}


def setUpModule():
    global IMAGES, DOCKER, KELP, FOLDER
    reason = need_containers()
    if reason:
        print(f"SKIPPED: {reason}", file=sys.stderr)
        raise unittest.SkipTest(reason)
    scratch = tempfile.TemporaryDirectory(prefix="kelp-compose-")
    unittest.addModuleCleanup(scratch.cleanup)
    FOLDER = Path(scratch.name)
    IMAGES = Images()
    KELP = IMAGES.kelp()
    DOCKER = Docker(FOLDER / "docker")
    DOCKER.__enter__()
    unittest.addModuleCleanup(DOCKER.__exit__)
    DOCKER.load(IMAGES, KELP, IMAGES.parts())


class Composed(unittest.TestCase):
    """A project of compose, taken down at the end with its volumes."""

    def compose(self, *words, environment=None, **options):
        parts = {name: IMAGES.parts() for name in ("ETCD_IMAGE", "HAPROXY_IMAGE")}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KELP_", "AWS_"))}
        files = [word for file in self.files for word in ("-f", ROOT / "docker" / file)]
        return DOCKER.inside("/usr/bin/docker-compose", "-H", DOCKER.socket, "-p", self.project, *files, *words,
                             env={**clean, **parts, "KELP_IMAGE": KELP, **(self.keys if environment is None else environment)},
                             **options)

    def up(self, project, *files, keys=None):
        self.project, self.files, self.keys = project, files, keys or {}
        self.addCleanup(self.compose, "down", "--volumes", "--timeout", "1")
        self.compose("up", "--detach", "--no-build")
        wait_for(self.is_ready, f"{project} answers", 60, every=0.2)

    def is_ready(self):
        return self.get("/readyz") == "200"

    def get(self, path):
        try:
            return DOCKER.inside("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:8333{path}")
        except RuntimeError:
            return ""

    def aws(self, *words, keys):
        environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1],
                       "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(FOLDER),
                       "AWS_MAX_ATTEMPTS": "5"}
        return DOCKER.inside("/usr/bin/aws", "--endpoint-url", "http://127.0.0.1:8333", *words, env=environment)

    def health(self, service):
        return DOCKER.docker("inspect", "--format", "{{.State.Health.Status}}", f"{self.project}_{service}_1").strip()


class Image(unittest.TestCase):
    def test_it_is_small_and_says_what_it_is_made_of(self):
        megabytes = IMAGES.size_bytes(KELP) / 1e6
        self.assertLessEqual(megabytes, IMAGE_MB)
        print(f"image: {megabytes:.0f} MB", file=sys.stderr)
        about = json.loads(IMAGES.podman("inspect", KELP))[0]["Config"]
        self.assertEqual(about["User"], "10001:10001")
        self.assertEqual(about["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0")
        bill = json.loads(DOCKER.docker("run", "--rm", "--entrypoint", "cat", KELP, "/usr/share/kelp-sbom.spdx.json"))
        names = {package["name"] for package in bill["packages"]}
        self.assertLessEqual({"kelp", "libisal2:amd64", "libssl3:amd64"}, {re.sub(r"^(?!.*:)(lib.*)$", r"\1:amd64", n) for n in names})

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
        services = self.compose("config", "--services").split()
        checked = [name for name in services if name not in ("identity", "etcd", "balancer")]
        for name in checked:
            wait_for(lambda name=name: self.health(name) == "healthy", f"{name} is healthy", 60, every=0.3)
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
        for name in checked:
            wait_for(lambda name=name: self.health(name) == "healthy", f"{name} is healthy again", 60, every=0.3)
        self.aws("s3", "cp", "--no-progress", body, "s3://first/again", keys=keys)
        for name in checked:
            state = json.loads(DOCKER.docker("inspect", f"many_{name}_1"))[0]
            self.assertFalse(state["State"]["OOMKilled"], name)
            self.assertTrue(state["HostConfig"]["ReadonlyRootfs"], name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
