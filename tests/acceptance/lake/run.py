#!/usr/bin/env python3
"""The engines of data lakes and science that are Python packages. An engine is a process, so that one that crashes or
hangs takes only itself along."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from client import Checks, parse_arguments, python_environment  # noqa: E402

# pypaimon wants packages of last year, and Airflow brings many: they have environments of their own.
ENVIRONMENTS = {"paimon": "requirements-paimon.txt", "airflow": "requirements-airflow.txt"}
NAMED_ONLY = {"airflow"}  # too large to run with all others
SECONDS = 240


def run_engine(checks, engine, given):
    """Counts what the checks of `engine` said."""
    python = python_environment(f"lake-{engine}" if engine in ENVIRONMENTS else "lake",
                                FOLDER / ENVIRONMENTS.get(engine, "requirements.txt")) / "python"
    words = [python, FOLDER / f"{engine}_checks.py", "--endpoint", given.endpoint, "--access-key", given.access_key,
             "--secret-key", given.secret_key, "--bucket", given.bucket, "--work", given.work / engine]
    words += ["--only", given.only] if given.only else []
    environment = dict(os.environ, AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                       AWS_EC2_METADATA_DISABLED="true", HOME=str(given.work), DO_NOT_TRACK="1")
    for name in [name for name in environment if name.startswith("AWS_") and name.endswith(("_ID", "_KEY", "_TOKEN"))]:
        del environment[name]  # a client has what its page says, nothing else
    if given.ca:
        for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            environment[name] = str(given.ca)
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=environment, text=True, errors="replace")
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        checks.tell(engine, f"not done after {SECONDS} s")
    told = [line.split(" ", 1) for line in said.splitlines() if line.startswith(("ok ", "FAILED ", "skipped "))]
    bad = process.returncode != 0 or any(verdict == "FAILED" for verdict, _ in told)
    if bad:
        print(said[-6000:], flush=True)
    for verdict, rest in told:
        if verdict == "ok":
            checks.tell(rest)
        elif verdict == "skipped":
            checks.skip(*rest.split(": ", 1))
        else:
            checks.tell(*rest.split(": ", 1))
    if bad and not any(verdict == "FAILED" for verdict, _ in told):
        checks.tell(engine, f"ended with {process.returncode}")


def main():
    given = parse_arguments(__doc__, ("--engines", {"help": "only these, with commas"}))
    checks = Checks(given.only)
    engines = sorted({path.stem.removesuffix("_checks") for path in FOLDER.glob("*_checks.py")} - NAMED_ONLY)
    for engine in given.engines.split(",") if given.engines else engines:
        if given.only and f"def check_{given.only.split('.')[-1]}" not in (FOLDER / f"{engine}_checks.py").read_text() \
                and given.only.split(".")[0] not in engine:
            continue
        run_engine(checks, engine, given)
    checks.finish()


if __name__ == "__main__":
    main()
