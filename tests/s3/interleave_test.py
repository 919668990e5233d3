#!/usr/bin/env python3
"""Random interleavings of what can be done to one multipart upload: completed, completed again, aborted, its parts sent anew, listed.

Each round has a key and an upload of its own, of one to three parts. A Complete names one of them; in every 250th round, where all
but the last have 5 MiB, it may name several. The requests go out in bursts over connections of their own, so that the server
has them at once; every answer is checked against what any order of them could give. Afterwards the object is there, whole and
the one that a Complete confirmed, or no Complete was confirmed and there is none. At the end nothing that is named is missing.

KELP_ROUNDS (10,000) and KELP_SEED set the length and the dice; a failure prints the seed and its round.
"""

import hashlib
import os
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

import boto3_world  # noqa: F401  (finds the packages)
from kelpdev.process import KelpProcess, fsck
from raw_s3 import Account, Connection, in_bytes, sign

ROUNDS = int(os.environ.get("KELP_ROUNDS", "10000"))
SEED = int(os.environ.get("KELP_SEED", "1"))
WORKERS = 4
SIZES = (1, 100, 8192, 8193, 20_000, 70_000)
PART_BYTES = 5 << 20  # The least that a part has, but the last.
LARGE_EACH = 250
TROUBLE = re.compile("missing|corrupt|wrong|unreadable|damaged|doubly|unnamed|without")
EMPTY = hashlib.sha256(b"").hexdigest()


class Wrong(Exception):
    """An answer, or a state, that no order of the requests can explain."""


class Player:
    """Plays rounds on connections of its own."""

    def __init__(self, kelp, number):
        self.account = Account(*kelp.keys)
        self.wires = [Connection("127.0.0.1", kelp.port, seconds=30) for _ in range(8)]
        for wire in self.wires:
            wire.open()
        self.number = number
        self.counts = {}
        self.several = 0  # Completes of several parts that were confirmed.

    def bytes_of(self, method, target, body=b""):
        headers = {"host": self.wires[0].authority}
        path, _, query = target.partition("?")
        sign(self.account, method, path, query, headers, "UNSIGNED-PAYLOAD" if body else EMPTY)
        if method in ("PUT", "POST"):
            headers["content-length"] = str(len(body))
        return in_bytes(method, target, list(headers.items()), body)

    def ask(self, method, target, body=b""):
        return self.wires[0].ask(self.bytes_of(method, target, body), method == "HEAD")

    def burst(self, requests):
        """The answers to requests that are all on their way before the first is read."""
        for wire, request in zip(self.wires, requests):
            if wire.socket is None:
                wire.open()
            wire.socket.sendall(self.bytes_of(*request))
        return [wire.read_answer() for wire, _ in zip(self.wires, requests)]

    def round(self, number):
        dice = random.Random(SEED * 1_000_003 + number)
        target = f"/races/k{number}"
        large = number % LARGE_EACH == 0
        numbers = sorted(dice.sample((1, 2, 3, 7, 10_000), dice.randint(2, 3) if large else dice.randint(1, 3)))
        # Of each part what is there first, and what comes later.
        parts = {each: [dice.randbytes(PART_BYTES + each if large and each != numbers[-1] else dice.choice(SIZES)) for _ in range(2)] for each in numbers}
        upload = re.search(rb"<UploadId>(.*?)<", self.ask("POST", target + "?uploads").body)[1].decode()
        named = f"{target}?uploadId={upload}"
        bodies = {}

        def send(each, which):
            return ("PUT", f"{target}?partNumber={each}&uploadId={upload}", parts[each][which])

        def complete(which):
            """A Complete that names one part, or several of them, as they were first or came later."""
            listed = sorted(dice.sample(numbers, dice.randint(1, len(numbers)))) if large else [dice.choice(numbers)]
            chosen = [parts[each][which if dice.random() < 0.8 else 1 - which] for each in listed]
            bodies[etag_of(chosen)] = b"".join(chosen)
            text = "".join(f"<Part><PartNumber>{each}</PartNumber><ETag>{hashlib.md5(body).hexdigest()}</ETag></Part>" for each, body in zip(listed, chosen))
            return ("POST", named, f"<CompleteMultipartUpload>{text}</CompleteMultipartUpload>".encode())

        for each in numbers:
            if (put := self.ask(*send(each, 0))).status != 200:
                raise Wrong(f"part {each}: {put.status} {put.body}")
        first = complete(0)
        deck = [("complete", first), ("complete", first), ("abort", ("DELETE", named)), ("part", send(dice.choice(numbers), 1)), ("list", ("GET", named)),
                ("complete", complete(1)), ("complete", complete(0)), ("part", send(dice.choice(numbers), 0)), ("read", ("GET", target))]
        dice.shuffle(deck)
        deck = deck[:dice.randint(3, len(deck) - 1)]
        answers = []
        while deck:
            together = deck[:dice.randint(1, len(deck))]
            deck = deck[len(together):]
            answers += zip((name for name, _ in together), (request for _, request in together),
                           self.burst([request for _, request in together]))
        self.judge(target, named, bodies, answers)

    def judge(self, target, named, bodies, answers):
        done = set()
        aborted = False
        for name, request, answer in answers:
            code = (re.search(rb"<Code>(.*?)<", answer.body) or [b"", b""])[1].decode() if name != "read" or answer.status != 200 else ""
            self.counts[f"{name} {answer.status} {code}"] = self.counts.get(f"{name} {answer.status} {code}", 0) + 1
            allowed = {"complete": ((200, ""), (404, "NoSuchUpload"), (400, "InvalidPart")), "abort": ((204, ""), (404, "NoSuchUpload")),
                       "part": ((200, ""), (404, "NoSuchUpload")), "list": ((200, ""), (404, "NoSuchUpload")),
                       "read": ((200, ""), (404, "NoSuchKey"))}[name]
            if (answer.status, code) not in allowed:
                raise Wrong(f"{name}: {answer.status} {answer.body[:300]}")
            if name == "complete" and answer.status == 200:
                done.add(re.search(rb"<ETag>&quot;(.*?)&quot;", answer.body)[1].decode())
                self.several += len(done) == 1 and not any(each.endswith("-1") for each in done)
            aborted = aborted or (name == "abort" and answer.status == 204)
            if name == "read" and answer.status == 200 and bodies.get(answer.header("etag").strip('"')) != answer.body:
                raise Wrong(f"a read in between: {len(answer.body)} bytes under {answer.header('etag')}")
        if len(done) > 1:
            raise Wrong(f"completed as {done}")
        if done and aborted:
            raise Wrong("both completed and aborted")
        after = self.ask("GET", target)
        if done:
            etag = done.pop()
            if after.status != 200 or after.header("etag").strip('"') != etag or after.body != bodies[etag]:
                raise Wrong(f"completed as {etag}, and then {after.status} {after.header('etag')}, {len(after.body)} bytes")
        elif after.status != 404:
            raise Wrong(f"no Complete was confirmed, and then {after.status} {after.header('etag')}")
        left = self.ask("GET", named)
        if (left.status == 200) == (after.status == 200 or aborted):
            raise Wrong(f"the upload: {left.status}; the object: {after.status}; aborted: {aborted}")
        if left.status == 200:
            self.ask("DELETE", named)


def etag_of(parts):
    """Of an upload of these parts."""
    return hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest() + f"-{len(parts)}"


def play(kelp, number, failures, counts):
    player = Player(kelp, number)
    for at in range(number, ROUNDS, WORKERS):
        if failures:
            return
        try:
            player.round(at)
        except Exception as error:  # Whatever it is, the round failed.
            failures.append(f"seed {SEED} round {at}: {type(error).__name__} {error}")
    player.counts["complete 200 of several parts"] = player.several
    for what, count in player.counts.items():
        counts[what] = counts.get(what, 0) + count


def main():
    failures, counts, begun = [], {}, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kelp-races-") as scratch:
        with KelpProcess(Path(scratch)) as kelp:
            Player(kelp, 0).ask("PUT", "/races")
            players = [threading.Thread(target=play, args=(kelp, number, failures, counts)) for number in range(WORKERS)]
            for player in players:
                player.start()
            for player in players:
                player.join()
            data = kelp.data
        report = fsck(data)
        missing = {name: value for name, value in report.items() if value and TROUBLE.search(name)}
        if missing or not any(TROUBLE.search(name) for name in report):
            failures.append(f"seed {SEED}: fsck found {missing or report}")
    if not failures and ROUNDS >= 10 * LARGE_EACH and not counts["complete 200 of several parts"]:
        failures.append("no Complete of several parts was confirmed")
    for what in sorted(counts):
        print(f"{counts[what]:8} {what}")
    for line in failures:
        print("FAILED", line)
    print(f"{ROUNDS} rounds, seed {SEED}, in {time.monotonic() - begun:.1f} s")
    print(f"{ROUNDS - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
