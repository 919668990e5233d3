#!/usr/bin/env python3
"""Operators at a running cluster: each command of `kelp shell`, as text and as JSON, dry and applied."""

import errno
import itertools
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

BUCKET = "shell"
WITH_ARGUMENTS = {"fs.meta.cat": "/shell/d/large", "help": "volume.move", "s3.lifecycle.report": "shell"}


class Terminal:
    """A `kelp shell` at a terminal of its own."""

    def __init__(self, words, environment):
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, environment)
        self.seen = ""

    def read_until(self, text, seconds=60):
        """Everything up to and with `text`; what was seen is not looked at again."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.screen], [], [], left)[0]:
                raise TimeoutError(f"no {text!r} in {self.seen!r}")
            try:
                piece = os.read(self.screen, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # the other end is closed
                    raise
                piece = b""
            if not piece:
                raise EOFError(f"no {text!r} in {self.seen!r}")
            self.seen += piece.decode(errors="replace")
        end = self.seen.index(text) + len(text)
        found, self.seen = self.seen[:end], self.seen[end:]
        return found

    def type(self, keys):
        os.write(self.screen, keys.encode())

    def close(self, key=""):
        """Waits for its end, typing `key` until then; the exit code."""
        def ended():
            self.type(key)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (os.waitstatus_to_exitcode(status),) if pid else None

        try:
            return wait_for(ended, "the end of the shell", 60, 0.1)[0]
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise
        finally:
            os.close(self.screen)


class ShellCase(ClusterCase):
    def words(self, *more):
        return [*self.cluster.shell_words(), *more]

    def shell(self, script, *more, code=0, stdin=None):
        """What the shell prints when it runs `script` (None: what stands in `stdin`)."""
        done = subprocess.run(self.words(*(("-c", script) if script is not None else ()), *more), capture_output=True,
                              text=True, input=stdin, timeout=120)
        self.assertEqual(done.returncode, code, f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stdout + done.stderr

    def ask(self, command, code=0):
        return json.loads(self.shell(f"{command} --json", code=code))

    def put_objects(self):
        s3 = self.client("gateway1")
        s3.must("PUT", f"/{BUCKET}")
        for key, size in (("a", 10), ("d/small", 100), ("d/large", 300_000), ("d/other", 200_000)):
            wait_for(lambda: s3.request("PUT", f"/{BUCKET}/{key}", body=os.urandom(size)).status == 200, key, 30, 0.1)
        return s3


class Commands(ShellCase):
    def test_each_command_looks_and_changes_nothing_unless_it_is_told(self):
        self.put_objects()
        status = self.cluster.wait_whole()
        # With jobs paused nothing but the shell moves anything.
        self.assertIn("would start no more jobs", self.shell("job.pause"))
        self.assertFalse(self.cluster.status()["jobs_paused"])
        self.shell("job.pause --apply")
        self.assertTrue(self.cluster.status()["jobs_paused"])
        self.check_looks()
        self.check_dry_runs(status)
        self.check_changes(status)

    def check_looks(self):
        """Every command that only looks: as text, and as JSON that parses."""
        commands = json.loads(self.shell("help --json"))
        self.assertGreaterEqual(len(commands), 20)
        looks = [row["name"] for row in commands if not row["changes"]]
        for name in looks:
            if name in ("lock", "unlock", "exit"):
                continue
            line = f"{name} {WITH_ARGUMENTS.get(name, '')}"
            code = 1 if name == "cluster.check" else 0  # jobs are paused
            self.assertTrue(self.shell(line, code=code).strip(), name)
            json.loads(self.shell(line, "--json", code=code))
        view = self.ask("cluster.status")
        self.assertEqual((view["masters_alive"], view["nodes_alive"], view["jobs_paused"]), (3, 4, True))
        self.assertEqual(len(self.ask("cluster.ps")["nodes"]), 4)
        self.assertEqual([row["id"] for row in self.ask("cluster.raft.ps")["masters"]], [1, 2, 3])
        self.assertEqual([row["bucket"] for row in self.ask("s3.bucket.list")["buckets"]], [BUCKET])
        self.assertEqual([(e["name"], e["kind"]) for e in self.ask(f"fs.ls /{BUCKET}/")["entries"]],
                         [("d/", "prefix"), ("a", "object")])
        self.assertEqual(len(self.ask(f"fs.ls /{BUCKET} --recursive --limit 3")["entries"]), 3)
        self.assertEqual(self.ask(f"fs.du /{BUCKET}")["usage"][0], {"path": f"/{BUCKET}", "objects": 4, "bytes": 500_110})
        self.assertEqual(self.ask(f"fs.du /{BUCKET}/d/")["usage"][0]["bytes"], 500_100)
        entry = self.ask(f"fs.meta.cat /{BUCKET}/d/large")
        self.assertEqual((entry["size_bytes"], sum(c["size_bytes"] for c in entry["chunks"])), (300_000, 300_000))
        self.assertTrue(self.ask("volume.check.disk")["good"])
        volume = entry["chunks"][0]["fid"].split(",")[0]
        self.assertTrue(self.ask(f"volume.scrub {volume}")["good"])
        self.check_scrub(volume)

    def check_scrub(self, volume):
        """`kelp volume scrub` of a volume, and of what one of its servers has; one without masters is refused."""
        where = ["--masters", self.cluster.masters_flag(), "--cluster-file", str(self.cluster.identity / "cluster"), "--json"]
        found = json.loads(self.cluster.kelp("volume", "scrub", volume, *where))
        self.assertTrue(found["good"])
        self.assertEqual({copy["volume"] for copy in found["copies"]}, {int(volume)})
        self.assertGreater(len(found["copies"]), 1)
        node = found["copies"][0]["node"]  # address and id
        there = json.loads(self.cluster.kelp("volume", "scrub", "--node", node.split()[0], *where))
        self.assertTrue(there["good"])
        self.assertEqual({copy["node"] for copy in there["copies"]}, {node})
        with self.assertRaises(RuntimeError):
            self.cluster.kelp("volume", "scrub", "4000000", *where)

    def check_dry_runs(self, status):
        volume = status["volumes"][0]
        spare = next(n["node_id"] for n in status["nodes"] if n["node_id"] not in volume["members"])
        before = self.cluster.status()
        for line in (f"volume.move {volume['volume']} {volume['members'][0]} {spare}",
                     f"volume.mark {volume['volume']} readonly", "volume.grow 1", "volume.balance", "volume.fix.replication",
                     f"volumeServer.evacuate {spare}", f"volumeServer.maintain {spare}", f"volumeServer.activate {spare}",
                     "cluster.raft.transfer", "cluster.raft.remove 1", "cluster.raft.add 9 198.18.7.99:1", "job.resume",
                     "s3.bucket.create another", f"s3.bucket.quota {BUCKET} --objects 1",
                     f"s3.bucket.delete {BUCKET} --with-objects",
                     f"fs.mv /{BUCKET}/a /{BUCKET}/b", f"fs.mv /{BUCKET}/d/ /{BUCKET}/e/"):
            self.assertFalse(self.ask(line)["applied"], line)
        self.assertIn("still has", self.shell(f"volumeServer.remove {volume['members'][0]}", code=1))
        self.assertIn("holds 4 objects", self.shell(f"s3.bucket.delete {BUCKET}", code=1))
        after = self.cluster.status()
        for part in ("jobs", "jobs_paused"):
            self.assertEqual(after[part], before[part], part)
        self.assertEqual([m["id"] for m in after["masters"]], [m["id"] for m in before["masters"]])
        generations = {v["volume"]: (v["generation"], v["phase"]) for v in after["volumes"]}
        for each in before["volumes"]:
            self.assertEqual(generations[each["volume"]], (each["generation"], each["phase"]))
        self.assertEqual([n["intent"] for n in after["nodes"]], ["active"] * 4)
        self.assertEqual(len(self.ask("s3.bucket.list")["buckets"]), 1)

    def check_changes(self, status):
        """The same for real, as a script on stdin and one by one."""
        cluster = self.cluster
        volume = status["volumes"][0]
        number = volume["volume"]
        spare = next(n["node_id"] for n in status["nodes"] if n["node_id"] not in volume["members"])
        self.shell(None, stdin=f"# a script\nlock\nvolume.move {number} {volume['members'][0]} {spare} --apply\n"
                               "s3.bucket.create another --apply; unlock\n")

        def now():
            return next(v for v in cluster.wait_whole()["volumes"] if v["volume"] == number)

        wait_for(lambda: spare in now()["members"], "the move", 60, 0.2)
        self.assertEqual(len(self.ask("s3.bucket.list")["buckets"]), 2)
        s3 = self.client("gateway1")
        s3.must("PUT", "/another/a", body=b"1")
        self.shell("s3.bucket.quota another", code=2)
        self.assertEqual(self.ask("s3.bucket.quota another --objects 1 --bytes 1KiB --apply")["quota_bytes"], 1024)
        self.assertEqual(s3.request("PUT", "/another/b", body=b"2").code, "QuotaExceeded")
        self.assertEqual(self.ask("s3.bucket.list")["buckets"][0]["quota_objects"], 1)
        self.shell("s3.bucket.quota another --objects 0 --apply")
        s3.must("PUT", "/another/b", body=b"2")
        self.assertEqual(s3.request("PUT", "/another/c", body=bytes(1023)).code, "QuotaExceeded")
        self.shell("fs.mv /another/a /another/d/a --apply")
        self.shell("fs.mv /another/d/ /another/e/f/ --apply")
        self.assertEqual((s3.must("GET", "/another/e/f/a").body, s3.request("GET", "/another/d/a").status), (b"1", 404))
        for wrong in ("/another/b /another/c/", f"/another/e/ /{BUCKET}/e/", "/another /b"):
            self.shell(f"fs.mv {wrong} --apply", code=2)
        self.shell("fs.mv /another/none /another/c --apply", code=1)
        self.assertIn("holds 2 objects", self.shell("s3.bucket.delete another --apply", code=1))
        self.shell("s3.bucket.delete another --with-objects --apply")
        self.assertEqual(s3.request("GET", "/another/a").code, "NoSuchBucket")
        self.assertEqual(len(self.ask("s3.bucket.list")["buckets"]), 1)
        self.shell(f"volume.mark {number} readonly --apply")
        self.assertEqual(now()["phase"], "sealed")
        made = self.ask("volume.grow 2 --collection extra --apply")["volumes"]
        self.assertEqual(len(made), 2)
        self.assertEqual({v["volume"] for v in self.ask("volume.list --collection extra")["volumes"]}, set(made))
        self.shell(f"volumeServer.maintain {spare} --apply")
        self.assertIn("maintenance", [n["intent"] for n in cluster.status()["nodes"]])
        self.shell(f"volumeServer.activate {spare} --apply; job.resume --apply")
        leader = cluster.wait_leader()
        self.shell("cluster.raft.transfer --apply")
        cluster.wait_leader(besides=leader)
        cluster.wait_whole()
        wait_for(lambda: subprocess.run(self.words("-c", "cluster.check"), capture_output=True).returncode == 0,
                 "nothing is wrong", 60, 0.5)

    def test_a_volume_server_is_evacuated_and_missing_copies_are_made_on_demand(self):
        self.put_objects()
        cluster = self.cluster
        status = cluster.wait_whole()
        node = cluster.node_of(status, "volume4")["node_id"]
        self.shell(f"volumeServer.evacuate {node} --apply")
        wait_for(lambda: cluster.node_of(cluster.wait_whole(), "volume4")["volumes"] == 0, "volume4 is empty", 60, 0.2)
        self.shell(f"job.pause --apply; volumeServer.activate {node} --apply")
        held = next(v for v in cluster.status()["volumes"])["members"][0]
        dead = next(d.name for d in cluster.of("volume")
                    if (cluster.node_of(cluster.status(), d.name) or {}).get("node_id") == held)
        cluster[dead].kill()
        # The masters wait before they believe it; while jobs are paused they do nothing even then.
        steps = wait_for(lambda: self.ask("volume.fix.replication")["steps"], "a plan of repairs", 60, 0.5)
        self.assertTrue(all("make a copy of volume" in step for step in steps), steps)
        self.assertEqual(cluster.status()["jobs"], [])
        wait_for(lambda: self.ask("volume.fix.replication --apply")["steps"] == [] and cluster.wait_whole(120),
                 "all copies", 120, 0.5)
        self.assertTrue(cluster.status()["jobs_paused"])

    def test_needles_that_a_disk_forgot_are_found_with_their_objects(self):
        s3 = self.put_objects()
        cluster = self.cluster
        cluster.wait_whole()
        self.shell("job.pause --apply")
        self.assertEqual(self.ask("volume.fsck")["findings"], [])

        def volume_of(key):
            return int(self.ask(f"fs.meta.cat /{BUCKET}/{key}")["chunks"][0]["fid"].split(",")[0])

        volume = volume_of("d/large")
        member = next(v for v in cluster.status()["volumes"] if v["volume"] == volume)["members"][0]
        forgetful = next(d for d in cluster.of("volume") if cluster.node_of(cluster.status(), d.name)["node_id"] == member)
        older = self.folder / "older"
        forgetful.stop()
        shutil.copytree(forgetful.data, older)
        forgetful.start()
        cluster.wait_alive()

        def put_late(number):
            key = f"late/{next(number)}"
            return s3.request("PUT", f"/{BUCKET}/{key}", body=os.urandom(50_000)).status == 200 and volume_of(key) == volume and key

        numbers = itertools.count()
        late = wait_for(lambda: put_late(numbers), f"an object in volume {volume}", 60, 0.05)
        forgetful.stop()
        shutil.rmtree(forgetful.data)
        shutil.copytree(older, forgetful.data)
        forgetful.start()
        cluster.wait_alive()
        found = self.ask("volume.fsck", code=1)
        self.assertEqual([(row["object"], row["error"]) for row in found["findings"]], [(f"/{BUCKET}/{late}", "is not there")])
        self.assertIn(forgetful.address, found["findings"][0]["node"])
        self.assertIn("is not there", self.shell(f"volume.fsck /{BUCKET}/late", code=1))
        self.assertTrue(self.ask(f"volume.fsck /{BUCKET}/d/")["good"])
        self.assertFalse(self.ask(f"volume.check.disk {volume}", code=1)["good"])

    def test_one_operator_at_a_time(self):
        amy = Terminal(self.words(), dict(os.environ, TERM="xterm", HOME=str(self.folder)))
        amy.read_until("kelp> ")
        amy.type("lock\n")
        amy.read_until("kelp (locked)> ")
        self.assertIn("locked by", self.shell("job.pause --apply", code=1))
        with self.assertRaisesRegex(RuntimeError, "locked by"):
            self.cluster.control("pause")
        self.assertFalse(self.cluster.status()["jobs_paused"])
        self.assertIn("locked by", self.shell("cluster.status"))
        amy.type("job.pause --apply\n")
        amy.read_until("kelp (locked)> ")
        self.assertTrue(self.cluster.status()["jobs_paused"])
        # Control-D: the lock ends with the shell. libedit prompts a moment before it listens, and takes it for a letter
        # then, which Control-U drops.
        self.assertEqual(amy.close("\x15\x04"), 0)
        self.shell("job.resume --apply")

    def test_a_silent_master_costs_no_time(self):
        """The first of the list does not answer: the others are asked at the same time."""
        leader = self.cluster.wait_leader()
        if leader == "master1":
            self.cluster.control("transfer")
            self.cluster.wait_leader(besides="master1")
        self.cluster["master1"].freeze()
        self.addCleanup(self.cluster["master1"].thaw)

        def quick():
            begun = time.monotonic()
            return self.cluster.status() and time.monotonic() - begun < 1.8  # who asks in turn waits for 2 s

        wait_for(quick, "an answer that did not wait for the silent one", 60, 0.1)


class Interactive(ShellCase):
    def test_control_c_ends_a_command_and_gives_its_lock_back(self):
        shell = Terminal(self.words(), dict(os.environ, TERM="xterm", HOME=str(self.folder)))
        shell.read_until("kelp> ")
        shell.type("cluster.raft.add 9 198.18.7.99:1 --apply\n")  # waits for a master that is not there
        wait_for(lambda: "locked by" in self.shell("cluster.status"), "the lock", 60, 0.1)
        shell.type("\x03")
        shell.read_until("cluster.raft.add: cancelled")
        shell.read_until("kelp> ")
        self.assertNotIn("locked by", self.shell("cluster.status"))
        shell.type("exit\n")
        self.assertEqual(shell.close(), 0)

    def test_lines_are_edited_completed_and_remembered(self):
        self.put_objects()
        home = self.folder / "home"
        home.mkdir()
        environment = {"HOME": str(home), "TERM": "xterm", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        node = self.cluster.wait_whole()["volumes"][0]["members"][0]

        # The editor writes only what changes on the screen: look at what a key adds, and at what a line comes to.
        first = Terminal(self.words(), environment)
        first.read_until("kelp> ")
        first.type("volume.ba\t")
        first.read_until("lance ")
        first.type("\x15volume.lost\x03")  # Control-U and Control-C both drop the line
        first.read_until("^C")
        first.read_until("kelp> ")
        first.type("cluster.raft.\t")  # several: they are listed
        self.assertIn("cluster.raft.add", first.read_until("cluster.raft.transfer"))
        first.type("\x15")
        first.type(f"volume.list --node {node[:12]}\t")
        first.read_until(node[12:])
        first.type("\n")
        first.read_until("copies healthy")
        first.read_until("kelp> ")
        first.type(f"fs.ls /{BUCKET[:2]}\t")
        first.read_until(f"{BUCKET[2:]}/")
        first.type("\n")
        first.read_until("d/")
        first.read_until("kelp> ")
        first.type("no.such.command\n")
        first.read_until("there is no such command")
        first.read_until("kelp> ")
        first.type("cluster.ra\tps\n")
        first.read_until("198.18.7.11:19333")
        first.read_until("kelp> ")
        first.type("exit\n")
        self.assertEqual(first.close(), 0)

        history = home / ".local/state/kelp/shell_history"
        self.assertIn("cluster.raft.ps", history.read_text())
        self.assertNotIn("volume.lost", history.read_text())
        self.assertEqual(history.stat().st_mode & 0o77, 0)
        second = Terminal(self.words(), environment)
        second.read_until("kelp> ")
        second.type("\x1b[A\x1b[A\n")  # up, behind `exit`
        second.read_until("198.18.7.11:19333")
        second.read_until("kelp> ")
        self.assertEqual(second.close("\x15\x04"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
