#!/usr/bin/env python3
"""Websites, audit log, access logs, limits and paying requesters, against a running Kelp."""

import http.client
import json
import os
import signal
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import boto3_world  # noqa: F401  (starts the program anew where boto3 is)
import boto3
from boto3_world import client_of
from botocore.exceptions import ClientError
from kelpdev.process import KelpProcess, wait_for

SECOND = ("second-account", "second-secret-key-0123456789")


class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-serving-")
        work = Path(cls.scratch.name)
        cls.audit = work / "audit.jsonl"
        config = work / "kelp.toml"
        config.write_text(f'[[s3.identity]]\nname = "second"\naccess_key = "{SECOND[0]}"\nsecret_key = "{SECOND[1]}"\n'
                          f'[s3]\naudit_log = "{cls.audit}"\naccess_log_seconds = 1\nbucket_metrics = 100\n'
                          'website_domains = ["web.example"]\nlimits = ["key.at_once=500"]\n')
        cls.kelp = KelpProcess(work / "server", "--config", str(config))
        cls.kelp.start()
        cls.s3 = client_of(cls.kelp)

    @classmethod
    def tearDownClass(cls):
        cls.kelp.stop()
        cls.scratch.cleanup()

    def lines(self):
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def request(self, method, target, **headers):
        """(status, headers, body) of an unsigned request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.kelp.port)
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), body

    def open_to_all(self, bucket):
        self.s3.delete_public_access_block(Bucket=bucket)
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": {
            "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}}))

    def test_a_bucket_is_a_website(self):
        self.s3.create_bucket(Bucket="site")
        self.open_to_all("site")
        self.s3.put_bucket_website(Bucket="site", WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}})
        large = os.urandom(3_000_000)
        for key, body in (("index.html", b"hello"), ("a/index.html", b"in a"), ("oops.html", b"oops"), ("large", large)):
            self.s3.put_object(Bucket="site", Key=key, Body=body, ContentType="text/html")
        upload = self.s3.create_multipart_upload(Bucket="site", Key="moved", WebsiteRedirectLocation="/a/")
        part = self.s3.upload_part(Bucket="site", Key="moved", UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
        self.s3.complete_multipart_upload(Bucket="site", Key="moved", UploadId=upload["UploadId"], MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.s3.copy_object(Bucket="site", Key="copied", CopySource="site/index.html", WebsiteRedirectLocation="/a/")
        host = {"Host": "site.web.example"}
        self.assertEqual(self.request("GET", "/", **host)[2], b"hello")
        self.assertEqual(self.request("GET", "/large", **host)[2], large)
        self.assertEqual(self.request("GET", "/none", **host)[::2], (404, b"oops"))
        for target, status, location in (("/a", 302, "/a/"), ("/moved", 301, "/a/"), ("/copied", 301, "/a/")):
            answer = self.request("GET", target, **host)
            self.assertEqual((answer[0], answer[1]["Location"]), (status, location), target)
        self.assertEqual(self.s3.head_object(Bucket="site", Key="moved")["WebsiteRedirectLocation"], "/a/")
        self.assertEqual(self.request("DELETE", "/large", **host)[0], 405)

    def test_the_audit_log_tells_of_everything_and_no_secret(self):
        self.s3.create_bucket(Bucket="audited")
        self.s3.put_object(Bucket="audited", Key="a\nb", Body=b"12345")
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "audited", "Key": "a\nb"})
        self.assertEqual(self.request("GET", url[len(self.kelp.endpoint):], Host=urlsplit(url).netloc)[0], 200)
        with self.assertRaises(ClientError):
            client_of(self.kelp, (self.kelp.keys[0], "wrong-secret-key")).list_buckets()
        options = {"endpoint_url": self.kelp.endpoint, "region_name": "us-east-1",
                   "aws_access_key_id": self.kelp.keys[0], "aws_secret_access_key": self.kelp.keys[1]}
        boto3.client("iam", **options).create_user(UserName="audited-user")
        secret = boto3.client("iam", **options).create_access_key(UserName="audited-user")["AccessKey"]["SecretAccessKey"]
        boto3.client("sts", **options).get_caller_identity()

        def told():
            lines = [(line["service"], line.get("operation"), line.get("key"), line["status"], line.get("error"))
                     for line in self.lines()]
            return {("s3", "PutObject", "a\nb", 200, None), ("s3", "GetObject", "a\nb", 200, None),
                    ("s3", "ListBuckets", None, 403, "SignatureDoesNotMatch"), ("iam", "CreateUser", None, 200, None),
                    ("iam", "CreateAccessKey", None, 200, None), ("sts", "GetCallerIdentity", None, 200, None)} <= set(lines)
        wait_for(told, "the lines")
        put = next(line for line in self.lines() if line.get("operation") == "PutObject" and line["key"] == "a\nb")
        self.assertEqual((put["access_key"], put["bytes_in"], put["remote"]), (self.kelp.keys[0], 5, "127.0.0.1"))
        text = self.audit.read_text()
        for hidden in (self.kelp.keys[1], secret, "Signature=", "X-Amz-", "wrong-secret-key"):
            self.assertNotIn(hidden, text)

    def test_the_audit_log_rotates(self):
        self.s3.list_buckets()
        wait_for(lambda: self.audit.exists() and self.audit.stat().st_size, "a line")
        old = self.audit.with_suffix(".1")
        self.audit.rename(old)
        os.kill(self.kelp.pid, signal.SIGHUP)
        wait_for(self.audit.exists, "the new file")
        self.s3.list_buckets()
        wait_for(lambda: self.audit.stat().st_size, "a line in it")
        self.assertTrue(old.read_text().endswith("}\n"))

    def logs(self, bucket="logs"):
        """The lines of every access log."""
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return "".join(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)

    def test_access_logs_come_into_their_bucket(self):
        for bucket in ("logs", "logged"):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_encryption(Bucket="logs", ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
        self.s3.put_bucket_logging(Bucket="logged", BucketLoggingStatus={
            "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "at/"}})
        self.s3.put_object(Bucket="logged", Key="k 1", Body=b"123")
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "logged", "Key": "k 1"})
        self.request("GET", url[len(self.kelp.endpoint):], Host=urlsplit(url).netloc, Referer="http://from.example/")
        text = wait_for(lambda: "REST.GET.OBJECT k%201" in self.logs() and self.logs(), "the log")
        line = next(line for line in text.splitlines() if "REST.GET.OBJECT k%201" in line)
        self.assertIn('"http://from.example/"', line)
        self.assertRegex(line, r"[?&]Signature=-[& ]")
        self.assertIn(" 200 - 3 3 ", line)
        self.assertIn("REST.PUT.OBJECT k%201", text)
        first = self.s3.list_objects_v2(Bucket="logs")["Contents"][0]["Key"]
        self.assertRegex(first, r"^at/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$")
        self.assertEqual(self.s3.head_object(Bucket="logs", Key=first)["ServerSideEncryption"], "AES256")

    def test_what_gathered_is_put_at_the_end(self):
        work = Path(self.scratch.name) / "short"
        with KelpProcess(work, "--set", "s3.access_log_seconds=3600") as kelp:
            s3 = client_of(kelp)
            for bucket in ("logs", "logged"):
                s3.create_bucket(Bucket=bucket)
            s3.put_bucket_logging(Bucket="logged", BucketLoggingStatus={
                "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}})
            s3.put_object(Bucket="logged", Key="last", Body=b"123")
        with KelpProcess(work) as kelp:
            s3 = client_of(kelp)
            keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="logs").get("Contents", [])]
            text = "".join(s3.get_object(Bucket="logs", Key=key)["Body"].read().decode() for key in keys)
            self.assertIn("REST.PUT.OBJECT last", text)

    def test_limits_slow_down_and_let_through_again(self):
        work = Path(self.scratch.name) / "limited"
        with KelpProcess(work, "--set", "s3.limits=key.per_second=20") as kelp:
            s3 = client_of(kelp)
            outcomes = []

            def ask():
                for _ in range(20):
                    try:
                        s3.list_buckets()
                        outcomes.append(200)
                    except ClientError as error:
                        answer = error.response["ResponseMetadata"]
                        outcomes.append((error.response["Error"]["Code"], answer["HTTPHeaders"]["retry-after"]))
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(set(outcomes), {200, ("SlowDown", "1")})

            def passes():
                try:
                    return s3.list_buckets()
                except ClientError:
                    return None
            wait_for(passes, "a request that is taken", every=0.2)

    def test_the_requester_pays(self):
        self.s3.create_bucket(Bucket="paid")
        self.open_to_all("paid")
        self.s3.put_object(Bucket="paid", Key="k", Body=b"x")
        self.s3.put_bucket_request_payment(Bucket="paid", RequestPaymentConfiguration={"Payer": "Requester"})
        other = client_of(self.kelp, SECOND)
        with self.assertRaises(ClientError) as caught:
            other.get_object(Bucket="paid", Key="k")
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDenied")
        self.assertEqual(other.get_object(Bucket="paid", Key="k", RequestPayer="requester")["RequestCharged"], "requester")
        url = other.generate_presigned_url("get_object", Params={"Bucket": "paid", "Key": "k", "RequestPayer": "requester"})
        self.assertEqual(self.request("GET", url[len(self.kelp.endpoint):], Host=urlsplit(url).netloc,
                                      **{"x-amz-request-payer": "requester"})[0], 200)
        self.assertEqual(self.request("GET", "/paid/k")[0], 403)

    def test_buckets_have_metrics(self):
        self.s3.create_bucket(Bucket="measured")
        self.s3.put_object(Bucket="measured", Key="k", Body=b"12345")
        wanted = ('kelp_s3_bucket_received_bytes_total{bucket="measured"} 5',
                  'kelp_s3_bucket_requests_total{bucket="measured",class="write",status="2xx"} 1')

        def measured():
            with urllib.request.urlopen(f"http://{self.kelp.ready['admin']}/metrics", timeout=5) as answer:
                text = answer.read().decode()
            return all(line in text for line in wanted)
        wait_for(measured, "the metrics")


if __name__ == "__main__":
    unittest.main()
