#!/usr/bin/env python3
"""What docs/s3-compat.md, "Regions", promises: with s3.region set to one, to AWS's first one, and to none."""

import base64
import datetime
import hashlib
import json
import re
import tempfile
import unittest
from pathlib import Path

import boto3_world  # noqa: F401  (finds the packages)
from kelpdev.process import KelpProcess
from raw_s3 import Account, Connection, amz_date, hmac256, in_bytes, presign, sign, signing_key

OURS, OTHER, FIRST = "eu-central-1", "eu-west-1", "us-east-1"


def document(location):
    return f"<CreateBucketConfiguration><LocationConstraint>{location}</LocationConstraint></CreateBucketConfiguration>".encode()


class RegionCase(unittest.TestCase):
    """A server whose s3.region is `region`."""

    region = ""
    buckets = 0

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="kelp-region-")
        config = Path(cls.scratch.name) / "kelp.toml"
        config.write_text(f'[s3]\nregion = "{cls.region}"\n')
        cls.kelp = KelpProcess(Path(cls.scratch.name) / "server", "--config", str(config))
        cls.kelp.start()
        cls.account = Account(*cls.kelp.keys)
        cls.host = f"127.0.0.1:{cls.kelp.port}"
        cls.wire = Connection("127.0.0.1", cls.kelp.port)

    @classmethod
    def tearDownClass(cls):
        cls.wire.close()
        cls.kelp.stop()
        cls.scratch.cleanup()

    def ask(self, method, target, body=b"", region=None):
        """The answer to a request that is signed for a region, ours unless another is named."""
        headers = {"host": self.host}
        path, _, query = target.partition("?")
        sign(self.account, method, path, query, headers, hashlib.sha256(body).hexdigest(), region=region or self.region or FIRST)
        headers["content-length"] = str(len(body))
        return self.wire.ask(in_bytes(method, target, list(headers.items()), body), method == "HEAD")

    def refused(self, answer, status, code, text=None):
        found = {name: (re.search(f"<{name}>(.*?)</{name}>", answer.body.decode()) or ("", ""))[1] for name in ("Code", "Message")}
        self.assertEqual((answer.status, found["Code"]), (status, code), answer.body)
        if text:
            self.assertEqual(found["Message"], text)

    def new_bucket(self, location=None, lies_in=FIRST):
        """Makes one, and sees where it lies."""
        RegionCase.buckets += 1
        name = f"region-bucket-{RegionCase.buckets}"
        made = self.ask("PUT", f"/{name}", document(location) if location else b"")
        self.assertEqual(made.status, 200, made.body)
        self.assertEqual(self.ask("HEAD", f"/{name}").header("x-amz-bucket-region"), lies_in)
        inside = re.search(rb"<LocationConstraint[^>]*>(.*?)</LocationConstraint>", self.ask("GET", f"/{name}?location").body)
        self.assertEqual(inside[1].decode() if inside else "", "" if lies_in == FIRST else lies_in)
        return name

    def form(self, bucket, region):
        """The answer to a browser's form that is signed for a region."""
        date = amz_date()
        credential = f"{self.account.access_key}/{date[:8]}/{region}/s3/aws4_request"
        fields = {"key": "form", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-date": date}
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        policy = {"expiration": until, "conditions": [{"bucket": bucket}, *({name: value} for name, value in fields.items())]}
        fields["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
        fields["x-amz-signature"] = hmac256(signing_key(self.account.secret_key, date[:8], region), fields["policy"]).hex()
        parts = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        body = "".join(parts) + '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--B--\r\n'
        headers = [("host", self.host), ("content-type", "multipart/form-data; boundary=B"), ("content-length", str(len(body)))]
        return self.wire.ask(in_bytes("POST", f"/{bucket}", headers, body.encode()))

    def presigned(self, target, region):
        query = presign(self.account, "GET", target, "", self.host, region=region)
        return self.wire.ask(in_bytes("GET", f"{target}?{query}", [("host", self.host)], b""))

    def others_are_refused(self, other):
        """Signatures for another region, in the head, in a URL and in a form."""
        bucket = self.new_bucket(lies_in=self.region)
        self.assertEqual(self.ask("PUT", f"/{bucket}/k", b"x").status, 200)
        self.assertEqual(self.presigned(f"/{bucket}/k", self.region).status, 200)
        self.assertEqual(self.form(bucket, self.region).status, 204)
        wrong = f"the region '{other}' is wrong; expecting '{self.region}'"
        head, url, form = self.ask("GET", f"/{bucket}/k", region=other), self.presigned(f"/{bucket}/k", other), self.form(bucket, other)
        self.refused(head, 400, "AuthorizationHeaderMalformed")
        self.refused(url, 400, "AuthorizationQueryParametersError")
        self.assertEqual(form.status, 400, form.body)
        for answer in (head, url, form):
            self.assertIn(wrong, answer.body.decode().replace("&apos;", "'"))
            self.assertIn(f"<Region>{self.region}</Region>", answer.body.decode())

    def other_constraints_are_refused(self, *others):
        self.new_bucket(self.region, self.region)
        self.new_bucket(lies_in=self.region)
        for other in others:
            self.refused(self.ask("PUT", "/region-elsewhere", document(other)), 400, "IllegalLocationConstraintException",
                         f"The {other} location constraint is incompatible for the region specific endpoint this request was sent to.")
        self.refused(self.ask("PUT", "/region-elsewhere", document("no region!")), 400, "InvalidLocationConstraint")
        self.refused(self.ask("GET", "/region-elsewhere"), 404, "NoSuchBucket")


class OneRegion(RegionCase):
    region = OURS

    def test_signatures_must_name_it(self):
        self.others_are_refused(FIRST)
        self.others_are_refused(OTHER)

    def test_another_constraint_is_illegal(self):
        self.other_constraints_are_refused(OTHER, FIRST)

    def test_the_owners_second_bucket_of_a_name_is_refused(self):
        for location in (None, self.region):
            bucket = self.new_bucket(location, self.region)
            self.refused(self.ask("PUT", f"/{bucket}"), 409, "BucketAlreadyOwnedByYou")
            self.refused(self.ask("PUT", f"/{bucket}", document(self.region)), 409, "BucketAlreadyOwnedByYou")


class FirstRegion(RegionCase):
    region = FIRST

    def test_signatures_must_name_it(self):
        self.others_are_refused(OTHER)

    def test_another_constraint_is_illegal(self):
        self.other_constraints_are_refused(OTHER)

    def test_the_owners_second_bucket_of_a_name_succeeds(self):
        self.assertEqual(self.ask("PUT", f"/{self.new_bucket()}").status, 200)


class AnyRegion(RegionCase):
    def test_signatures_may_name_any(self):
        bucket = self.new_bucket()
        for region in (FIRST, OTHER, "mars-1"):
            self.assertEqual(self.ask("PUT", f"/{bucket}/k", b"x", region).status, 200)
            self.assertEqual(self.presigned(f"/{bucket}/k", region).status, 200)
            self.assertEqual(self.form(bucket, region).status, 204)

    def test_a_bucket_keeps_its_constraint(self):
        self.new_bucket(OTHER, OTHER)
        self.new_bucket("mars-1", "mars-1")
        self.new_bucket(FIRST)
        self.refused(self.ask("PUT", "/region-elsewhere", document("no region!")), 400, "InvalidLocationConstraint")

    def test_the_owners_second_bucket_of_a_name_succeeds_in_the_first_region_alone(self):
        self.assertEqual(self.ask("PUT", f"/{self.new_bucket()}").status, 200)
        bucket = self.new_bucket(OTHER, OTHER)
        self.refused(self.ask("PUT", f"/{bucket}", document(OTHER)), 409, "BucketAlreadyOwnedByYou")


if __name__ == "__main__":
    unittest.main(verbosity=2)
