"""Clients that go on while a cluster is changed under them: what they wrote, how long each request took, what failed."""

import hashlib
import http.client
import os
import random
import threading
import time

from kelpdev.s3 import Client

ATTEMPTS = 3               # as the SDKs' "standard" mode: in all
LONGEST_BACKOFF_SECONDS = 20
PASSING = {500, 502, 503, 504}


class Load(threading.Thread):
    """Sends `rate` requests a second (fewer when they take longer) until stop(). Each is tried as the AWS SDKs do in
    their standard mode, every attempt at the next of `endpoints`, as behind a load balancer."""

    attempts = ATTEMPTS

    def __init__(self, endpoints, keys, rate):
        super().__init__(daemon=True)
        self.clients = [Client(endpoint, *keys) for endpoint in endpoints]
        self.rate, self.turn = rate, random.randrange(len(endpoints))
        self.done = []     # (when it ended, seconds)
        self.failed = []   # (when, what)
        self.retried = 0
        self.stopping = threading.Event()

    def run(self):
        due = time.monotonic() + random.random() / self.rate
        while not self.stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            begun = time.monotonic()
            try:
                self.step()
                self.done.append((time.monotonic(), time.monotonic() - begun))
            except Exception as error:  # every failure is a finding, of whatever kind
                self.failed.append((time.monotonic(), repr(error)))
        for client in self.clients:
            client.close()

    def request(self, method, path, body=b""):
        for attempt in range(1, self.attempts + 1):
            client = self.clients[self.turn % len(self.clients)]
            try:
                answer = client.request(method, path, body=body)
                if answer.status // 100 == 2:
                    return answer
                problem = f"{method} {path}: {answer.status} {answer.code} {answer.body[:200]}"
                if answer.status not in PASSING:
                    break
            except (OSError, http.client.HTTPException) as error:
                problem = f"{method} {path}: {error!r}"
            self.turn += 1
            if attempt < self.attempts:
                self.retried += 1
                time.sleep(min(random.random() * 2 ** (attempt - 1), LONGEST_BACKOFF_SECONDS))
        raise RuntimeError(problem)


class Writer(Load):
    """Puts objects of `size` under keys of its own; `objects` has those acknowledged, with their MD5."""

    def __init__(self, bucket, name, size, *where):
        super().__init__(*where)
        self.bucket, self.prefix, self.size = bucket, name, size
        self.objects = []

    def step(self):
        key, body = f"{self.prefix}/{len(self.objects):06}", os.urandom(self.size)
        self.request("PUT", f"/{self.bucket}/{key}", body)
        self.objects.append((key, hashlib.md5(body).hexdigest()))


class Reader(Load):
    """Gets objects that the writers have written, and compares them."""

    def __init__(self, bucket, writers, *where):
        super().__init__(*where)
        self.bucket, self.writers = bucket, writers

    def step(self):
        objects = random.choice(self.writers).objects
        if not objects:
            return
        key, md5 = random.choice(objects)
        body = self.request("GET", f"/{self.bucket}/{key}").body
        if hashlib.md5(body).hexdigest() != md5:
            raise ValueError(f"another body than that of {key} came back")


class StubbornWriter(threading.Thread):
    """Puts objects into /`bucket` through one gateway until it is stopped, each as often as it takes."""

    def __init__(self, endpoint, keys, bucket, size=20_000, pause=0.02):
        super().__init__(daemon=True)
        self.client = Client(endpoint, *keys, timeout=60)
        self.bucket, self.size, self.pause = bucket, size, pause
        self.name_of_run = f"{os.urandom(4).hex()}"
        self.objects = {}  # path to MD5 of what was acknowledged
        self.took = []     # (when it was acknowledged, seconds since its first attempt)
        self.refused = []  # (when, status) of attempts that were answered with something else
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            path, body = f"/{self.bucket}/{self.name_of_run}/{len(self.objects):05}", os.urandom(self.size)
            begun = time.monotonic()
            while not self.put(path, body):
                if self.stopping.wait(0.1):
                    return
            self.took.append((time.monotonic(), time.monotonic() - begun))
            self.objects[path] = hashlib.md5(body).hexdigest()
            self.stopping.wait(self.pause)

    def put(self, path, body):
        try:
            status = self.client.request("PUT", path, body=body).status
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        if status != 200:
            self.refused.append((time.monotonic(), status))
        return status == 200

    def stop(self):
        self.stopping.set()
        if self.is_alive():
            self.join()
        self.client.close()

    def since(self, moment):
        """Seconds that each put took which was acknowledged after `moment`."""
        return [seconds for when, seconds in list(self.took) if when > moment]


class Running:
    """Runs loads as a context."""

    def __init__(self, *loads):
        self.loads = loads

    def __enter__(self):
        for load in self.loads:
            load.start()
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.stopping.set()
        for load in self.loads:
            load.join()

    @property
    def failed(self):
        return sorted(failure for load in self.loads for failure in load.failed)


def p99(loads, begin, end):
    """Seconds of the slowest of a hundred requests that ended between the two; 0 without any."""
    took = sorted(seconds for load in loads for when, seconds in load.done if begin <= when < end)
    return took[min(len(took) - 1, len(took) * 99 // 100)] if took else 0.0


def longest_gap(loads, begin, end):
    """The longest time in which none of `loads` ended a request well."""
    marks = [begin, *sorted(when for load in loads for when, _ in load.done if begin < when < end), end]
    return max(after - before for before, after in zip(marks, marks[1:]))


def wrong_objects(client, bucket, writers):
    """Keys whose body is not what was acknowledged, read through `client`."""
    return [key for writer in writers for key, md5 in writer.objects
            if hashlib.md5(client.must("GET", f"/{bucket}/{key}").body).hexdigest() != md5]
