"""s3fs, the file system in user space: a bucket as a folder."""

import os
import shutil
import subprocess
from pathlib import Path

from shell import Shell, make_tree, same, same_tree

from kelpdev.process import wait_for  # shell.py has made it known


class Mount:
    """The bucket, mounted at `at` until close()."""

    def __init__(self, given, programs, libraries):
        self.shell = Shell(given, "s3fs", programs)
        self.shell.environment["LD_LIBRARY_PATH"] = str(libraries)
        self.at = self.shell.folder / "mnt"
        self.at.mkdir()
        self.process = None
        self.open()

    def open(self):
        self.shell.page_file("s3fs-password", "passwd-s3fs")
        (self.shell.folder / "passwd-s3fs").chmod(0o600)
        text = self.shell.snippet("s3fs", {"/mnt/bucket": self.at, "/etc/passwd-s3fs": self.shell.folder / "passwd-s3fs"})
        log = open(self.shell.folder / "log", "ab")
        self.process = subprocess.Popen([*text.split(), "-f"], env=self.shell.environment, cwd=self.shell.folder, stdout=log,
                                        stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        wait_for(lambda: os.path.ismount(self.at) or self.process.poll() is not None, "the mount", 20)
        if self.process.poll() is not None:
            raise RuntimeError((self.shell.folder / "log").read_text()[-800:])

    def close(self):
        if os.path.ismount(self.at):
            subprocess.run(["umount", self.at], check=True)
        self.process.wait(60)

    def again(self):
        """Unmounts and mounts: nothing comes from a cache after it."""
        self.close()
        self.open()

    def a_tree_is_kept(self):
        tree = make_tree(self.shell.folder / "tree")
        shutil.copytree(tree, self.at / "tree")
        self.again()
        same_tree(tree, self.at / "tree")

    def rename_append_truncate(self):
        folder = self.at / "work"
        folder.mkdir()
        body = os.urandom(12_000_000)
        (folder / "a").write_bytes(body)
        os.rename(folder / "a", folder / "b")
        with open(folder / "b", "ab") as file:
            file.write(b"more")
        self.again()
        same((folder / "b").read_bytes(), body + b"more")
        with open(folder / "b", "r+b") as file:
            file.truncate(1000)
        with open(folder / "b", "r+b") as file:
            file.seek(10)
            file.write(b"inside")
        os.rename(folder, self.at / "moved")
        self.again()
        same((self.at / "moved/b").read_bytes(), body[:10] + b"inside" + body[16:1000])
        same(sorted(os.listdir(self.at / "moved")), ["b"])

    def modes_links_and_removal(self):
        folder = self.at / "modes"
        folder.mkdir()
        (folder / "script").write_text("#!/bin/sh\necho hello\n")
        (folder / "script").chmod(0o755)
        os.symlink("script", folder / "link")
        self.again()
        same(Path(folder / "script").stat().st_mode & 0o777, 0o755)
        same((os.readlink(folder / "link"), subprocess.check_output([folder / "link"])), ("script", b"hello\n"))
        shutil.rmtree(folder)
        self.again()
        same(folder.exists(), False)


def run(checks, given, programs, libraries):
    if not os.path.exists("/dev/fuse"):
        checks.lack("s3fs", "there is no /dev/fuse")
        return
    try:
        mount = Mount(given, programs, libraries)
    except (RuntimeError, TimeoutError, OSError) as error:
        checks.tell("s3fs.mount", error)
        return
    try:
        for check in (mount.a_tree_is_kept, mount.rename_append_truncate, mount.modes_links_and_removal):
            checks.run(f"s3fs.{check.__name__}", check)
    finally:
        mount.close()
