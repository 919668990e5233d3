#!/usr/bin/env python3
"""Programs of the command line: mc, restic, borg, s3fs, Thanos' store of objects, and more of rclone, the AWS CLI, s3cmd and s5cmd."""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from client import Checks, debian_packages, go_programs, parse_arguments, python_environment  # noqa: E402

TOOLS = ("copiers", "restic", "borg", "s3fs", "mc", "thanos")


def main():
    given = parse_arguments(__doc__, ("--tools", {"help": f"only these of {','.join(TOOLS)}, with commas"}))
    if given.ca:  # for what this process itself fetches
        os.environ["SSL_CERT_FILE"] = str(given.ca)
    import backup
    import borg
    import copiers
    import mc
    import mount
    import thanos
    checks = Checks(given.only)
    for tool in given.tools.split(",") if given.tools else TOOLS:
        if tool in ("copiers", "thanos"):
            module = {"copiers": copiers, "thanos": thanos}[tool]
            module.run(checks, given, python_environment("cli", FOLDER / "requirements.txt"))
        elif tool == "mc":
            mc.run(checks, given, go_programs("cli-mc", FOLDER / "go.txt"))
        else:
            debian = debian_packages("cli-debian", FOLDER / "debian.txt")
            if tool == "restic":
                backup.run(checks, given, debian / "usr/bin")
            elif tool == "borg":
                borg.run(checks, given, python_environment("cli", FOLDER / "requirements.txt"), debian)
            else:
                libraries = next(debian.glob("**/libfuse.so.2")).parent
                mount.run(checks, given, debian / "usr/bin", libraries)
    checks.finish()


if __name__ == "__main__":
    main()
