"""Kubernetes, and cert-manager for it, built from their Go modules: a binary of each, kept outside the checkout by its version."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kelpdev.process import CACHE, REPOSITORY

VERSION = "1.34.4"
CERT_MANAGER_VERSION = "1.19.4"  # the last one made with the libraries of this Kubernetes
CERT_MANAGER_MODULE = "github.com/cert-manager/cert-manager"


def path():
    """Where Kubernetes lies once it was built: one binary that is every part of it."""
    return CACHE / f"kubernetes-{VERSION}" / "kubernetes"


def cert_manager():
    """Where cert-manager's controllers lie once they were built, beside the folder `crds`."""
    return CACHE / f"cert-manager-{CERT_MANAGER_VERSION}" / "cert-manager"


def build():
    """Both binaries, built where they are missing: up to 30 minutes of CPU, at the lowest priority."""
    if not path().exists():
        version = "k8s.io/component-base/version"
        make(path(), "main.go", f"k8s.io/kubernetes v{VERSION}",
             f"-X {version}.gitVersion=v{VERSION} -X {version}.gitMajor=1 -X {version}.gitMinor={VERSION.split('.')[1]}")
    if not cert_manager().exists():
        source = download(tempfile.gettempdir(), f"{CERT_MANAGER_MODULE}@v{CERT_MANAGER_VERSION}")["Dir"]
        shutil.copytree(f"{source}/deploy/crds", cert_manager().parent / "crds", dirs_exist_ok=True)
        make(cert_manager(), "cert_manager/main.go", f"{CERT_MANAGER_MODULE} v{CERT_MANAGER_VERSION}")
    return path()


def make(binary, source, requirement, flags=""):
    """Builds a program of tools/k8s that needs one module."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kelp-kubernetes-") as folder:
        shutil.copy(REPOSITORY / "tools/k8s" / source, folder)
        (Path(folder) / "go.mod").write_text(module(folder, requirement))
        go(folder, "mod", "tidy")
        go(folder, "build", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", f"{binary}.new", ".")
    os.rename(f"{binary}.new", binary)


def module(folder, requirement):
    """The text of go.mod: Kubernetes names its own libraries by folders of its repository; here they are modules."""
    found = download(folder, f"k8s.io/kubernetes@v{VERSION}")
    libraries = re.findall(r"^\s*(k8s\.io/\S+) => \./staging", Path(found["GoMod"]).read_text(), re.MULTILINE)
    lines = ["module kelp.test/kubernetes", "go 1.24.0", f"require {requirement}"]
    lines += [f"replace {name} => {name} v0.{VERSION.removeprefix('1.')}" for name in sorted(set(libraries))]
    return "\n".join(lines) + "\n"


def download(folder, name):
    """Where a module lies, as `go mod download` tells."""
    return json.loads(go(folder, "mod", "download", "-json", name))


def go(folder, *words):
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GOTOOLCHAIN="local")
    done = subprocess.run(["nice", "-n", "15", "go", *words], cwd=folder, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"go {' '.join(words)}: {done.stderr[-4000:]}")
    return done.stdout
