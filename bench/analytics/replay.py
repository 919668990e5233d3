"""Replays a recording against any S3: each lane below a prefix of its own, one request after the other, as they were recorded.

A lane that waits for each answer keeps what the client relied on (a key is read after it was written) and several lanes keep the
server busy. Bodies are random bytes of the recorded sizes, framed and signed as the client did.
"""

import base64
import hashlib
import hmac
import http.client
import os
import sys
import threading
import xml.etree.ElementTree as ElementTree
import zlib
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev.s3 import quote, sign  # noqa: E402

BODY = os.urandom(1 << 20)
CHUNK = 128 << 10  # as the AWS SDK for Java makes them
HASHES = {}  # (first byte, length) of BODY -> its SHA-256
EMPTY = hashlib.sha256(b"").hexdigest()
HEADERS = {"range": "range", "if-match": "if-match", "if-none-match": "if-none-match", "copy-if-match": "x-amz-copy-source-if-match"}


def content(size):
    """`size` bytes that are no zeros; the same ones every time."""
    return BODY[:size] if size <= len(BODY) else (BODY * (size // len(BODY) + 1))[:size]


def sha256(size):
    if size not in HASHES:
        HASHES[size] = hashlib.sha256(content(size)).hexdigest()
    return HASHES[size]


def trailer_body(body):
    """A body in unsigned chunks with its CRC32 behind it."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces(body))
    return chunks + b"0\r\nx-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4, "big")) + b"\r\n\r\n"


def pieces(body):
    return (body[at:at + CHUNK] for at in range(0, len(body), CHUNK))


def signed_body(body, headers, secret):
    """A body in chunks that are signed, each with the signature before it; `headers` are those of the signed request."""
    authorization = headers["authorization"]
    scope = authorization.split("Credential=")[1].split(",")[0].split("/", 1)[1]
    signature, key = authorization.split("Signature=")[1], b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    framed = []
    for piece in (*pieces(body), b""):
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{headers['x-amz-date']}\n{scope}\n{signature}\n{EMPTY}\n{hashlib.sha256(piece).hexdigest()}"
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        framed.append(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), signature.encode(), piece))
    return b"".join(framed)


class Lane:
    """One connection and what the server told it so far."""

    def __init__(self, address, keys, bucket, prefix):
        self.address, self.keys, self.bucket, self.prefix = address, keys, bucket, prefix
        self.connection = http.client.HTTPConnection(address, timeout=120)
        self.tags, self.uploads, self.parts, self.next = {}, {}, {}, {}

    def close(self):
        self.connection.close()

    def query_of(self, request):
        for name, value in request.query:
            if name in ("prefix", "start-after", "marker", "key-marker"):
                value = self.prefix + value
            elif name == "continuation-token":
                value = self.next.get(request.parameter("prefix"), "none")
            elif name == "uploadId":
                value = self.upload_of(request)
            yield name, value

    def upload_of(self, request):
        """The id of the upload that the recording means; of one that this server did not begin, words that it refuses."""
        known, number = self.uploads.get(request.key, []), int(request.parameter("uploadId")[1:])
        return known[number] if number < len(known) else "none"

    def headers_of(self, request):
        headers = {HEADERS[name]: value for name, value in request.more.items() if name in HEADERS}
        source = request.more.get("copy")
        for name in ("if-match", "if-none-match", "x-amz-copy-source-if-match"):
            if headers.get(name) == "@":
                headers[name] = self.tags.get(source if "copy" in name else request.key, '"none"')
        if source is not None:
            headers["x-amz-copy-source"] = quote(f"/{self.bucket}/{self.prefix}{source}")
        return headers

    def body_of(self, request):
        """Bodies that mean something are made anew, the others are of the recorded size."""
        if request.method == "POST" and request.parameter("uploadId"):
            tags = sorted(self.parts.get(self.upload_of(request), {}).items())
            parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in tags)
            return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        if request.parameter("delete") is not None:
            keys = "".join(f"<Object><Key>{escape(self.prefix + key)}</Key></Object>" for key in request.deleted)
            return f"<Delete>{keys}<Quiet>true</Quiet></Delete>".encode()
        return content(request.received) if request.method == "PUT" else b""

    def play(self, request):
        """Sends it; (status, bytes of the answer)."""
        path = quote(f"/{self.bucket}/{self.prefix}{request.key}" if request.key else f"/{self.bucket}")
        query, headers, body = list(self.query_of(request)), self.headers_of(request), self.body_of(request)
        form = request.more.get("body", "")
        if request.parameter("delete") is not None:
            headers["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        payload = sha256(len(body)) if request.method == "PUT" else hashlib.sha256(body).hexdigest()
        if form:
            payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" if "TRAILER" in form else "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
            headers.update({"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))})
            if "TRAILER" in form:
                headers["x-amz-trailer"] = "x-amz-checksum-crc32"
        headers = sign(request.method, self.address, path, query, headers, payload, *self.keys)
        if form:
            body = trailer_body(body) if "TRAILER" in form else signed_body(body, headers, self.keys[1])
        target = path + ("?" + "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in query) if query else "")
        try:
            self.connection.request(request.method, target, body=body, headers=headers)
            answer = self.connection.getresponse()
            received = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return 0, 0
        if answer.status < 300:
            self.remember(request, answer, received)
        return answer.status, len(received)

    def remember(self, request, answer, body):
        tag = answer.headers.get("etag")
        number = request.parameter("partNumber")
        if number is not None:
            self.parts.setdefault(self.upload_of(request), {})[int(number)] = tag
        elif request.method == "POST" and request.parameter("uploads") is not None:
            self.uploads.setdefault(request.key, []).append(text_of(body, "UploadId"))
        elif request.method in ("PUT", "POST", "HEAD") and request.key:
            self.tags[request.key] = tag or text_of(body, "ETag") or self.tags.get(request.key)
        elif request.method == "GET" and request.parameter("list-type") is not None:
            self.next[request.parameter("prefix")] = text_of(body, "NextContinuationToken")


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_of(body, name):
    """The text of the first element `name` in any namespace; empty when there is none."""
    try:
        return next((item.text or "" for item in ElementTree.fromstring(body).iter() if item.tag.endswith(name)), "")
    except ElementTree.ParseError:
        return ""


def differs(request, status, size):
    """Whether the client would have been told something else. Listings and errors have the lengths that they like."""
    return status != request.status or (request.method == "GET" and not request.query and status < 300 and size != request.sent)


def replay(address, keys, bucket, requests, prefix, times=1, lanes=1):
    """Plays `requests` so many `times`, by so many `lanes` at once; the differing answers, "METHOD 200 -> 404" to their number."""
    turns, lock, told, broken = iter(range(times)), threading.Lock(), Counter(), []

    def work():
        try:
            while (turn := next_turn()) is not None:
                lane = Lane(address, keys, bucket, f"{prefix}{turn}/")
                for request in requests:
                    status, size = lane.play(request)
                    if differs(request, status, size):
                        with lock:
                            told[f"{request.method} {request.status} -> {status}"] += 1
                lane.close()
        except Exception as error:  # the caller's
            broken.append(error)

    def next_turn():
        with lock:
            return next(turns, None)

    workers = [threading.Thread(target=work) for _ in range(lanes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if broken:
        raise broken[0]
    return told
