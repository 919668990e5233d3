#!/usr/bin/env python3
"""The cases of tests/s3/cases against one server, over http and over https.

    cases_test.py                    all
    cases_test.py -k WORD [-v]       the groups whose name has the word; -v prints every answer
    cases_test.py --count            how many there are
"""

import argparse
import re
import ssl
import sys
import time

from boto3_world import Server
from case_files import read_file
from case_runner import CASES, ERRORS, Runner
from raw_s3 import Account

WANTED = 1500


def accounts_of(kelp):
    return {"owner": Account(*kelp.keys), "second": Account("second-account", "second-secret-key-0123456789"), "nobody": None}


def runner_of(transport, verbose):
    """A runner of one transport that knows who the accounts are."""
    trust = ssl.create_default_context(cafile=str(Server.certificate)) if transport == "https" else None
    port = Server.tls_port if trust else Server.kelp.port
    runner = Runner(transport, "127.0.0.1", port, trust, accounts_of(Server.kelp), {}, verbose)
    values = {"transport": transport, "host": f"127.0.0.1:{port}"}
    for who in ("owner", "second"):
        answer = runner.send("GET", "/", {}, b"", who, {})
        values[f"{who}_id"] = answer.body.decode().split("<ID>")[1].split("</ID>")[0]
        values[f"{who}_name"] = answer.body.decode().split("<DisplayName>")[1].split("</DisplayName>")[0]
    runner.values = values
    return runner


def unused_errors(files):
    """Codes of errors.toml that no case asks for: a failure each."""
    text = "\n".join(path.read_text() for path in files)
    return [f"errors.toml: no case asks for {code}" for code in ERRORS
            if not re.search(rf"\b[345][0-9][0-9] {re.escape(code)}\b|\| {re.escape(code)}\b", text)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", default="")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--count", action="store_true")
    wanted = parser.parse_args()
    files = sorted(path for path in CASES.glob("*.toml") if path.stem not in ("errors", "operations"))
    groups = [group for path in files for group in read_file(path) if wanted.k in group.name]
    total = sum(len(group.cases) for group in groups)
    if wanted.count:
        for path in files:
            print(f"{sum(len(group.cases) for group in read_file(path)):5} {path.name}")
        print(f"{total:5} cases")
        return 0
    begun, failures = time.monotonic(), unused_errors(files)
    Server.start()
    try:
        played = 0
        for transport in ("http", "https"):
            count, failed = runner_of(transport, wanted.v).run(groups, 1 if wanted.v else 4)
            played += count
            failures += failed
    finally:
        Server.stop()
    for line in failures:
        print("FAILED", " ".join(line.split()))
    if not wanted.k and total < WANTED:
        failures.append(f"{total} cases, fewer than {WANTED}")
        print("FAILED", failures[-1])
    print(f"{total} cases over http and https in {time.monotonic() - begun:.1f} s")
    print(f"{played - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
