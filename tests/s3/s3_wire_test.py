#!/usr/bin/env python3
"""What only shows on the wire: refusals that do not ask for the body, bodies without a length, signatures for S3 Express."""

import json
import unittest

from boto3_world import Server
from iam_world import IamCase, client, inside, policy
from raw_s3 import EMPTY_SHA256, Account, Connection, amz_date, in_chunks, sign

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(IamCase):
    def setUp(self):
        super().setUp()
        self.root = Account(*Server.kelp.keys)
        self.s3 = client("s3")
        self.bucket = self.name("wire")
        self.s3.create_bucket(Bucket=self.bucket)
        self.wire = Connection("127.0.0.1", Server.kelp.port)
        self.addCleanup(self.wire.close)

    def head(self, account, method, target, payload="UNSIGNED-PAYLOAD", service="s3", date=None, **more):
        """The signed head of a request, and its signature."""
        headers = {"host": self.wire.authority} | {name.replace("_", "-"): value for name, value in more.items()}
        path, _, query = target.partition("?")
        signature = sign(account, method, path, query, headers, payload, date=date, service=service)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode(), signature

    def keys(self):
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


class Expecting(Wire):
    """A client that waits for 100 Continue, and sends no byte of its body before."""

    def first_word(self, account, target):
        self.wire.open()
        self.wire.socket.sendall(self.head(account, "PUT", target, expect="100-continue", content_length="1048576")[0])
        while b"\r\n\r\n" not in self.wire.buffer:
            self.wire.more()
        return self.wire.buffer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def denied(self, account, target, status, code):
        first = self.first_word(account, target)
        self.assertTrue(first.startswith(f"HTTP/1.1 {status} ".encode()), first)
        answer = self.wire.read_answer()
        self.assertEqual((answer.status, inside(answer.body.decode(), "Code")), (status, code))
        self.wire.close()

    def test_whom_a_policy_denies_is_not_asked_for_the_body(self):
        _, keys = self.new_user(policy("s3:*"), policy("s3:PutObject", f"arn:aws:s3:::{self.bucket}/shut/*", effect="Deny"))
        user = Account(*keys)
        self.assertEqual(self.first_word(user, f"/{self.bucket}/open/k"), CONTINUE)
        self.wire.buffer = b""
        self.wire.socket.sendall(bytes(1 << 20))
        self.assertEqual(self.wire.read_answer().status, 200)
        self.wire.close()
        self.denied(user, f"/{self.bucket}/shut/k", 403, "AccessDenied")
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="shut/k")["UploadId"]
        self.denied(user, f"/{self.bucket}/shut/k?partNumber=1&uploadId={upload}", 403, "AccessDenied")
        self.assertEqual(self.keys(), ["open/k"])

    def test_whom_the_policy_of_the_bucket_denies_neither(self):
        user, keys = self.new_user(policy("s3:*"))
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Statement": {
            "Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{self.account}:user/{user}"}, "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{self.bucket}/*"}}))
        self.denied(Account(*keys), f"/{self.bucket}/k", 403, "AccessDenied")

    def test_nor_who_writes_where_nothing_is_or_signs_wrongly(self):
        self.denied(self.root, f"/{self.bucket}-none/k", 404, "NoSuchBucket")
        self.denied(Account(self.root.access_key, "x" * 40), f"/{self.bucket}/k", 403, "SignatureDoesNotMatch")
        self.assertEqual(self.keys(), [])


class WithoutLength(Wire):
    """Transfer-Encoding: chunked says no length: AWS wants it in Content-Length, or of aws-chunked in x-amz-decoded-content-length."""

    def send(self, method, target, body, payload="UNSIGNED-PAYLOAD", **more):
        chunked = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in (body[:3], body[3:], b""))
        head, _ = self.head(self.root, method, target, payload, transfer_encoding="chunked", **more)
        answer = self.wire.ask(head + chunked)
        code = inside(answer.body.decode(), "Code") if answer.status >= 400 else ""
        self.wire.close()
        return answer.status, code

    def test_a_body_without_its_length_is_refused_and_not_stored(self):
        wanted = (411, "MissingContentLength")
        self.assertEqual(self.send("PUT", f"/{self.bucket}/k", b"body of the object"), wanted)
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")["UploadId"]
        self.assertEqual(self.send("PUT", f"/{self.bucket}/k?partNumber=1&uploadId={upload}", b"body of the part"), wanted)
        self.assertEqual(self.keys(), [])
        self.assertNotIn("Parts", self.s3.list_parts(Bucket=self.bucket, Key="k", UploadId=upload))

    def test_aws_chunked_says_its_length_by_itself(self):
        date, mode = amz_date(), "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        body = in_chunks(b"0123456789", "unsigned-trailer", self.root, "", date)
        target = f"/{self.bucket}/k"
        self.assertEqual(self.send("PUT", target, body, mode, x_amz_decoded_content_length="10"), (200, ""))
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="k")["Body"].read(), b"0123456789")
        self.assertEqual(self.send("PUT", target, body, mode), (411, "MissingContentLength"))
        self.assertEqual(self.send("PUT", target, body, mode, x_amz_decoded_content_length="9")[0], 400)
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="k")["Body"].read(), b"0123456789")


class Express(Wire):
    """docs/s3-compat.md: who signs for S3 Express gets true answers, and needs a right signature as everybody."""

    def ask(self, method, target, service="s3express", account=None, body=b""):
        payload = EMPTY_SHA256 if not body else "UNSIGNED-PAYLOAD"
        head, _ = self.head(account or self.root, method, target, payload, service, content_length=str(len(body)))
        answer = self.wire.ask(head + body)
        self.wire.close()
        return answer.status, answer.body.decode()

    def test_there_are_no_directory_buckets(self):
        status, text = self.ask("GET", "/")
        self.assertEqual((status, "<Bucket>" in text, "<ListAllMyDirectoryBucketsResult" in text), (200, False, True), text)
        self.assertIn(f"<Name>{self.bucket}</Name>", self.ask("GET", "/", "s3")[1])
        for target in ("/data--use1-az4--x-s3", "/data--use1-az4--x-s3/k"):
            status, text = self.ask("GET", target)
            self.assertEqual((status, inside(text, "Code")), (404, "NoSuchBucket"), target)

    def test_sessions_are_not_implemented(self):
        for service in ("s3", "s3express"):
            status, text = self.ask("GET", f"/{self.bucket}?session", service)
            self.assertEqual((status, inside(text, "Code")), (501, "NotImplemented"), service)

    def test_other_buckets_are_what_they_are(self):
        self.assertEqual(self.ask("PUT", f"/{self.bucket}/k", body=b"body")[0], 200)
        self.assertEqual(self.ask("GET", f"/{self.bucket}/k"), (200, "body"))

    def test_the_signature_counts_as_everywhere(self):
        for account, code in ((Account(self.root.access_key, "x" * 40), "SignatureDoesNotMatch"),
                              (Account("AKIANOBODY", self.root.secret_key), "InvalidAccessKeyId")):
            status, text = self.ask("GET", f"/{self.bucket}/k", account=account)
            self.assertEqual((status, inside(text, "Code")), (403, code))
        _, keys = self.new_user()
        status, text = self.ask("GET", f"/{self.bucket}/k", account=Account(*keys))
        self.assertEqual((status, inside(text, "Code")), (403, "AccessDenied"))


setUpModule, tearDownModule = Server.start, Server.stop


if __name__ == "__main__":
    unittest.main()
