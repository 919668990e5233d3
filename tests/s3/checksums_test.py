#!/usr/bin/env python3
"""All checksums by all ways that bring one: in a header, in a signed and an unsigned trailer, with a presigned PUT (signed header or
query), in a browser's form, and of the parts and the whole of a multipart upload. The right sum is kept and told by PUT, HEAD and
GetObjectAttributes; of a wrong one nothing stays. The sums are AWS's own library's and hashlib's.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

import base64
import hashlib
import os
import unittest
import xml.etree.ElementTree as xml
from urllib.parse import quote

import botocore.session
from boto3_world import Server
from cases_test import runner_of

from awscrt import checksums

MIB = 1 << 20
SUMS = {
    "CRC32": lambda body: checksums.crc32(body).to_bytes(4, "big"),
    "CRC32C": lambda body: checksums.crc32c(body).to_bytes(4, "big"),
    "CRC64NVME": lambda body: checksums.crc64nvme(body).to_bytes(8, "big"),
    "SHA1": lambda body: hashlib.sha1(body).digest(),
    "SHA256": lambda body: hashlib.sha256(body).digest(),
    "SHA512": lambda body: hashlib.sha512(body).digest(),
    "MD5": lambda body: hashlib.md5(body).digest(),
    "XXHASH64": checksums.XXHash.compute_xxhash64,
    "XXHASH3": checksums.XXHash.compute_xxhash3_64,
    "XXHASH128": checksums.XXHash.compute_xxhash3_128,
}
FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")  # The others are of parts alone, and CRC64NVME of the whole alone.
COMPOSITE = [name for name in SUMS if name != "CRC64NVME"]
WAYS = {  # What is sent beside the body, by the name of the header and its value.
    "header": lambda name, value: ({name: value}, {}, ""),
    "header of an unsigned body": lambda name, value: ({name: value}, {"payload": "unsigned"}, ""),
    "header of signed chunks": lambda name, value: ({name: value}, {"payload": "chunked", "chunk": "8192"}, ""),
    "signed trailer": lambda name, value: ({}, {"payload": "chunked-trailer", "trailer": f"{name}:{value}", "chunk": "8192"}, ""),
    "unsigned trailer": lambda name, value: ({}, {"payload": "unsigned-trailer", "trailer": f"{name}:{value}"}, ""),
    "presigned header": lambda name, value: ({name: value}, {"auth": "presigned"}, ""),
    "presigned query": lambda name, value: ({}, {"auth": "presigned"}, f"?{name}={quote(value, safe='')}"),
}


def text(digest):
    return base64.b64encode(digest).decode()


def header_of(name):
    return f"x-amz-checksum-{name.lower()}"


def spoiled(digest):
    return digest[:-1] + bytes([digest[-1] ^ 1])


class Cases:
    """Every test of the two transports."""

    @classmethod
    def setUpClass(cls):
        cls.runner = runner_of(cls.transport, False)
        cls.bucket = f"sums-{cls.transport}"
        cls.ask(cls, "PUT", "")

    def ask(self, method, target, headers=None, body=b"", **options):
        return self.runner.send(method, f"/{self.bucket}{target}", dict(headers or {}), body, "owner", options)

    def error(self, answer):
        root = xml.fromstring(answer.body)
        return answer.status, root.findtext("Code"), root.findtext("Message")

    def assert_refused(self, answer, name, key):
        """As a wrong sum is, and nothing is stored."""
        why = f"The {name} you specified did not match the calculated checksum."
        self.assertEqual(self.error(answer), (400, "BadDigest", why))
        self.assertEqual(self.ask("HEAD", key).status, 404)

    def assert_kept(self, name, key, value, kind, size):
        """HEAD tells the sum as `value`, GetObjectAttributes without the number of parts."""
        head = self.ask("HEAD", key, {"x-amz-checksum-mode": "ENABLED"})
        told = {header: text for header, text in head.headers.items() if header.startswith("x-amz-checksum-")}
        self.assertEqual((head.status, told), (200, {header_of(name): value, "x-amz-checksum-type": kind}))
        answer = self.ask("GET", f"{key}?attributes", {"x-amz-object-attributes": "Checksum,ObjectSize"})
        root = xml.fromstring(answer.body)
        space = root.tag.split("}")[0] + "}"
        told = {child.tag.removeprefix(space): child.text for child in root.find(f"{space}Checksum")}
        self.assertEqual(told, {f"Checksum{name}": value.partition("-")[0], "ChecksumType": kind})
        self.assertEqual(root.findtext(f"{space}ObjectSize"), str(size))

    def test_the_model_has_no_other(self):
        model = botocore.session.get_session().get_service_model("s3")
        self.assertEqual(set(model.shape_for("ChecksumAlgorithm").enum), set(SUMS))

    def test_bodies(self):
        for size in (0, 100, 20_000, 300_000):
            body = os.urandom(size)
            for name, compute in SUMS.items():
                for way, send in WAYS.items():
                    with self.subTest(size=size, algorithm=name, way=way):
                        key, right = f"/{size}-{name}-{way.replace(' ', '-')}", compute(body)
                        headers, options, query = send(header_of(name), text(spoiled(right)))
                        self.assert_refused(self.ask("PUT", key + query, headers, body, **options), name, key)
                        headers, options, query = send(header_of(name), text(right))
                        answer = self.ask("PUT", key + query, headers, body, **options)
                        self.assertEqual((answer.status, answer.header(header_of(name))), (200, text(right)), answer.body)
                        self.assert_kept(name, key, text(right), "FULL_OBJECT", size)

    def post(self, key, name, value, body):
        field = f'{{"bucket":"{self.bucket}"}},["starts-with","$key",""],{{"{header_of(name)}":"{value}"}}'
        return self.runner.send_form(f"/{self.bucket}", {"key": key, header_of(name): value}, body, {"form": field})

    def test_forms(self):
        for size in (100, 700_000):
            body = os.urandom(size)
            for name, compute in SUMS.items():
                with self.subTest(size=size, algorithm=name):
                    key, right = f"form-{size}-{name}", compute(body)
                    self.assert_refused(self.post(key, name, text(spoiled(right)), body), name, f"/{key}")
                    answer = self.post(key, name, text(right), body)
                    self.assertEqual(answer.status, 204, answer.body)
                    self.assert_kept(name, f"/{key}", text(right), "FULL_OBJECT", size)

    def complete(self, upload, name, parts, sums, whole, kind):
        """Of parts with these ETags and sums; `whole` is said of the object, if anything."""
        named = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{hashlib.md5(part).hexdigest()}</ETag>"
                        f"<Checksum{name}>{text(digest)}</Checksum{name}></Part>"
                        for number, (part, digest) in enumerate(zip(parts, sums), 1))
        headers = {"x-amz-checksum-type": kind} | ({header_of(name): whole} if whole else {})
        return self.ask("POST", upload, headers, f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode())

    def upload(self, name, kind, parts, whole):
        """Uploads `parts`, whose sum as an object is `whole`; each sum wrong before it is right."""
        key, compute = f"/{kind}-{name}", SUMS[name]
        begun = self.ask("POST", f"{key}?uploads", {"x-amz-checksum-algorithm": name, "x-amz-checksum-type": kind})
        self.assertEqual((begun.status, begun.header("x-amz-checksum-type")), (200, kind), begun.body)
        upload = f"{key}?uploadId=" + begun.body.decode().split("<UploadId>")[1].split("<")[0]
        sums = [compute(part) for part in parts]
        ways = [WAYS[way] for way in ("unsigned trailer", "header of an unsigned body")]
        for number, (part, digest, send) in enumerate(zip(parts, sums, ways), 1):
            target = f"{upload}&partNumber={number}"
            headers, options, _ = send(header_of(name), text(spoiled(digest)))
            self.assert_refused(self.ask("PUT", target, headers, part, **options), name, key)
            self.assertEqual(self.ask("GET", upload).body.count(b"<Part>"), number - 1)
            headers, options, _ = send(header_of(name), text(digest))
            answer = self.ask("PUT", target, headers, part, **options)
            self.assertEqual((answer.status, answer.header(header_of(name))), (200, text(digest)), answer.body)
        end = f"-{len(parts)}" if kind == "COMPOSITE" else ""
        self.assert_refused(self.complete(upload, name, parts, sums, text(spoiled(whole)) + end, kind), name, key)
        answer = self.complete(upload, name, parts, [spoiled(sums[0]), *sums[1:]], None, kind)
        self.assertEqual(self.error(answer)[:2], (400, "InvalidPart"))
        self.assertEqual(self.ask("HEAD", key).status, 404)
        answer = self.complete(upload, name, parts, sums, text(whole) + end, kind)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn(f"<Checksum{name}>{text(whole)}{end}</Checksum{name}><ChecksumType>{kind}</ChecksumType>", answer.body.decode())
        self.assert_kept(name, key, text(whole) + end, kind, sum(map(len, parts)))

    def test_parts(self):
        parts = [os.urandom(5 * MIB), os.urandom(70_000)]
        for name in COMPOSITE:
            with self.subTest(algorithm=name):
                self.upload(name, "COMPOSITE", parts, SUMS[name](b"".join(SUMS[name](part) for part in parts)))

    def test_wholes_of_parts(self):
        parts = [os.urandom(5 * MIB), os.urandom(70_000)]
        for name in FULL_OBJECT:
            with self.subTest(algorithm=name):
                self.upload(name, "FULL_OBJECT", parts, SUMS[name](b"".join(parts)))

    def test_types_that_an_algorithm_does_not_have(self):
        for name in SUMS:
            kind = {"CRC64NVME": "COMPOSITE"}.get(name, "FULL_OBJECT")
            if kind == "FULL_OBJECT" and name in FULL_OBJECT:
                continue
            answer = self.ask("POST", "/k?uploads", {"x-amz-checksum-algorithm": name, "x-amz-checksum-type": kind})
            why = f"The {kind} checksum type cannot be used with the {name.lower()} checksum algorithm."
            self.assertEqual(self.error(answer), (400, "InvalidRequest", why))


class Http(Cases, unittest.TestCase):
    transport = "http"


class Https(Cases, unittest.TestCase):
    transport = "https"


setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
