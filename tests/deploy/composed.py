"""What the tests of compose files share: the images, a dockerd, a project that is taken down with its volumes."""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.containers import Docker, Images, need_containers  # noqa: E402
from kelpdev.process import wait_for  # noqa: E402

KEYS = {"KELP_ACCESS_KEY": "compose-test", "KELP_SECRET_KEY": "compose-test-secret"}
UNCHECKED = ("identity", "etcd", "redis", "postgresql", "balancer")  # services without a health check of Kelp's
POSTGRESQL = "docker.io/library/postgres:16"
PORT = "127.0.0.1:8333"


def prepare():
    """The images and a scratch folder until the module's end; the tests are skipped where containers cannot run."""
    reason = need_containers()
    if reason:
        print(f"SKIPPED: {reason}", file=sys.stderr)
        raise unittest.SkipTest(reason)
    scratch = tempfile.TemporaryDirectory(prefix="kelp-compose-")
    unittest.addModuleCleanup(scratch.cleanup)
    return Images(), Path(scratch.name)


def set_up():
    """For setUpModule: the images, a dockerd that has them, the name of the image of this build, a scratch folder."""
    global IMAGES, DOCKER, KELP, FOLDER
    IMAGES, FOLDER = prepare()
    KELP = IMAGES.kelp()
    DOCKER = Docker(FOLDER / "docker")
    DOCKER.__enter__()
    unittest.addModuleCleanup(DOCKER.__exit__)
    DOCKER.load(IMAGES, KELP, IMAGES.parts())
    return IMAGES, DOCKER, KELP, FOLDER


def make_postgresql(docker, parts, folder):
    """Gives a Docker an image of Debian's PostgreSQL with the name that the files give."""
    context = folder / "postgresql"
    context.mkdir()
    shutil.copy(ROOT / "tests/deploy/postgresql.sh", context)
    (context / "Dockerfile").write_text(
        f'FROM {parts}\nCOPY postgresql.sh /\nRUN mkdir -p /var/lib/postgresql/data\nENTRYPOINT ["sh", "/postgresql.sh"]\n')
    docker.docker("build", "--network", "none", "--tag", POSTGRESQL, context)


class Composed(unittest.TestCase):
    """A project of compose, taken down at the end with its volumes."""

    def compose(self, *words, environment=None, **options):
        parts = {name: IMAGES.parts() for name in ("ETCD_IMAGE", "HAPROXY_IMAGE")}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KELP_", "AWS_"))}
        files = [word for file in self.files for word in ("-f", ROOT / "docker" / file)]
        return DOCKER.inside("/usr/bin/docker-compose", "-H", DOCKER.socket, "-p", self.project, *files, *words,
                             env={**clean, **parts, "KELP_IMAGE": KELP, **(self.keys if environment is None else environment)},
                             **options)

    def up(self, project, *files, keys=None, services=()):
        self.project, self.files, self.keys = project, files, keys or {}
        self.addCleanup(self.compose, "down", "--volumes", "--timeout", "1")
        self.compose("up", "--detach", "--no-build", *services)
        wait_for(self.is_ready, f"{project} answers", 180, every=0.2)

    def is_ready(self):
        return self.get("/readyz") == "200"

    def get(self, path):
        try:
            return DOCKER.inside("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{PORT}{path}")
        except RuntimeError:
            return ""

    def aws(self, *words, keys):
        environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1],
                       "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(FOLDER),
                       "AWS_MAX_ATTEMPTS": "5"}
        return DOCKER.inside("/usr/bin/aws", "--endpoint-url", f"http://{PORT}", *words, env=environment)

    def container(self, service):
        return f"{self.project}_{service}_1"

    def health(self, service):
        return DOCKER.docker("inspect", "--format", "{{.State.Health.Status}}", self.container(service)).strip()

    def checked(self):
        """The services of Kelp that stay."""
        return [name for name in self.compose("config", "--services").split() if name not in UNCHECKED]

    def wait_healthy(self, *services):
        for name in services:
            wait_for(lambda name=name: self.health(name) == "healthy", f"{name} is healthy", 60, every=0.3)
