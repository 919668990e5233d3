"""Many clients at once on a cluster of compose, and how much memory its containers took."""

import collections
import http.client
import json
import os
import re
import subprocess
import threading
from pathlib import Path

from kelpdev.process import kelp_binary
from kelpdev.s3 import Client

KIB, MIB = 1 << 10, 1 << 20
# (workload, size, clients, objects, requests at most): the heavier ones of `tools/dev bench s3`, each for SECONDS.
CASES = [("put", 4 * KIB, 64, 20_000, 20_000), ("get", 4 * KIB, 64, 100, 100_000), ("put", MIB, 64, 2_000, 2_000),
         ("put", 16 * MIB, 32, 32, 32), ("get", 16 * MIB, 32, 16, 500)]
SECONDS = 5


class Asker(threading.Thread):
    """Puts and gets one object, over and over; counts each status, and each connection that broke as "broken"."""

    def __init__(self, endpoint, keys, path):
        super().__init__(daemon=True)
        self.client, self.path = Client(endpoint, *keys, timeout=60), path
        self.statuses, self.stopping = collections.Counter(), threading.Event()

    def run(self):
        while not self.stopping.is_set():
            for method, body in (("PUT", bytes(64 * KIB)), ("GET", b"")):
                try:
                    self.statuses[self.client.request(method, self.path, body=body).status] += 1
                except (OSError, http.client.HTTPException):
                    self.statuses["broken"] += 1
        self.client.close()


def press(host, port, bucket, keys):
    """All CASES one after the other; the lines of the load generator, and the statuses that those saw who asked meanwhile."""
    askers = [Asker(f"http://{host}:{port}", keys, f"/{bucket}/asked{number}") for number in range(4)]
    for asker in askers:
        asker.start()
    lines = []
    try:
        for workload, size, clients, objects, operations in CASES:
            options = dict(workload=workload, size=size, keys=objects, bucket=bucket, prefix=f"load{size}-")
            lines.append(generate(host, port, keys, clients=clients, operations=operations, seconds=SECONDS, **options))
            if workload == "put" and lines[-1]["failed"]:  # who was told 503 comes again, and the next case reads all objects
                lines.append(generate(host, port, keys, clients=4, operations=objects, seconds=60, **options))
    finally:
        for asker in askers:
            asker.stopping.set()
        for asker in askers:
            asker.join()
    return lines, sum((asker.statuses for asker in askers), collections.Counter())


def generate(host, port, pair, **options):
    """One run of bench/s3/load.cc, which is built beside the binary."""
    load = os.environ.get("KELP_LOAD", Path(kelp_binary()).parents[2] / "bench/kelp-load")
    words = [load, "--host", host, "--port", port, "--access-key", pair[0], "--secret-key", pair[1]]
    done = subprocess.run([*map(str, words), *(word for name, value in options.items() for word in (f"--{name}", str(value)))],
                          capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"the load generator stopped: {done.stderr}")
    return {"what": f"{options['workload']} {options['size']} c{options['clients']}", **json.loads(done.stdout)}


def memory(pid):
    """Of the control group of a process: its limit, the most it had with page cache, how often it killed; the most the process had."""
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    resident = int(re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * KIB
    if "memory" in groups:
        group = Path("/sys/fs/cgroup/memory") / groups["memory"].lstrip("/")
        limit, peak, events = "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control"
    else:
        group = Path("/sys/fs/cgroup") / groups[""].lstrip("/")
        limit, peak, events = "memory.max", "memory.peak", "memory.events"
    kills = int(re.search(r"^oom_kill (\d+)", (group / events).read_text(), re.M)[1])
    return {"limit": (group / limit).read_text().strip(), "group": int((group / peak).read_text()), "kills": kills, "process": resident}
