"""What the clients are run against: one process, or a cluster behind a balancer whose daemons die while a client works."""

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent.parent / "tools"), str(FOLDER.parent / "cluster"), str(FOLDER.parent / "deploy")]
from balancer import HAProxy  # noqa: E402
from engine_servers import LoneEtcd, program_of  # noqa: E402
from kelpdev.certificates import self_signed  # noqa: E402
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import KelpProcess, cpu_seconds, fsck, wait_for  # noqa: E402
from kelpdev.s3 import NAMESPACE, Client  # noqa: E402

BUCKET = "acceptance"
# Whatever ends the script that started a server ends the server.
GUARD = ["setpriv", "--pdeathsig", "KILL", "--"]


def make_certificate(folder):
    """A certificate of localhost that signs itself, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    self_signed(certificate, key)
    return certificate, key


class OneProcess:
    """A `kelp server`. Use it as a context manager; settle() stops it and says what is wrong."""

    endpoint = ca = None

    def __init__(self, folder, https=False, options=()):
        if https:
            self.ca, key = make_certificate(folder)
            options = [*options, "--tls-listen", "127.0.0.1:0", "--tls-cert", str(self.ca), "--tls-key", str(key)]
        self.https = https
        self.kelp = KelpProcess(folder / "server", *options, wrapper=GUARD)
        self.keys = self.kelp.keys

    def __enter__(self):
        self.kelp.start()
        client = Client(self.kelp.endpoint, *self.keys)
        client.must("PUT", f"/{BUCKET}")
        client.close()
        self.endpoint = f"https://localhost:{self.kelp.ready['s3_tls'].rsplit(':', 1)[1]}" if self.https else self.kelp.endpoint
        return self

    def __exit__(self, *_):
        self.kelp.stop(60)

    def disturb(self, ended):
        raise RuntimeError("one process has nothing that takes over")

    def cpu_seconds(self):
        """What serving took so far."""
        return cpu_seconds([self.kelp.pid])

    def log_tail(self):
        return self.kelp.log_tail(15)

    def settle(self):
        code = self.kelp.stop(60)
        if code != 0:
            return [f"the server stopped with {code}\n{self.kelp.log_tail()}"]
        report = fsck(self.kelp.data)
        return [] if report["clean"] else [f"fsck of what it left: {json.dumps(report)[:2000]}"]


class BalancedCluster:
    """Three masters, four volume servers with shards ec(2,2), two filers on etcd, two gateways behind HAProxy; on loopback, as
    clients may have to be installed meanwhile. Use it as a context manager, from the main thread."""

    ca = None
    SIZES = {"master": 3, "volume": 4, "filer": 2, "gateway": 2}
    SETTINGS = {"master.large": "ec(2,2)", "master.repair_after": "60s", "volume.writable": "1", "volume.size_limit": "256MiB",
                "volume.reserve": "64MiB"}
    DOWN_SECONDS = 3  # that a killed daemon stays away
    PAUSE_SECONDS = 4  # of peace after each recovery

    def __init__(self, folder, options=()):
        self.folder, self.engine, self.balancer = folder, None, None
        self.cluster = Cluster(folder / "cluster", self.SETTINGS, sizes=self.SIZES, loopback=True)
        self.keys, self.killed, self.turn = self.cluster.keys, [], 0
        for gateway in self.cluster.of("gateway"):
            gateway.options = options

    @staticmethod
    def lacks():
        """What this machine has not got for it; None: nothing."""
        if program_of(LoneEtcd) is None:
            return "etcd is not installed (tools/dev setup)"
        if subprocess.run(["sh", "-c", "command -v haproxy"], capture_output=True).returncode != 0:
            return "haproxy is not installed (tools/dev setup)"
        return None

    def __enter__(self):
        try:
            self.engine = LoneEtcd(program_of(LoneEtcd), [])
            self.cluster.settings.update(self.engine.settings())
            self.cluster.__enter__()
            certificate, key = make_certificate(self.folder)
            pair = self.folder / "pair.pem"
            pair.write_text(certificate.read_text() + key.read_text())
            balancer = HAProxy(self.folder / "balancer", [gateway.address for gateway in self.cluster.of("gateway")], pair)
            self.balancer = balancer.__enter__()
            self.endpoint = f"http://127.0.0.1:{self.balancer.port}"
            self.client().must("PUT", f"/{BUCKET}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.balancer:
            self.balancer.__exit__()
            self.balancer = None
        self.cluster.close()
        if self.engine:
            self.engine.close()
            self.engine = None

    def client(self):
        return Client(self.endpoint, *self.keys)

    def log_tail(self):
        return self.cluster.log_tails(8)

    def cpu_seconds(self):
        """Of the daemons that run now: what a killed one took is forgotten."""
        return cpu_seconds([daemon.pid for daemon in self.cluster.daemons.values() if daemon.running()])

    # --- faults

    def victims(self):
        """In turn: a volume server, a filer, a gateway, the master that leads; the next of each the next time."""
        turn, role = divmod(self.turn, 4)
        self.turn += 1
        if role == 3:
            return self.cluster.wait_leader()
        name = ("volume", "filer", "gateway")[role]
        return f"{name}{turn % self.SIZES[name] + 1}"

    def disturb(self, ended):
        """Kills the next daemon, starts it again and waits until all is well. `ended(seconds)` waits so long for the client's end."""
        name = self.victims()
        self.cluster[name].kill()
        self.killed.append(name)
        ended(self.DOWN_SECONDS)
        self.cluster[name].launch()
        self.cluster[name].await_ready()
        self.recovered(name)
        ended(self.PAUSE_SECONDS)

    def recovered(self, name):
        if name.startswith("volume"):
            self.cluster.wait_alive([name])
        elif name.startswith("master"):
            self.cluster.wait_masters()
        else:
            wait_for(self.cluster[name].is_ready, f"{name} is ready", 60)

    # --- the end

    def settle(self):
        """What is wrong after the client: leftovers, objects without their bytes, lost redundancy, a daemon that ended badly."""
        wrong = [f"{what}: {names[:5]}" for what, names in self.leftovers().items() if names]
        try:
            self.cluster.wait_whole(180)
        except TimeoutError as error:
            wrong.append(str(error)[:3000])
        report = json.loads(subprocess.run([*self.cluster.shell_words(), "--json", "-c", "volume.fsck"], capture_output=True,
                                           text=True, timeout=120).stdout or "{}")
        if not report.get("good"):
            wrong.append(f"volume.fsck: {json.dumps(report)[:2000]}")
        begun = time.monotonic()
        codes = self.cluster.stop()
        if codes:
            wrong.append(f"daemons ended with {codes} after {time.monotonic() - begun:.0f} s")
        return wrong

    def leftovers(self):
        client = self.client()
        keys = [key for key, _ in client.list_keys(BUCKET)]
        uploads = ElementTree.fromstring(client.must("GET", f"/{BUCKET}", [("uploads", "")]).body)
        client.close()
        return {"temporary keys": [key for key in keys if "_temporary" in key or "__magic" in key],
                "pending uploads": [found.findtext(NAMESPACE + "Key") for found in uploads.iter(NAMESPACE + "Upload")]}
