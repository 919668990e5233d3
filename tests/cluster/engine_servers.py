"""Metadata engines as real servers, for the tests of this folder: data in memory; sockets, or ports of the clients' network.

`inside`: the words that run a command in that network.
"""

import ctypes
import json
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import free_port  # noqa: E402

# The clients' network is the cluster's own: any port is free there.
ETCD_HOST = "198.18.7.1"


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Engine:
    """A server, started and ready to be: whoever connects waits for it. Everything is gone after close()."""

    def __init__(self, program, inside):
        self.program, self.inside = program, inside
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = tempfile.TemporaryDirectory(prefix="kelp-engine-", dir=memory)
        self.folder = Path(self.scratch.name)
        self.processes = {}

    def launch(self, name, command, user=None):
        who = pwd.getpwnam(user) if user else None
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [*self.inside, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                # The signal is forgotten when the user changes: setpriv sets it behind that.
                preexec_fn=None if who else die_with_parent)

    def end(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(30)

    def kill(self):
        for name in list(self.processes):
            self.end(name)

    def close(self):
        self.kill()
        self.scratch.cleanup()

    def settings(self):
        return {"filer.engine": self.name, "filer.engine_url": self.url}


class Postgres(Engine):
    name = "postgresql"
    programs = [f"/usr/lib/postgresql/{version}/bin/postgres" for version in (15, 16, 17)]

    def __init__(self, program, inside):
        super().__init__(program, inside)
        self.folder.chmod(0o777)
        self.user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
        self.data = self.folder / "data"
        initdb = str(Path(program).parent / "initdb")
        subprocess.run([*self.as_user(), initdb, "-D", self.data, "-U", "kelp", "-A", "trust", "-N", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL)
        self.url = f"postgresql://kelp@/postgres?host={self.folder}"
        self.start()

    def as_user(self):
        return ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups", "--pdeathsig", "KILL", "--"]

    def start(self):
        self.launch("postgres", [*self.as_user(), self.program, "-D", self.data, "-k", self.folder, "-c",
                                 "listen_addresses=", "-c", "shared_buffers=16MB", "-c",
                                 "dynamic_shared_memory_type=mmap"], self.user)

    def kill(self):
        # An immediate shutdown: all of its processes end as in a crash, the log is replayed at the next start.
        for name in list(self.processes):
            self.end(name, signal.SIGQUIT)


class Etcd(Engine):
    """Three members; kill() and start() are of all."""

    name = "etcd"
    programs = ["/usr/bin/etcd"]

    def __init__(self, program, inside):
        super().__init__(program, inside)
        self.members = {f"m{number}": number for number in (1, 2, 3)}
        self.url = ",".join(self.client_url(number) for number in self.members.values())
        self.start()

    @staticmethod
    def client_url(number):
        return f"http://{ETCD_HOST}:{2379 + 100 * number}"

    @staticmethod
    def peer_url(number):
        return f"http://{ETCD_HOST}:{2380 + 100 * number}"

    def start(self):
        cluster = ",".join(f"{name}={self.peer_url(number)}" for name, number in self.members.items())
        for name, number in self.members.items():
            if name in self.processes:
                continue
            self.launch(name, [self.program, "--name", name, f"--data-dir={self.folder / name}",
                               f"--listen-client-urls={self.client_url(number)}",
                               f"--advertise-client-urls={self.client_url(number)}",
                               f"--listen-peer-urls={self.peer_url(number)}",
                               f"--initial-advertise-peer-urls={self.peer_url(number)}",
                               f"--initial-cluster={cluster}", "--initial-cluster-state=new",
                               "--max-txn-ops=65536", "--max-request-bytes=9437184"])

    def leader(self):
        """The name of the member that leads, or None."""
        for name, number in self.members.items():
            try:
                asked = urllib.request.Request(self.client_url(number) + "/v3/maintenance/status", b"{}")
                with urllib.request.urlopen(asked, timeout=2) as answer:
                    status = json.load(answer)
                if status["leader"] == status["header"]["member_id"]:
                    return name
            except (OSError, KeyError):
                continue
        return None


class LoneEtcd(Engine):
    """One member, on free ports of loopback."""

    name = "etcd"
    programs = Etcd.programs

    def __init__(self, program, inside):
        super().__init__(program, inside)
        self.url, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.launch("etcd", [program, f"--data-dir={self.folder / 'data'}", f"--listen-client-urls={self.url}",
                             f"--advertise-client-urls={self.url}", f"--listen-peer-urls={peers}",
                             f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
                             "--max-txn-ops=65536", "--max-request-bytes=9437184"])


class Redis(Engine):
    name = "redis"
    programs = ["/usr/bin/redis-server"]

    def __init__(self, program, inside):
        super().__init__(program, inside)
        self.url = f"unix:{self.folder}/socket"
        self.start()

    def start(self):
        self.launch("redis", [self.program, "--port", "0", "--unixsocket", self.folder / "socket", "--dir", self.folder,
                              "--save", "", "--appendonly", "yes", "--appendfsync", "always"])


def program_of(kind):
    """The engine's program, or None when Debian's package is not installed."""
    return next((program for program in kind.programs if os.access(program, os.X_OK)), None)


KINDS = {kind.name: kind for kind in (Postgres, Etcd, Redis)}

