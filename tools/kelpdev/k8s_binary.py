"""A Kubernetes built from its Go modules: one binary that is every part of it, kept outside the checkout by its version."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kelpdev.process import CACHE, REPOSITORY

VERSION = "1.34.4"
SOURCE = REPOSITORY / "tools/k8s/main.go"


def path():
    """Where the binary lies once it was built."""
    return CACHE / f"kubernetes-{VERSION}" / "kubernetes"


def build():
    """The binary, built when it is missing: up to 30 minutes of CPU, at the lowest priority."""
    if path().exists():
        return path()
    path().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kelp-kubernetes-") as folder:
        shutil.copy(SOURCE, folder)
        (Path(folder) / "go.mod").write_text(module(folder))
        go(folder, "mod", "tidy")
        version = "k8s.io/component-base/version"
        go(folder, "build", "-trimpath", "-ldflags",
           f"-s -w -X {version}.gitVersion=v{VERSION} -X {version}.gitMajor=1 -X {version}.gitMinor={VERSION.split('.')[1]}",
           "-o", f"{path()}.new", ".")
    os.rename(f"{path()}.new", path())
    return path()


def module(folder):
    """The text of go.mod: Kubernetes names its own libraries by folders of its repository; here they are modules."""
    found = json.loads(go(folder, "mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"))
    libraries = re.findall(r"^\s*(k8s\.io/\S+) => \./staging", Path(found["GoMod"]).read_text(), re.MULTILINE)
    lines = ["module kelp.test/kubernetes", "go 1.24.0", f"require k8s.io/kubernetes v{VERSION}"]
    lines += [f"replace {name} => {name} v0.{VERSION.removeprefix('1.')}" for name in sorted(set(libraries))]
    return "\n".join(lines) + "\n"


def go(folder, *words):
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GOTOOLCHAIN="local")
    done = subprocess.run(["nice", "-n", "15", "go", *words], cwd=folder, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"go {' '.join(words)}: {done.stderr[-4000:]}")
    return done.stdout
