"""What every folder of this suite shares: its arguments, checks that count themselves, and clients installed once.

A client is installed outside the checkout, under a name that holds the digest of its pins, and is complete or not there.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import CACHE  # noqa: E402

UV = "uv==0.13.9"
UNAVAILABLE = 77
# What the pages of docs/clients write for the reader's own values.
PAGE_ENDPOINT, PAGE_HOST = "https://s3.example.com", "s3.example.com"
PAGE_ACCESS_KEY, PAGE_SECRET_KEY, PAGE_BUCKET = "MY-ACCESS-KEY", "MY-SECRET-KEY", "my-bucket"


def parse_arguments(description, *more):
    """The arguments of a `run.py`. `more` are pairs of a flag and the options of add_argument()."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--endpoint", required=True, help="of a running S3, with http:// or https://")
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--bucket", required=True, help="it is there and empty")
    parser.add_argument("--work", required=True, type=Path, help="a scratch folder, which the caller removes")
    parser.add_argument("--ca", type=Path, help="the certificate to trust, of an https endpoint")
    parser.add_argument("--only", help="run the checks alone whose name has this in it")
    for flag, options in more:
        parser.add_argument(flag, **options)
    given = parser.parse_args()
    given.host = given.endpoint.split("//", 1)[1]
    given.secure = given.endpoint.startswith("https")
    given.work.mkdir(parents=True, exist_ok=True)
    return given


def unavailable(why):
    """Ends the run: the client cannot be had on this machine. It has failed all the same when a check did before."""
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(1 if Checks.any_failed else UNAVAILABLE)


class Checks:
    """Runs checks one after the other, a line each; a check that raises has failed, and the others still run."""

    any_failed = False  # of all in this process

    def __init__(self, only=None):
        self.only = only
        self.passed = self.failed = self.skipped = self.lacking = 0

    def wanted(self, name):
        return not self.only or self.only in name

    def run(self, name, check, *arguments, **options):
        """Calls `check`; whether it passed (a check that --only leaves out did)."""
        if not self.wanted(name):
            return True
        begun = time.monotonic()
        try:
            check(*arguments, **options)
        except Exception as error:  # whatever a client raises is its verdict
            traceback.print_exc(limit=-4)
            return self.tell(name, f"{type(error).__name__}: {error}")
        return self.tell(name, seconds=time.monotonic() - begun)

    def tell(self, name, why=None, seconds=None):
        """Counts and prints a check that was made elsewhere: it failed when there is a `why`."""
        if why is None:
            self.passed += 1
            print(f"ok {name}" + ("" if seconds is None else f" ({seconds:.1f} s)"), flush=True)
        else:
            self.failed += 1
            Checks.any_failed = True
            print(f"FAILED {name}: {' '.join(str(why).split())[:800]}", flush=True)
        return why is None

    def skip(self, name, why):
        """A check that a written list excuses, or that says itself that it asks for something else."""
        if self.wanted(name):
            self.skipped += 1
            print(f"skipped {name}: {why}", flush=True)

    def lack(self, name, why):
        """A check that cannot be made on this machine: then the run is not counted as passed."""
        if self.wanted(name):
            self.lacking += 1
            print(f"SKIPPED: {name}: {why}", flush=True)

    def finish(self):
        """Prints the sum and ends the process. No check at all is a failure: a wrong --only must not look green."""
        if self.passed + self.failed + self.skipped + self.lacking == 0:
            self.tell("any check", f"no check is named like '{self.only}'")
        skipped = f", {self.skipped + self.lacking} skipped" if self.skipped + self.lacking else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        sys.exit(1 if self.failed else UNAVAILABLE if self.lacking else 0)


def installed(name, pins, install):
    """The folder that `install(folder)` filled, made once for these `pins` (files or words); two runs wait for each other."""
    digest = hashlib.sha256()
    for pin in pins:
        digest.update(Path(pin).read_bytes() if isinstance(pin, Path) else pin.encode())
    folder = CACHE / f"client-{name}-{digest.hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"client-{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                install(folder)
            except (subprocess.CalledProcessError, OSError) as error:
                shutil.rmtree(folder, ignore_errors=True)
                said = getattr(error, "stderr", None) or b""
                print(said.decode(errors="replace")[-3000:], flush=True)
                unavailable(f"{name} cannot be installed: {error}")
            (folder / "complete").touch()
    return folder


def run_install(*words, cwd=None, environment=None):
    """One command of an install; its error output is told when it fails."""
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, cwd=cwd, env=dict(os.environ, **(environment or {})))


def uv():
    """The installer `uv`, which is several times quicker than pip."""

    def install(folder):
        run_install("/usr/bin/python3", "-m", "venv", folder)
        run_install(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", UV)

    return installed("uv", [UV], install) / "bin/uv"


def python_environment(name, requirements):
    """The `bin` folder of a Python environment with the packages pinned in the file `requirements`."""

    def install(folder):
        run_install(tool, "venv", "--quiet", "--allow-existing", "--python", "/usr/bin/python3", folder)
        run_install(tool, "pip", "install", "--quiet", "--python", folder / "bin/python", "-r", requirements,
                    environment={"UV_LINK_MODE": "copy", "UV_HTTP_TIMEOUT": "180"})

    tool = uv()
    return installed(name, [Path(requirements)], install) / "bin"


def maven_jars(name, pom):
    """A folder with the jars that `pom` depends on, and theirs."""

    def install(folder):
        run_install("nice", "mvn", "--batch-mode", "--quiet", "-f", pom, "dependency:copy-dependencies",
                    f"-DoutputDirectory={folder}", "-DincludeScope=runtime",
                    environment={"MAVEN_OPTS": "-Xmx512m"})

    if shutil.which("mvn") is None or shutil.which("java") is None:
        unavailable("there is no java or no mvn")
    return installed(name, [Path(pom)], install)


def go_programs(name, pins):
    """A folder with the programs that the lines PACKAGE@VERSION of the file `pins` name, each built as its own go.sum says."""

    def install(folder):
        for line in Path(pins).read_text().split():
            run_install("nice", "go", "install", "-p", "2", line, cwd=folder,
                        environment={"GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"})

    if shutil.which("go") is None:
        unavailable("there is no go")
    return installed(name, [Path(pins)], install)


def go_program(name, folder, package):
    """The program `package`, built as the go.mod and the go.sum in `folder` say, which pin whatever it stands on."""

    def install(into):
        for pin in pins:
            shutil.copy(pin, into)
        run_install("nice", "go", "build", "-p", "2", "-o", "program", package, cwd=into,
                    environment={"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"})

    pins = [Path(folder) / file for file in ("go.mod", "go.sum")]
    if shutil.which("go") is None:
        unavailable("there is no go")
    return installed(name, pins, install) / "program"


def debian_packages(name, pins):
    """A folder with the files of the Debian packages that `pins` names, unpacked, not installed: versions of the release."""

    def install(folder):
        packages = Path(pins).read_text().split()
        try:
            run_install("apt-get", "download", *packages, cwd=folder)
        except subprocess.CalledProcessError:  # a machine that has no lists yet, or old ones
            run_install("apt-get", "update")
            run_install("apt-get", "download", *packages, cwd=folder)
        for package in folder.glob("*.deb"):
            run_install("dpkg-deb", "-x", package, folder)
            package.unlink()

    if shutil.which("apt-get") is None:
        unavailable("there is no apt-get")
    return installed(name, [Path(pins), Path("/etc/debian_version")], install)


def load_module(folder, name):
    """The module acceptance_`name` of a client's folder, whose file may be named as a package is."""
    spec = importlib.util.spec_from_file_location(f"acceptance_{name}", Path(folder) / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def snippet(page, name, given, values=None):
    """The fenced block of docs/clients/`page` whose first line is ```LANGUAGE NAME, with the values of this run in it.

    So what a page tells its reader is what the test runs. `values` replaces more words than endpoint, keys and bucket.
    """
    text = (ROOT / "docs/clients" / page).read_text()
    found = re.findall(rf"^```\S+ {re.escape(name)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    if len(found) != 1:
        raise LookupError(f"docs/clients/{page} has {len(found)} blocks named '{name}'")
    words = {PAGE_ENDPOINT: given.endpoint, PAGE_HOST: given.host, PAGE_ACCESS_KEY: given.access_key,
             PAGE_SECRET_KEY: given.secret_key, PAGE_BUCKET: given.bucket, **(values or {})}
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda match: str(words[match.group(0)]), found[0])
