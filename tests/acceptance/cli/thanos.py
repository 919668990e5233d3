"""The Go package by which Thanos, Loki, Mimir and Cortex keep their data: its own acceptance test, and what these do with it."""

import re
import shutil
from pathlib import Path

from shell import Shell

from client import installed, run_install, unavailable  # shell.py has made it known

SOURCES = [Path(__file__).parent / "objstore" / name for name in ("objstore_test.go", "go.mod", "go.sum")]


def build(folder):
    for source in SOURCES:
        shutil.copy(source, folder)
    run_install("nice", "go", "test", "-c", "-p", "2", "-o", "objstore", ".", cwd=folder, environment={"CGO_ENABLED": "0"})


def run(checks, given, programs):
    if shutil.which("go") is None:
        unavailable("there is no go")
    tests = installed("cli-objstore", SOURCES, build) / "objstore"
    shell = Shell(given, "objstore", programs)
    shell.page_file("rclone", ".config/rclone/rclone.conf")
    shell.run("rclone", "mkdir", "kelp:objstore")
    values = {"insecure: false": f"insecure: {str(not given.secure).lower()}", "my-bucket": "objstore"}
    shell.page_file("objstore", "bucket.yml", values)
    shell.environment["OBJSTORE"] = str(shell.folder / "bucket.yml")
    for name in shell.text(tests, "-test.list", "Test").split():
        words = re.sub("(?<!^)(?=[A-Z])", "_", name.removeprefix("Test")).lower()
        checks.run(f"objstore.{words}", shell.run, tests, "-test.run", f"^{name}$", "-test.v")
