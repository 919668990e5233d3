#!/usr/bin/env python3
"""record.py [NAME...]: runs a client's acceptance check against a Kelp of its own and keeps what it asked for in recordings/."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import KelpProcess, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from recording import from_trace, save  # noqa: E402

BUCKET = "recording"
# Of each recording: the folder of tests/acceptance, the check, what it does.
JOBS = {
    "spark": ("spark", "files.parquet", "Spark 4.0.1 writes, appends to, replaces and reads partitioned parquet, magic committer"),
    "spark-files": ("spark", "files.many", "Spark 4.0.1 writes and reads 100 small parquet files, magic committer"),
    "trino": ("trino", "iceberg.creation", "Trino 476 makes Iceberg tables of tpch.tiny, joins, analyzes and changes them"),
    "flink": ("flink", "flink.exactly_once", "Flink 1.20.1: incremental checkpoints, a file sink, a task manager that dies"),
}


def dicts(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def record(name, scratch):
    """The requests of one job."""
    client, check, _ = JOBS[name]
    with KelpProcess(scratch / "server", "--rpc-listen", "127.0.0.1:0") as kelp:
        s3 = Client(kelp.endpoint, *kelp.keys)
        s3.must("PUT", f"/{BUCKET}")
        s3.close()
        kelp.shell(f"s3.bucket.events {BUCKET} --keep 1d --apply")
        with open(scratch / "trace", "wb") as out:
            trace = subprocess.Popen([kelp.binary, "trace", "--dir", str(kelp.data), "--address", kelp.ready["admin"], "--json",
                                      "--headers", "--bucket", BUCKET], stdout=out, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: "trace_begins" in kelp.log_tail(), "the trace's begin")
            subprocess.run([sys.executable, str(ROOT / "tests/acceptance" / client / "run.py"), "--endpoint", kelp.endpoint,
                            "--access-key", kelp.keys[0], "--secret-key", kelp.keys[1], "--bucket", BUCKET, "--work",
                            str(scratch / "work"), "--only", check], check=True, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
            if trace.poll() is not None:
                raise RuntimeError("the trace ended before the client")
        finally:
            trace.terminate()
            trace.wait()
        with open(scratch / "events", "wb") as out:
            subprocess.run([kelp.binary, "filer", "tail", BUCKET, "--dir", str(kelp.data), "--filers", kelp.ready["rpc"],
                            "--from", "oldest", "--json"], check=True, stdout=out)
        return from_trace(dicts(scratch / "trace"), [event for event in dicts(scratch / "events") if "event" in event], BUCKET)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(JOBS)}; all by default")
    for name in parser.parse_args().names or JOBS:
        with tempfile.TemporaryDirectory(prefix=f"kelp-record-{name}-") as scratch:
            requests = record(name, Path(scratch))
        (FOLDER / "recordings").mkdir(exist_ok=True)
        save(FOLDER / f"recordings/{name}.gz", JOBS[name][2], requests)


if __name__ == "__main__":
    main()
