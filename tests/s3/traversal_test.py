#!/usr/bin/env python3
"""Names that lead out of where they belong, in every place of a request where a name may stand: S3, files, WebDAV, file ids.

A canary lies beside the server's folder, and secrets in it. No answer has a byte of them, nothing is written or gone outside
the folder, and no file anywhere is called what a client asked for. A key of S3 that looks like a path is a key like others.
"""

import base64
import hashlib
import itertools
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import boto3_world  # noqa: F401  (finds the packages)
from kelpdev.process import KelpProcess
from raw_s3 import Account, Connection, in_bytes, md5_base64, sign

CANARY = b"kelp-canary-that-nobody-may-read"
EVIL = "kelp-evil"  # Stands in every name that is to be written.
OURS = (CANARY, b"root:x:0:0", b"kelp-evil-made")


def ways_out(target):
    """Names, as they stand in a request, of `target`, which is a path from the root."""
    up = "../" * 12
    plain = up + target
    names = [plain, "/" + target, "//" + target, "./" + plain, "a/" + plain, "a/b/../../" + plain, "..", "../", ".", "./", "../..", f"{up[:-1]}",
             ".kelp/" + plain, ".uploads/" + plain, ".versions/" + plain, "....//" * 12 + target, "..;/" * 12 + target, plain.replace("/", "\\")]
    names = [quote(name, safe="/") for name in names]
    names += [plain.replace("../", dots) for dots in ("%2e%2e/", "..%2f", "%2e%2e%2f", "%252e%252e%252f", "%c0%ae%c0%ae/", "%e0%80%ae%e0%80%ae/", "..%5c", ".%00./", "%uff0e%uff0e/")]
    names += [quote(plain) + ending for ending in ("%00", "%00.txt", "%20", "/", "/.", "%3f", "%23")]
    return names + [quote("file:///" + target), "~root/" + target, quote("$HOME/" + target), quote(f"|cat /{target}"), "proc/self/environ", plain.replace(target, "proc/self/environ")]


def s3_requests(name, number):
    """(method, target, headers, body) of every place in S3 where the name of a key, an upload, a version or a setting stands."""
    quoted = quote(name)
    key = f"/box/{name}"
    for kind in ("", "?acl", "?tagging", "?attributes", "?retention", "?legal-hold", "?torrent", "?annotation", f"?annotation&annotationName={quoted}", f"?versionId={quoted}",
                 f"?uploadId={quoted}", "?partNumber=1"):
        yield "GET", key + kind, {"x-amz-object-attributes": "ETag"}, b""
    yield "HEAD", key, {}, b""
    yield "PUT", f"/box/{EVIL}-{number}", {"x-amz-copy-source": f"/box/{name}"}, b""
    yield "PUT", f"/box/{EVIL}-{number}", {"x-amz-copy-source": name}, b""
    yield "PUT", f"/box/{EVIL}-{number}", {"x-amz-rename-source": f"/box/{name}"}, b""
    yield "PUT", f"/box/{EVIL}-{number}", {"x-amz-tagging": f"{quoted}={quoted}", "x-amz-meta-path": name, "content-disposition": f'attachment; filename="{name}"'}, b"x"
    yield "PUT", f"/box/mp?partNumber=1&uploadId={quoted}", {}, b"x"
    yield "PUT", "/box/mp?partNumber=1&uploadId=UPLOAD", {"x-amz-copy-source": f"/box/{name}"}, b""
    yield "POST", f"/box/mp?uploadId={quoted}", {}, b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>"
    yield "DELETE", f"/box/mp?uploadId={quoted}", {}, b""
    for parameter in ("prefix", "marker", "start-after", "delimiter", "continuation-token", "key-marker", "version-id-marker", "upload-id-marker"):
        yield "GET", f"/box?list-type=2&{parameter}={quoted}", {}, b""
        yield "GET", f"/box?{'uploads' if 'upload' in parameter else 'versions'}&{parameter}={quoted}", {}, b""
    for kind in ("inventory", "metrics", "analytics", "intelligent-tiering"):
        yield "GET", f"/box?{kind}&id={quoted}", {}, b""
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        yield method, f"/{name}", {}, b""
        yield method, f"/{name}/k", {}, b""
    document = f"<Delete><Object><Key>{name.replace('%00', '')}</Key></Object></Delete>".encode()
    yield "POST", "/box?delete", {"content-md5": md5_base64(document)}, document
    yield "POST", key + "?select&select-type=2", {}, b"<SelectObjectContentRequest><Expression>SELECT * FROM S3Object</Expression><ExpressionType>SQL</ExpressionType></SelectObjectContentRequest>"
    # What writes under the name comes last, and what was written is read again.
    yield "POST", key + "?uploads", {}, b""
    yield "PUT", key, {}, b"kelp-own-body"
    yield "GET", key, {}, b""
    yield "DELETE", key, {}, b""


def file_requests(name, number):
    """(method, target, headers) of every place in files over HTTP and WebDAV where a path stands."""
    for root in ("/", "/buckets/", "/buckets/box/", "/dav/", "/dav/box/", "/dav/box/../", "/buckets/box/a/"):
        for method in ("GET", "HEAD", "PUT", "DELETE", "PROPFIND", "MKCOL", "POST", "OPTIONS", "PROPPATCH", "LOCK"):
            yield method, root + name, {}
    for root in ("/buckets/box/", "/dav/box/", "/", "/dav/", "http://x/"):
        for method in ("MOVE", "COPY"):
            yield method, "/dav/box/here", {"destination": root + name}
            yield method, root.replace("http://x", "") + name, {"destination": f"/dav/box/{EVIL}-{number}"}
    yield "POST", f"/buckets/box/{EVIL}-{number}?mv.from={quote(name)}", {}
    yield "POST", f"/buckets/box/{EVIL}-{number}?mv.from=/buckets/box/{quote(name)}", {}
    yield "GET", f"/buckets/box/?lastFileName={quote(name)}&namePattern={quote(name)}", {}


class World:
    def __init__(self, scratch):
        self.folder = Path(scratch)
        (self.folder / "outside").mkdir()
        self.canary = self.folder / "outside" / "canary"
        self.canary.write_bytes(CANARY)
        self.kelp = KelpProcess(self.folder / "server", "--filer-http", "127.0.0.1:0", "--volume-http-listen", "127.0.0.1:0")
        self.kelp.start()
        self.account = Account(*self.kelp.keys)
        self.basic = "Basic " + base64.b64encode(":".join(self.kelp.keys).encode()).decode()
        self.ports = {"s3": self.kelp.port} | {name: int(self.kelp.ready[key].rsplit(":", 1)[1]) for name, key in (
            ("files", "files"), ("volume", "volume_http"), ("master", "master_http"), ("admin", "admin"))}
        self.wires = {}
        self.problems, self.secrets = [], []
        for method, target, body in (("PUT", "/box", b""), ("PUT", "/box/here", b"here"), ("PUT", "/box/k", b"k")):
            self.s3(method, target, {}, body)
        self.upload = re.search(rb"<UploadId>(.*?)<", self.s3("POST", "/box/mp?uploads", {}, b"").body)[1].decode()
        self.before = self.outside()
        self.secrets = [path.read_bytes().strip() for path in (self.kelp.data / "keyring",) if path.is_file()]

    def outside(self):
        """What lies outside the server's own folder: {path: bytes}."""
        return {path: path.read_bytes() for path in (self.folder / "outside").rglob("*") if path.is_file()} | {
            path: b"" for path in self.folder.iterdir()}

    def wire(self, port):
        if port not in self.wires:
            self.wires[port] = Connection("127.0.0.1", self.ports[port], seconds=20)
        return self.wires[port]

    def ask(self, port, method, target, headers, body=b""):
        lines = {"host": self.wire(port).authority, **headers, "content-length": str(len(body))}
        try:
            answer = self.wire(port).ask(in_bytes(method, target, list(lines.items()), body), method == "HEAD")
        except (EOFError, ConnectionError, ValueError, IndexError):
            self.wire(port).close()
            return None
        leak = next((each for each in (*OURS, *self.secrets) if each in answer.body), None)
        if leak or (answer.status >= 500 and answer.status not in (501, 502, 503)):  # 502: to another server by WebDAV
            self.problems.append(f"{port} {method} {target} {headers}: {answer.status} {leak or ''} {answer.body[:200]}")
        return answer

    def s3(self, method, target, headers, body):
        headers = {"host": self.wire("s3").authority, **headers}
        path, _, query = target.partition("?")
        sign(self.account, method, path, query, headers, hashlib.sha256(body).hexdigest())
        return self.ask("s3", method, target, headers, body)

    def play(self, name, number):
        """All requests with one name; how many."""
        count, written = 0, None
        for method, target, headers, body in s3_requests(name, number):
            answer = self.s3(method, target.replace("UPLOAD", self.upload), headers, body)
            if body == b"kelp-own-body" and answer:
                written = answer.status == 200
            elif written and method == "GET" and (answer is None or answer.body != b"kelp-own-body"):
                self.problems.append(f"{target}: a key like others was not read again: {answer and answer.status}")
            count += 1
        for method, target, headers in file_requests(name, number):
            self.ask("files", method, target, {"authorization": self.basic, **headers}, b"kelp-evil-body" if method in ("PUT", "POST") else b"")
            count += 1
        for port, start in itertools.product(("volume", "master", "admin"), ("/", "/1,", "/dir/", "/metrics/", "/ui/")):
            for method in ("GET", "PUT", "DELETE"):
                self.ask(port, method, start + name, {}, b"kelp-evil-body" if method == "PUT" else b"")
                count += 1
        return count

    def judge(self):
        """What is wrong with the disk; a list of texts."""
        found = []
        if (after := self.outside()) != self.before:
            found.append(f"outside the folder: {[str(path) for path in after.keys() ^ self.before.keys()] or 'another canary'}")
        for place in (self.folder, Path("/"), Path("/tmp"), Path("/root"), Path.cwd()):
            found += [f"a file was made: {path}" for path in place.glob("*") if EVIL in path.name]
        found += [f"a file was made: {path}" for path in self.folder.rglob("*") if EVIL in path.name or path.name == "canary" and path != self.canary]
        return found


def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kelp-traversal-") as scratch:
        world = World(scratch)
        try:
            targets = (str(world.canary)[1:], f"{str(world.folder)[1:]}/{EVIL}", str(world.kelp.data / "keyring")[1:])
            names = list(dict.fromkeys(name for target in targets for name in ways_out(target)))
            asked = sum(world.play(name, number) for number, name in enumerate(names))  # One by one: several names are of one key.
            problems = world.problems + world.judge()
            alive = world.s3("GET", "/box/k", {}, b"")
            if alive is None or alive.body != b"k":
                problems.append(f"the object of a good name: {alive}")
        finally:
            world.kelp.stop()
        problems += world.judge()
    for line in problems[:40]:
        print("FAILED", " ".join(line.split())[:600])
    print(f"{len(names)} names, {asked} requests in {time.monotonic() - begun:.1f} s")
    print(f"{asked - len(problems)} passed, {len(problems)} failed")
    return 1 if problems or asked < 10_000 else 0


if __name__ == "__main__":
    sys.exit(main())
