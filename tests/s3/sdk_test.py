#!/usr/bin/env python3
"""Sessions of other SDKs than boto3 - AWS's for Go, Java and JavaScript (for Rust: sdk_rust_test.py), MinIO's for Go and Python - over
http and over https, with nothing set but the address and the keys: put, get, list, copy, multipart, presigned, conditions, delete. They
install themselves from their languages' registries, as the pinned versions of tests/s3/sdk say.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from boto3_world import Server  # First: it starts us anew where the packages are.
from kelpdev.process import CACHE

import minio
import urllib3

SDK = Path(__file__).resolve().parent / "sdk"


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    raise unittest.SkipTest(why)


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


def fetch(into, *words, **environment):
    """Downloads what a session is made of; where that fails the test is skipped, while a session that does not compile has failed."""
    done = subprocess.run(words, cwd=into, env=dict(os.environ, **environment), capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(into)
        skip(f"{' '.join(words[:2])} failed: {(done.stdout + done.stderr)[-600:]}")


def build_go(into):
    fetch(into, "go", "mod", "download")
    subprocess.run(["go", "build", "-o", "session", "."], cwd=into, check=True)


def build_java(into):
    fetch(into, "mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime",
          MAVEN_OPTS="-Xmx512m")
    subprocess.run(["javac", "-cp", "libs/*", "Session.java"], cwd=into, check=True)


def java_trust(folder):
    """Options of a JVM that trusts Kelp's certificate, by a store in `folder`."""
    store = Path(folder) / "trust.p12"
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "kelp", "-file", Server.certificate, "-keystore", store, "-storetype",
                    "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]


class Session(unittest.TestCase):
    """What those of all SDKs have."""

    def need(self, *tools):
        missing = [tool for tool in tools if not shutil.which(tool)]
        if missing:
            skip(f"no {missing[0]} here")

    def play(self, words, folder):
        for endpoint in endpoints():
            trust = str(Server.certificate)
            environment = dict(os.environ, KELP_ENDPOINT=endpoint, AWS_ACCESS_KEY_ID=Server.kelp.keys[0],
                               AWS_SECRET_ACCESS_KEY=Server.kelp.keys[1], SSL_CERT_FILE=trust, AWS_CA_BUNDLE=trust,
                               NODE_EXTRA_CA_CERTS=trust, CURL_CA_BUNDLE=trust, AWS_EC2_METADATA_DISABLED="true")
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
            self.assertEqual(done.returncode, 0, f"{endpoint}: {done.stdout}{done.stderr}")


class Sessions(Session):
    """A test an SDK."""

    def go(self, session):
        self.need("go")
        self.play(["./session", session], installed("go", "main.go", "go.mod", "go.sum", make=build_go))

    def test_aws_go(self):
        self.go("awssdk")

    def test_minio_go(self):
        self.go("minio")

    def test_aws_javascript(self):
        self.need("npm", "node")
        folder = installed("js", "session.mjs", "package.json", "package-lock.json", make=lambda into: fetch(
            into, "npm", "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"))
        self.play(["node", "session.mjs"], folder)

    def test_aws_java(self):
        self.need("mvn", "javac", "java", "keytool")
        folder = installed("java", "Session.java", "pom.xml", make=build_java)
        with tempfile.TemporaryDirectory(prefix="kelp-java-") as scratch:
            self.play(["java", "-Xmx512m", *java_trust(scratch), "-cp", "libs/*:.", "Session"], folder)

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
