#!/usr/bin/env python3
"""kill -9 under load of a bucket that keeps its events: each acknowledged change has its event, in its order, and a follower that is
killed as often knows in the end what the bucket holds.

KELP_ROUNDS sets the number of kills (6).
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.model import Caller  # noqa: E402
from kelpdev.process import KelpProcess  # noqa: E402
from kelpdev.s3 import NAMESPACE, Client  # noqa: E402

ROUNDS = int(os.environ.get("KELP_ROUNDS", "6"))
BUCKET = "watched"
WRITERS = 6


class Writer(Caller):
    """Puts and deletes keys of its own; `done` has what was acknowledged, `open` what may have been."""

    def __init__(self, number, kelp, seed, done):
        super().__init__(number, kelp.endpoint, kelp.keys, seed)
        self.done = done

    def step(self, client):
        key = f"w{self.number}/{self.random.randrange(5)}"
        if self.random.random() < 0.3:
            answer, change = client.request("DELETE", f"/{BUCKET}/{key}"), ("delete", None)
        else:
            body = self.random.randbytes(self.random.choice((0, 9, 4096, 200_000)))
            answer, change = client.request("PUT", f"/{BUCKET}/{key}", body=body), ("put", hashlib.md5(body).hexdigest())
        if answer.status // 100 == 2:
            self.done.setdefault(key, []).append(change)
        else:
            self.wrong.append(f"{answer.status} {answer.body[:300]}")


class Follower:
    """`kelp filer tail` that goes on where it was, killed and started again; what it prints comes into one list."""

    def __init__(self, kelp, folder):
        self.kelp, self.position, self.log = kelp, Path(folder) / "position", Path(folder) / "events"
        self.process = None

    def words(self, *more):
        return [self.kelp.binary, "filer", "tail", BUCKET, "--dir", str(self.kelp.data), "--filers",
                self.kelp.ready["rpc"], "--from", "oldest", "--resume", str(self.position), "--json", *more]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.words("--follow"), stdout=log, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        """Reads what is left; every event once, in the order of the first time."""
        with open(self.log, "ab") as log:
            subprocess.run(self.words(), stdout=log, check=True, timeout=60)
        events, seen = [], set()
        for line in self.log.read_text().splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut by a kill; it comes again
            name = (event["event"], event["version"])
            if name not in seen:
                seen.add(name)
                events.append(event)
        return events


def missing(acknowledged, events):
    """What of the acknowledged changes of a key has no event in its order. Only a delete behind a put must have one."""
    lost, at, before = [], 0, None
    for change, etag in acknowledged:
        if change == "put" or before == "put":
            where = next((i for i in range(at, len(events))
                          if events[i]["event"] == change and (etag is None or events[i]["etag"] == etag)), None)
            if where is None:
                lost.append((change, etag))
            else:
                at = where + 1
        before = change
    return lost


def held(client):
    """ETags by key, by a listing."""
    page = ElementTree.fromstring(client.must("GET", f"/{BUCKET}", [("list-type", "2")]).body)
    return {item.findtext(NAMESPACE + "Key"): item.findtext(NAMESPACE + "ETag").strip('"')
            for item in page.iter(NAMESPACE + "Contents")}


class Events(unittest.TestCase):
    def test_every_acknowledged_change_has_its_event_through_kills(self):
        seed = int(os.environ.get("KELP_SEED", "1"))
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="kelp-events-") as folder:
            kelp = KelpProcess(folder, "--rpc-listen", "127.0.0.1:0")
            kelp.start()
            Client(kelp.endpoint, *kelp.keys).must("PUT", f"/{BUCKET}")
            self.assertTrue(kelp.shell(f"s3.bucket.events {BUCKET} --keep 1h --apply")["applied"])
            follower = Follower(kelp, folder)
            done = {}
            for round_number in range(ROUNDS):
                follower.start()
                writers = [Writer(number, kelp, f"{seed}/{round_number}", done) for number in range(WRITERS)]
                for writer in writers:
                    writer.start()
                # The moment of the kills is what varies: a time, not a condition.
                time.sleep(rng.uniform(0.3, 1.2))
                if rng.random() < 0.5:
                    follower.kill()
                kelp.kill()
                follower.kill()
                for writer in writers:
                    writer.join()
                    self.assertEqual(writer.wrong, [], f"seed {seed}, round {round_number}")
                kelp.start()
            events = follower.finish()
            by_key = {}
            for event in events:
                by_key.setdefault(event["key"], []).append(event)
            for key, acknowledged in done.items():
                self.assertEqual(missing(acknowledged, by_key.get(key, [])), [], f"seed {seed}: {key}")
            there = {key: all_of_it[-1]["etag"] for key, all_of_it in by_key.items() if all_of_it[-1]["event"] == "put"}
            client = Client(kelp.endpoint, *kelp.keys)
            self.assertEqual(there, held(client), f"seed {seed}")
            acknowledged = sum(map(len, done.values()))
            self.assertGreater(acknowledged, 100)
            self.assertEqual(kelp.stop(), 0)
            print(f"{ROUNDS} kills, {acknowledged} acknowledged changes, {len(events)} events")

    def test_an_event_names_the_version_as_s3_does(self):
        with tempfile.TemporaryDirectory(prefix="kelp-events-") as folder:
            kelp = KelpProcess(folder, "--rpc-listen", "127.0.0.1:0")
            kelp.start()
            client = Client(kelp.endpoint, *kelp.keys)
            client.must("PUT", f"/{BUCKET}")
            self.assertTrue(kelp.shell(f"s3.bucket.events {BUCKET} --keep 1h --apply")["applied"])
            answered = []
            for state in ("Enabled", "Suspended"):
                body = f"<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>"
                client.must("PUT", f"/{BUCKET}", [("versioning", "")], body.encode())
                answered.append(client.must("PUT", f"/{BUCKET}/key", body=b"1").headers["x-amz-version-id"])
                answered.append(client.must("DELETE", f"/{BUCKET}/key").headers["x-amz-version-id"])
            self.assertEqual(answered[2:], ["null", "null"])
            self.assertEqual([event["version_id"] for event in Follower(kelp, folder).finish()], answered)
            self.assertEqual(kelp.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
