#!/usr/bin/env python3
"""What scripts do with a filer's HTTP, as curl would send it; and S3 beside it, for both see the same objects."""

import base64
import hashlib
import http.client
import json
import os
import ssl
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from files_world import SECOND, FilesWorld, basic
from kelpdev.certificates import self_signed
from kelpdev.process import KelpProcess, fsck, wait_for

ask = FilesWorld.ask
JSON = {"Accept": "application/json"}


def setUpModule():
    FilesWorld.start()


def tearDownModule():
    FilesWorld.stop()


class Case(unittest.TestCase):
    count = 0

    def setUp(self):
        Case.count += 1
        self.bucket = f"files-{Case.count}"
        FilesWorld.s3.create_bucket(Bucket=self.bucket)
        self.root = f"/buckets/{self.bucket}"

    def must(self, status, method, target, body=None, headers=(), **options):
        answer = ask(method, target, body, headers, **options)
        self.assertEqual(answer.status, status, f"{method} {target}: {answer.body[:500]}")
        return answer

    def put(self, path, body, headers=()):
        return self.must(201, "PUT", f"{self.root}/{path}", body, headers)

    def read(self, path):
        return self.must(200, "GET", f"{self.root}/{path}").body

    def listing(self, path="", query=""):
        return json.loads(self.must(200, "GET", f"{self.root}/{path}{query}", headers=JSON).text)

    def names(self, listing):
        return [entry["FullPath"].rsplit("/", 1)[1] for entry in listing["Entries"]]


class Reads(Case):
    def test_a_file_comes_back_with_type_and_etag(self):
        body = b"hello"
        made = self.put("a/b.txt", body, {"Content-Type": "text/x-kelp", "Seaweed-Colour": "green"})
        self.assertEqual(json.loads(made.text), {"name": "b.txt", "size": 5, "eTag": hashlib.md5(body).hexdigest()})
        answer = self.must(200, "GET", f"{self.root}/a/b.txt")
        self.assertEqual(answer.body, body)
        self.assertEqual(answer.headers["Content-Type"], "text/x-kelp")
        self.assertEqual(answer.headers["x-amz-meta-colour"], "green")
        self.assertEqual(answer.headers["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        head = self.must(200, "HEAD", f"{self.root}/a/b.txt")
        self.assertEqual((head.body, head.headers["Content-Length"]), (b"", "5"))
        self.assertEqual(FilesWorld.get_s3(self.bucket, "a/b.txt"), body)

    def test_archived_files_are_read_after_a_restore(self):
        FilesWorld.s3.put_object(Bucket=self.bucket, Key="old", Body=b"body", StorageClass="GLACIER")
        to = {"Destination": f"{self.root}/copy"}
        self.assertIn("InvalidObjectState", self.must(403, "GET", f"{self.root}/old").text)
        self.must(200, "HEAD", f"{self.root}/old")
        self.must(403, "COPY", f"{self.root}/old", headers=to)
        self.must(403, "POST", f"{self.root}/old?op=append", b"x")
        FilesWorld.s3.restore_object(Bucket=self.bucket, Key="old", RestoreRequest={"Days": 1})
        self.assertEqual(self.read("old"), b"body")
        self.must(201, "COPY", f"{self.root}/old", headers=to)
        self.must(403, "GET", f"{self.root}/copy")  # Of the same class, and not restored itself.

    def test_ranges_and_conditions(self):
        body = os.urandom(3_000_000)
        etag = self.put("large", body).headers["ETag"]
        part = self.must(206, "GET", f"{self.root}/large", headers={"Range": "bytes=1000000-1999999"})
        self.assertEqual(part.body, body[1_000_000:2_000_000])
        self.assertEqual(part.headers["Content-Range"], "bytes 1000000-1999999/3000000")
        self.assertEqual(self.must(206, "GET", f"{self.root}/large", headers={"Range": "bytes=-5"}).body, body[-5:])
        self.must(416, "GET", f"{self.root}/large", headers={"Range": "bytes=3000000-"})
        self.assertEqual(self.must(304, "GET", f"{self.root}/large", headers={"If-None-Match": etag}).body, b"")
        self.must(412, "GET", f"{self.root}/large", headers={"If-Match": '"0"'})
        self.must(412, "PUT", f"{self.root}/large", b"x", {"If-None-Match": "*"})
        self.must(201, "PUT", f"{self.root}/large", b"x", {"If-Match": etag})

    def test_what_s3_wrote_is_here(self):
        FilesWorld.s3.put_object(Bucket=self.bucket, Key="deep/er/file", Body=b"from s3", Metadata={"a": "b"})
        answer = self.must(200, "GET", f"{self.root}/deep/er/file")
        self.assertEqual((answer.body, answer.headers["x-amz-meta-a"]), (b"from s3", "b"))
        self.assertEqual(self.names(self.listing("deep")), ["er"])

    def test_nothing_is_404(self):
        for target in (f"{self.root}/none", f"{self.root}/none/", "/buckets/no-such-bucket/x", "/elsewhere", "/buckets/x/y"):
            self.assertIn("\n", self.must(404, "GET", target).text)

    def test_a_name_may_be_file_and_directory(self):
        self.put("a", b"the file")
        self.put("a/b", b"below")
        self.assertEqual(self.read("a"), b"the file")
        self.assertEqual(self.names(self.listing("a/")), ["b"])
        self.must(204, "DELETE", f"{self.root}/a")
        self.assertEqual(self.read("a/b"), b"below")
        self.assertEqual(self.names(self.listing("a")), ["b"])


class Listings(Case):
    def test_the_root_leads_to_the_buckets(self):
        top = json.loads(self.must(200, "GET", "/", headers=JSON).text)
        self.assertEqual([entry["FullPath"] for entry in top["Entries"]], ["/buckets"])
        for target in ("/buckets", "/buckets/", "/dav/"):
            found = json.loads(self.must(200, "GET", target + "?limit=10000", headers=JSON).text)
            self.assertIn(self.bucket, self.names(found))
        self.assertNotIn(self.bucket, self.must(200, "GET", "/buckets/", keys=SECOND).text)

    def test_fields_that_scripts_read(self):
        self.put("d/file", b"12345")
        self.put("d/sub/file", b"")
        found = self.listing("d")
        self.assertEqual(found["Path"], f"{self.root}/d")
        self.assertEqual((found["EmptyFolder"], found["ShouldDisplayLoadMore"], found["Limit"]), (False, False, 100))
        file, sub = found["Entries"]
        self.assertEqual((file["FullPath"], file["FileSize"]), (f"{self.root}/d/file", 5))
        self.assertEqual(base64.b64decode(file["Md5"]), hashlib.md5(b"12345").digest())
        self.assertEqual((file["Mode"] >> 31, sub["Mode"] >> 31), (0, 1))

    def test_pages_meet_every_name_once(self):
        names = [f"n{number:02}" for number in range(9)]
        for name in (*names, "z"):
            self.put(f"d/{name}", b"")
        for name in ("sub/x", "sub-y"):  # sorts before "sub/": flat keys know no segments
            self.put(f"d/{name}", b"")
        for limit in (1, 2, 3, 100):
            for cut in (False, True):  # scripts that cut the slash off a directory's name go on all the same
                seen, last = [], ""
                while True:
                    page = self.listing("d", f"?limit={limit}&lastFileName={urllib.parse.quote(last)}")
                    seen += self.names(page)
                    self.assertLess(len(seen), 50, "pages go round")
                    if not page["ShouldDisplayLoadMore"]:
                        break
                    last = page["LastFileName"].rstrip("/") if cut else page["LastFileName"]
                self.assertEqual(seen, names + ["sub-y", "sub", "z"], (limit, cut))

    def test_patterns(self):
        for name in ("a1.txt", "a2.txt", "b1.txt", "a1.bin", "é.txt"):
            self.put(f"d/{urllib.parse.quote(name)}", b"")
        for pattern, wanted in (("a*", ["a1.bin", "a1.txt", "a2.txt"]), ("*.txt", ["a1.txt", "a2.txt", "b1.txt", "é.txt"]),
                                ("?.txt", ["é.txt"]), ("a?.*in", ["a1.bin"]), ("z*", [])):
            self.assertEqual(self.names(self.listing("d", "?namePattern=" + urllib.parse.quote(pattern))), wanted, pattern)
        page = self.listing("d", "?namePattern=*.txt&limit=2")
        self.assertEqual((self.names(page), page["ShouldDisplayLoadMore"]), (["a1.txt", "a2.txt"], True))
        rest = self.listing("d", f"?namePattern=*.txt&limit=2&lastFileName={page['LastFileName']}")
        self.assertEqual(self.names(rest), ["b1.txt", "é.txt"])

    def test_html_escapes_what_users_named(self):
        name = "<script>alert('x')&\"%.txt"
        FilesWorld.s3.put_object(Bucket=self.bucket, Key=name, Body=b"1")
        page = self.must(200, "GET", f"{self.root}/", headers={"Accept": "text/html"})
        self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertNotIn("<script", page.text)
        self.assertNotIn("alert('x')", page.text)
        link = page.text.split(f'href="{self.root}/', 1)[1].split('"', 1)[0]
        self.assertEqual(self.read(link), b"1")

    def test_a_listing_has_a_bound(self):
        self.must(400, "GET", f"{self.root}/?limit=0", headers=JSON)
        self.must(400, "GET", f"{self.root}/?limit=x", headers=JSON)
        self.assertEqual(self.listing("", "?limit=999999999")["Limit"], 10_000)


class Writes(Case):
    def test_large_and_chunked_bodies(self):
        body = os.urandom(9_500_000)
        self.put("known", body)
        chunked = self.must(201, "PUT", f"{self.root}/chunked", iter([body[:5_000_000], body[5_000_000:]]))
        self.assertEqual(chunked.headers["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
        for name in ("known", "chunked"):
            self.assertEqual(hashlib.md5(FilesWorld.get_s3(self.bucket, name)).digest(), hashlib.md5(body).digest())
        self.put("tiny", iter([b"a", b"b"]))
        self.put("none", iter([]))
        self.assertEqual((self.read("tiny"), self.read("none")), (b"ab", b""))

    def test_a_body_cut_short_leaves_nothing(self):
        before = FilesWorld.kelp.metric("kelp_webdav_requests_total")
        for chunked in (False, True):
            connection = FilesWorld.connect()
            connection.putrequest("PUT", f"{self.root}/cut")
            connection.putheader("Authorization", basic(FilesWorld.kelp.keys))
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            else:
                connection.putheader("Content-Length", "6000000")
            connection.endheaders()
            data = os.urandom(5_000_000)
            connection.send(b"%x\r\n" % (len(data) + 1) + data if chunked else data)
            connection.close()
        wait_for(lambda: FilesWorld.kelp.metric("kelp_webdav_requests_total") == before + 2, "the end of both")
        self.put("after", b"1")  # and the server goes on
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["after"])

    def test_content_md5_is_compared(self):
        wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"y").digest()).decode()}
        self.assertIn("BadDigest", self.must(400, "PUT", f"{self.root}/x", b"x", wrong).text)
        self.assertEqual(FilesWorld.keys_of(self.bucket), [])

    def test_outside_of_buckets_nothing_is_written(self):
        for target in ("/x", "/buckets", "/tmp/x", "/"):
            self.assertIn("/buckets/BUCKET/", self.must(403, "PUT", target, b"x").text)
        self.must(404, "PUT", "/buckets/no-such-bucket/x", b"x")

    def test_wishes_that_cannot_be_granted(self):
        for wish in ("ttl=3d", "collection=pictures", "replication=001", "disk=ssd", "dataCenter=dc1", "maxMB=x", "mode=0644",
                     "op=truncate", "unknown=1"):
            self.assertIn(wish, self.must(400, "PUT", f"{self.root}/x?{wish}", b"x").text)
        self.assertEqual(FilesWorld.keys_of(self.bucket), [])
        self.must(201, "PUT", f"{self.root}/x?maxMB=4&collection={self.bucket}&replication=000&ttl=&fsync=true", b"x")

    def test_append(self):
        target = f"{self.root}/log?op=append"
        whole = b""
        for piece in (b"one\n", b"", os.urandom(20_000), os.urandom(300_000), b"small", b"smaller", os.urandom(5_000_000)):
            whole += piece
            answer = self.must(201, "POST", target, piece)
            self.assertEqual(json.loads(answer.text)["size"], len(whole))
            self.assertEqual(self.read("log"), whole)
            self.assertEqual(self.must(200, "HEAD", f"{self.root}/log").headers["ETag"], answer.headers["ETag"])
        self.assertEqual(FilesWorld.get_s3(self.bucket, "log"), whole)  # boto3 compares the CRC64 where there is one
        self.must(400, "POST", target, b"x", {"If-Match": "*"})
        part = self.must(206, "GET", f"{self.root}/log", headers={"Range": "bytes=320000-320020"})
        self.assertEqual(part.body, whole[320_000:320_021])

    def test_encryption_as_the_bucket_says(self):
        body, target = os.urandom(200_000), f"{self.root}/log?op=append"
        self.put("plain", body)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        FilesWorld.s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        self.put("sealed", body, {"x-amz-meta-k": "v"})
        head = FilesWorld.s3.head_object(Bucket=self.bucket, Key="sealed")
        self.assertEqual((head["ServerSideEncryption"], head["ContentLength"]), ("AES256", len(body)))
        self.must(204, "POST", f"{self.root}/copied?cp.from={self.root}/sealed")
        self.must(204, "POST", f"{self.root}/moved?mv.from={self.root}/sealed")
        for name in ("plain", "copied", "moved"):
            self.assertEqual(self.read(name), body)
        part = self.must(206, "GET", f"{self.root}/moved", headers={"Range": "bytes=70000-70020"})
        self.assertEqual(part.body, body[70_000:70_021])
        # What tells no length, and what would lie in one row of needles with ciphertext, is refused.
        self.must(411, "PUT", f"{self.root}/chunked", iter([b"a", b"b"]))
        self.must(411, "POST", target, b"new")
        self.must(409, "POST", f"{self.root}/moved?op=append", b"more")
        self.must(201, "POST", f"{self.root}/plain?op=append", b"more")
        self.assertEqual(self.read("plain"), body + b"more")
        self.assertEqual(self.read("moved"), body)

    def test_move_and_copy(self):
        body = os.urandom(100_000)
        self.put("dir/a", body, {"x-amz-meta-k": "v"})
        self.must(204, "POST", f"{self.root}/b?mv.from={self.root}/dir/a")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["b"])
        self.must(204, "POST", f"{self.root}/c?cp.from={self.root}/b")
        self.assertEqual((self.read("b"), self.read("c")), (body, body))
        self.assertEqual(self.must(200, "HEAD", f"{self.root}/c").headers["x-amz-meta-k"], "v")
        self.put("d/e/f", b"1")
        self.put("d/g", b"2")
        self.must(204, "POST", f"{self.root}/into/?mv.from={self.root}/d")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["b", "c", "into/d/e/f", "into/d/g"])
        self.must(204, "PUT", f"{self.root}/into?cp.from={self.root}/b")
        self.assertEqual(self.read("into/b"), body)
        self.put("other/d/f", b"3")
        self.must(409, "POST", f"{self.root}/into/?cp.from={self.root}/other/d")
        self.must(403, "POST", f"{self.root}/into/?cp.from={self.root}/into/d")
        self.must(403, "POST", f"{self.root}/into/d/x?mv.from={self.root}/into/d")
        self.must(404, "POST", f"{self.root}/x?mv.from={self.root}/none")
        self.must(400, "POST", f"{self.root}/x?mv.from=/buckets/../etc")

    def test_a_form_uploads_a_file(self):
        body = os.urandom(200_000) + b"\r\n--not-the-boundary\r\n" + os.urandom(50)

        def form(name, content, target, more=b""):
            data = (b"--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xyz\r\n"
                    b"Content-Disposition: form-data; name=\"file\"; filename=\"" + name + b"\"\r\n"
                    b"Content-Type: text/x-form\r\n\r\n" + content + b"\r\n" + more + b"--xyz--\r\n")
            return ask("POST", target, data, {"Content-Type": "multipart/form-data; boundary=xyz"})

        made = form(b"up.bin", body, f"{self.root}/dir/")
        self.assertEqual((made.status, json.loads(made.text)["size"]), (201, len(body)))
        answer = self.must(200, "GET", f"{self.root}/dir/up.bin")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (body, "text/x-form"))
        self.assertEqual(form(b"ignored", b"x", f"{self.root}/dir/named").status, 201)
        self.assertEqual(self.read("dir/named"), b"x")
        for name in (b"../x", b"a/b", b".."):
            self.assertEqual(form(name, b"x", f"{self.root}/dir/").status, 400)
        second = b"--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"z\"\r\n\r\ny\r\n"
        self.assertEqual(form(b"two", b"x", f"{self.root}/dir/", second).status, 400)
        broken = b"--xyz\r\nContent-Disposition: form-data; filename=\"q\"\r\n\r\nabc"
        self.must(400, "POST", f"{self.root}/dir/", broken, {"Content-Type": "multipart/form-data; boundary=xyz"})
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["dir/named", "dir/up.bin"])

    def test_directories(self):
        self.must(201, "POST", f"{self.root}/made/")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["made/"])
        self.assertTrue(self.listing("made")["EmptyFolder"])
        self.must(400, "PUT", f"{self.root}/made/", b"x")
        self.must(405, "MKCOL", f"{self.root}/made")
        self.must(409, "MKCOL", f"{self.root}/no/where")
        self.must(201, "MKCOL", f"{self.root}/made/sub")
        self.must(409, "DELETE", f"{self.root}/made")
        self.must(204, "DELETE", f"{self.root}/made/sub")
        self.must(204, "DELETE", f"{self.root}/made/")
        self.assertEqual(FilesWorld.keys_of(self.bucket), [])

    def test_delete(self):
        for name in ("d/a", "d/b/c", "d2"):
            self.put(name, b"x")
        self.assertIn("recursive", self.must(409, "DELETE", f"{self.root}/d").text)
        self.must(400, "DELETE", f"{self.root}/d?recursve=true")
        self.must(204, "DELETE", f"{self.root}/d?recursive=true")
        self.must(404, "DELETE", f"{self.root}/d?recursive=true")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["d2"])
        self.must(409, "DELETE", self.root)
        self.must(409, "DELETE", f"/dav/{self.bucket}/")
        self.must(204, "DELETE", f"{self.root}?recursive=true")
        self.must(404, "GET", self.root)
        self.must(201, "MKCOL", self.root)
        self.must(405, "MKCOL", self.root)
        self.must(204, "DELETE", self.root)
        self.must(400, "MKCOL", "/buckets/Not_A_Name")


class Large(Case):
    """More than fits on a page of the filer's."""

    def test_directories_of_many_files(self):
        count = 1_100
        connection = FilesWorld.connect()
        for number in range(count):
            connection.request("PUT", f"{self.root}/d/{number:05}", b"x", {"Authorization": basic(FilesWorld.kelp.keys)})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 201)
        connection.close()
        names = [f"{number:05}" for number in range(count)]
        self.assertEqual(self.names(self.listing("d", "?limit=5000")), names)
        body = b"<D:propfind xmlns:D='DAV:'><D:prop><D:getcontentlength/><D:getcontenttype/></D:prop></D:propfind>"
        found = self.must(207, "PROPFIND", f"{self.root}/d", body, {"Depth": "1"})
        hrefs = [node.text for node in ElementTree.fromstring(found.body).iter("{DAV:}href")]
        self.assertEqual(hrefs, [f"{self.root}/d/"] + [f"{self.root}/d/{name}" for name in names])
        types = [node.text for node in ElementTree.fromstring(found.body).iter("{DAV:}getcontenttype")]
        self.assertEqual(types, [None] + ["binary/octet-stream"] * count)
        self.must(204, "POST", f"{self.root}/e?mv.from={self.root}/d")
        self.must(404, "GET", f"{self.root}/d/")
        self.assertEqual(self.names(self.listing("e", "?limit=5000")), names)
        self.must(204, "DELETE", f"{self.root}/e?recursive=true")
        self.assertEqual(FilesWorld.keys_of(self.bucket), [])


class Versions(Case):
    def test_what_is_deleted_or_moved_stays_as_a_version(self):
        FilesWorld.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.put("d/a", b"1")
        self.must(204, "DELETE", f"{self.root}/d/a")
        for method in ("GET", "HEAD", "DELETE"):
            self.must(404, method, f"{self.root}/d/a")
            self.must(404, method, f"{self.root}/d")
        self.must(201, "MKCOL", f"{self.root}/d")
        self.must(204, "DELETE", f"{self.root}/d")
        self.must(201, "MKCOL", f"{self.root}/d")
        self.put("d/b", b"2")
        self.must(204, "POST", f"{self.root}/d/c?mv.from={self.root}/d/b")
        self.must(404, "GET", f"{self.root}/d/b")
        self.must(201, "POST", f"{self.root}/d/b?op=append", b"new")
        self.assertEqual((self.read("d/b"), self.read("d/c")), (b"new", b"2"))
        versions = FilesWorld.s3.list_object_versions(Bucket=self.bucket, Prefix="d/a")
        self.assertEqual((len(versions["Versions"]), len(versions["DeleteMarkers"])), (1, 1))
        self.assertIn("versions", self.must(409, "DELETE", f"{self.root}?recursive=true").text)


class Tls(unittest.TestCase):
    def test_the_same_over_https(self):
        with tempfile.TemporaryDirectory(prefix="kelp-files-tls-") as folder:
            certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
            self_signed(certificate, key)
            with KelpProcess(Path(folder) / "server", "--filer-https", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key",
                             str(key)) as kelp:
                self.assertEqual(kelp.ready["files"], "")
                connection = http.client.HTTPSConnection(kelp.ready["files_tls"], timeout=30,
                                                         context=ssl.create_default_context(cafile=certificate))
                body = os.urandom(300_000)
                for method, target, sent, status in (("MKCOL", "/dav/secure", None, 201), ("PUT", "/dav/secure/x", body, 201),
                                                     ("GET", "/dav/secure/x", None, 200)):
                    connection.request(method, target, sent, {"Authorization": basic(kelp.keys)})
                    answer = connection.getresponse()
                    got = answer.read()
                    self.assertEqual(answer.status, status, got)
                self.assertEqual(got, body)
                connection.close()

    def test_needs_a_certificate(self):
        with tempfile.TemporaryDirectory(prefix="kelp-files-tls-") as folder:
            kelp = KelpProcess(folder, "--filer-https", "127.0.0.1:0")
            with self.assertRaisesRegex(RuntimeError, "s3.tls_cert"):
                kelp.start()


class Who(Case):
    def test_only_with_the_right_password(self):
        for keys in ((), ("nobody", "secret"), (FilesWorld.kelp.keys[0], "wrong")):
            answer = self.must(401, "GET", f"{self.root}/", keys=keys)
            self.assertIn("Basic", answer.headers["WWW-Authenticate"])
        self.must(401, "GET", f"{self.root}/", headers={"Authorization": "Basic !"}, keys=())
        self.assertIn("1, 2", self.must(200, "OPTIONS", f"{self.root}/", keys=()).headers["DAV"])

    def test_buckets_of_others_are_closed(self):
        self.put("secret", b"x")
        for method, target in (("GET", "secret"), ("GET", ""), ("PUT", "secret"), ("PUT", "new"), ("DELETE", "secret"),
                               ("DELETE", ""), ("MKCOL", "dir"), ("PROPFIND", "secret"), ("LOCK", "secret"),
                               ("POST", "new?op=append"), ("POST", f"new?cp.from={self.root}/secret"), ("HEAD", "secret")):
            self.must(403, method, f"{self.root}/{target}",
                      b"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
                      b"</D:lockinfo>" if method == "LOCK" else None, {"Depth": "0"}, keys=SECOND)
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["secret"])

    def test_pages_of_other_sites_change_nothing(self):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            self.must(403, "POST", f"{self.root}/x", b"x", headers)
            self.must(403, "DELETE", f"{self.root}/x", headers=headers)
        self.must(201, "POST", f"{self.root}/x", b"x", {"Origin": FilesWorld.url, "Sec-Fetch-Site": "same-origin"})

    def test_paths_do_not_climb(self):
        for target in (f"{self.root}/../x", f"{self.root}/a/%2e%2e/x", f"{self.root}/%2e", "/buckets/%2e%2e/x", f"{self.root}/%zz",
                       f"{self.root}/%ff", f"{self.root}/{'k' * 1100}"):
            self.must(400, "GET", target)
            self.must(400, "PUT", target, b"x")


class Dav(Case):
    """Where WebDAV's rules differ from a script's."""

    def test_rules_below_dav(self):
        root = f"/dav/{self.bucket}"
        self.must(409, "PUT", f"{root}/no/where", b"x")
        self.must(201, "PUT", f"{root}/file", b"1")
        self.must(204, "PUT", f"{root}/file", b"2")
        self.must(405, "MKCOL", f"{root}/file/")
        self.must(201, "MKCOL", f"{root}/dir")
        self.must(405, "PUT", f"{root}/dir", b"x")
        self.must(201, "PUT", f"{root}/dir/file", b"3")
        self.must(204, "DELETE", f"{root}/dir")
        self.must(415, "MKCOL", f"{root}/new", b"x")
        self.must(409, "MKCOL", "/dav/no-such-bucket/x")
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["file"])

    def test_copies_and_moves_mind_where_to(self):
        root = f"/dav/{self.bucket}"
        self.must(201, "MKCOL", f"{root}/d")
        self.must(201, "PUT", f"{root}/d/a", b"1")
        for method, to, status in (("MOVE", f"{root}/d/x", 403), ("COPY", f"{root}/d", 403), ("MOVE", "/dav/", 403),
                                   ("MOVE", "http://elsewhere/dav/x/y", 502), ("COPY", f"{root}/n/x", 409),
                                   ("MOVE", f"/buckets/{self.bucket}/../x", 400)):
            self.must(status, method, f"{root}/d", headers={"Destination": to})
        self.must(403, "MOVE", f"{root}/d/a", headers={"Destination": f"{root}/d"})
        self.must(400, "MOVE", f"{root}/d")
        self.must(403, "MOVE", f"{root}/d", headers={"Destination": f"/dav/{self.bucket}"})
        self.must(201, "COPY", f"{root}/d", headers={"Destination": f"{root}/e", "Depth": "0"})
        self.assertEqual(FilesWorld.keys_of(self.bucket), ["d/", "d/a", "e/"])

    def test_properties_have_a_limit_and_stay_with_the_file(self):
        def patch(value):
            body = ("<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><p xmlns='u:'>" + value + "</p></D:prop></D:set>"
                    "</D:propertyupdate>").encode()
            return self.must(207, "PROPPATCH", f"{self.root}/f", body).text

        self.put("f", b"1", {"x-amz-meta-k": "v"})
        self.assertIn("200 OK", patch("small"))
        self.assertIn("507", patch("x" * 3000))
        self.must(204, "PUT", f"/dav/{self.bucket}/f", b"2")
        found = self.must(207, "PROPFIND", f"{self.root}/f", None, {"Depth": "0"}).text
        self.assertIn(">small</p>", found)
        self.assertIn("propfind-finite-depth", self.must(403, "PROPFIND", f"{self.root}/f", None, {"Depth": "infinity"}).text)


class Locks(Case):
    INFO = (b"<?xml version='1.0'?><D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/>"
            b"</D:locktype><D:owner>me</D:owner></D:lockinfo>")

    def lock(self, path, status=200, **headers):
        return self.must(status, "LOCK", f"{self.root}/{path}", self.INFO, headers).headers["Lock-Token"]

    def test_scripts_respect_them_too(self):
        self.put("d/a", b"1")
        token = self.lock("d")
        for method, target in (("PUT", "d/a"), ("PUT", "d/new"), ("DELETE", "d/a"), ("DELETE", "d?recursive=true"), ("DELETE", ""),
                               ("POST", f"x?mv.from={self.root}/d/a"), ("POST", f"d/x?cp.from={self.root}/d/a"), ("MKCOL", "d/s")):
            self.must(423, method, f"{self.root}/{target}")
        self.must(204, "POST", f"{self.root}/x?cp.from={self.root}/d/a")
        self.must(201, "PUT", f"{self.root}/d/a", b"2", {"If": f"<{FilesWorld.url}{self.root}/d> ({token})"})
        self.must(204, "UNLOCK", f"{self.root}/d", headers={"Lock-Token": token})
        self.must(201, "PUT", f"{self.root}/d/a", b"3")

    def test_one_of_a_directory_alone_keeps_its_names(self):
        self.put("d/a", b"1")
        self.lock("d", Depth="0")
        self.must(204, "PUT", f"/dav/{self.bucket}/d/a", b"2")
        self.must(423, "PUT", f"/dav/{self.bucket}/d/new", b"2")
        self.must(423, "DELETE", f"/dav/{self.bucket}/d/a")
        self.must(423, "MKCOL", f"/dav/{self.bucket}/d/new")

    def test_one_runs_out(self):
        self.put("a", b"1")
        self.lock("a", Timeout="Second-1")
        self.must(423, "PUT", f"{self.root}/a", b"2")
        wait_for(lambda: ask("PUT", f"{self.root}/a", b"2").status == 201, "the end of a lock")

    def test_a_name_can_be_locked_before_it_is_there(self):
        token = self.lock("later", 201)
        self.assertEqual(self.read("later"), b"")
        self.must(423, "PUT", f"{self.root}/later", b"2")
        self.must(201, "PUT", f"{self.root}/later", b"2", {"If": f"({token})"})


class Behind(Case):
    def test_metrics_count(self):
        before = FilesWorld.kelp.metric("kelp_webdav_requests_total")
        self.put("x", b"1")
        self.assertGreater(FilesWorld.kelp.metric("kelp_webdav_requests_total"), before)


class ZStopped(unittest.TestCase):
    """Last of all, by its name."""

    def test_what_all_this_left_is_sound(self):
        FilesWorld.kelp.stop()
        report = fsck(FilesWorld.kelp.data)
        FilesWorld.kelp.start()
        self.assertTrue(report["sound"], report)


if __name__ == "__main__":
    unittest.main(verbosity=2)
