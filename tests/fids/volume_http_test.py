#!/usr/bin/env python3
"""Needles by file id over HTTP, as scripts and curl use it; and that nothing takes them away."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import KelpProcess, fsck, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

PAGE = ROOT / "docs/operations/volume-http.md"
SETTINGS = ("--volume-http-listen", "127.0.0.1:0", "--set", "collector.interval=50ms", "--set",
            "collector.orphan_interval=1s", "--set", "collector.quarantine=0s")


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()


class VolumeHttp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-fids-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.kelp = KelpProcess(cls.folder / "server", *SETTINGS)
        cls.kelp.start()
        cls.addClassCleanup(cls.kelp.stop)

    def ask(self, where, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection(where, timeout=30)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def volume(self, method, target, body=None, headers=None):
        return self.ask(self.kelp.ready["volume_http"], method, target, body, headers)

    def master(self, target):
        answer = self.ask(self.kelp.ready["master_http"], "GET", target)
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def assign(self, query="collection=fids"):
        given = self.master(f"/dir/assign?{query}")
        return given["fid"], {"Authorization": "Bearer " + given["auth"]}

    def put(self, body):
        fid, headers = self.assign()
        answer = self.volume("PUT", f"/{fid}", body, headers)
        self.assertEqual(answer.status, 201, answer.body)
        return fid

    def refused(self, status, words, method, target, body=None, headers=None):
        answer = self.volume(method, target, body, headers)
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(words, answer.body.decode())
        return answer

    def damage(self, marker, at):
        """Flips a bit `at` bytes behind `marker`, in the log where it lies."""
        for path in (self.kelp.data / "volume").glob("*.dat"):
            content = path.read_bytes()
            if marker in content:
                with open(path, "r+b") as log:
                    log.seek(content.index(marker) + at)
                    log.write(bytes([content[content.index(marker) + at] ^ 1]))
                return
        self.fail("the needle lies in no log")

    def test_what_is_written_is_read(self):
        for size in (1, 5, 65_536, 65_537, 300_000, 3 << 20):
            body = os.urandom(size)
            fid, headers = self.assign()
            answer = self.volume("PUT", f"/{fid}", body, headers)
            self.assertEqual(answer.status, 201, answer.body)
            said = json.loads(answer.body)
            read = self.volume("GET", f"/{fid}")
            self.assertEqual((read.status, read.body), (200, body))
            self.assertEqual(read.headers["ETag"], f'"{said["eTag"]}"')
            self.assertEqual((said["size"], read.headers["Content-Type"]), (size, "application/octet-stream"))
            head = self.volume("HEAD", f"/{fid}")
            self.assertEqual((head.status, head.headers["Content-Length"], head.body), (200, str(size), b""))
            self.assertEqual(read.headers["ETag"], head.headers["ETag"])

    def test_the_etag_is_the_crc(self):
        fid = self.put(b"123456789")
        self.assertEqual(self.volume("GET", f"/{fid}").headers["ETag"], '"e3069283"')

    def test_a_file_id_has_many_forms(self):
        given = self.master("/dir/assign?collection=fids&count=3")
        headers = {"Authorization": "BEARER " + given["auth"]}
        fid = given["fid"]
        for number in range(3):
            name = f"/{fid}_{number}" if number else f"/{fid}"
            self.assertEqual(self.volume("POST", name, f"body {number}", headers).status, 201)
        volume, rest = fid.split(",")
        for target in (f"/{fid}", f"/{fid}.txt", f"/{volume}/{rest}", f"/{volume}/{rest}.txt", f"/{volume}/{rest}/a.txt",
                       f"/{fid}_0"):
            self.assertEqual(self.volume("GET", target).body, b"body 0", target)
        self.assertEqual(self.volume("GET", f"/{fid}_2").body, b"body 2")
        self.assertEqual(self.volume("PUT", f"/{fid}_3", b"beyond", headers).status, 401)
        for target in ("/", "/nothing", "/3", "/3,", f"/{fid}_", f"/{fid}_x", f"/{fid}/a", f"/{fid}%00"):
            self.assertEqual(self.volume("GET", target).status, 404, target)

    def test_ranges(self):
        body = os.urandom(200_000)
        fid = self.put(body)
        table = {"bytes=0-0": (0, 1), "bytes=10-19": (10, 20), "bytes=199999-": (199_999, 200_000),
                 "bytes=-7": (199_993, 200_000), "bytes=65530-65545": (65_530, 65_546), "bytes=5-999999": (5, 200_000),
                 "bytes=0-": (0, 200_000)}
        for asked, (begin, end) in table.items():
            answer = self.volume("GET", f"/{fid}", headers={"Range": asked})
            self.assertEqual((answer.status, answer.body), (206, body[begin:end]), asked)
            self.assertEqual(answer.headers["Content-Range"], f"bytes {begin}-{end - 1}/200000")
        for asked in ("bytes=200000-", "bytes=-0"):
            answer = self.volume("GET", f"/{fid}", headers={"Range": asked})
            self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */200000"), asked)
        for asked in ("bytes=9-3", "lines=1-2", "bytes=0-1,5-6"):
            self.assertEqual(self.volume("GET", f"/{fid}", headers={"Range": asked}).status, 200, asked)

    def test_conditions(self):
        fid = self.put(b"conditional")
        seen = self.volume("GET", f"/{fid}").headers
        etag, modified = seen["ETag"], seen["Last-Modified"]
        at = parsedate_to_datetime(modified).timestamp()
        self.assertLess(abs(at - time.time()), 3600)
        later, earlier = formatdate(at + 60, usegmt=True), formatdate(at - 60, usegmt=True)
        for headers, status in (({"If-None-Match": etag}, 304), ({"If-None-Match": "*"}, 304),
                                ({"If-None-Match": '"other"'}, 200), ({"If-Match": etag}, 200),
                                ({"If-Match": '"other"'}, 412), ({"If-Modified-Since": later}, 304),
                                ({"If-Modified-Since": modified}, 304), ({"If-Modified-Since": earlier}, 200),
                                ({"If-Unmodified-Since": earlier}, 412), ({"If-Unmodified-Since": modified}, 200),
                                ({"Range": "bytes=0-1", "If-Range": etag}, 206),
                                ({"Range": "bytes=0-1", "If-Range": modified}, 206),
                                ({"Range": "bytes=0-1", "If-Range": '"other"'}, 200),
                                ({"Range": "bytes=0-1", "If-Range": "W/" + etag}, 200),
                                ({"Range": "bytes=0-1", "If-Range": earlier}, 200)):
            for method in ("GET", "HEAD"):
                self.assertEqual(self.volume(method, f"/{fid}", headers=headers).status, status, (method, headers))

    def test_a_form_is_its_file_alone(self):
        fid, headers = self.assign()
        headers["Content-Type"] = "multipart/form-data; boundary=XX"
        body = (b'--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
                b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a \\"b\\".txt"\r\n\r\nthe file\r\n--XX--\r\n')
        for broken in (body[:-8], body.replace(b"filename", b"nothing"), body[:60]):
            self.assertEqual(self.volume("POST", f"/{fid}", broken, headers).status, 400)
        self.assertEqual(self.volume("GET", f"/{fid}").status, 404)
        answer = self.volume("POST", f"/{fid}", body, headers)
        self.assertEqual((answer.status, json.loads(answer.body)["name"]), (201, 'a "b".txt'))
        read = self.volume("GET", f"/{fid}")
        self.assertEqual(read.body, b"the file")
        self.assertEqual(read.headers["Content-Disposition"], 'inline; filename="a _b_.txt"')

    def test_what_may_not_be_written(self):
        fid, headers = self.assign()
        self.refused(401, "token", "PUT", f"/{fid}", b"x")
        self.refused(401, "Bearer", "PUT", f"/{fid}", b"x", {"Authorization": "Basic eDp5"})
        self.refused(401, "base64", "PUT", f"/{fid}", b"x", {"Authorization": "Bearer !"})
        token = bytearray(base64.b64decode(headers["Authorization"].split()[1]))
        token[-1] ^= 1
        forged = base64.b64encode(token).decode()
        self.refused(401, "not signed", "PUT", f"/{fid}", b"x", {"Authorization": "Bearer " + forged})
        self.refused(401, "expired", "PUT", f"/{fid}", b"x", {"Authorization": "Bearer " + self.lease(fid, -60)})
        other, _ = self.assign()
        self.refused(401, "covers", "PUT", f"/{other}", b"x", headers)
        self.refused(400, "1 to", "PUT", f"/{fid}", b"", headers)
        self.refused(400, "ttl", "PUT", f"/{fid}?ttl=3d", b"x", headers)
        self.refused(501, "Content-MD5", "PUT", f"/{fid}", b"x", {**headers, "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="})
        self.refused(501, "Content-Encoding", "PUT", f"/{fid}", b"x", {**headers, "Content-Encoding": "gzip"})
        self.refused(411, "Content-Length", "PUT", f"/{fid}", iter([b"x"]), {**headers, "Transfer-Encoding": "chunked"})
        self.refused(413, "64 MiB", "PUT", f"/{fid}", None, {**headers, "Content-Length": str((64 << 20) + 1)})
        self.refused(405, "method", "PATCH", f"/{fid}", b"x", headers)
        self.assertEqual(self.volume("GET", f"/{fid}").status, 404)
        self.assertEqual(self.volume("PUT", f"/{fid}?jwt={headers['Authorization'].split()[1]}", b"good").status, 201)
        self.refused(409, "already", "PUT", f"/{fid}", b"other", headers)
        self.assertEqual(self.volume("GET", f"/{fid}").body, b"good")

    def test_a_body_that_ends_early_is_no_file(self):
        fid, headers = self.assign()
        connection = http.client.HTTPConnection(self.kelp.ready["volume_http"], timeout=30)
        connection.putrequest("PUT", f"/{fid}")
        for name, value in {**headers, "Content-Length": "100"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"x" * 50)
        connection.close()
        self.assertEqual(self.volume("GET", f"/{fid}").status, 404)

    def lease(self, fid, lifetime):
        """A token as the master would sign it, that expires in so many seconds."""
        text = (self.kelp.data / "cluster").read_text()
        secret = bytes.fromhex(re.search(r'cluster_secret = "([0-9a-f]+)"', text)[1])
        volume, rest = fid.split(",")
        claims = struct.pack("<BIIQIQ", 1, int(volume), 1, int(rest[:-8], 16), 1, int((time.time() + lifetime) * 1000))
        return base64.b64encode(claims + hmac.new(secret, b"kelp-lease-v1" + claims, hashlib.sha256).digest()).decode()

    def test_removal_wants_its_own_token(self):
        fid, wrote = self.assign()
        self.assertEqual(self.volume("PUT", f"/{fid}", b"to be removed", wrote).status, 201)
        other = self.put(b"stays")
        token = {"Authorization": "Bearer " + self.master(f"/dir/lookup?fileId={fid}")["auth"]}
        self.refused(401, "token", "DELETE", f"/{fid}")
        self.refused(401, "for", "DELETE", f"/{other}", headers=token)
        self.refused(401, "lease token", "PUT", f"/{fid}_1", b"no right to write", token)
        wrong = fid[:-1] + ("0" if fid[-1] != "0" else "1")
        self.assertEqual(self.volume("GET", f"/{wrong}").status, 404)
        known = {"Authorization": "Bearer " + self.master(f"/dir/lookup?fileId={wrong}")["auth"]}
        self.assertEqual(self.volume("DELETE", f"/{wrong}", headers=known).status, 404)
        self.assertEqual(self.volume("GET", f"/{fid}").status, 200)
        answer = self.volume("DELETE", f"/{fid}", headers=token)
        self.assertEqual((answer.status, json.loads(answer.body)), (202, {"size": 13}))
        self.assertEqual(self.volume("GET", f"/{fid}").status, 404)
        self.assertEqual(self.volume("DELETE", f"/{fid}", headers=token).status, 404)
        self.assertEqual(self.volume("GET", f"/{other}").body, b"stays")
        fid, wrote = self.assign()
        self.assertEqual(self.volume("PUT", f"/{fid}", b"mine", wrote).status, 201)
        self.assertEqual(self.volume("DELETE", f"/{fid}", headers=wrote).status, 202, "who wrote it removes it")

    def test_buckets_are_not_written_by_file_id(self):
        fid, headers = self.assign("")
        self.refused(403, "collection=fids", "PUT", f"/{fid}", b"x", headers)
        self.refused(403, "collection=fids", "DELETE", f"/{fid}", headers=headers)

    def test_a_needle_of_a_bucket_is_shown_to_this_machine(self):
        client = Client(self.kelp.endpoint, *self.kelp.keys)
        self.addCleanup(client.close)
        client.must("PUT", "/shown")
        body = os.urandom(100_000)
        client.must("PUT", "/shown/key", body=body)
        fid = self.fid_of(body)
        self.assertEqual(self.volume("GET", f"/{fid}").body, body)
        self.assertEqual(self.volume("GET", f"/{fid}", headers={"Sec-Fetch-Site": "cross-site"}).status, 403)
        self.assertIsNone(self.volume("GET", f"/{fid}").headers["Content-Disposition"], "a key is nobody's business")

    def fid_of(self, body):
        """The file id of a needle on disk (docs/formats/needle.md)."""
        for path in (self.kelp.data / "volume").glob("*.dat"):
            content = path.read_bytes()
            if body in content:
                head = content.rindex(b"KNDL", 0, content.index(body))
                key, = struct.unpack_from("<Q", content, head + 8)
                cookie, = struct.unpack_from("<I", content, head + 40)
                digits = f"{key:x}"
                return f"{int(path.stem)},{'0' * (len(digits) % 2)}{digits}{cookie:08x}"
        return self.fail("no needle has that body")

    def test_a_damaged_needle_is_never_sent(self):
        first, last = os.urandom(3 << 20), os.urandom(3 << 20)
        small = os.urandom(1000)
        fids = [self.put(body) for body in (first, last, small)]
        self.damage(first[:64], 100)
        self.damage(last[:64], (3 << 20) - 10)
        self.damage(small[:64], 500)
        for fid in (fids[0], fids[2]):
            answer = self.volume("GET", f"/{fid}")
            self.assertGreaterEqual(answer.status, 500)
            self.assertNotIn(first[200:264], answer.body)
        with self.assertRaises(http.client.IncompleteRead) as cut:
            self.volume("GET", f"/{fids[1]}")
        self.assertEqual(cut.exception.partial, last[:len(cut.exception.partial)])
        self.assertLessEqual(len(cut.exception.partial), (3 << 20) - 65_536, "the bad block is not among it")
        sound = self.volume("GET", f"/{fids[0]}", headers={"Range": "bytes=1000000-1000099"})
        self.assertEqual((sound.status, sound.body), (206, first[1_000_000:1_000_100]))

    def test_status_and_redirects(self):
        fid = self.put(b"found")
        status = json.loads(self.volume("GET", "/status").body)
        self.assertIn("fids", {volume["Collection"] for volume in status["Volumes"]})
        self.assertEqual(self.volume("GET", "/healthz").status, 200)
        there = self.kelp.ready["volume_http"]
        self.assertEqual(self.master(f"/dir/lookup?volumeId={fid}")["locations"], [{"url": there, "publicUrl": there}])
        answer = self.ask(self.kelp.ready["master_http"], "GET", f"/{fid}?fsync=true")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, f"http://{there}/{fid}?fsync=true"))
        nodes = self.master("/dir/status")["Topology"]["DataCenters"][0]["Racks"][0]["DataNodes"]
        self.assertEqual(nodes[0]["Url"], there)

    def test_the_pages_commands_work(self):
        block = re.search(r"## A file's life\n\n((?:    .*\n)+)", PAGE.read_text())[1]
        script = re.sub(r"^    ", "", block, flags=re.M).replace("127.0.0.1:9333", self.kelp.ready["master_http"])
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("what is kept\n"), 2, done.stdout)
        self.assertIn('"size":13', done.stdout)
        fid = json.loads((self.folder / "assigned").read_text())["fid"]
        self.assertEqual(self.volume("GET", f"/{fid}").status, 404, "the last command removes it")


class Keeping(unittest.TestCase):
    """Nobody but scripts names these files: they must outlive every walk of the collector."""

    def test_neither_collector_nor_fsck_takes_them(self):
        with tempfile.TemporaryDirectory(prefix="kelp-fids-") as scratch:
            kelp = KelpProcess(Path(scratch) / "server", *SETTINGS)
            kelp.start()
            self.addCleanup(lambda: kelp.process and kelp.stop())
            case = VolumeHttp()
            case.kelp = kelp
            fid = case.put(b"kept for ever")
            self.assertEqual(kelp.stop(), 0)
            kelp.start()  # its leases are new: what it has is older than they
            client = Client(kelp.endpoint, *kelp.keys)
            self.addCleanup(client.close)
            client.must("PUT", "/rounds")
            # Each removal shows that a round ended that began after the object was deleted; the first one walks.
            for done in (1, 2, 3):
                client.must("PUT", "/rounds/key", body=os.urandom(100_000))
                client.must("DELETE", "/rounds/key")
                wait_for(lambda done=done: kelp.metric("kelp_filer_needles_removed_total") >= done, "a collection")
            self.assertEqual(case.volume("GET", f"/{fid}").body, b"kept for ever")
            self.assertEqual(kelp.stop(), 0)
            report = fsck(kelp.data)
            self.assertEqual((report["clean"], report["fid_needles"]), (True, 1), report)


if __name__ == "__main__":
    unittest.main(verbosity=2)
