#!/usr/bin/env python3
"""Who may do what in a bucket: what one gateway took of it, another one tells and refuses by at once."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

PUBLIC = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::settings/*"}]}).encode()
BLOCK, POLICY, OWNERSHIP, ACL = ([(name, "")] for name in ("publicAccessBlock", "policy", "ownershipControls", "acl"))


class Settings(unittest.TestCase):
    def test_the_other_gateway_goes_by_it_at_once(self):
        with tempfile.TemporaryDirectory(prefix="kelp-settings-") as folder, \
                Cluster(Path(folder), spread="000", sizes={"master": 1, "volume": 1}, loopback=True) as cluster:
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
