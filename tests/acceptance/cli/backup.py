"""restic: a repository in a bucket. Everything in it is addressed by its digest, so `check --read-data` misses nothing."""

import os
import shutil
import threading

from shell import Shell, make_tree, same, same_tree


class Restic:
    def __init__(self, given, programs):
        self.shell = Shell(given, "restic", programs)
        self.shell.page_exports("restic")
        self.tree = make_tree(self.shell.folder / "tree")
        self.certificate = ["--cacert", given.ca] if given.ca else []

    def __call__(self, *words, **options):
        return self.shell.run("restic", *self.certificate, *words, **options)

    def snapshots(self):
        return [entry["id"] for entry in self.shell.lines("restic", *self.certificate, "snapshots", "--json")[0]]

    def restored(self, snapshot):
        into = self.shell.folder / "restored"
        shutil.rmtree(into, ignore_errors=True)
        self("restore", snapshot, "--target", into)
        return into / str(self.tree).lstrip("/")

    def backup_restore_forget_prune(self):
        self("init")
        self("backup", self.tree)
        before = self.shell.folder / "before"
        shutil.copytree(self.tree, before)
        (self.tree / "large.bin").write_bytes(os.urandom(9_000_000))
        (self.tree / "plain.txt").unlink()
        self("backup", self.tree)
        first, second = self.snapshots()
        same_tree(before, self.restored(first))
        same_tree(self.tree, self.restored(second))
        self("check", "--read-data")
        self("forget", first, "--prune")
        same(self.snapshots(), [second])
        self("check", "--read-data")
        same_tree(self.tree, self.restored(second))

    def backups_at_once(self):
        errors = []

        def back_up(number):
            folder = self.shell.folder / f"host{number}"
            folder.mkdir()
            (folder / "file").write_bytes(os.urandom(3_000_000))
            try:
                self("backup", "--host", f"host{number}", folder)
            except AssertionError as error:
                errors.append(error)

        before = len(self.snapshots())
        threads = [threading.Thread(target=back_up, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same((errors, len(self.snapshots())), ([], before + 4))
        self("check", "--read-data")
        same(self("list", "locks"), b"")


def run(checks, given, programs):
    restic = Restic(given, programs)
    if checks.run("restic.backup_restore_forget_prune", restic.backup_restore_forget_prune):
        checks.run("restic.backups_at_once", restic.backups_at_once)
