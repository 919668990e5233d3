#!/usr/bin/env python3
"""Real WebDAV clients: rclone and cadaver. What they wrote S3 reads, and the other way."""

import os
import subprocess
import unittest

from files_world import FilesWorld, boto3_world


def setUpModule():
    FilesWorld.start()


def tearDownModule():
    FilesWorld.stop()


class DavClients(unittest.TestCase):
    def run_words(self, *words, stdin=None, **environment):
        done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True,
                              env=dict(os.environ, HOME=str(FilesWorld.work), **environment))
        self.assertEqual(done.returncode, 0, f"{words}\n{(done.stdout + done.stderr)[-2000:].decode(errors='replace')}")
        return done.stdout

    def test_rclone(self):
        FilesWorld.s3.create_bucket(Bucket="rclone")
        FilesWorld.s3.put_object(Bucket="rclone", Key="by-s3/deep/file", Body=b"s3 wrote it")
        binary = boto3_world.VENV / "bin/rclone"
        secret = self.run_words(binary, "obscure", FilesWorld.kelp.keys[1]).decode().strip()
        settings = {"RCLONE_CONFIG_D_TYPE": "webdav", "RCLONE_CONFIG_D_URL": f"{FilesWorld.url}/dav/rclone",
                    "RCLONE_CONFIG_D_VENDOR": "other", "RCLONE_CONFIG_D_USER": FilesWorld.kelp.keys[0],
                    "RCLONE_CONFIG_D_PASS": secret}

        def rclone(*words, **options):
            return self.run_words(binary, "--config", "/dev/null", "--retries", "1", *words, **options, **settings)

        tree = FilesWorld.work / "tree"
        names = ["plain", "a b/c d.txt", "plus+and&amp=.txt", "é ü 漢字.bin", "deep/er/and/deeper", "per%20cent", "quote'\".txt"]
        for number, name in enumerate(names):
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(10 + 100_000 * number))
        rclone("sync", tree, "D:tree")
        rclone("check", "--download", tree, "D:tree")
        self.assertEqual({key for key in FilesWorld.keys_of("rclone") if not key.endswith("/")},
                         {"by-s3/deep/file"} | {f"tree/{name}" for name in names})
        self.assertEqual(FilesWorld.get_s3("rclone", "tree/a b/c d.txt"), (tree / "a b/c d.txt").read_bytes())
        self.assertEqual(rclone("cat", "D:by-s3/deep/file"), b"s3 wrote it")
        rclone("moveto", "D:tree/plain", "D:moved")
        rclone("rcat", "D:piped", stdin=b"x" * 1_000_000)
        self.assertEqual(FilesWorld.get_s3("rclone", "piped"), b"x" * 1_000_000)
        rclone("purge", "D:tree")
        self.assertEqual([key for key in FilesWorld.keys_of("rclone") if key.startswith("tree/")], [])

    def test_cadaver(self):
        FilesWorld.s3.create_bucket(Bucket="cadaver")
        local = FilesWorld.work / "local.txt"
        local.write_bytes(b"cadaver wrote it")
        (FilesWorld.work / ".netrc").write_text(
            f"machine 127.0.0.1 login {FilesWorld.kelp.keys[0]} password {FilesWorld.kelp.keys[1]}\n")
        (FilesWorld.work / ".netrc").chmod(0o600)
        script = (f"mkcol dir\ncd dir\nput {local} up.txt\nlock up.txt\nunlock up.txt\npropset up.txt colour green\n"
                  f"propget up.txt colour\ncopy up.txt copy.txt\nmove copy.txt moved.txt\nget moved.txt {FilesWorld.work}/down.txt\n"
                  f"ls\nrmcol sub\nquit\n")
        said = self.run_words("cadaver", f"{FilesWorld.url}/dav/cadaver/", stdin=script.encode()).decode()
        self.assertIn("green", said)
        self.assertEqual((FilesWorld.work / "down.txt").read_bytes(), b"cadaver wrote it")
        self.assertEqual(FilesWorld.keys_of("cadaver"), ["dir/", "dir/moved.txt", "dir/up.txt"])
        self.assertEqual(FilesWorld.get_s3("cadaver", "dir/up.txt"), b"cadaver wrote it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
