"""A Kubernetes on this machine for the tests of the chart: one node in namespaces and a folder of its own (tools/dev k8s)."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from kelpdev import k8s_binary, kube
from kelpdev.cluster_net import NETNS, enter, leave
from kelpdev.containers import BASE, Images, run
from kelpdev.process import REPOSITORY, wait_for

PAUSE = "localhost/kelp-pause:1"
GROUPS = Path("/sys/fs/cgroup")


def missing(*binaries):
    """Why no Kubernetes can be run here, with those `binaries` of k8s_binary beside it; empty when it can."""
    if os.geteuid() != 0:
        return "a Kubernetes needs root"
    for binary in (k8s_binary.path(), *binaries):
        if not binary.exists():
            return f"{binary.parent.name} was not built yet; tools/dev k8s build does it, in up to 30 minutes"
    for tool in ("npm", "podman", "containerd", "etcd", "runc"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not (GROUPS / "memory/tasks").exists():
        return "there are no control groups of version 1"
    return ""


class Kubernetes:
    """One node. `name` tells it from others on the machine: of its network namespace and its control groups.

    `guarded`: its processes end with the calling thread.
    """

    def __init__(self, folder, name="kelp-k8s", guarded=False):
        self.folder, self.name, self.guarded = Path(folder).resolve(), name, guarded
        self.process = self.home = None

    def up(self):
        """Starts it and waits until pods can run. What fails leaves nothing."""
        if self.folder.exists():
            sys.exit(f"{self.folder} is there already; tools/dev k8s down removes it")
        if self.inhabitants():
            sys.exit(f"another Kubernetes with the name {self.name} runs")
        self.remove()  # what one that was killed has left
        self.folder.mkdir(parents=True)
        images = Images()
        if not images.exists(PAUSE):
            images.base()
            with tempfile.TemporaryDirectory(prefix="kelp-pause-") as scratch:
                (Path(scratch) / "Dockerfile").write_text(f'FROM {BASE}\nENTRYPOINT ["/bin/sleep", "infinity"]\n')
                images.build(PAUSE, f"{scratch}/Dockerfile", scratch)
        try:
            self.start_node()
            wait_for(lambda: self.alive() and (self.folder / "started").exists(), "the API server's start", 120, every=0.1)
            self.load(images, PAUSE)
            wait_for(lambda: self.alive() and self.json("get", "nodes")["items"], "the node's name", 60, every=0.3)
            self.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
        except BaseException:
            self.tell_logs()
            self.down()
            raise

    def start_node(self):
        run("ip", "netns", "add", self.name)
        for controller in GROUPS.iterdir():
            if not (controller / "tasks").exists():
                continue
            group = controller / self.name
            group.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (group / file).exists():
                    (group / file).write_text((controller / file).read_text())
        with open(self.folder / "log-node", "w") as log:
            # nsenter, as `ip netns exec` would hide the control groups.
            self.process = subprocess.Popen(
                [*(["setpriv", "--pdeathsig", "KILL"] if self.guarded else []), *self.inside(), "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", sys.executable, "-m", "kelpdev.k8s_node", self.folder, self.name, PAUSE],
                cwd="/", env=dict(os.environ, PYTHONPATH=str(REPOSITORY / "tools"), PYTHONDONTWRITEBYTECODE="1",
                                  PATH="/usr/sbin:/usr/bin:/sbin:/bin"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.folder / "state.json").write_text(json.dumps({"pid": self.process.pid, "name": self.name}))

    @classmethod
    def attach(cls, folder):
        """One that was left running."""
        file = Path(folder).resolve() / "state.json"
        if not file.exists():
            sys.exit(f"no Kubernetes in {folder}; tools/dev k8s up starts one")
        return cls(folder, json.loads(file.read_text())["name"])

    def alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError("the node has ended")
        return True

    def tell_logs(self):
        for file in [self.folder / "log-node", *sorted((self.folder / "log").glob("*"))]:
            lines = file.read_text(errors="replace").splitlines() if file.exists() else []
            print(f"--- {file.name}", *lines[-12:], sep="\n", file=sys.stderr)

    def down(self):
        """Ends it with everything that runs in it, and removes its namespaces, control groups and folder."""
        self.leave()
        state = self.folder / "state.json"
        if state.exists():
            pid = json.loads(state.read_text())["pid"]
            try:
                if f"\0{self.folder}\0" in Path(f"/proc/{pid}/cmdline").read_text():  # another one may have the number by now
                    os.kill(pid, signal.SIGKILL)  # its child, the first process of the namespace, dies with it, and all others then
            except OSError:
                pass
            if self.process is not None:
                self.process.wait()
                self.process = None
            wait_for(lambda: not self.inhabitants(), "the end of the node's processes", 60, every=0.1)
        self.remove()

    def remove(self):
        if (NETNS / self.name).exists():
            run("ip", "netns", "del", self.name)
        for controller in GROUPS.iterdir():
            for group in sorted((controller / self.name).glob("**/"), reverse=True):
                wait_for(lambda group=group: removed(group), f"{group} is empty", 20, every=0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def inhabitants(self):
        """Processes that still are in its control groups or use its network."""
        pids = [pid for file in GROUPS.glob(f"*/{self.name}/**/cgroup.procs") for pid in file.read_text().split()]
        return pids + run("ip", "netns", "pids", self.name).split() if (NETNS / self.name).exists() else pids

    def enter(self):
        """Moves the calling thread, and those that it starts from now on, to where services and pods are reached."""
        self.home = enter(self.name)

    def leave(self):
        if self.home is not None:
            leave(self.home)
            self.home = None

    def inside(self):
        """The words before a program that is to run there."""
        return ["nsenter", f"--net={NETNS / self.name}"]

    @property
    def environment(self):
        return dict(os.environ, KUBECONFIG=str(self.folder / "account/admin"), HOME=str(self.folder), HELM_CACHE_HOME=str(self.folder / "helm"))

    def kubectl(self, *words, **options):
        """What it prints. RuntimeError when it fails."""
        return run(*self.inside(), kube.tool("kubectl"), *words, env=self.environment, **options)

    def helm(self, *words, **options):
        return run(*self.inside(), kube.tool("helm"), *words, env=self.environment, **options)

    def json(self, *words):
        return json.loads(self.kubectl(*words, "-o", "json"))

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self.kubectl("apply", "-f", "-", input=text)

    def load(self, images, *names):
        """Gives the node images of kelpdev.containers."""
        for name in names:
            with tempfile.TemporaryDirectory(prefix="kelp-image-") as scratch:
                images.podman("save", "--output", f"{scratch}/image", name)
                run("ctr", "--address", self.folder / "run/containerd.sock", "--namespace", "k8s.io", "images", "import", f"{scratch}/image")

    def volumes(self, count, size="100Gi"):
        """Empty local volumes of the default class, after the claims on the ones before are gone."""
        self.kubectl("delete", "pv", "--all", "--wait=false")
        wait_for(lambda: not self.json("get", "pv")["items"], "the old volumes are gone", 60, every=0.3)
        objects = [{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "kubernetes.io/no-provisioner",
                    "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                    "volumeBindingMode": "WaitForFirstConsumer"}]
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}
        for number in range(count):
            path = self.folder / f"volumes/{number}"
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            objects.append({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"volume{number}"}, "spec": {
                "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "local",
                "persistentVolumeReclaimPolicy": "Retain", "local": {"path": str(path)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}}})
        self.apply(*objects)


def removed(group):
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(prog="tools/dev k8s", description=f"Kubernetes {k8s_binary.VERSION} on this machine, one node")
    parser.add_argument("--folder", default=str(REPOSITORY / "build/k8s"), help="where everything is kept")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build it from its Go modules; up to 30 minutes of CPU, once")
    commands.add_parser("up", help="start a node and leave it running, with Kelp's image")
    commands.add_parser("down", help="end it and remove all that it made")
    commands.add_parser("env", help="words before kubectl and helm")
    args = parser.parse_args()
    if args.command == "build":
        print(k8s_binary.build())
    elif args.command == "up":
        if missing():
            sys.exit(missing())
        node = Kubernetes(args.folder)
        node.up()
        images = Images()
        node.load(images, images.kelp(), images.parts())
        node.volumes(12)
        print(words_of(node))
    elif args.command == "down":
        Kubernetes.attach(args.folder).down()
    else:
        print(words_of(Kubernetes.attach(args.folder)))


def words_of(node):
    return f"{' '.join(node.inside())} env KUBECONFIG={node.folder}/account/admin {kube.tool('kubectl')}"


if __name__ == "__main__":
    main()
