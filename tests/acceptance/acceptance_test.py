#!/usr/bin/env python3
"""acceptance_test.py [NAME...]: runs the clients of these folders (all by default) against a Kelp of its own.

Each client gets a fresh server on free ports and an empty bucket; after it the server is stopped and its folder checked.
Whatever it does not know it passes on to run.py, so `acceptance_test.py lake --only duckdb` works.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent.parent / "tools"), str(FOLDER)]
from flaky_proxy import FlakyProxy  # noqa: E402
from kelpdev.process import KelpProcess, fsck  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

UNAVAILABLE = 77


def clients():
    """Every folder with a run.py."""
    return sorted(path.parent.name for path in FOLDER.glob("*/run.py"))


def make_certificate(folder):
    """A certificate of localhost that signs itself, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def run_client(name, kelp, endpoint, work, options):
    """The exit status of its run.py, whose lines are printed as they come. Nothing that it started outlives it."""
    words = [sys.executable, str(FOLDER / name / "run.py"), "--endpoint", endpoint, "--access-key", kelp.keys[0],
             "--secret-key", kelp.keys[1], "--bucket", "acceptance", "--work", str(work), *options]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True,
                               env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    try:
        return process.wait()
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run_through_faults(name, kelp, every, work, options):
    """run_client() with every so many requests spoiled; a client that met no fault at all has shown nothing."""
    record = work.parent / "requests"
    with FlakyProxy(kelp.endpoint, every, record) as proxy:
        status = run_client(name, kelp, proxy.endpoint, work, options)
        print(f"faults: {proxy.summary()}", flush=True)
        if status == 0 and proxy.refused == 0:
            print(f"FAILED {name}: it met no fault", flush=True)
            return 1
        return status


def accept(name, https, faults, options, server_options):
    """Whether `name` passed: True, False, or None when it cannot be had here."""
    print(f"== {name}{' over https' if https else ''}{f', every {faults}th request refused' if faults else ''}", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"kelp-acceptance-{name}-") as scratch:
        scratch = Path(scratch)
        if https:
            certificate, key = make_certificate(scratch)
            server_options = [*server_options, "--tls-listen", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key",
                              str(key)]
            options = [*options, "--ca", str(certificate)]
        kelp = KelpProcess(scratch / "server", *server_options)
        kelp.start()
        try:
            s3 = Client(kelp.endpoint, *kelp.keys)
            s3.must("PUT", "/acceptance")
            s3.close()
            endpoint = f"https://localhost:{kelp.ready['s3_tls'].rsplit(':', 1)[1]}" if https else kelp.endpoint
            if faults:
                status = run_through_faults(name, kelp, faults, scratch / "work", options)
            else:
                status = run_client(name, kelp, endpoint, scratch / "work", options)
            if status not in (0, UNAVAILABLE):
                print(f"{name}: exit {status}; the end of the server's log:\n{kelp.log_tail(15)}", flush=True)
        finally:
            code = kelp.stop(60)
        if code != 0:
            print(f"FAILED {name}: the server stopped with {code}\n{kelp.log_tail()}", flush=True)
            return False
        if status == UNAVAILABLE:
            return None
        report = fsck(kelp.data)
        if not report["clean"]:
            print(f"FAILED {name}: fsck of what it left: {json.dumps(report)[:2000]}", flush=True)
        return status == 0 and report["clean"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(clients())}")
    parser.add_argument("--https", action="store_true", help="over https, with --ca")
    parser.add_argument("--through-faults", type=int, nargs="?", const=15, metavar="N",
                        help="through flaky_proxy.py, which refuses every Nth request (15)")
    parser.add_argument("--server", action="append", default=[], metavar="OPTION",
                        help="one more word of `kelp server`, e.g. --server=--set=s3.domains=s3.localhost")
    given, options = parser.parse_known_args()
    unknown = [name for name in given.names if name not in clients()]
    if given.https and given.through_faults:
        parser.error("the proxy speaks plain HTTP")
    if unknown:
        parser.error(f"no client is called {', '.join(unknown)}")
    verdicts = {name: accept(name, given.https, given.through_faults, options, given.server) for name in given.names or clients()}
    failed = [name for name, passed in verdicts.items() if passed is False]
    missing = [name for name, passed in verdicts.items() if passed is None]
    print(f"clients: {len(verdicts) - len(failed) - len(missing)} fine, {len(failed)} failed {failed}, "
          f"{len(missing)} not to be had here {missing}", flush=True)
    return 1 if failed else UNAVAILABLE if missing and len(missing) == len(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
