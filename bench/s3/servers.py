"""The servers of the S3 benchmark: Kelp, SeaweedFS (the peer) and nginx (the floor), each started in its own folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.process import KelpProcess, cpu_seconds, disk_bytes, free_port, rss_mib, wait_for  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

ACCESS_KEY = "bench"
SECRET_KEY = "bench-secret-key-0123456789"
BUCKET = "bench"


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


class Server:
    """A running server. `pids` are all its processes; figures are sums over them."""

    name = ""
    unsigned = False

    def __init__(self, folder):
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True)
        self.port = 0
        self.process = None

    def spawn(self, words, environment=None):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pids(self):
        found = [self.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            found.extend(int(child) for child in children.read_text().split())
        return found

    def cpu_seconds(self):
        """User and system time so far, of the processes' own counters."""
        return cpu_seconds(self.pids())

    def rss_mib(self):
        return rss_mib(self.pids())


class Kelp(KelpProcess):
    """Kelp, with what the other servers here offer."""

    unsigned = False

    def __init__(self, folder, binary, durability="synced", name="kelp"):
        super().__init__(Path(folder) / name, "--durability", durability, binary=binary, access_key=ACCESS_KEY,
                         secret_key=SECRET_KEY)
        self.name = name
        self.start()

    def cpu_seconds(self):
        return cpu_seconds([self.pid])

    def rss_mib(self):
        return rss_mib([self.pid])

    def data_bytes(self):
        return disk_bytes(self.data)


class SeaweedFs(Server):
    """The peer, as its users start it: one process, S3 on, its defaults (it does not sync)."""

    name = "seaweedfs"

    def __init__(self, folder):
        super().__init__(folder)
        venv = environment("bench", Path(__file__).parent / "requirements.txt")
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [{
            "name": "bench", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
        data = self.folder / "data"
        data.mkdir()
        self.port = free_port(10000)
        ports = {name: free_port(10000) for name in ("master", "volume", "filer")}
        self.spawn([
            str(venv / "bin" / "weed"), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
            f"-s3.port={self.port}", f"-s3.config={config}", f"-master.port={ports['master']}",
            f"-volume.port={ports['volume']}", f"-filer.port={ports['filer']}", "-volume.max=0",
            f"-s3.port.iceberg={free_port()}", f"-s3.port.lance={free_port()}",
        ])
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/"), "SeaweedFS's start")
        wait_for(lambda: answers(f"http://127.0.0.1:{ports['filer']}/"), "SeaweedFS's filer")


class Nginx(Server):
    """Static files with sendfile: what serving bytes costs at the least."""

    name = "nginx"
    unsigned = True

    def __init__(self, folder):
        super().__init__(folder)
        self.port = free_port()
        self.root = self.folder / "root"
        self.root.mkdir()
        os.chmod(folder, 0o755)
        config = self.folder / "nginx.conf"
        config.write_text(f"""
daemon off; worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/error.log; user root;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=20000;
  client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{ listen 127.0.0.1:{self.port}; root {self.root}; }}
}}
""")
        self.spawn([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config)])
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/"), "nginx's start")

    def make_file(self, key, size):
        path = self.root / BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
