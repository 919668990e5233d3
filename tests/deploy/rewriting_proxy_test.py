#!/usr/bin/env python3
"""A proxy that says another host and path than its clients call: what they sign fits once `s3.external_urls` names it, and only then.

HAProxy and nginx each stand before one gateway as docs/operations/website.md says a proxy should not: they replace the Host, and take /store away.
"""

import hashlib
import http.client
import os
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from balancer import Balancer
from kelpdev.process import KelpProcess, free_port
from kelpdev.s3 import sign
from kelpdev.venv import environment

VENV = environment("balancers", Path(__file__).parent / "requirements.txt")
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import boto3  # noqa: E402
import botocore.config  # noqa: E402

DOMAIN = "s3.example.test"
HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend whole
  bind 127.0.0.1:{whole}
  default_backend whole
frontend below
  bind 127.0.0.1:{below}
  http-request replace-path /store/?(.*) /\\1
  default_backend whole
frontend kept
  bind 127.0.0.1:{kept}
  default_backend kept
backend whole
  http-request set-header Host inside.example.test
  server gateway {gateway}
backend kept
  server gateway {gateway}
"""
NGINX = """worker_processes 1;
events {{}}
http {{
  access_log off;
{temporary}
  server {{
    listen 127.0.0.1:{whole};
    location / {{ proxy_set_header Host inside.example.test; proxy_pass http://{gateway}; }}
  }}
  server {{
    listen 127.0.0.1:{below};
    location /store/ {{ proxy_set_header Host inside.example.test; proxy_pass http://{gateway}/; }}
    location / {{ proxy_set_header Host inside.example.test; proxy_pass http://{gateway}; }}
  }}
  server {{
    listen 127.0.0.1:{kept};
    location / {{ proxy_set_header Host $http_host; proxy_pass http://{gateway}; }}
  }}
}}
"""


class Rewriting(Balancer):
    """Three doors of one gateway: `whole` replaces the host, `below` the path too, `kept` nothing."""

    def __init__(self, folder, gateway, ports):
        super().__init__(folder, [gateway])
        self.doors = ports
        self.port = ports["whole"]

    def written(self, name, text, **more):
        path = self.folder / name
        path.write_text(text.format(gateway=self.gateways[0], **self.doors, **more))
        return str(path)


class RewritingHAProxy(Rewriting):
    def command(self):
        return ["haproxy", "-W", "-db", "-f", self.written("haproxy.cfg", HAPROXY)]


class RewritingNginx(Rewriting):
    def command(self):
        temporary = "".join(f"  {kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return ["nginx", "-p", str(self.folder), "-c", self.written("nginx.conf", NGINX, temporary=temporary),
                "-g", f"daemon off; pid {self.folder}/pid; error_log stderr;"]


class Behind:
    """The cases; a subclass names its proxy."""

    proxy = None
    named = True  # whether s3.external_urls has what clients call

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-rewriting-")
        cls.addClassCleanup(scratch.cleanup)
        folder = Path(scratch.name)
        cls.ports = {door: free_port() for door in ("whole", "below", "kept")}
        urls = f"http://127.0.0.1:{cls.ports['whole']},http://127.0.0.1:{cls.ports['below']}/store"
        options = ("--set", f"s3.external_urls={urls}") if cls.named else ()
        cls.kelp = KelpProcess(folder / "server", "--set", f"s3.domain={DOMAIN}", *options)
        cls.kelp.start()
        cls.addClassCleanup(cls.kelp.stop)
        front = cls.proxy(folder / "proxy", cls.kelp.ready["s3"], cls.ports)
        front.__enter__()
        cls.addClassCleanup(front.__exit__)
        cls.direct = cls.client(cls.kelp.endpoint)
        cls.direct.create_bucket(Bucket="bucket")
        cls.direct.put_object(Bucket="bucket", Key="there", Body=b"there")

    @classmethod
    def client(cls, endpoint, secret=None):
        config = botocore.config.Config(retries={"total_max_attempts": 1}, signature_version="s3v4", s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=cls.kelp.keys[0],
                            aws_secret_access_key=secret or cls.kelp.keys[1], config=config)

    def called(self):
        """What clients call, by door."""
        return {"whole": f"http://127.0.0.1:{self.ports['whole']}", "below": f"http://127.0.0.1:{self.ports['below']}/store"}

    def status(self, call, **arguments):
        try:
            return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    def fetched(self, url, body=None):
        """Status and body of a URL as it is; of a PUT where there is a body to send."""
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT" if body else "GET"), timeout=20) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def hosted(self, door, host):
        """Status and body of GET /there, whose host has the bucket's name in front."""
        headers = sign("GET", host, "/there", [], {}, hashlib.sha256(b"").hexdigest(), *self.kelp.keys)
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[door], timeout=20)
        try:
            connection.putrequest("GET", "/there", skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def test_a_bucket_in_the_name_of_the_host_needs_the_host(self):
        self.assertEqual(self.hosted("kept", f"bucket.{DOMAIN}:{self.ports['kept']}"), (200, b"there"))
        status, body = self.hosted("whole", f"bucket.{DOMAIN}:{self.ports['whole']}")
        self.assertEqual(status, 403, body)


class Named(Behind):
    def test_signed_requests_fit(self):
        for door, endpoint in self.called().items():
            client, key = self.client(endpoint), f"{door}/a b+c&d=é"
            self.assertEqual(self.status(client.put_object, Bucket="bucket", Key=key, Body=b"body"), 200)
            self.assertEqual(client.get_object(Bucket="bucket", Key=key)["Body"].read(), b"body")
            self.assertEqual([each["Key"] for each in client.list_objects_v2(Bucket="bucket", Prefix=door)["Contents"]], [key])
            self.assertEqual(self.direct.get_object(Bucket="bucket", Key=key)["Body"].read(), b"body")

    def test_presigned_urls_fit(self):
        for door, endpoint in self.called().items():
            wanted = {"Bucket": "bucket", "Key": f"signed/{door} ü"}
            client = self.client(endpoint)
            self.assertEqual(self.fetched(client.generate_presigned_url("put_object", wanted), b"body")[0], 200)
            url = client.generate_presigned_url("get_object", wanted)
            self.assertTrue(url.startswith(endpoint + "/bucket/"), url)
            self.assertEqual(self.fetched(url), (200, b"body"))

    def test_a_signature_for_another_host_or_path_does_not(self):
        for door, endpoint in self.called().items():
            self.assertEqual(self.status(self.client(endpoint, "x" * 40).list_objects_v2, Bucket="bucket"), "SignatureDoesNotMatch")
            url = self.client(endpoint.replace("127.0.0.1", "localhost")).generate_presigned_url(
                "get_object", {"Bucket": "bucket", "Key": "there"})
            self.assertEqual(self.fetched(url)[0], 403, "a host that nobody named")
            right = self.client(endpoint).generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "there"})
            self.assertEqual(self.fetched(right)[0], 200)
            self.assertEqual(self.fetched(right.replace("/bucket/there", "/bucket/other"))[0], 403, "another object")
            head, _, _ = right.rpartition("X-Amz-Signature=")
            self.assertEqual(self.fetched(head + "X-Amz-Signature=" + "0" * 64)[0], 403)
        at_the_root = self.client(f"http://127.0.0.1:{self.ports['below']}").generate_presigned_url(
            "get_object", {"Bucket": "bucket", "Key": "there"})
        self.assertEqual(self.fetched(at_the_root)[0], 403, "its path was to begin with /store")


class NotNamed(Behind):
    named = False

    def test_signatures_do_not_fit(self):
        for endpoint in self.called().values():
            client = self.client(endpoint)
            self.assertEqual(self.status(client.list_objects_v2, Bucket="bucket"), "SignatureDoesNotMatch")
            url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "there"})
            self.assertEqual(self.fetched(url)[0], 403, urllib.parse.urlsplit(url).path)


class NamedBehindHAProxy(Named, unittest.TestCase):
    proxy = RewritingHAProxy


class NamedBehindNginx(Named, unittest.TestCase):
    proxy = RewritingNginx


class NotNamedBehindHAProxy(NotNamed, unittest.TestCase):
    proxy = RewritingHAProxy


class NotNamedBehindNginx(NotNamed, unittest.TestCase):
    proxy = RewritingNginx


if __name__ == "__main__":
    unittest.main(verbosity=2)
