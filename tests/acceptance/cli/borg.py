"""Borg, whose repository is a folder: on rclone's mount of a bucket, or carried there and back."""

import json
import os
import shutil
import subprocess

from shell import Shell, make_tree, same, same_tree

from kelpdev.process import free_port, wait_for  # shell.py has made it known


class Borg:
    def __init__(self, given, programs, debian):
        self.shell = Shell(given, "borg", programs, debian / "usr/bin", debian / "bin")
        self.shell.page_file("rclone", ".config/rclone/rclone.conf")
        self.shell.page_exports("borg")
        # Debian's package is unpacked, not installed.
        self.shell.environment.update(PYTHONPATH=str(debian / "usr/lib/python3/dist-packages"), PYTHONDONTWRITEBYTECODE="1",
                                      LD_LIBRARY_PATH=str(next(debian.glob("usr/lib/*/libxxhash.so.0")).parent))
        self.shell.environment["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = "yes"
        self.tree = make_tree(self.shell.folder / "tree")
        self.bucket = given.bucket

    def __call__(self, *words, **options):
        return self.shell.run("borg", *words, **options)

    def archives(self, repository):
        return [archive["name"] for archive in json.loads(self("list", "--json", repository))["archives"]]

    def restored(self, repository, archive):
        into = self.shell.folder / "restored"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        self("extract", f"{repository}::{archive}", cwd=into)
        return into / str(self.tree).lstrip("/")

    def back_up_twice(self, repository, between=lambda: None):
        """Two archives, of which the first is given up; what each was made of is compared with what comes back."""
        self("init", "--encryption=repokey-blake2", repository)
        self("create", f"{repository}::first", self.tree)
        between()
        before = self.shell.folder / f"before-{repository.name}"
        shutil.copytree(self.tree, before)
        (self.tree / "large.bin").write_bytes(os.urandom(9_000_000))
        (self.tree / "plain.txt").write_bytes(os.urandom(500))
        self("create", f"{repository}::second", self.tree)
        same_tree(before, self.restored(repository, "first"))
        self("delete", f"{repository}::first")
        self("compact", repository)

    def whole(self, repository):
        """What the second archive holds, every byte of the repository read and judged."""
        self("check", "--verify-data", repository)
        same(self.archives(repository), ["second"])
        same_tree(self.tree, self.restored(repository, "second"))

    def on_a_mount(self):
        at = self.shell.folder / "mnt"
        with Mount(self.shell, at) as mount:
            self.back_up_twice(at / "repository", mount.settle)
            mount.settle()
        with Mount(self.shell, at):  # with an empty cache: everything comes out of the bucket
            self.whole(at / "repository")
            self("create", f"{at}/repository::third", self.tree / "plain.txt")
            same(self.archives(at / "repository"), ["second", "third"])

    def carried_there_and_back(self):
        here, back = self.shell.folder / "here", self.shell.folder / "back"
        there = f"kelp:{self.bucket}/borg-copy"
        self.back_up_twice(here, lambda: self.shell.run("rclone", "sync", here, there))
        self.shell.page("borg-carry", {"/srv/borg": here, "/srv/restored": back, "my-bucket/borg": f"{self.bucket}/borg-copy"})
        same_tree(here, back)
        shutil.rmtree(here)
        self.whole(back)


class Mount:
    """rclone's mount of the page, with a cache of its own, which goes with it."""

    def __init__(self, shell, at):
        self.shell, self.at, self.cache = shell, at, shell.folder / "cache"
        self.control = f"127.0.0.1:{free_port()}"
        self.values = {"/mnt/borg": at, "127.0.0.1:5572": self.control}

    def __enter__(self):
        self.at.mkdir(exist_ok=True)
        shutil.rmtree(self.cache, ignore_errors=True)
        words = self.shell.snippet("borg-mount", self.values).split()
        with open(self.shell.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*words, "--cache-dir", self.cache], env=self.shell.environment, cwd=self.shell.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(self.is_there, "the mount", 20)
        except Exception:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def is_there(self):
        if self.process.poll() is not None:
            raise RuntimeError((self.shell.folder / "log").read_text()[-800:])
        return os.path.ismount(self.at)

    def settle(self):
        """Waits until rclone has uploaded everything."""
        wait_for(self.is_settled, "rclone's uploads", 120)

    def is_settled(self):
        cache = json.loads(self.shell.page("borg-settled", self.values))["diskCache"]
        same(cache["erroredFiles"], 0)
        return cache["uploadsInProgress"] + cache["uploadsQueued"] == 0

    def __exit__(self, *_):
        if os.path.ismount(self.at):
            subprocess.run(["umount", self.at], check=True)
        self.process.wait(60)


def run(checks, given, programs, debian):
    borg = Borg(given, programs, debian)
    checks.run("borg.carried_there_and_back", borg.carried_there_and_back)
    if os.path.exists("/dev/fuse"):
        checks.run("borg.on_a_mount", borg.on_a_mount)
    else:
        checks.lack("borg.on_a_mount", "there is no /dev/fuse")
