#!/usr/bin/env python3
"""acceptance_test.py [NAME...]: runs the clients of these folders (all by default) against a Kelp of its own.

Each run gets a fresh server on free ports and an empty bucket; after it the server is stopped and what it left is checked.
Whatever it does not know it passes on to run.py, so `acceptance_test.py lake --only duckdb` works. SIGTERM ends client and server.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent.parent / "tools"), str(FOLDER)]
from flaky_proxy import FlakyProxy  # noqa: E402
from worlds import BUCKET, GUARD, BalancedCluster, OneProcess  # noqa: E402

UNAVAILABLE = 77


def clients():
    """Every folder with a run.py."""
    return sorted(path.parent.name for path in FOLDER.glob("*/run.py"))


def server_options(name, given):
    """Words of the server's command: those that the client's folder asks for, and those that are given."""
    file = FOLDER / name / "server_options.txt"
    return [*(file.read_text().split() if file.exists() else []), *given.server]


class Run:
    """One run of one client: whether it passed (None: it, or a part of it, cannot be had here), its sum, its time and the servers' CPU, in seconds."""

    def __init__(self, name):
        self.name, self.passed, self.sum, self.seconds, self.cpu = name, None, "", 0, 0

    def refuse(self, why):
        print(f"FAILED {self.name}: {why}", flush=True)
        self.passed = False

    def verdict(self):
        return {True: "fine", False: "FAILED", None: "not to be had here"}[self.passed]


class ClientProcess:
    """Its run.py, whose lines are printed as they come. Nothing that it started outlives the `with` block."""

    def __init__(self, name, world, endpoint, work, options):
        self.sum = ""
        ca = ["--ca", str(world.ca)] if world.ca else []
        words = [*GUARD, sys.executable, str(FOLDER / name / "run.py"), "--endpoint", endpoint, "--access-key", world.keys[0],
                 "--secret-key", world.keys[1], "--bucket", BUCKET, "--work", str(work), *ca, *options]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
                                        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"), text=True, errors="replace")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            print(line, end="", flush=True)
            if re.match(r"\d+ passed, \d+ failed", line):
                self.sum = line.strip()

    def ended(self, seconds=None):
        """Waits for its end, at most so long; whether it has ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self.reader.join(10)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def drive(run, world, given, scratch, options):
    """Runs the client in `world` until it ends; its exit status."""
    proxy = FlakyProxy(world.endpoint, given.through_faults, scratch / "requests") if given.through_faults else None
    with proxy or contextlib.nullcontext(world) as way, ClientProcess(run.name, world, way.endpoint, scratch / "work", options) as client:
        while not client.ended(1 if given.kill else None):
            world.disturb(client.ended)
        run.sum = client.sum
        status = client.process.returncode
    # A client that met no fault at all has shown nothing.
    if proxy:
        print(f"faults: {proxy.summary()}", flush=True)
        if status == 0 and proxy.refused == 0:
            run.refuse("it met no fault")
            return 1
    if given.kill:
        print(f"killed meanwhile: {', '.join(world.killed) or 'nothing'}", flush=True)
        if status == 0 and not world.killed:
            run.refuse("nothing was killed meanwhile")
            return 1
    return status


def accept(name, given, options):
    """One Run of `name`."""
    run, begun = Run(name), time.monotonic()
    how = [*(["over https"] if given.https else []), *(["on a cluster"] if given.cluster else []),
           *(["daemons die"] if given.kill else []),
           *([f"every {given.through_faults}th request refused"] if given.through_faults else [])]
    print(f"== {', '.join([name, *how])}", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"kelp-acceptance-{name}-") as scratch:
        scratch = Path(scratch)
        words = server_options(name, given)
        world = BalancedCluster(scratch, words) if given.cluster else OneProcess(scratch, given.https, words)
        with world:
            status = drive(run, world, given, scratch, options)
            run.passed, run.cpu = {0: True, UNAVAILABLE: None}.get(status, False), world.cpu_seconds()
            print(f"{name}: {run.cpu:.1f} s of CPU of the server", flush=True)
            if run.passed is False:
                print(f"{name}: exit {status}; the end of the server's log:\n{world.log_tail()}", flush=True)
            for why in world.settle():
                run.refuse(why)
    run.seconds = time.monotonic() - begun
    return run


def end_by_signal(number, _):
    """As an exception, so that whoever started something ends it."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(clients())}")
    parser.add_argument("--https", action="store_true", help="over https, with --ca")
    parser.add_argument("--through-faults", type=int, nargs="?", const=15, metavar="N",
                        help="through flaky_proxy.py, which refuses every Nth request (15)")
    parser.add_argument("--cluster", action="store_true", help="a cluster behind HAProxy instead of one process")
    parser.add_argument("--kill", action="store_true", help="kill daemons of the cluster while the client works, and start them again")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="runs of each client")
    parser.add_argument("--server", action="append", default=[], metavar="OPTION",
                        help="one more word of `kelp server` or of the gateways, e.g. --server=--set=s3.domains=s3.localhost")
    given, options = parser.parse_known_args()
    unknown = [name for name in given.names if name not in clients()]
    if given.https and (given.through_faults or given.cluster):
        parser.error("the proxy and the balancer are for plain HTTP here")
    if given.kill and not given.cluster:
        parser.error("--kill is for a --cluster")
    if unknown:
        parser.error(f"no client is called {', '.join(unknown)}")
    return given, options


def main():
    given, options = parse_arguments()
    signal.signal(signal.SIGTERM, end_by_signal)
    if given.cluster and BalancedCluster.lacks():
        print(f"SKIPPED: {BalancedCluster.lacks()}", flush=True)
        return UNAVAILABLE
    runs = [accept(name, given, options) for name in given.names or clients() for _ in range(given.times)]
    for run in runs if len(runs) > 1 else []:
        print(f"{run.name:10} {run.verdict():18} {run.seconds:6.0f} s, {run.cpu:5.1f} s of server CPU  {run.sum}", flush=True)
    failed = sorted({run.name for run in runs if run.passed is False})
    missing = sorted({run.name for run in runs if run.passed is None})
    print(f"clients: {len({run.name for run in runs}) - len(failed) - len(missing)} fine, {len(failed)} failed {failed}, "
          f"{len(missing)} not to be had here {missing}", flush=True)
    return 1 if failed else UNAVAILABLE if missing else 0


if __name__ == "__main__":
    sys.exit(main())
