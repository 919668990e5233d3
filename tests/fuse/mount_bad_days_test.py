#!/usr/bin/env python3
"""A gateway that is stopped, killed, slow or full, under programs that use a mount: errors in time, and never a file
that seems saved and is not."""

import errno
import http.server
import os
import signal
import subprocess
import threading
import time
import unittest

from mount_world import SLACK, Mount, MountWorld, wait_for

MIB = 1 << 20
TIMEOUT = 3


def setUpModule():
    MountWorld.start("--rpc-listen", "127.0.0.1:0")


def tearDownModule():
    MountWorld.stop()


class Case(unittest.TestCase):
    def setUp(self):
        self.bucket = MountWorld.new_bucket()

    def mount(self, timeout=TIMEOUT, **more):
        mounted = Mount(MountWorld.kelp, self.bucket, "--timeout", f"{timeout}s", **more)
        self.addCleanup(mounted.end)
        return mounted

    def fails_in_time(self, number, call, *arguments, calls=1):
        begun = time.monotonic()
        with self.assertRaises(OSError) as caught:
            call(*arguments)
        self.assertEqual(errno.errorcode[caught.exception.errno], errno.errorcode[number])
        self.assertLess(time.monotonic() - begun, calls * TIMEOUT + SLACK)

    def stopped(self):
        """The server stands still until the test ends, or goes_on()."""
        os.kill(MountWorld.kelp.pid, signal.SIGSTOP)
        self.addCleanup(self.goes_on)

    def goes_on(self):
        os.kill(MountWorld.kelp.pid, signal.SIGCONT)


class Stopped(Case):
    def test_every_call_ends_in_time(self):
        mounted = self.mount()
        (mounted / "file").write_bytes(b"x" * (20 * MIB))
        reader = open(mounted / "file", "rb", buffering=0)
        writer = open(mounted / "new", "wb", buffering=0)
        self.assertEqual(reader.read(10), b"x" * 10)
        writer.write(b"y" * MIB)
        self.stopped()
        self.fails_in_time(errno.EIO, os.pread, reader.fileno(), 10, 19 * MIB)
        self.fails_in_time(errno.EIO, os.stat, mounted / "other")
        self.fails_in_time(errno.EIO, os.listdir, mounted.folder)
        self.fails_in_time(errno.EIO, os.mkdir, mounted / "dir", calls=2)
        self.fails_in_time(errno.EIO, os.unlink, mounted / "file", calls=2)
        self.fails_in_time(errno.EIO, os.fsync, writer.fileno())
        self.fails_in_time(errno.EIO, writer.close)
        reader.close()
        self.assertTrue(wait_for(lambda: mounted.logged("contents_lost key=new"), "the line of the log"))
        self.goes_on()
        self.assertEqual((mounted / "file").read_bytes(), b"x" * (20 * MIB))
        # What the gateway had received when it stopped it may have made of it: whole, or not at all.
        self.assertIn(sorted(os.listdir(mounted.folder)), (["file"], ["file", "new"]))
        if (mounted / "new").exists():
            self.assertEqual((mounted / "new").read_bytes(), b"y" * MIB)

    def test_in_the_middle_of_a_large_write(self):
        mounted = self.mount()
        piece = os.urandom(MIB)
        with self.assertRaises(OSError) as caught, open(mounted / "large", "wb", buffering=0) as file:
            for number in range(100):
                if number == 30:
                    self.stopped()
                begun = time.monotonic()
                file.write(piece)
        # The part, the request to forget the parts, and close.
        self.assertLess(time.monotonic() - begun, 3 * TIMEOUT + SLACK)
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.goes_on()
        self.assertEqual(MountWorld.keys_of(self.bucket), [])

    def test_an_error_of_a_write_is_one_of_close_too(self):
        mounted = self.mount()
        piece = os.urandom(MIB)
        fd = os.open(mounted / "large", os.O_WRONLY | os.O_CREAT)
        self.stopped()
        failed = 0
        for _ in range(20):
            try:
                os.write(fd, piece)
            except OSError:
                failed += 1
        self.assertGreater(failed, 0)
        self.goes_on()
        with self.assertRaises(OSError):
            os.close(fd)
        self.assertEqual(MountWorld.keys_of(self.bucket), [])

    def test_a_flush_that_failed_may_be_tried_again(self):
        mounted = self.mount()
        with open(mounted / "file", "wb", buffering=0) as file:
            file.write(b"patience")
            self.stopped()
            self.fails_in_time(errno.EIO, os.fsync, file.fileno())
            self.goes_on()
            os.fsync(file.fileno())
            self.assertEqual(MountWorld.get(self.bucket, "file"), b"patience")

    def test_unmounting_does_not_wait_for_it(self):
        mounted = self.mount()
        os.listdir(mounted.folder)
        self.stopped()
        self.assertLess(mounted.unmount(), SLACK)
        self.assertFalse(os.path.ismount(mounted.folder))

    def test_neither_does_sigterm_with_calls_under_way(self):
        mounted = self.mount(timeout=100)
        (mounted / "file").write_bytes(b"x")
        writer = os.open(mounted / "new", os.O_WRONLY | os.O_CREAT)
        os.write(writer, b"y")
        self.stopped()
        failures = []

        def call(function, *arguments):
            try:
                function(*arguments)
            except OSError as error:
                failures.append(error.errno)

        threads = [threading.Thread(target=call, args=arguments) for arguments in
                   ((os.listdir, mounted.folder), (os.stat, mounted / "a"), (os.close, writer))]
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # so that some are on their way; the outcome is the same when they are not
        code, took = mounted.end()
        self.assertLess(took, SLACK)
        for thread in threads:
            thread.join(20)
            self.assertFalse(thread.is_alive())
        self.assertEqual((code, len(failures)), (0, 3))
        self.assertFalse(os.path.ismount(mounted.folder))
        self.assertTrue(mounted.logged("contents_lost key=new"))


class Stuck(Case):
    def test_a_thread_that_libfuse_never_wakes_does_not_keep_a_mount_from_ending(self):
        """A rename of a name onto itself, whose file is gone: libfuse 3.14 locks the one name twice."""
        mounted = self.mount()
        rename = "import os, sys; os.rename(sys.argv[1], sys.argv[1])"
        (mounted / "file").write_bytes(b"x")
        os.stat(mounted / "file")
        MountWorld.s3.delete_object(Bucket=self.bucket, Key="file")
        with subprocess.Popen(["python3", "-c", rename, str(mounted / "file")], stderr=subprocess.DEVNULL) as stuck:
            try:
                stuck.wait(2)
            except subprocess.TimeoutExpired:
                pass
            _, took = mounted.end()
            self.assertLess(took, 5 + SLACK)
            self.assertNotEqual(stuck.wait(10), 0)
        self.assertFalse(os.path.ismount(mounted.folder))


class Killed(Case):
    def test_what_close_took_is_there_and_what_failed_was_said(self):
        mounted = self.mount()
        saved, failed = {}, set()
        done = threading.Event()

        def write(worker):
            number = 0
            while not done.is_set():
                name, body = f"{worker}-{number}", os.urandom(1000 + number % 3 * MIB)
                number += 1
                try:
                    with open(mounted / name, "wb") as file:
                        file.write(body)
                    saved[name] = body
                except OSError:
                    failed.add(name)
                    done.wait(0.05)

        workers = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
        for worker in workers:
            worker.start()
        try:
            for _ in range(3):
                had = len(saved)
                wait_for(lambda: len(saved) > had + 10, "files")
                endpoint = MountWorld.kelp.ready["s3"]
                MountWorld.kelp.kill()
                self.restart(endpoint)
        finally:
            done.set()
            for worker in workers:
                worker.join()
        self.assertGreater(len(saved), 30)
        for name, body in saved.items():
            self.assertEqual(MountWorld.get(self.bucket, name), body, name)
        self.assertEqual((mounted / "0-0").read_bytes(), saved["0-0"])

    def restart(self, address):
        """Starts the server where it was."""
        kelp = MountWorld.kelp

        def words(ready):
            said = type(kelp).words(kelp, ready)
            said[said.index("--listen") + 1] = address
            return said

        kelp.words = words
        kelp.start()

    def test_calls_end_in_time_and_wait_for_one_that_comes_back(self):
        mounted = self.mount()
        (mounted / "file").write_bytes(b"x" * MIB)
        address = MountWorld.kelp.ready["s3"]
        fd = os.open(mounted / "file", os.O_RDONLY)
        MountWorld.kelp.kill()
        self.fails_in_time(errno.EIO, os.pread, fd, 10, 0)
        self.fails_in_time(errno.EIO, (mounted / "new").write_bytes, b"", calls=2)
        starts = threading.Thread(target=self.restart, args=(address,))
        starts.start()
        self.addCleanup(starts.join)
        # Asked while nobody answers yet, or already.
        wait_for(lambda: self.reads(fd), "an answer")
        starts.join()
        self.assertEqual(os.pread(fd, 10, 0), b"x" * 10)
        os.close(fd)


    @staticmethod
    def reads(fd):
        try:
            return os.pread(fd, 10, 0)
        except OSError:
            return None


class Refused(Case):
    def test_a_quota_is_an_error_of_close(self):
        MountWorld.kelp.shell(f"s3.bucket.quota {self.bucket} --bytes 3MiB --apply")
        mounted = self.mount()
        (mounted / "fits").write_bytes(b"x" * MIB)
        fd = os.open(mounted / "does-not", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"x" * (4 * MIB))
        with self.assertRaises(OSError) as caught:
            os.close(fd)
        self.assertEqual(caught.exception.errno, errno.EDQUOT)
        done = subprocess.run(["cp", "--", str(mounted / "fits"), str(mounted / "copy-1")], check=False)
        self.assertEqual(done.returncode, 0)
        done = subprocess.run(["dd", "if=/dev/zero", f"of={mounted / 'large'}", "bs=1M", "count=40"], check=False,
                              capture_output=True)
        self.assertNotEqual(done.returncode, 0)
        # dd closes a duplicate of its file first: an empty one is there.
        sizes = {item["Key"]: item["Size"] for item in MountWorld.s3.list_objects_v2(Bucket=self.bucket)["Contents"]}
        self.assertEqual(sizes, {"fits": MIB, "copy-1": MIB, "large": 0})

    def test_busy_gateways_are_asked_again_and_broken_ones_not_believed(self):
        answers = []

        class Gateway(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body, headers = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", headers.get("Length", str(len(body))))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_PUT = do_DELETE = do_POST = do_GET

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
            threading.Thread(target=server.serve_forever).start()
            self.addCleanup(server.shutdown)
            page = b"<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>"
            empty = (200, page % b"", {})
            one = (200, page % b"<Contents><Key>a</Key><Size>1</Size></Contents>", {})
            busy = (503, b"<Error><Code>SlowDown</Code></Error>", {})
            answers[:] = [empty]
            mounted = self.mount(endpoint=f"http://127.0.0.1:{server.server_port}")
            answers[:] = [busy, busy, (500, b"", {}), one]
            self.assertEqual(os.listdir(mounted.folder), ["a"])
            answers[:] = [busy]
            self.fails_in_time(errno.EIO, os.listdir, mounted.folder)
            for broken in ((200, b"", {}), (200, b"<ListBucketResult>", {}), (200, b"<html/>", {}), (403, b"", {}),
                           (200, page.replace(b"false", b"true") % b"", {})):
                answers[:] = [broken]
                self.fails_in_time(errno.EACCES if broken[0] == 403 else errno.EIO, os.listdir, mounted.folder)
            # A range that is answered with the whole, or with other bytes than were asked.
            found = (200, b"", {"ETag": '"e"', "Length": "1000"})
            answers[:] = [found]
            fd = os.open(mounted / "a", os.O_RDONLY)
            for broken in ((200, b"x" * 1000, {}), (206, b"x" * 999, {}), (206, b"x" * 1001, {})):
                answers[:] = [broken]
                self.fails_in_time(errno.EIO, os.pread, fd, 1000, 0)
            answers[:] = [(412, b"", {})]
            self.fails_in_time(errno.ESTALE, os.pread, fd, 1000, 0)
            answers[:] = [(206, b"x" * 1000, {})]
            self.assertEqual(os.pread(fd, 1000, 0), b"x" * 1000)
            os.close(fd)


if __name__ == "__main__":
    unittest.main(verbosity=2)
