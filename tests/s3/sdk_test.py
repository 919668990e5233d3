#!/usr/bin/env python3
"""Sessions of other SDKs than boto3 - AWS's for Go and JavaScript, MinIO's for Go and Python - over http and over https, with nothing
set but the address and the keys: put, get, list, copy, multipart, presigned, conditions, delete. They install themselves from
their languages' registries, as the pinned versions of tests/s3/sdk say.
"""

import hashlib
import io
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from boto3_world import Server  # First: it starts us anew where the packages are.
from kelpdev.process import CACHE

import minio
import urllib3

SDK = Path(__file__).resolve().parent / "sdk"


def installed(name, *files, make):
    """The folder where a session was built from these files of tests/s3/sdk; built when missing."""
    digest = hashlib.sha256(b"".join((SDK / name / file).read_bytes() for file in files)).hexdigest()[:12]
    folder = CACHE / f"sdk-{name}-{digest}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(SDK / name / file, folder)
        make(folder)
        (folder / "complete").touch()
    return folder


def endpoints():
    return (Server.kelp.endpoint, f"https://127.0.0.1:{Server.tls_port}")


class Sessions(unittest.TestCase):
    """A test an SDK."""

    def play(self, words, folder):
        for endpoint in endpoints():
            trust = str(Server.certificate)
            environment = dict(os.environ, KELP_ENDPOINT=endpoint, AWS_ACCESS_KEY_ID=Server.kelp.keys[0],
                               AWS_SECRET_ACCESS_KEY=Server.kelp.keys[1], SSL_CERT_FILE=trust, AWS_CA_BUNDLE=trust,
                               NODE_EXTRA_CA_CERTS=trust, AWS_EC2_METADATA_DISABLED="true")
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
            self.assertEqual(done.returncode, 0, f"{endpoint}: {done.stdout}{done.stderr}")

    def go(self, session):
        if not shutil.which("go"):
            self.skipTest("no go here")
        folder = installed("go", "main.go", "go.mod", "go.sum",
                           make=lambda into: subprocess.run(["go", "build", "-o", "session", "."], cwd=into, check=True))
        self.play(["./session", session], folder)

    def test_aws_go(self):
        self.go("awssdk")

    def test_minio_go(self):
        self.go("minio")

    def test_aws_javascript(self):
        if not shutil.which("npm"):
            self.skipTest("no npm here")
        folder = installed("js", "session.mjs", "package.json", "package-lock.json", make=lambda into: subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"], cwd=into, check=True))
        self.play(["node", "session.mjs"], folder)

    def test_minio_python(self):
        for endpoint in endpoints():
            scheme, _, host = endpoint.partition("://")
            http = urllib3.PoolManager(ca_certs=str(Server.certificate), retries=False)
            client = minio.Minio(host, *Server.kelp.keys, secure=scheme == "https", http_client=http)
            bucket = f"py-minio-{scheme}"
            client.make_bucket(bucket)
            bodies = {f"dir a/{size}": os.urandom(size) for size in (0, 1, 8192, 100_000, 12 << 20)}
            for key, body in bodies.items():
                client.put_object(bucket, key, io.BytesIO(body), len(body), part_size=5 << 20, metadata={"a": "b"})
                answer = client.get_object(bucket, key)
                self.assertEqual(answer.data, body)
                answer.release_conn()
            client.put_object(bucket, "of unknown length", io.BytesIO(bodies["dir a/100000"]), -1, part_size=5 << 20)
            self.assertEqual({item.object_name for item in client.list_objects(bucket, recursive=True)}, {*bodies, "of unknown length"})
            address = client.presigned_get_object(bucket, "dir a/100000")
            self.assertEqual(http.request("GET", address).data, bodies["dir a/100000"])
            self.assertEqual(http.request("PUT", client.presigned_put_object(bucket, "by address"), body=b"x").status, 200)
            with self.assertRaises(minio.error.S3Error) as missing:
                client.get_object(bucket, "none")
            self.assertEqual(missing.exception.code, "NoSuchKey")
            for item in list(client.list_objects(bucket, recursive=True)):
                client.remove_object(bucket, item.object_name)
            client.remove_bucket(bucket)


setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
