"""A Kelp cluster on one machine: masters, volume servers, a filer and gateways, each a process of its own."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from kelpdev.cluster_net import Loopback, Namespaces, can_have_namespaces, remove
from kelpdev.process import ACCESS_KEY, SECRET_KEY, KelpProcess, kelp_binary, wait_for

# Of each role: the subcommand, the first number of its hosts, the port of its listener.
ROLES = {"master": ("master", 10, 19333), "volume": ("volume", 20, 18080), "filer": ("filer", 30, 18888),
         "gateway": ("s3", 40, 8333)}
ADMIN_PORT = 28333
HTTP_PORT = 9333  # of masters
STATUS_PAUSE = 0.2  # asking is a process of its own
SIZES = {"master": 3, "volume": 4, "filer": 1, "gateway": 2}


class Daemon(KelpProcess):
    """One daemon of a Cluster: `name` is its role and number, e.g. "volume2". Log, ready file and data lie in its folder.

    The process may be ours or, in a cluster that was left running, somebody else's child.
    """

    def __init__(self, cluster, name):
        super().__init__(cluster.folder / name, binary=cluster.binary)
        self.cluster, self.name = cluster, name
        self.role, number = re.fullmatch(r"([a-z]+)(\d+)", name).groups()
        self.number = int(number)
        self.command, first, port = ROLES[self.role]
        self.host = first + self.number
        self.address = cluster.addresses.setdefault(name, cluster.net.address(self.host, port))
        self.admin = cluster.addresses.setdefault(name + "/admin", cluster.net.address(self.host, ADMIN_PORT))
        if self.role == "master":
            self.http = cluster.addresses.setdefault(name + "/http", cluster.net.address(self.host, HTTP_PORT))
        self.disks = []  # of a volume server that has several: see list_disks()
        for number in range(1, cluster.disks + 1 if self.role == "volume" else 0):
            self.disks.append(self.data / f"disk{number}")
            cluster.addresses.setdefault(f"{name}/disk{number}",
                                         self.address if number == 1 else cluster.net.address(self.host, port + number - 1))
        self.masters = None  # whom it is told of, as --masters has them; None: all
        self.cluster_file = None  # which identity it is given; None: the cluster's
        self.variables = {}  # more environment
        # A guarded cluster ends with the script that made it.
        self.wrapper = [*(["setpriv", "--pdeathsig", "KILL", "--"] if cluster.guarded else ["setsid"]),
                        *cluster.net.inside(name)]

    def words(self, ready):
        own = {"master": lambda: ["--id", str(self.number), "--spread", self.cluster.spread, "--http-listen", self.http],
               "volume": lambda: [],
               "filer": lambda: [],
               "gateway": lambda: ["--filers", self.cluster.filers_flag(self.number)]}
        data = ["--config", str(self.list_disks())] if self.disks else [] if self.role == "gateway" else ["--dir", str(self.data)]
        settings = [word for item in self.cluster.settings.items() for word in ("--set", "=".join(item))]
        identity = self.cluster_file or self.cluster.identity / "cluster"
        return [self.binary, self.command, "--cluster-file", str(identity), "--masters",
                self.masters or self.cluster.masters_flag(), "--listen", self.address, "--admin-listen", self.admin, "--ready-file",
                str(ready), *data, *own[self.role](), *settings, *self.options]

    def list_disks(self):
        """Writes the configuration that names self.disks; the file. On loopback their ports do not lie side by side."""
        def table(disk):
            port = f"port = {self.address_of(disk).rsplit(':', 1)[1]}\n" if self.cluster.net.prefix is None else ""
            return f'[[volume.disk]]\npath = "{disk}"\n{port}'

        config = self.folder / "disks.toml"
        config.write_text(f'volume.host = "{self.name}"\n' + "".join(map(table, self.disks)))
        return config

    def reload(self):
        """Lets it look at self.disks again."""
        self.list_disks()
        os.kill(self.pid, signal.SIGHUP)

    def address_of(self, disk):
        """Where one of its disks is reached."""
        return self.cluster.addresses[f"{self.name}/{disk.name}"]

    def node_addresses(self):
        """Where the nodes of the cluster are reached that it is: one, or one a disk."""
        return [self.address_of(disk) for disk in self.disks] or [self.address]

    def launch(self):
        for disk in self.disks if not self.ready else []:
            disk.mkdir(parents=True, exist_ok=True)
        super().launch()

    def environment(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KELP_", "AWS_"))}
        return {**clean, **self.variables}

    def attach(self):
        """Finds the process again that another script left running."""
        ready = self.folder / "ready"
        if ready.exists():
            self.ready = json.loads(ready.read_text())
        return self

    @property
    def endpoint(self):
        return f"http://{self.address}"

    def running(self):
        if self.process is not None:
            return self.process.poll() is None
        if not self.ready:
            return False
        try:
            return str(self.folder / "ready").encode() in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False

    def end(self, number, seconds):
        """Sends a signal that ends it and waits; the exit code, or None when it is not our child."""
        if not self.running():
            self.process = None
            return None
        os.kill(self.pid if self.process is None else self.process.pid, number)
        if self.process is not None:
            try:
                return self.process.wait(seconds)
            finally:
                if self.process.poll() is not None:
                    self.process = None
        return wait_for(lambda: not self.running(), f"the end of {self.name}", seconds) and None

    def stop(self, seconds=30):
        """SIGTERM and wait; the exit code."""
        self.thaw()
        return self.end(signal.SIGTERM, seconds)

    def kill(self):
        """SIGKILL: what a crash leaves."""
        self.end(signal.SIGKILL, 10)

    def freeze(self):
        """SIGSTOP: alive for the kernel, silent for the others."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        if self.running():
            os.kill(self.pid if self.ready else self.process.pid, signal.SIGCONT)

    def is_ready(self):
        """What /readyz says; False when nobody answers."""
        return self.readiness()[0]

    def readiness(self):
        """Whether /readyz says that it is ready, and its words; nothing of either when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=2) as answer:
                return True, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return False, answer.read().decode()
        except OSError:
            return False, ""

    def log(self):
        """All that it wrote so far."""
        return (self.folder / "log").read_text(errors="replace")


class Cluster:
    """Use it as a context manager: everything runs inside, everything is gone afterwards. Start daemons from the main
    thread: they end with the thread that started them.

    `settings` (key to text) go to every daemon with --set. As root each daemon has a network namespace, and this
    process joins the clients' one (its threads too, when they start later); otherwise all are on loopback.
    `disks`: directories of each volume server, "disk1" and so on in its data; 0: it has one.
    """

    def __init__(self, folder, settings=None, spread="001", sizes=None, loopback=False, guarded=True, binary=None,
                 keys=(ACCESS_KEY, SECRET_KEY), state=None, disks=0):
        self.folder = Path(folder).resolve()
        self.binary = str(Path(binary or kelp_binary()).resolve())
        self.guarded, self.keys = guarded, keys
        state = state or {}
        self.settings = state.get("settings", dict(settings or {}))
        self.spread = state.get("spread", spread)
        self.sizes = state.get("sizes", {**SIZES, **(sizes or {})})
        self.disks = state.get("disks", disks)
        self.addresses = state.get("addresses", {})
        self.identity = self.folder / "identity"
        prefix = state.get("prefix")
        if state and prefix is None or loopback or not can_have_namespaces():
            self.net = Loopback()
        else:
            self.net = Namespaces(guarded, prefix)
        self.daemons = {}
        names = state.get("daemons") or [f"{role}{number}" for role, count in self.sizes.items()
                                         for number in range(1, count + 1)]
        for name in names:
            self.add(name, wire=not state)

    def add(self, name, wire=True):
        """One more daemon, with its place in the network; it is not started."""
        daemon = self.daemons[name] = Daemon(self, name)
        if wire:
            self.net.add(name, daemon.host)
        return daemon

    def state(self):
        """What another script needs to find this cluster again."""
        return {"settings": self.settings, "spread": self.spread, "sizes": self.sizes, "addresses": self.addresses,
                "prefix": self.net.prefix, "daemons": list(self.daemons), "disks": self.disks}

    @classmethod
    def attach(cls, folder, state, **options):
        """The cluster that another script left running."""
        cluster = cls(folder, state=state, guarded=False, **options)
        for daemon in cluster.daemons.values():
            daemon.attach()
        return cluster

    def __enter__(self):
        try:
            self.net.enter()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def __getitem__(self, name):
        return self.daemons[name]

    def of(self, role):
        return [daemon for daemon in self.daemons.values() if daemon.role == role]

    # --- life

    def init(self):
        """Makes the identity and the keys, once."""
        if (self.identity / "cluster").exists():
            return
        environment = dict(os.environ)
        if self.keys:
            environment.update(KELP_ACCESS_KEY=self.keys[0], KELP_SECRET_KEY=self.keys[1])
        self.identity.mkdir(parents=True)
        self.kelp("cluster", "init", "--dir", str(self.identity), environment=environment)

    def start(self, seconds=60):
        """Starts what does not run and waits until all are ready and every volume server is known."""
        self.init()
        begun = [daemon for daemon in self.daemons.values() if not daemon.running()]
        for daemon in begun:
            daemon.launch()
        for daemon in begun:
            daemon.await_ready(seconds)
        self.wait_alive(seconds=seconds)
        for daemon in self.of("gateway"):
            wait_for(daemon.is_ready, f"{daemon.name} is ready", seconds)

    def stop(self):
        """SIGTERM to all, gateways first; name to exit code of those that did not end with 0."""
        codes = {name: self.daemons[name].stop() for name in reversed(self.daemons)}
        return {name: code for name, code in codes.items() if code}

    def close(self):
        """Ends all at once and removes the namespaces. The folder stays."""
        for daemon in self.daemons.values():
            daemon.kill()
        self.net.close()
        if not self.guarded and self.net.prefix:
            remove(self.net.prefix)

    # --- network

    def cut(self, name):
        """Takes the daemon off the network, both ways."""
        self.net.cut(name)

    def heal(self, name):
        """Ends cut() and part()."""
        self.net.heal(name)

    def part(self, name, others):
        """Between `name` and each of `others` every packet is lost, both ways; all else stays."""
        for other in others:
            self.net.deafen(name, self[other].host)
            self.net.deafen(other, self[name].host)

    def unpart(self, name, others):
        for other in others:
            self.net.undeafen(name, self[other].host)
            self.net.undeafen(other, self[name].host)

    # --- looking

    def masters_flag(self):
        return ",".join(f"{d.number}={d.address}" for d in self.of("master"))

    def filers_flag(self, gateway):
        """All filers, for each gateway another one first."""
        filers = [d.address for d in self.of("filer")]
        first = (gateway - 1) % len(filers)
        return ",".join(filers[first:] + filers[:first])

    def kelp(self, *words, environment=None, seconds=20):
        """Runs the binary where the clients are; what it printed. RuntimeError with what it complained of."""
        done = subprocess.run([*self.net.inside(), self.binary, *words], capture_output=True, text=True,
                              env=environment, timeout=seconds)
        if done.returncode != 0:
            raise RuntimeError(f"kelp {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def shell_words(self):
        """`kelp shell` in this cluster."""
        return [*self.net.inside(), self.binary, "shell", "--masters", self.masters_flag(), "--cluster-file",
                str(self.identity / "cluster"), "--filers", ",".join(d.address for d in self.of("filer"))]

    def control(self, *words, seconds=20, cluster_file=None):
        """`kelp cluster …`, e.g. control("drain", node_id)."""
        return self.kelp("cluster", words[0], "--masters", self.masters_flag(), "--cluster-file",
                         str(cluster_file or self.identity / "cluster"), *words[1:], seconds=seconds)

    def status(self):
        """`kelp cluster status`, or None while no master leads."""
        try:
            return json.loads(self.control("status", "--json"))
        except (RuntimeError, subprocess.TimeoutExpired):
            return None

    def node_of(self, status, name):
        """The volume server as `status` has it, or None."""
        return next((node for node in status["nodes"] if node["address"] == self[name].address), None)

    def wait_alive(self, names=None, seconds=60):
        """Until a master leads and knows each of the volume servers (default: all) as alive."""
        names = names or [daemon.name for daemon in self.of("volume")]
        addresses = {address for name in names for address in self[name].node_addresses()}

        def alive():
            status = self.status()
            return status and addresses <= {node["address"] for node in status["nodes"] if node["alive"]} and status

        return wait_for(alive, f"{', '.join(names)} alive", seconds, STATUS_PAUSE)

    def wait_leader(self, besides=None, seconds=30):
        """The name of the master that leads, once it is not `besides`."""
        def leader():
            status = self.status()
            names = [f"master{m['id']}" for m in status["masters"] if m["leader"]] if status else []
            return names[0] if names and names[0] != besides else None

        return wait_for(leader, f"a leader besides {besides}", seconds, STATUS_PAUSE)

    def wait_masters(self, seconds=60):
        """Until a master leads and hears all the others."""
        def complete():
            status = self.status()
            return status and all(master["alive"] for master in status["masters"])

        return wait_for(complete, "all masters alive", seconds, STATUS_PAUSE)

    def wait_whole(self, seconds=60):
        """Until every volume has all of its copies, healthy, and no job is left; the status."""
        last = {}

        def whole():
            last["status"] = status = self.status()
            return status and status["volumes"] and not status["jobs"] and all(
                volume["copies_healthy"] == volume["copies_asked"] == len(volume["members"])
                for volume in status["volumes"]) and status

        try:
            return wait_for(whole, "full redundancy", seconds, STATUS_PAUSE)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{json.dumps(last['status'], indent=1)}") from None

    def log_tails(self, lines=15):
        """The end of every log, for a test that failed."""
        return "\n".join(f"--- {name}\n{daemon.log_tail(lines)}" for name, daemon in self.daemons.items()
                         if (daemon.folder / "log").exists())
