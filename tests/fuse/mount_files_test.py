#!/usr/bin/env python3
"""Files of a mount as programs see them, and what S3 sees of them."""

import base64
import ctypes
import errno
import json
import os
import stat
import subprocess
import threading
import unittest
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from mount_world import Mount, MountWorld

MIB = 1 << 20


def setUpModule():
    MountWorld.start("--filer-http", "127.0.0.1:0")


def tearDownModule():
    MountWorld.stop()


class Case(unittest.TestCase):
    def setUp(self):
        self.bucket = MountWorld.new_bucket()

    def mount(self, *options, source=None, **more):
        mounted = Mount(MountWorld.kelp, source or self.bucket, *options, **more)
        self.addCleanup(mounted.end)
        return mounted

    def put(self, key, body=b"", **options):
        return MountWorld.put(self.bucket, key, body, **options)

    def get(self, key):
        return MountWorld.get(self.bucket, key)

    def head(self, key):
        return MountWorld.s3.head_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix=""):
        return MountWorld.keys_of(self.bucket, prefix)

    def fails(self, number, call, *arguments):
        with self.assertRaises(OSError) as caught:
            call(*arguments)
        self.assertEqual(errno.errorcode[caught.exception.errno], errno.errorcode[number])


class Reading(Case):
    def test_bytes_at_every_offset(self):
        body = os.urandom(3 * MIB + 777)
        self.put("dir/file", body)
        mounted = self.mount()
        self.assertEqual((mounted / "dir/file").read_bytes(), body)
        fd = os.open(mounted / "dir/file", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        # Around the borders of what is fetched ahead, forwards and backwards.
        for offset in [0, 1, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 5, MIB - 1, 2 * MIB + 3, len(body) - 1, len(body), len(body) + 9]:
            for size in [1, 4096, 131072, 131073]:
                self.assertEqual(os.pread(fd, size, offset), body[offset:offset + size], (offset, size))

    def test_odd_read_sizes_in_sequence(self):
        body = os.urandom(5 * MIB + 13)
        self.put("file", body)
        for options in ((), ("--read-ahead", "0"), ("--read-ahead", "700001")):
            mounted = self.mount(*options)
            for size in (100_003, 999_999, 3 * MIB):
                with open(mounted / "file", "rb", buffering=0) as file:
                    got = b"".join(iter(lambda: file.read(size), b""))
                self.assertEqual(got, body, (options, size))

    def test_a_reader_never_sees_two_versions(self):
        size = 20 * MIB
        self.put("file", b"1" * size)
        mounted = self.mount()
        with open(mounted / "file", "rb", buffering=0) as file:
            self.assertEqual(file.read(1000), b"1" * 1000)
            self.put("file", b"2" * size)
            with open(mounted / "file", "rb", buffering=0) as newer:
                self.assertEqual(newer.read(size), b"2" * size)
            seen = 1000
            with self.assertRaises(OSError) as caught:
                while piece := file.read(MIB):
                    self.assertEqual(set(piece), {ord("1")})
                    seen += len(piece)
            self.assertEqual(caught.exception.errno, errno.ESTALE)
            self.assertLess(seen, size)
            self.assertEqual(os.fstat(file.fileno()).st_size, size)

    def test_shrunk_and_removed_under_a_reader(self):
        mounted = self.mount()
        for how in ("shrunk", "removed"):
            self.put(how, b"1" * (4 * MIB))
            with open(mounted / how, "rb", buffering=0) as file:
                file.read(10)
                if how == "shrunk":
                    self.put(how, b"2")
                else:
                    MountWorld.s3.delete_object(Bucket=self.bucket, Key=how)
                self.fails(errno.ESTALE, os.pread, file.fileno(), 1000, 3 * MIB)

    def test_attributes(self):
        self.put("dir/file", b"x" * 1234)
        mounted = self.mount("--uid", "1234", "--gid", "2345", "--umask", "027")
        found = os.stat(mounted / "dir/file")
        self.assertEqual((found.st_size, stat.filemode(found.st_mode), found.st_uid, found.st_gid),
                         (1234, "-rw-r-----", 1234, 2345))
        self.assertEqual(int(found.st_mtime), int(self.head("dir/file")["LastModified"].timestamp()))
        self.assertEqual(stat.filemode(os.stat(mounted / "dir").st_mode), "drwxr-x---")
        self.fails(errno.ENOENT, os.stat, mounted / "nothing")
        self.fails(errno.ENOTDIR, os.stat, mounted / "dir/file/below")
        self.assertGreater(os.statvfs(mounted.folder).f_bavail, 1 << 30)
        self.assertEqual(os.statvfs(mounted.folder).f_namemax, 255)

    def test_a_time_that_rclone_kept(self):
        self.put("file", b"x", Metadata={"mtime": "1234567890.123456789"})
        self.assertEqual(os.stat(self.mount() / "file").st_mtime_ns, 1234567890123456789)

    def test_a_prefix_is_a_root(self):
        self.put("a/b/c", b"abc")
        self.put("a/other", b"no")
        self.put("a/bee", b"no")
        mounted = self.mount(source=f"{self.bucket}/a/b/")
        self.assertEqual(os.listdir(mounted.folder), ["c"])
        (mounted / "d").write_bytes(b"new")
        self.assertEqual(self.keys(), ["a/b/c", "a/b/d", "a/bee", "a/other"])

    def test_read_only(self):
        self.put("file", b"x")
        mounted = self.mount("--read-only")
        self.assertEqual((mounted / "file").read_bytes(), b"x")
        self.fails(errno.EROFS, (mounted / "file").write_bytes, b"y")
        self.fails(errno.EROFS, os.unlink, mounted / "file")

    def test_keys_of_nobody_else(self):
        with self.assertRaisesRegex(RuntimeError, "permission_denied"):
            self.mount(keys=(MountWorld.kelp.keys[0], "wrong-secret-key-0123456789"))
        with self.assertRaisesRegex(RuntimeError, "no such bucket"):
            self.mount(source="there-is-none")

    def test_the_keys_that_a_server_left(self):
        self.put("file", b"x")
        mounted = self.mount("--dir", str(MountWorld.kelp.data), keys=("", ""))
        self.assertEqual((mounted / "file").read_bytes(), b"x")


class Listing(Case):
    def test_ten_thousand_names(self):
        names = {f"name-{number:05}" for number in range(10_000)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.put(f"many/{name}", b""), names))
        for number in range(1500):
            self.put(f"many/dir-{number:04}/file")
        mounted = self.mount()
        found = list(os.scandir(mounted / "many"))
        self.assertEqual(len(found), 11_500)
        self.assertEqual({entry.name for entry in found if entry.is_file()}, names)
        self.assertEqual(sum(entry.is_dir() for entry in found), 1500)

    def test_names_that_no_directory_can_show(self):
        for key in ("a//b", "a/./b", "a/../b", "a/" + "n" * 256, "a/" + "m" * 255, "a/good", "/root", "//", "..", "é \n+%&<"):
            self.put(key, b"x")
        mounted = self.mount()
        self.assertEqual(set(os.listdir(mounted.folder)), {"a", "é \n+%&<"})
        self.assertEqual(set(os.listdir(mounted / "a")), {"good", "m" * 255})
        self.assertEqual((mounted / "é \n+%&<").read_bytes(), b"x")
        self.assertIn("prefix=a/ count=4", mounted.logged("keys_left_out")[-1])
        self.fails(errno.ENOTEMPTY, os.rmdir, mounted / "a")

    def test_a_file_and_a_directory_of_one_name(self):
        self.put("a", b"file")
        self.put("a/b", b"below")
        self.put("a!", b"between")
        mounted = self.mount()
        self.assertEqual(sorted(os.listdir(mounted.folder)), ["a", "a!"])
        self.assertEqual((mounted / "a").read_bytes(), b"file")
        os.unlink(mounted / "a")
        self.assertEqual((mounted / "a/b").read_bytes(), b"below")

    def test_directories(self):
        mounted = self.mount()
        os.makedirs(mounted / "one/two")
        self.assertEqual(self.keys(), ["one/", "one/two/"])
        self.assertEqual(self.head("one/")["ContentType"], "application/x-directory")
        self.fails(errno.EEXIST, os.mkdir, mounted / "one")
        self.fails(errno.ENOTEMPTY, os.rmdir, mounted / "one")
        self.assertEqual(os.listdir(mounted / "one/two"), [])
        os.rmdir(mounted / "one/two")
        os.rmdir(mounted / "one")
        self.assertEqual(self.keys(), [])
        self.fails(errno.ENOENT, os.rmdir, mounted / "one")
        self.fails(errno.ENOENT, (mounted / "one/file").write_bytes, b"")

    def test_webdav_shows_the_same_directories(self):
        mounted = self.mount()
        for key in ("a/b", "file", "file/below", "only/below/this", "made/", "x!", "x/y"):
            self.put(key)
        os.makedirs(mounted / "by/mount")
        self.files("MKCOL", "by/dav/")
        os.rmdir(mounted / "made")
        self.files("DELETE", "x/y")
        seen = {}
        for folder, folders, files in os.walk(mounted.folder):
            seen[os.path.relpath(folder, mounted.folder)] = {f"{name}/" for name in folders} | set(files)
        self.assertEqual(seen["by"], {"mount/", "dav/"})
        for folder, names in seen.items():
            page = json.loads(self.files("GET", "" if folder == "." else f"{folder}/"))
            directory = 1 << 31
            shown = {entry["FullPath"].rsplit("/", 1)[1] + ("/" if entry["Mode"] & directory else "") for entry in page["Entries"] or []}
            # Of two that share a name a folder can show the file only.
            self.assertEqual(names, shown - {"file/"}, folder)
        self.assertEqual(seen["."], {"a/", "by/", "file", "only/", "x!"})

    def files(self, method, path):
        """Asks for a path of the bucket over HTTP."""
        url = f"http://{MountWorld.kelp.ready['files']}/{'dav' if method == 'MKCOL' else 'buckets'}/{self.bucket}/{path}"
        token = base64.b64encode(":".join(MountWorld.kelp.keys).encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Accept": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
            return answer.read()

    def test_an_open_new_file_is_listed(self):
        mounted = self.mount()
        with open(mounted / "new", "wb"):
            self.assertEqual(os.listdir(mounted.folder), ["new"])
            self.assertEqual(self.keys(), [])
        self.assertEqual(self.keys(), ["new"])


class Writing(Case):
    def test_close_is_when_others_see_it(self):
        here, there = self.mount(), self.mount()
        (here / "file").write_bytes(b"before")
        self.assertEqual((there / "file").read_bytes(), b"before")
        with open(here / "file", "wb") as file:
            file.write(b"the new contents")
            file.flush()
            self.assertEqual((there / "file").read_bytes(), b"before")
            # On this machine programs see one file.
            self.assertEqual((here / "file").read_bytes(), b"the new contents")
            self.assertEqual(os.stat(here / "file").st_size, 16)
            os.stat(there / "file")
        # At once, and with the new size, whatever the kernel knew.
        with open(there / "file", "rb") as file:
            self.assertEqual(os.fstat(file.fileno()).st_size, 16)
            self.assertEqual(file.read(), b"the new contents")
        self.assertEqual(self.get("file"), b"the new contents")

    def test_fsync_is_too(self):
        mounted = self.mount()
        with open(mounted / "file", "wb") as file:
            for number in range(3):
                file.write(b"%d" % number)
                file.flush()
                os.fsync(file.fileno())
                self.assertEqual(self.get("file"), b"012"[:number + 1])

    def test_modes_of_open(self):
        mounted = self.mount()
        path = mounted / "file"
        path.write_bytes(b"")
        self.assertEqual(self.get("file"), b"")
        with open(path, "ab") as first, open(path, "ab") as second:
            for number, file in enumerate([first, second, first, second]):
                file.write(b"%d" % number)
                file.flush()
        self.assertEqual(self.get("file"), b"0123")
        with open(path, "r+b") as file:
            file.seek(2)
            file.write(b"xx45")
        self.assertEqual(self.get("file"), b"01xx45")
        os.truncate(path, 3)
        self.assertEqual(self.get("file"), b"01x")
        with open(path, "r+b") as file:
            file.truncate(5)
            self.assertEqual(file.read(), b"01x\0\0")
        self.assertEqual(self.get("file"), b"01x\0\0")
        with open(path, "wb") as file:
            file.seek(100_000)
            file.write(b"end")
        self.assertEqual(self.get("file"), b"\0" * 100_000 + b"end")
        os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
        self.assertEqual(self.get("file"), b"")

    def test_appending_to_what_another_client_wrote(self):
        mounted = self.mount()
        self.put("file", b"12")
        os.stat(mounted / "file")
        self.put("file", b"123456")
        fd = os.open(mounted / "file", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"7")
        os.close(fd)
        self.assertEqual(self.get("file"), b"1234567")

    def test_one_creator_wins(self):
        mounts = [self.mount(), self.mount()]
        won = []

        def create(number):
            try:
                os.close(os.open(mounts[number % 2] / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                won.append(number)
            except FileExistsError:
                pass

        for _ in range(10):
            won.clear()
            threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(won), 1)
            os.unlink(mounts[0] / "lock")

    def test_a_change_of_what_was_replaced_is_refused(self):
        mounted = self.mount()
        self.put("file", b"one version")
        fd = os.open(mounted / "file", os.O_RDWR)
        os.pwrite(fd, b"ONE", 0)
        self.put("file", b"of another client")
        self.fails(errno.ESTALE, os.close, fd)
        self.assertEqual(self.get("file"), b"of another client")
        self.assertTrue(mounted.logged("contents_lost"))
        # A whole new content is a different matter.
        with open(mounted / "file", "wb") as file:
            file.write(b"whole")
            self.put("file", b"again")
        self.assertEqual(self.get("file"), b"whole")
        # One that was removed is not made again.
        fd = os.open(mounted / "file", os.O_RDWR)
        os.pwrite(fd, b"OF", 0)
        MountWorld.s3.delete_object(Bucket=self.bucket, Key="file")
        self.fails(errno.ESTALE, os.close, fd)
        self.assertEqual(self.keys(), [])

    def test_a_large_file_goes_up_while_it_is_written(self):
        mounted = self.mount()
        piece = os.urandom(MIB)
        with open(mounted / "large", "wb") as file:
            for _ in range(40):
                file.write(piece)
            uploads = MountWorld.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]
            self.assertEqual([upload["Key"] for upload in uploads], ["large"])
            self.assertEqual(self.keys(), [])
        self.assertEqual(self.get("large"), piece * 40)
        # Its beginning is written again after it went up.
        with open(mounted / "large", "wb") as file:
            for _ in range(40):
                file.write(piece)
            file.seek(10)
            file.write(b"header")
        self.assertEqual(self.get("large"), piece[:10] + b"header" + (piece * 40)[16:])
        self.assertNotIn("Uploads", MountWorld.s3.list_multipart_uploads(Bucket=self.bucket))
        # Removed in the middle of it.
        with open(mounted / "gone", "wb") as file:
            for _ in range(20):
                file.write(piece)
            os.unlink(mounted / "gone")
        self.assertEqual(self.keys(), ["large"])
        self.assertNotIn("Uploads", MountWorld.s3.list_multipart_uploads(Bucket=self.bucket))

    def test_the_limit_of_the_temporary_folder(self):
        mounted = self.mount("--temporary-limit", "24MiB")
        piece = os.urandom(MIB)
        with open(mounted / "grows", "wb") as file:
            for _ in range(64):
                file.write(piece)
        self.assertEqual(self.get("grows"), piece * 64)
        with open(mounted / "random", "wb", buffering=0) as file:
            file.seek(10 * MIB)
            file.write(piece)
            file.seek(40 * MIB)
            self.fails(errno.ENOSPC, file.write, piece)
        self.assertEqual(len(self.get("random")), 11 * MIB)
        with open(mounted / "grows", "r+b", buffering=0) as file:
            self.fails(errno.EFBIG, file.write, b"x")
        with open(mounted / "again", "wb", buffering=0) as file:
            for _ in range(64):
                file.write(piece)
            file.seek(0)
            self.fails(errno.EFBIG, file.write, piece)
        self.assertEqual(self.get("again"), piece * 64)

    def test_a_file_that_is_removed_stays_for_whoever_has_it(self):
        mounted = self.mount()
        self.put("read", b"still here")
        with open(mounted / "read", "rb") as file:
            os.unlink(mounted / "read")
            self.assertEqual(file.read(), b"still here")
        with open(mounted / "written", "w+b") as file:
            os.unlink(mounted / "written")
            file.write(b"nowhere")
            file.seek(0)
            self.assertEqual(file.read(), b"nowhere")
        self.assertEqual(self.keys(), [])
        self.assertEqual(mounted.logged("contents_lost"), [])


class Names(Case):
    def test_renames(self):
        mounted = self.mount()
        (mounted / "a").write_bytes(b"a" * 100)
        (mounted / "b").write_bytes(b"b")
        os.setxattr(mounted / "a", "user.kept", b"yes")
        etag = self.head("a")["ETag"]
        with open(mounted / "b", "rb") as replaced:
            os.rename(mounted / "a", mounted / "b")
            self.assertEqual(replaced.read(), b"b")
        self.assertEqual(self.keys(), ["b"])
        self.assertEqual((self.head("b")["ETag"], self.head("b")["Metadata"]["kept"]), (etag, "yes"))
        self.fails(errno.ENOENT, os.rename, mounted / "a", mounted / "c")

    def test_open_files_go_with_their_names(self):
        mounted = self.mount()
        with open(mounted / "temporary", "wb") as file:
            file.write(b"written before")
            file.flush()
            os.rename(mounted / "temporary", mounted / "final")
            self.assertEqual(self.get("final"), b"written before")
            file.write(b" and after")
        self.assertEqual(self.get("final"), b"written before and after")
        self.assertEqual(self.keys(), ["final"])

    def test_renamed_files_are_never_nowhere(self):
        here, there = self.mount(), self.mount()
        size = 9 * MIB
        (here / "new-0").write_bytes(b"x" * size)
        (here / "target").write_bytes(b"y" * 10)
        done = threading.Event()
        missing = []

        def watch():
            client = MountWorld.client()
            while not done.is_set():
                try:
                    client.head_object(Bucket=self.bucket, Key="target")
                except client.exceptions.ClientError as error:
                    missing.append(error)

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(30):
            (here / "new").write_bytes(b"%d" % number)
            os.rename(here / "new", here / "target")
        done.set()
        watcher.join()
        self.assertEqual(missing, [])
        self.assertEqual((there / "target").read_bytes(), b"29")

    def test_no_replace(self):
        mounted = self.mount()
        (mounted / "a").write_bytes(b"a")
        (mounted / "b").write_bytes(b"b")
        done = subprocess.run(["mv", "--no-clobber", str(mounted / "a"), str(mounted / "b")], check=False)
        self.assertIn(done.returncode, (0, 1))
        self.assertEqual(self.get("b"), b"b")
        libc = ctypes.CDLL(None, use_errno=True)
        at_cwd, no_replace, exchange = -100, 1, 2

        def rename(source, target, flags):
            result = libc.renameat2(at_cwd, os.fsencode(mounted / source), at_cwd, os.fsencode(mounted / target), flags)
            return 0 if result == 0 else ctypes.get_errno()

        self.assertEqual(rename("a", "b", no_replace), errno.EEXIST)
        # Where the kernel does not know that there is something, the gateway does.
        self.fails(errno.ENOENT, os.stat, mounted / "c")
        self.assertEqual(rename("a", "c", no_replace), 0)
        self.assertEqual(rename("c", "b", exchange), errno.EINVAL)
        self.assertEqual(self.keys(), ["b", "c"])

    def test_directories(self):
        mounted = self.mount()
        os.makedirs(mounted / "old/empty")
        for number in range(1200):
            self.put(f"old/sub/{number}", b"%d" % number)
        with open(mounted / "old/open", "wb") as file:
            file.write(b"one")
            os.rename(mounted / "old", mounted / "new")
            file.write(b" two")
        self.assertEqual(set(self.keys()), {"new/", "new/empty/", "new/open"} | {f"new/sub/{number}" for number in range(1200)})
        self.assertEqual(self.get("new/open"), b"one two")
        self.assertEqual((mounted / "new/sub/777").read_bytes(), b"777")
        os.mkdir(mounted / "full")
        (mounted / "full/file").write_bytes(b"")
        self.fails(errno.ENOTEMPTY, os.rename, mounted / "new/empty", mounted / "full")
        os.mkdir(mounted / "target")
        os.rename(mounted / "full", mounted / "target")
        self.assertEqual(self.keys("full"), [])
        self.assertEqual(self.keys("target"), ["target/", "target/file"])


class Metadata(Case):
    def test_extended_attributes_are_metadata(self):
        mounted = self.mount()
        self.put("file", b"x", Metadata={"colour": "red"}, ContentType="text/plain")
        path = mounted / "file"
        self.assertEqual(os.listxattr(path), ["user.colour"])
        self.assertEqual(os.getxattr(path, "user.colour"), b"red")
        os.setxattr(path, "user.shape", b"round")
        os.removexattr(path, "user.colour")
        head = self.head("file")
        self.assertEqual((head["Metadata"]["shape"], "colour" in head["Metadata"], head["ContentType"]),
                         ("round", False, "text/plain"))
        self.fails(errno.ENODATA, os.getxattr, path, "user.colour")
        self.fails(errno.ENODATA, os.removexattr, path, "user.colour")
        self.fails(errno.EEXIST, os.setxattr, path, "user.shape", b"", os.XATTR_CREATE)
        self.fails(errno.ENODATA, os.setxattr, path, "user.new", b"", os.XATTR_REPLACE)
        self.fails(errno.EINVAL, os.setxattr, path, "user.Upper", b"")
        self.fails(errno.EINVAL, os.setxattr, path, "user.binary", b"\1")
        self.fails(errno.ENOTSUP, os.setxattr, path, "trusted.thing", b"")
        self.fails(errno.E2BIG, os.setxattr, path, "user.large", b"x" * 4000)

    def test_of_new_files_they_wait_for_close(self):
        mounted = self.mount()
        with open(mounted / "file", "wb") as file:
            os.setxattr(mounted / "file", "user.colour", b"blue")
            os.utime(file.fileno(), ns=(5, 1_000_000_000_000_000_007))
            file.write(b"")
            self.assertEqual(os.getxattr(mounted / "file", "user.colour"), b"blue")
            self.assertEqual(self.keys(), [])
        self.assertEqual(self.head("file")["Metadata"], {"colour": "blue", "mtime": "1000000000.000000007"})
        with open(mounted / "large", "wb") as file:
            file.write(os.urandom(20 * MIB))
            os.utime(file.fileno(), ns=(5, 1_000_000_000_000_000_007))
            os.setxattr(mounted / "large", "user.colour", b"green")
        self.assertEqual(self.head("large")["Metadata"], {"colour": "green", "mtime": "1000000000.000000007"})
        (mounted / "file").write_bytes(b"new contents")
        self.assertEqual(self.head("file")["Metadata"]["colour"], "blue")

    def test_times_are_kept_and_modes_are_not(self):
        mounted = self.mount()
        path = mounted / "file"
        path.write_bytes(b"x")
        written = os.stat(path).st_mtime_ns
        self.assertEqual(self.head("file")["Metadata"]["mtime"], f"{written // 10**9}.{written % 10**9:09}")
        os.utime(path, ns=(1, 1234567890000000001))
        self.assertEqual(os.stat(path).st_mtime_ns, 1234567890000000001)
        os.setxattr(path, "user.a", b"b")
        self.assertEqual(os.stat(path).st_mtime_ns, 1234567890000000001)
        os.chmod(path, 0o700)
        os.chown(path, 1, 1)
        self.assertEqual(stat.filemode(os.stat(path).st_mode), "-rw-r--r--")
        os.mkdir(mounted / "dir")
        os.utime(mounted / "dir")
        for call in (lambda: os.link(path, mounted / "link"), lambda: os.symlink("file", mounted / "symlink")):
            with self.assertRaises(OSError):
                call()


if __name__ == "__main__":
    unittest.main(verbosity=2)
