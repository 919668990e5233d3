"""What a client asked of S3, as text, compressed: request lines, ranges, conditions and sizes. No content, no names of others.

After comments (#) a request a line, in the order in which they began:

    METHOD /KEY?QUERY STATUS BYTES-IN BYTES-OUT [NAME=VALUE ...]

The bucket is left out; "/" is the bucket itself. Text is percent-encoded. What only the server of the recording could know is @:
an ETag, the token of the next page; of an upload id the count of uploads of that key that were begun before, as @0.
NAME is `range`, `if-match`, `if-none-match`, `copy` and `copy-if-match` (of the source), `delete` (the keys of a DeleteObjects,
with commas between) or `body`: how it was sent, when it was neither unsigned nor signed as a whole.
"""

import gzip
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

KNOWN = {"range": "range", "if-match": "if-match", "if-none-match": "if-none-match", "x-amz-copy-source": "copy",
         "x-amz-copy-source-if-match": "copy-if-match"}
TAGS = ("if-match", "if-none-match", "copy-if-match")


def encode(text, safe="/"):
    return quote(text, safe=safe + "-._~")


@dataclass
class Request:
    method: str
    key: str  # empty: of the bucket
    query: list  # pairs
    status: int
    received: int  # bytes of its body, without the frames of chunks
    sent: int  # bytes of the answer's
    more: dict = field(default_factory=dict)

    def __str__(self):
        query = "&".join(f"{encode(name, '')}={encode(value, '@/')}" for name, value in self.query)
        more = "".join(f" {name}={value if name == 'delete' else encode(value, '/@,=*')}" for name, value in self.more.items())
        return (f"{self.method} /{encode(self.key)}{'?' if query else ''}{query} {self.status} {self.received} {self.sent}{more}")

    @classmethod
    def parse(cls, line):
        method, target, status, received, sent, *more = line.split(" ")
        path, _, query = target.partition("?")
        named = dict(word.split("=", 1) for word in more)
        return cls(method, unquote(path[1:]), parse_qsl(query, keep_blank_values=True), int(status), int(received), int(sent),
                   {name: value if name == "delete" else unquote(value) for name, value in named.items()})

    @property
    def deleted(self):
        """The keys that a DeleteObjects took away."""
        return [unquote(key) for key in self.more.get("delete", "").split(",") if key]

    def parameter(self, name):
        return next((value for other, value in self.query if other == name), None)


def load(path):
    """The requests of a recording."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [Request.parse(line) for line in lines if not line.startswith("#")]


def save(path, what, requests):
    text = "".join(f"{line}\n" for line in (f"# {what}: {len(requests)} requests", *requests))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


class Uploads:
    """Which upload of its key an id stands for."""

    def __init__(self):
        self.of_key = {}

    def number(self, key, upload):
        known = self.of_key.setdefault(key, [])
        if upload not in known:
            known.append(upload)
        return f"@{known.index(upload)}"


def without_server(query, key, uploads):
    """The query with what the server made up replaced."""
    made_up = {"uploadId": lambda upload: uploads.number(key, upload), "continuation-token": lambda token: "@"}
    return [(name, made_up.get(name, str)(value)) for name, value in query]


def removals(lines, events):
    """What each DeleteObjects took away, by its request id: events in their order, as many as its time and its body have room for."""
    single = Counter(line["key"] for line in lines if line["operation"] == "DeleteObject")
    waiting = deque()
    for event in events:
        if event["event"] == "delete" and single[event["key"]] > 0:
            single[event["key"]] -= 1
        elif event["event"] == "delete":
            waiting.append(event)
    taken = {}
    for line in (line for line in lines if line["operation"] == "DeleteObjects"):
        keys, room = taken.setdefault(line["request_id"], []), line["bytes_in"] - len("<Delete></Delete>")
        while waiting and waiting[0]["time"] <= ended(line):
            room -= len(f"<Object><Key>{waiting[0]['key']}</Key></Object>")
            if room < 0:
                break
            keys.append(waiting.popleft()["key"])
    if waiting:
        raise ValueError(f"no request deleted {len(waiting)} keys like {waiting[0]['key']}")
    return taken


def folders_above(key, room):
    """What Hadoop deletes after a write in case that it is there: markers of the folders above. As many as fit into a body."""
    folders = []
    while "/" in key.rstrip("/"):
        key = key.rstrip("/").rsplit("/", 1)[0] + "/"
        room -= len(f"<Object><Key>{key}</Key></Object>")
        if room < 0 and folders:
            break
        folders.append(key)
    return folders or ["none"]


def ended(line):
    """The second in which its answer was complete, as events have their times."""
    began = datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
    return (began + timedelta(microseconds=line["duration_us"])).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_trace(lines, events, bucket):
    """Requests of `bucket` out of the lines of `kelp trace --json --headers` and of the bucket's events, both as dicts."""
    lines = sorted((line for line in lines if line["service"] == "s3" and line.get("bucket") == bucket),
                   key=lambda line: line["time"])
    taken, uploads, found, written = removals(lines, events), Uploads(), [], ""
    for line in lines:
        key, headers = line.get("key", ""), {name.lower(): value for name, value in line["headers"]}
        query = parse_qsl(line["target"].partition("?")[2], keep_blank_values=True)
        more = {KNOWN[name]: value for name, value in headers.items() if name in KNOWN}
        more.update({name: "@" for name in TAGS if more.get(name, "*") != "*"})
        if "copy" in more:
            more["copy"] = unquote(more["copy"]).lstrip("/").removeprefix(bucket + "/")
        if headers.get("x-amz-content-sha256", "").startswith("STREAMING"):
            more["body"] = headers["x-amz-content-sha256"]
        if line["operation"] == "DeleteObjects":
            keys = taken[line["request_id"]] or folders_above(written, line["bytes_in"])
            more["delete"] = ",".join(encode(key) for key in keys)
        elif line["method"] in ("PUT", "POST"):
            written = key
        size = int(headers.get("x-amz-decoded-content-length", line["bytes_in"]))
        found.append(Request(line["method"], key, without_server(query, key, uploads), line["status"], size, line["bytes_out"],
                             more))
    return found
