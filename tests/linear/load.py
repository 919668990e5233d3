"""Clients that put, delete, get and list through several gateways at once, and write down what they were told."""

import hashlib
import http.client
import itertools
import json
import random
import re
import threading
import time
import xml.etree.ElementTree as ElementTree

from conditional import attempt, prepare
from kelpdev.process import wait_for
from kelpdev.s3 import NAMESPACE, Client

BUCKET = "linear"
# A request that takes longer is given up: what becomes of it is unknown.
PATIENCE_SECONDS = 1
OPEN_GROUPS = 8
OPERATIONS_OF_A_GROUP = 250
# Many writes of unknown outcome make a group hard to check: it is left for another one.
UNKNOWN_OF_A_GROUP = 6
LISTED_KEYS = ("a", "b", "c")
KINDS = {"get": 27, "head": 8, "put": 20, "put-if-absent": 12, "put-if-match": 14, "delete": 6, "delete-if-match": 3,
         "list": 10}
# How a put is done: a copy of an object of that body, or an upload of one part, are the same to the model.
WAYS_TO_PUT = {"put": 14, "copy": 3, "complete": 3}
# Up to 8 KiB a body lies with the metadata; larger ones are on volume servers.
SIZES = (10, 700, 700, 700, 4000, 20_000)


class Group:
    """Keys that are listed together, by their prefix, or are never listed: then one is as hot as it gets."""

    def __init__(self, number):
        self.name = f"g{number:05}"
        self.is_listed = number % 4 != 3
        self.keys = LISTED_KEYS if self.is_listed else LISTED_KEYS[:1]
        self.guess = dict.fromkeys(self.keys)  # what it has, as far as somebody saw: makes conditions that hold
        self.operations = self.unknown = 0

    def path(self, key):
        return f"/{BUCKET}/{self.name}/{key}"


class History:
    """The file that tests/linear/README.md describes. All members may be called by any thread."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "w", encoding="utf-8")
        self.path = path
        self.count = {"ok": 0, "refused": 0, "missing": 0, "unknown": 0, "not done": 0}
        self.values = {}  # ETag to the value's name
        self.numbers = itertools.count(1)
        self.groups = []
        self.open = [self.next_group() for _ in range(OPEN_GROUPS)]

    def close(self):
        self.file.close()

    @property
    def answered(self):
        return self.count["ok"] + self.count["refused"] + self.count["missing"]

    def next_group(self):
        self.groups.append(Group(len(self.groups)))
        return self.groups[-1]

    def new_body(self, rng):
        """A body that no other has, and the name of its value."""
        name = f"v{next(self.numbers)}"
        body = (name + "\n").encode()
        body += b"." * (rng.choice(SIZES) - len(body))
        self.values[hashlib.md5(body).hexdigest()] = self.values[etag_of_upload(body)] = name
        return body, name

    def value_of(self, etag):
        """Something that nobody wrote is called by its ETag."""
        etag = etag.strip('"')
        return self.values.get(etag, f"a body of ETag {etag} that nobody wrote")

    def note(self, text):
        self.write({"note": text, "at": time.monotonic_ns()})

    def add(self, group, line):
        with self.lock:
            self.count[line["outcome"]] += 1
            group.operations += 1
            group.unknown += line["outcome"] == "unknown" and line["op"] not in ("get", "list")
            if group.operations >= OPERATIONS_OF_A_GROUP or group.unknown >= UNKNOWN_OF_A_GROUP:
                if group in self.open:
                    self.open[self.open.index(group)] = self.next_group()
        if line["outcome"] != "not done":
            self.write({**line, "group": group.name})

    def write(self, line):
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with self.lock:
            self.file.write(text)


class Worker(threading.Thread):
    """One client, one operation at a time, each through any gateway. `wrong`: answers that no S3 server gives."""

    def __init__(self, number, history, endpoints, keys, seed):
        super().__init__(daemon=True)
        self.number, self.history = number, history
        self.random = random.Random(f"{seed}/{number}")
        self.clients = {name: Client(endpoint, *keys, timeout=PATIENCE_SECONDS) for name, endpoint in endpoints.items()}
        self.stopping = threading.Event()
        self.wrong = []

    def run(self):
        try:
            while not self.stopping.is_set() and not self.wrong:
                group = self.random.choice(self.history.open)
                kind = self.random.choices(list(KINDS), KINDS.values())[0]
                if kind == "list" and not group.is_listed:
                    kind = "get"
                if not self.do(kind, group, self.random.choice(group.keys)):
                    # Only reads until there are answers again: writes of unknown outcome are not to pile up.
                    while not self.stopping.wait(0.1) and not self.do("get", group, group.keys[0]):
                        pass
        finally:
            self.close()

    def close(self):
        for client in self.clients.values():
            client.close()

    def do(self, kind, group, key, gateway=None):
        """One operation, written down. Whether there was an answer."""
        gateway = gateway or self.random.choice(list(self.clients))
        way = self.random.choices(list(WAYS_TO_PUT), WAYS_TO_PUT.values())[0] if kind.startswith("put") else kind
        line = {"op": "get" if kind == "head" else kind, "who": f"client {self.number}, {gateway}, {kind}, {way}"}
        if kind != "list":
            line["key"] = key
        body, headers = b"", {}
        if kind.startswith("put"):
            body, line["value"] = self.history.new_body(self.random)
        if kind.endswith("if-match"):
            etag = group.guess[key] or hashlib.md5(b"never").hexdigest()
            headers["If-Match"] = f'"{etag}"'
            line["expect"] = self.history.value_of(etag)
        if kind == "put-if-absent":
            headers["If-None-Match"] = "*"
        client = self.clients[gateway]
        try:
            # Each copy has a source of its own: one that was given up may still be written, later.
            prepared = prepare(client, way, group.path(key), body, f"/{BUCKET}/source-{line['value']}") if body else None
        except (OSError, RuntimeError, http.client.HTTPException):
            return False  # Nothing was done to the object.
        line["call"] = time.monotonic_ns()
        try:
            if kind == "list":
                query = [("list-type", "2"), ("prefix", group.name + "/")]
                answer = client.request("GET", f"/{BUCKET}", query)
            elif kind[0] in "pd":
                answer = attempt(client, "delete" if kind[0] == "d" else way, group.path(key), body, headers, prepared)
            else:
                answer = client.request(kind.upper(), group.path(key), headers=headers)
            line["return"] = time.monotonic_ns()
            self.understand(kind, group, key, answer, line)
        except ConnectionRefusedError:
            line["outcome"] = "not done"  # it was never sent
        except (OSError, http.client.HTTPException):
            line["outcome"] = "unknown"
        self.history.add(group, line)
        return line["outcome"] not in ("unknown", "not done")

    def understand(self, kind, group, key, answer, line):
        """Adds to `line` what `answer` says."""
        line["outcome"] = "ok"
        if answer.status // 100 == 5:
            line["outcome"] = "unknown"
        elif kind in ("get", "head") and answer.status in (200, 404):
            if answer.status == 200:
                etag = answer.headers["ETag"].strip('"')
                if kind == "get" and etag not in (hashlib.md5(answer.body).hexdigest(), etag_of_upload(answer.body)):
                    self.wrong.append(f"{group.path(key)}: a body that is not that of its ETag {etag}")
                group.guess[key] = etag
                line["seen"] = self.history.value_of(etag)
            elif kind == "get" and answer.code != "NoSuchKey":
                self.wrong.append(f"{group.path(key)}: {answer.status} {answer.code}")
        elif kind == "list" and answer.status == 200:
            found = ElementTree.fromstring(answer.body).iter(NAMESPACE + "Contents")
            line["list"] = {item.findtext(NAMESPACE + "Key").removeprefix(group.name + "/"):
                            self.history.value_of(item.findtext(NAMESPACE + "ETag")) for item in found}
        elif method_succeeded(kind, answer.status):
            group.guess[key] = None if kind[0] == "d" else etag_of_answer(answer)
        elif answer.status == 412 and kind.endswith(("match", "absent")):
            line["outcome"] = "refused"
        elif answer.status == 404 and kind.endswith("match"):
            line["outcome"] = "missing"
        elif answer.status == 409 and kind[0] in "pd":
            line["outcome"] = "not done"  # ConditionalRequestConflict
        else:
            self.wrong.append(f"{kind} {group.path(key)}: {answer.status} {answer.body[:300]}")
            line["outcome"] = "unknown"


def etag_of_upload(body):
    """Of an upload whose only part is `body`."""
    return hashlib.md5(hashlib.md5(body).digest()).hexdigest() + "-1"


def etag_of_answer(answer):
    """From the head, or from the document that a copy and a Complete answer."""
    if "ETag" in answer.headers:
        return answer.headers["ETag"].strip('"')
    return re.search(b"<ETag>&quot;(.*?)&quot;", answer.body)[1].decode()


def method_succeeded(kind, status):
    return (kind.startswith("put") and status == 200) or (kind.startswith("delete") and status == 204)


def read_all(worker, seconds=60):
    """Reads all keys of all groups through every gateway, each until it answers: nothing acknowledged is gone."""
    for group in list(worker.history.groups):
        for gateway in worker.clients:
            for kind, key in (*(("get", key) for key in group.keys), *([("list", None)] if group.is_listed else [])):
                wait_for(lambda: worker.do(kind, group, key, gateway), f"{kind} {group.name} {key} through {gateway}",
                         seconds, 0.1)
