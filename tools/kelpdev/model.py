"""Writers that load a Kelp and remember what was acknowledged, so that a test can check it after a crash."""

import hashlib
import http.client
import random
import threading
from kelpdev.s3 import Client

BUCKET = "crash"
ABSENT = None


class Caller(threading.Thread):
    """Calls `step(client)` again and again until the server dies or stop() is called; `wrong` has what must not be."""

    def __init__(self, number, endpoint, keys, seed):
        super().__init__(daemon=True)
        self.number, self.endpoint, self.keys = number, endpoint, keys
        self.random = random.Random(f"{seed}/{number}")
        self.wrong = []
        self.stopping = threading.Event()

    def stop(self):
        self.stopping.set()

    def run(self):
        client = Client(self.endpoint, *self.keys)
        try:
            while not self.stopping.is_set():
                self.step(client)
        except (OSError, http.client.HTTPException):
            pass  # the server is gone, as the test wants
        except RuntimeError as error:
            self.wrong.append(str(error))
        finally:
            client.close()


class Writer(Caller):
    """Puts, overwrites, renames and deletes keys of its own.

    `states[key]` is the set of contents (MD5, or ABSENT) that a reader may find: one when the last operation was
    acknowledged, two while one is in flight or was cut off.
    """

    SIZES = (0, 1, 700, 4096, 8192, 8193, 70_000, 300_000, 2_000_000)

    def __init__(self, number, endpoint, keys, seed, states=None, read_back=True):
        super().__init__(number, endpoint, keys, seed)
        self.states = states if states is not None else {}
        self.read_back = read_back
        self.acknowledged = 0
        self.moving = None  # (key, new key, content, contents that it may replace) of a rename without an answer
        self.kept = []  # (key, version id, MD5) of acknowledged writes, in a bucket with versions

    def step(self, client):
        key = f"w{self.number}/{self.random.randrange(60):03}"
        before = self.states.get(key, {ABSENT})
        kind = self.random.random()
        if kind < 0.12:
            self.change(key, before, ABSENT, lambda: client.must("DELETE", f"/{BUCKET}/{key}"))
        elif kind < 0.15:
            parts = [self.random.randbytes(5 << 20), self.random.randbytes(100)]
            self.change(key, before, hashlib.md5(b"".join(parts)).hexdigest(),
                        lambda: client.multipart(BUCKET, key, parts))
        elif kind < 0.25 and self.read_back:
            self.check(client, key, before)
        elif kind < 0.32:
            self.rename(client, key, before)
        else:
            body = self.random.randbytes(self.random.choice(self.SIZES))
            self.change(key, before, hashlib.md5(body).hexdigest(),
                        lambda: client.must("PUT", f"/{BUCKET}/{key}", body=body))

    def change(self, key, before, after, call):
        self.states[key] = before | {after}
        answer = call()
        if self.stopping.is_set():
            return  # a power cut is under way: it may be gone
        self.states[key] = {after}
        self.acknowledged += 1
        version = answer.headers.get("x-amz-version-id") if answer is not None else None
        if version and after is not ABSENT:
            self.kept.append((key, version, after))

    def rename(self, client, key, before):
        """Moves what is known to be there; until the answer each key may be as before, or as after."""
        to = f"w{self.number}/{self.random.randrange(60):03}"
        if len(before) != 1 or before == {ABSENT} or to == key:
            return
        content, replaced = next(iter(before)), self.states.get(to, {ABSENT})
        self.states[key] = {content, ABSENT}
        self.states[to] = replaced | {content}
        self.moving = (key, to, content, replaced)
        answer = client.must("PUT", f"/{BUCKET}/{to}", [("renameObject", "")],
                             headers={"x-amz-rename-source": key})
        if self.stopping.is_set():
            return
        self.moving = None
        self.states[key], self.states[to] = {ABSENT}, {content}
        self.acknowledged += 1
        version = answer.headers.get("x-amz-version-id")
        if version:
            self.kept.append((to, version, content))

    def check(self, client, key, allowed):
        answer = client.request("GET", f"/{BUCKET}/{key}")
        if content_of(answer) not in allowed:
            self.wrong.append(f"{key}: read {content_of(answer)}, allowed {allowed}")


def content_of(answer):
    if answer.status == 404:
        return ABSENT
    if answer.status != 200:
        return f"status {answer.status}"
    return hashlib.md5(answer.body).hexdigest()


def load(endpoint, keys, seed, states, writers=8, read_back=True):
    """Starts `writers` Writers on states (a dict of writer number to its states); returns them."""
    running = [Writer(number, endpoint, keys, seed, states.setdefault(number, {}), read_back)
               for number in range(writers)]
    for writer in running:
        writer.start()
    return running


def verify_moves(endpoint, keys, writers):
    """Whether each object that was being renamed is there under one of its keys, and only there. A list of problems."""
    client = Client(endpoint, *keys)
    problems = []
    for moving in [writer.moving for writer in writers if writer.moving]:
        key, to, content, replaced = moving
        found = [content_of(client.request("GET", f"/{BUCKET}/{name}")) for name in (key, to)]
        stayed = found[0] == content and found[1] in replaced
        moved = found == [ABSENT, content]
        if not stayed and not moved:
            problems.append(f"{key} to {to}: found {found}, content {content}")
    client.close()
    return problems


def verify_versions(endpoint, keys, kept):
    """Reads every version of Writer.kept by its id. A list of problems."""
    client = Client(endpoint, *keys)
    problems = []
    for key, version, content in kept:
        found = content_of(client.request("GET", f"/{BUCKET}/{key}", [("versionId", version)]))
        if found != content:
            problems.append(f"{key} version {version}: found {found}, wrote {content}")
    client.close()
    return problems


def verify(endpoint, keys, states):
    """Reads every key of every writer and lists the bucket; settles each key on what was found. A list of problems."""
    client = Client(endpoint, *keys)
    problems, expected = [], set()
    for own in states.values():
        for key, allowed in own.items():
            found = content_of(client.request("GET", f"/{BUCKET}/{key}"))
            if found not in allowed:
                problems.append(f"{key}: found {found}, allowed {allowed}")
            own[key] = {found}
            if found is not ABSENT:
                expected.add(key)
    listed = [key for key, _ in client.list_keys(BUCKET)]
    if listed != sorted(listed):
        problems.append("the listing is not in order")
    if set(listed) != expected or len(listed) != len(expected):
        problems.append(f"the listing has {len(listed)} keys, the model {len(expected)}: "
                        f"{sorted(set(listed) ^ expected)[:5]}")
    client.close()
    return problems
