#!/usr/bin/env python3
"""Who may do what in a bucket: what one gateway took of it, another one tells and refuses by at once. Meanwhile one gateway's log
is text and all others are JSON, at their finest level."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import quote_from_bytes

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import SECRET_KEY, log_records  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

PUBLIC = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::settings/*"}]}).encode()
BLOCK, POLICY, OWNERSHIP, ACL = ([(name, "")] for name in ("publicAccessBlock", "policy", "ownershipControls", "acl"))
TEXT_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (debug|info|warning|error) room=[a-z0-9]+ [^\x00-\x1f\x7f]+")
HOSTILE = b'k"=\n\\ level=error \x7f\xc3\xa9'
BROKEN = HOSTILE + b"\xff\xc3"


class Settings(unittest.TestCase):
    def cluster_with_logs(self, folder):
        cluster = Cluster(folder, spread="000", sizes={"master": 1, "volume": 1}, loopback=True,
                          settings={"log.level": "debug", "log.format": "json"})
        cluster["gateway2"].options = ("--set", "log.format=text")
        return cluster

    def ask_hostile_things(self, client):
        client.must("PUT", b"/settings/" + HOSTILE, body=b"CANARY" * 5000)
        self.assertEqual(client.must("GET", b"/settings/" + HOSTILE).body, b"CANARY" * 5000)
        self.assertEqual(client.request("PUT", b"/settings/" + BROKEN).code, "InvalidURI")
        form = b"Version=2010-05-08&Action=" + quote_from_bytes(BROKEN).encode()
        self.assertEqual(client.request("POST", "/", body=form, headers={"content-type": "application/x-www-form-urlencoded"}).status, 400)

    def check_logs(self, cluster):
        """Of daemons that have stopped: each line is what its format says, and none holds a secret."""
        secrets = [SECRET_KEY, re.search(r'cluster_secret = "(.*)"', (cluster.identity / "cluster").read_text())[1], "CANARY"]
        for name, daemon in cluster.daemons.items():
            log = (daemon.folder / "log").read_bytes()
            if name == "gateway2":
                said = log
                lines = [line for line in log.splitlines() if not line.startswith(b"Kelp ")]  # but the word for people
                self.assertEqual([line for line in lines if not TEXT_LINE.fullmatch(line)], [])
            else:
                records = log_records(log)
                said = log + b"\n".join(text.encode() for record in records for text in record.values())
                started = [record for record in records if record.get("event") == "started"]
                self.assertEqual([record["role"] for record in started], [daemon.command], name)
            for secret in secrets:
                self.assertFalse(secret.encode() in said, f"{name}: {secret}")
        requests = [record for record in log_records((cluster["gateway1"].folder / "log").read_bytes()) if "request_id" in record]
        self.assertIn(BROKEN.decode(errors="replace"), [record.get("action") for record in requests])
        self.assertTrue(any(record.get("op") == "PutObject" and record["level"] == "debug" for record in requests))

    def test_the_other_gateway_goes_by_it_at_once(self):
        with tempfile.TemporaryDirectory(prefix="kelp-settings-") as folder, \
                self.cluster_with_logs(Path(folder)) as cluster:
            one, other = (Client(gateway.endpoint, *cluster.keys) for gateway in cluster.of("gateway"))
            for client in (one, other):
                self.addCleanup(client.close)
            one.must("PUT", "/settings")
            for turn in range(3):
                # Both remember how it was before.
                for client in (one, other):
                    self.assertEqual(client.request("PUT", "/settings", POLICY, PUBLIC).code, "AccessDenied", f"turn {turn}")
                    self.assertEqual(client.request("GET", "/settings", POLICY).code, "NoSuchBucketPolicy")
                one.must("DELETE", "/settings", BLOCK)
                self.assertEqual(other.request("GET", "/settings", BLOCK).code, "NoSuchPublicAccessBlockConfiguration")
                other.must("PUT", "/settings", POLICY, PUBLIC)
                self.assertEqual(one.must("GET", "/settings", POLICY).body, PUBLIC)
                self.assertIn(b"<IsPublic>true</IsPublic>", one.must("GET", "/settings", [("policyStatus", "")]).body)
                one.must("DELETE", "/settings", POLICY)
                self.assertEqual(other.request("GET", "/settings", POLICY).code, "NoSuchBucketPolicy")
                other.must("PUT", "/settings", BLOCK, b"<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy>"
                           b"</PublicAccessBlockConfiguration>")
                one, other = other, one
            one.must("PUT", "/settings", OWNERSHIP, b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
                     b"</OwnershipControls>")
            self.assertIn(b"ObjectWriter", other.must("GET", "/settings", OWNERSHIP).body)
            self.assertEqual(other.must("PUT", "/settings", ACL, headers={"x-amz-acl": "log-delivery-write"}).status, 200)
            self.assertIn(b"LogDelivery", one.must("GET", "/settings", ACL).body)
            other.must("PUT", "/settings/k", body=b"x")
            for _ in range(3):
                for blocked, code in ((b"true", "AccessDenied"), (b"false", "")):
                    one.must("PUT", "/settings", BLOCK, b"<PublicAccessBlockConfiguration><BlockPublicAcls>" + blocked +
                             b"</BlockPublicAcls></PublicAccessBlockConfiguration>")
                    answer = other.request("PUT", "/settings/k", ACL, headers={"x-amz-acl": "public-read"})
                    self.assertEqual(answer.code if code else answer.status, code or 200)
            for client in (one, other):
                self.ask_hostile_things(client)
            self.assertEqual(cluster.stop(), {})
            self.check_logs(cluster)


if __name__ == "__main__":
    unittest.main(verbosity=2)
