"""Python environments of the tests and benchmarks, made once per set of pinned packages, outside the checkout."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from kelpdev.process import CACHE


def environment(name, requirements):
    """The folder of a virtual environment that holds the packages of the file `requirements`; made when missing."""
    text = Path(requirements).read_bytes()
    folder = CACHE / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r",
                        str(requirements)], check=True)
        done.touch()
    return folder
