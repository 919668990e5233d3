"""Images and containers without a registry: a Debian base of our own, podman to build, a dockerd in a network of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from kelpdev.cluster_net import enter, leave
from kelpdev.process import CACHE, REPOSITORY, kelp_binary, wait_for

BASE = "docker.io/library/debian:bookworm-slim"
PARTS = "localhost/kelp-parts:1"  # what stands around Kelp, for tests: etcd, Redis, PostgreSQL, HAProxy
# As Debian's slim image: nothing that is read by people.
UNREAD = ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"]


def run(*words, **options):
    """Runs a program; what it printed. CalledProcessError with all of its output."""
    done = subprocess.run([str(word) for word in words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def need_containers():
    """Installs what is missing; why containers cannot be run here, else an empty text."""
    if os.geteuid() != 0:
        return "containers need root"
    run(REPOSITORY / "tools/dev", "setup", "containers")
    probe = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "namespaces cannot be made here"


def revision_and_time():
    """The commit that is checked out, and its time in seconds; of sources without git neither is known."""
    if not (REPOSITORY / ".git").exists():
        return "unknown", "0"
    return run("git", "-C", REPOSITORY, "log", "-1", "--format=%H %ct").split()


class Images:
    """podman's store, outside the checkout. Not for two processes at once."""

    def __init__(self):
        self.store = CACHE / "containers"

    def podman(self, *words, **options):
        return run("podman", "--root", self.store, "--runroot", "/run/kelp-containers", "--runtime", "runc",
                   "--cgroup-manager", "cgroupfs", *words, **options)

    def exists(self, name):
        return name in self.podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()

    def base(self):
        """Makes the base image from Debian's packages when it is missing."""
        if self.exists(BASE):
            return
        with tempfile.TemporaryDirectory(prefix="kelp-base-") as folder:
            root = Path(folder) / "root"
            run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root)
            for path in UNREAD:
                shutil.rmtree(root / path, ignore_errors=True)
                (root / path).mkdir()
            run("tar", "-C", root, "--sort=name", "-cf", f"{folder}/base.tar", ".")
            self.podman("import", f"{folder}/base.tar", BASE)

    def build(self, name, file, context, *arguments, options=()):
        self.base()
        self.podman("build", "--pull=never", "--network", "host", "--format", "docker", "-f", file, "-t", name, *options,
                    *(word for pair in arguments for word in ("--build-arg", pair)), context)

    def kelp(self, name="localhost/kelp:dev", version="dev", options=()):
        """The image of docker/Dockerfile with the binary that was built here, stripped."""
        revision, epoch = revision_and_time()
        with tempfile.TemporaryDirectory(prefix="kelp-image-") as folder:
            run("strip", "-o", f"{folder}/kelp", kelp_binary())
            shutil.copy(REPOSITORY / "docker/sbom.sh", folder)
            (Path(folder) / "linked").write_text(run("sh", REPOSITORY / "docker/linked.sh"))
            self.build(name, REPOSITORY / "docker/Dockerfile", folder, "KELP_FROM=prebuilt", f"VERSION={version}", f"REVISION={revision}",
                       f"SOURCE_DATE_EPOCH={epoch}", options=("--timestamp", epoch, *options))
        return name

    def parts(self):
        if not self.exists(PARTS):
            with tempfile.TemporaryDirectory(prefix="kelp-parts-") as folder:
                packages = "etcd-server haproxy redis-server postgresql-15"
                (Path(folder) / "Dockerfile").write_text(
                    f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends {packages} "
                    "&& rm -rf /var/lib/apt/lists/*\n")
                self.build(PARTS, f"{folder}/Dockerfile", folder)
        return PARTS

    def size_bytes(self, name):
        return int(self.podman("inspect", "--format", "{{.Size}}", name))


class Docker:
    """A dockerd in a network namespace, with images of an Images; a context manager that leaves nothing.

    The namespace is its own, or `space`, which was made before and stays.
    """

    def __init__(self, folder, space=None):
        self.folder = Path(folder)
        self.owned = space is None
        self.space = space or f"kelp-docker-{os.getpid()}"
        self.socket = f"unix://{self.folder}/socket"
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.owned:
            run("ip", "netns", "add", self.space)
        try:
            self.inside("ip", "link", "set", "lo", "up")
            self.inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            with open(self.folder / "log", "w") as log:
                # nsenter, as `ip netns exec` would hide the control groups.
                self.process = subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{self.space}", "unshare", "--mount", "--propagation", "private", "--",
                     "/usr/sbin/dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                     "--pidfile", self.folder / "pid", "--host", self.socket, "--storage-driver", "overlay2",
                     "--exec-opt", "native.cgroupdriver=cgroupfs"], stdout=log, stderr=log)
            wait_for(lambda: self.process.poll() is not None or Path(self.folder / "socket").exists() and self.answers(),
                     f"dockerd: {(self.folder / 'log').read_text()[-1500:]}", 30, every=0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        return subprocess.run(["/usr/bin/docker", "-H", self.socket, "version"], capture_output=True, check=False).returncode == 0

    def __exit__(self, *_):
        if self.process is not None:
            for container in self.docker("ps", "-q").split() if self.answers() else []:
                self.docker("kill", container)
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        if self.owned:
            run("ip", "netns", "del", self.space)

    def inside(self, *words, **options):
        """Runs a program where published ports are reached."""
        return run("nsenter", f"--net=/run/netns/{self.space}", *words, **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread, and those that it starts, are where published ports are reached."""
        home = enter(self.space)
        try:
            yield
        finally:
            leave(home)

    def docker(self, *words, **options):
        return run("/usr/bin/docker", "-H", self.socket, *words, **options)

    def load(self, images, *names):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="kelp-image-") as folder:
                images.podman("save", "--output", f"{folder}/image", name)
                self.docker("load", "--input", f"{folder}/image")
