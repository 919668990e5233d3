"""What the tools share: a scratch folder with files to carry, and commands whose output is told when they fail."""

import filecmp
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from client import ROOT, snippet  # noqa: E402

sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.s3 import sign  # noqa: E402


PAGE = "command-line.md"
NAMES = ["plain.txt", "a b/c d.txt", "plus+and&amp=.txt", "\u00e9 \u6f22\u5b57.bin", "deep/er/and/deeper.txt", "per%20cent.txt",
         "empty"]


def make_tree(folder):
    """Files with awkward names, an empty one and a large one; the folder. They are older than what is made of them: S3 tells
    whole seconds, and mc and others take a file of the same second for a newer one."""
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty" else os.urandom(100 + 4000 * number))
    (folder / "large.bin").write_bytes(os.urandom(21_000_000))
    for name in files_of(folder):
        os.utime(folder / name, (time.time() - 60, time.time() - 60))
    return folder


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def same_tree(one, other):
    """Raises unless both folders hold the same files, byte for byte."""
    names = files_of(one)
    same(files_of(other), names)
    _, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    same((different, missing), ([], []))


def same(found, expected):
    if found != expected:
        raise AssertionError(f"{str(found)[:400]!r} and not {str(expected)[:400]!r}")


class Shell:
    """Runs commands in a folder of their own, with the programs of `folders` first and nothing of this machine's settings."""

    def __init__(self, given, name, *folders):
        self.given = given
        self.folder = given.work / name
        self.folder.mkdir(parents=True)
        self.environment = {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]), "HOME": str(self.folder),
                            "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}
        if given.ca:
            self.environment.update(SSL_CERT_FILE=str(given.ca), AWS_CA_BUNDLE=str(given.ca), CURL_CA_BUNDLE=str(given.ca))

    def run(self, *words, stdin=None, fails=False, cwd=None):
        """The output as bytes; raises when it fails, or with `fails` when it does not."""
        done = subprocess.run([str(word) for word in words], cwd=cwd or self.folder, env=self.environment, input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, timeout=180)
        if (done.returncode != 0) != fails:
            said = (done.stdout[-600:] + done.stderr[-900:]).decode(errors="replace")
            raise AssertionError(f"{' '.join(map(str, words))[:300]}: exit {done.returncode}: {said}")
        return done.stdout

    def text(self, *words, **options):
        return self.run(*words, **options).decode()

    def lines(self, *words):
        """The output, a line of JSON after the other."""
        return [json.loads(line) for line in self.text(*words).splitlines()]

    def open_to_public(self, bucket):
        """New buckets refuse public policies until somebody says so; the page has the command."""
        query = [("publicAccessBlock", "")]
        headers = sign("DELETE", self.given.host, f"/{bucket}", query, {}, hashlib.sha256(b"").hexdigest(), self.given.access_key,
                       self.given.secret_key)
        request = urllib.request.Request(f"{self.given.endpoint}/{bucket}?publicAccessBlock=", headers=headers, method="DELETE")
        urllib.request.urlopen(request).close()

    def snippet(self, block, values=None):
        return snippet(PAGE, block, self.given, values)

    def page(self, block, values=None):
        """Runs the block of the page as the shell's script."""
        return self.text("sh", "-ec", self.snippet(block, values))

    def page_file(self, block, path, values=None):
        """Writes the block of the page into a file below HOME."""
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.snippet(block, values))

    def page_exports(self, block, values=None):
        """Takes the `export NAME=value` lines of the page's block into the environment."""
        for line in self.snippet(block, values).splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = value
