"""A `kelp server` under test, and the figures that the kernel keeps of a process."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ACCESS_KEY = "kelp-test-access-key"
SECRET_KEY = "kelp-test-secret-key-0123456789"
REPOSITORY = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("KELP_CACHE", Path.home() / ".cache" / "kelp"))


def kelp_binary():
    """The binary to test: KELP_BINARY, else the release build."""
    return os.environ.get("KELP_BINARY", str(REPOSITORY / "build/release/src/server/kelp"))


def wait_for(condition, what, seconds=60, every=0.01):
    """Returns the first truthy answer of `condition`, asked `every` so many seconds; raises when there was none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds} s")
        time.sleep(every)


def free_port(offset=0):
    """A TCP port P that is free on loopback now, and P + offset too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if offset == 0:
                return port
            try:
                second.bind(("127.0.0.1", port + offset))
                return port
            except (OSError, OverflowError):
                continue


def cpu_seconds(pids):
    """CPU time so far of all `pids`, every thread of theirs, in the scheduler's nanoseconds (stat counts in 10 ms)."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # as clock_getcpuclockid(3) makes the id


def rss_mib(pids):
    """Resident memory of all `pids`."""
    kib = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                kib += int(line.split()[1])
    return kib / 1024


def disk_bytes(path):
    """Bytes of blocks allocated below `path`."""
    out = subprocess.run(["du", "-s", "--block-size=1", str(path)], capture_output=True, text=True, check=True)
    return int(out.stdout.split()[0])


def log_records(text):
    """The records of a log in JSON, whose every line must be one: an object of texts, in UTF-8, no name twice."""
    def once(pairs):
        record = dict(pairs)
        if len(record) != len(pairs) or not all(isinstance(value, str) for value in record.values()):
            raise ValueError("a name is there twice, or a value is no text")
        return record

    records = []
    *lines, rest = text.split(b"\n")
    for line in lines:
        try:
            record = json.loads(line.decode(), object_pairs_hook=once)
            time.strptime(record["ts"][:19] + record["ts"][23:], "%Y-%m-%dT%H:%M:%SZ")
            records.append((record["level"], record["room"]) and record)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"no record of a log: {line}") from error
    if rest:
        raise ValueError(f"a line without an end: {rest}")
    return records


class KelpProcess:
    """One `kelp server` on free ports of loopback. Use it as a context manager, or call start() and stop().

    `options` are further flags. The log goes to `folder`/log; data to `folder`/data, and both stay after stop().
    """

    def __init__(self, folder, *options, access_key=ACCESS_KEY, secret_key=SECRET_KEY, binary=None, wrapper=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.options = options
        self.keys = (access_key, secret_key)
        self.binary = binary or kelp_binary()
        self.wrapper = list(wrapper)
        self.process = None
        self.ready = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoint(self):
        return f"http://{self.ready['s3']}"

    @property
    def port(self):
        return int(self.ready["s3"].rsplit(":", 1)[1])

    @property
    def pid(self):
        return self.ready["pid"]

    def words(self, ready):
        """The command that runs it; `ready` is the file that it writes once it serves."""
        return [self.binary, "server", "--dir", str(self.data), "--listen", "127.0.0.1:0", "--admin-listen",
                "127.0.0.1:0", "--master-http-listen", "127.0.0.1:0", "--ready-file", str(ready), *self.options]

    def environment(self):
        return dict(os.environ, AWS_ACCESS_KEY_ID=self.keys[0], AWS_SECRET_ACCESS_KEY=self.keys[1])

    def launch(self):
        """Starts it without waiting; await_ready() comes next."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, *self.words(ready)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.environment())

    def await_ready(self, seconds=60):
        """Waits until it serves. Raises with the log's end when it stops instead."""
        ready = self.folder / "ready"

        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"kelp stopped with {self.process.returncode}:\n{self.log_tail()}")
            return ready.exists()

        wait_for(is_ready, "kelp's start", seconds)
        self.ready = json.loads(ready.read_text())

    def start(self, seconds=60):
        """launch() and await_ready(); the seconds that took."""
        begun = time.monotonic()
        self.launch()
        self.await_ready(seconds)
        return time.monotonic() - begun

    def shell(self, script):
        """What the operators' shell answers, as JSON. The server has an `--rpc-listen`."""
        rpc = self.ready["rpc"]
        done = subprocess.run([self.binary, "shell", "--dir", str(self.data), "--masters", f"1={rpc}", "--filers", rpc,
                               "--json", "-c", script], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{script}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def log_tail(self, lines=20):
        text = (self.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, seconds=30):
        """SIGTERM and wait; the exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None
        return code

    def kill(self):
        """SIGKILL: what a crash leaves."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def metric(self, name):
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://{self.ready['admin']}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if not line.startswith("#") and line.split("{")[0].split(" ")[0] == name)


def fsck(data, binary=None):
    """Runs `kelp fsck` on a stopped server's folder; its report as a dict (`clean`: nothing wrong and no orphan)."""
    done = subprocess.run([binary or kelp_binary(), "fsck", "--dir", str(data), "--json"], capture_output=True, text=True)
    if not done.stdout.strip():
        raise RuntimeError(f"kelp fsck: {done.stderr}")
    return json.loads(done.stdout)
