#!/usr/bin/env python3
"""Files over HTTP from the gateways of a cluster: what one took the other gives, over S3 too."""

import base64
import http.client
import os
import unittest

from cluster_case import ClusterCase
from kelpdev.s3 import Client

PORT = 8888


class Files(ClusterCase):
    SETTINGS = {"filer.http_listen": f"0.0.0.0:{PORT}"}

    def ask(self, gateway, method, target, body=None):
        host = self.cluster[gateway].address.rsplit(":", 1)[0]
        connection = http.client.HTTPConnection(host, PORT, timeout=60)
        secret = base64.b64encode(":".join(self.cluster.keys).encode()).decode()
        try:
            connection.request(method, target, body, {"Authorization": f"Basic {secret}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_every_gateway_serves_them(self):
        self.cluster.wait_alive()
        body = os.urandom(9_000_000)
        self.assertEqual(self.ask("gateway1", "MKCOL", "/buckets/files")[0], 201)
        self.assertEqual(self.ask("gateway1", "PUT", "/buckets/files/dir/large", body)[0], 201)
        self.assertEqual(self.ask("gateway2", "GET", "/buckets/files/dir/large"), (200, body))
        self.assertEqual(self.ask("gateway2", "POST", "/buckets/files/moved?mv.from=/buckets/files/dir/large")[0], 204)
        self.assertEqual(self.ask("gateway1", "POST", "/buckets/files/moved?op=append", b"end")[0], 201)
        s3 = Client(self.cluster["gateway2"].endpoint, *self.cluster.keys)
        self.assertEqual(s3.must("GET", "/files/moved").body, body + b"end")
        s3.close()
        self.assertEqual(self.ask("gateway2", "DELETE", "/buckets/files?recursive=true")[0], 204)


if __name__ == "__main__":
    unittest.main(verbosity=2)
