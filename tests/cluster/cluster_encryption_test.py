#!/usr/bin/env python3
"""Encryption in a cluster: every gateway with the key ring reads what another one sealed, in the copies of volume
servers that have no key; a gateway without the ring says so and writes nothing in the clear."""

import os
import unittest

from cluster_case import ClusterCase
from kelpdev.s3 import Client

S3 = {"x-amz-server-side-encryption": "AES256"}
KMS = {"x-amz-server-side-encryption": "aws:kms"}


class Encryption(ClusterCase):
    def client(self, gateway):
        client = Client(self.cluster[gateway].endpoint, *self.cluster.keys)
        self.addCleanup(client.close)
        return client

    def test_gateways_share_the_ring(self):
        self.cluster.wait_alive()
        first, second = self.client("gateway1"), self.client("gateway2")
        first.must("PUT", "/bucket")
        bodies = {"/bucket/small": os.urandom(1_000), "/bucket/large": os.urandom(20_000_000)}
        for name, body in bodies.items():
            first.must("PUT", name, body=body, headers=S3)
            self.assertEqual(second.must("GET", name).body, body)
            second.must("PUT", name + "-kms", body=body, headers=KMS)
            self.assertEqual(first.must("GET", name + "-kms").body, body)
        large = bodies["/bucket/large"]
        part = second.must("GET", "/bucket/large", headers={"Range": "bytes=9000000-9000099"})
        self.assertEqual(part.body, large[9_000_000:9_000_100])
        needle = large[5_000_000:5_000_032]
        for path in self.folder.rglob("volume*/**/*"):
            if path.is_file():
                self.assertFalse(needle in path.read_bytes(), path)

        ring = self.cluster.identity / "keyring"
        self.cluster["gateway2"].stop()
        ring.rename(ring.with_suffix(".away"))
        self.cluster["gateway2"].start()
        without = self.client("gateway2")
        self.assertEqual(without.request("PUT", "/bucket/x", body=b"x", headers=S3).status, 501)
        self.assertEqual(without.request("GET", "/bucket/small").status, 500)
        without.must("PUT", "/bucket/plain", body=b"x")
        self.assertEqual(first.must("GET", "/bucket/plain").body, b"x")
        ring.with_suffix(".away").rename(ring)


if __name__ == "__main__":
    unittest.main(verbosity=2)
