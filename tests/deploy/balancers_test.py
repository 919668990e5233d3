#!/usr/bin/env python3
"""Each balancer of deploy/balancers before two gateways: odd paths, heads and bodies go through as they are, and a dead gateway is not noticed."""

import contextlib
import hashlib
import http.client
import io
import os
import socket
import ssl
import sys
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

from balancer import ROOT, Envoy, HAProxy, HAProxyPassthrough, Nginx, NginxPassthrough, Traefik
from kelpdev.certificates import self_signed
from kelpdev.cluster import Cluster
from kelpdev.process import free_port, wait_for
from kelpdev.s3 import sign
from kelpdev.tls_threads import name_protocols_once
from kelpdev.venv import environment

VENV = environment("balancers", Path(__file__).parent / "requirements.txt")
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import boto3  # noqa: E402
import botocore.config  # noqa: E402
from boto3.s3.transfer import TransferConfig  # noqa: E402

name_protocols_once()

DOMAIN = "s3.example.test"
BIG_MIB = int(os.environ.get("KELP_BIG_MIB", "128"))  # 5120 in the long form
PATHS = ["a//b", "/lead", "a/../c", "a/./x", "../up", "a%2Fb", "a%2fc", "%2e%2e/x", "a+b", "a%20b", "a%2Bb", "%E2%82%AC",
         "a%5Cb", "a%3Bb;c", "trail/", "a%25b", "~t*(!)'", "a=b@c:d,e$f&g", "%3Fq%23h", "a%09tab", "double%252Fslash", "dot.",
         "very/" * 60 + "deep", "a%00b", "%F0%9F%8C%8A", "%7Euser", "a&b;c=d"]


def certificate(folder):
    pair = folder / "pair.pem"
    self_signed(folder / "cert.pem", folder / "key.pem", f"IP:127.0.0.1,DNS:localhost,DNS:{DOMAIN},DNS:*.{DOMAIN}")
    pair.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return pair


def setUpModule():
    global SCRATCH, PAIR, CLUSTER
    SCRATCH = tempfile.TemporaryDirectory(prefix="kelp-balancers-")
    unittest.addModuleCleanup(SCRATCH.cleanup)
    folder = Path(SCRATCH.name)
    PAIR = certificate(folder)
    CLUSTER = Cluster(folder / "cluster", spread="000", sizes={"master": 1, "volume": 1}, loopback=True,
                      settings={"s3.domain": DOMAIN, "server.drain_delay": "6s"})
    for gateway in CLUSTER.of("gateway"):
        gateway.tls = f"127.0.0.1:{free_port()}"
        gateway.options = ["--tls-listen", gateway.tls, "--tls-cert", str(PAIR), "--tls-key", str(PAIR)]
    CLUSTER.__enter__()
    unittest.addModuleCleanup(CLUSTER.close)


def raw(port, method, path, body=b"", headers=None, host=None, tls=False):
    """One signed request whose path and query go out as they are given; status, body and headers."""
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=ssl._create_unverified_context()) if tls
                  else http.client.HTTPConnection("127.0.0.1", port, timeout=30))
    try:
        host = host or f"127.0.0.1:{port}"
        key, _, query = path.partition("?")
        canonical = urllib.parse.quote(urllib.parse.unquote_to_bytes(key), safe="/-._~")
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        signed = sign(method, host, canonical, pairs, headers or {}, hashlib.sha256(body).hexdigest(), *CLUSTER.keys)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**signed, "content-length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


class Zeros(io.RawIOBase):
    """A body that is made while it is read."""

    def __init__(self, size):
        self.left, self.size = size, size

    def readable(self):
        return True

    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count

    def seekable(self):
        return False


class Behind:
    """The cases; a subclass names its balancer."""

    balancer, gateways, tls = None, "address", False
    asks_for_bodies = False  # it says 100 Continue by itself, before the gateway has a word
    after_a_refusal = "closed"  # what becomes of a connection whose body was refused: "kept", "closed" as was announced, or "either"
    refused_paths = ()  # that it answers by itself, with 400

    @classmethod
    def setUpClass(cls):
        addresses = [getattr(gateway, cls.gateways) for gateway in CLUSTER.of("gateway")]
        cls.front = cls.balancer(Path(SCRATCH.name) / cls.__name__, addresses, PAIR)
        cls.front.__enter__()
        cls.addClassCleanup(cls.front.__exit__)
        cls.port = cls.front.tls_port if cls.tls else cls.front.port
        cls.endpoint = f"http{'s' if cls.tls else ''}://127.0.0.1:{cls.port}"
        cls.bucket = f"behind-{cls.__name__.lower()}"
        cls.s3 = cls.client()
        cls.s3.create_bucket(Bucket=cls.bucket)

    @classmethod
    def client(cls, attempts=1, **config):
        return boto3.client("s3", endpoint_url=cls.endpoint, region_name="us-east-1", verify=str(PAIR.parent / "cert.pem") if cls.tls else None,
                            aws_access_key_id=CLUSTER.keys[0], aws_secret_access_key=CLUSTER.keys[1],
                            config=botocore.config.Config(retries={"total_max_attempts": attempts}, **config))

    def test_odd_paths_reach_the_gateway_as_they_were_signed(self):
        direct = int(CLUSTER["gateway1"].address.rsplit(":", 1)[1])
        changed = []
        for path in PATHS:
            path = f"/{self.bucket}/{path}"
            status = raw(self.port, "PUT", path, path.encode(), tls=self.tls)[0]
            found = raw(direct, "GET", path)
            if (status, found[1]) != (200, path.encode()):
                changed.append((path, status, found[0]))
        self.assertEqual(changed, [(f"/{self.bucket}/{path}", 400, 404) for path in self.refused_paths])

    def test_an_odd_query_reaches_the_gateway_as_it_was_signed(self):
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=b"k")
        status, body, _ = raw(self.port, "GET", f"/{self.bucket}/k?x=a%2Fb&y=a+b&acl", tls=self.tls)
        self.assertEqual(status, 200, body)
        self.assertIn(b"AccessControlPolicy", body)

    def test_heads_go_through(self):
        metadata = {"x-amz-meta-under_score": "1", "x-amz-meta-do.t": "2", "x-amz-meta-long": "m" * 1900,
                    "content-encoding": "zstd", "x-amz-tagging": "k=" + "v" * 200}
        path = f"/{self.bucket}/heads"
        self.assertEqual(raw(self.port, "PUT", path, b"x", metadata, tls=self.tls)[0], 200)
        headers = raw(self.port, "GET", path, tls=self.tls)[2]
        for name in list(metadata)[:4]:
            self.assertEqual(headers[name], metadata[name])
        self.assertEqual(headers["x-amz-tagging-count"], "1")
        self.assertEqual(len(headers.get_all("x-amz-request-id")), 1)

    def test_virtual_hosts_are_signed_with_their_name(self):
        self.s3.put_object(Bucket=self.bucket, Key="named", Body=b"named")
        host = f"{self.bucket}.{DOMAIN}:{self.port}"
        self.assertEqual(raw(self.port, "GET", "/named", host=host, tls=self.tls)[:2], (200, b"named"))

    def test_multipart_ranges_and_presigned(self):
        body = os.urandom(20 << 20)
        self.s3.upload_fileobj(io.BytesIO(body), self.bucket, "parts", Config=TransferConfig(
            multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4))
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="parts")["Body"].read(), body)
        ranged = self.s3.get_object(Bucket=self.bucket, Key="parts", Range="bytes=5242870-5242890")["Body"].read()
        self.assertEqual(ranged, body[5242870:5242891])
        context = ssl._create_unverified_context() if self.tls else None
        for signature in ("s3v4", "s3"):
            signer = self.client(signature_version=signature)
            put = signer.generate_presigned_url("put_object", {"Bucket": self.bucket, "Key": "a b+c&d=é"})
            urllib.request.urlopen(urllib.request.Request(put, b"signed", method="PUT", headers={"Content-Type": ""}),
                                   context=context)
            get = signer.generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": "a b+c&d=é"})
            self.assertEqual(urllib.request.urlopen(get, context=context).read(), b"signed")

    def test_a_large_body_streams(self):
        size = BIG_MIB << 20
        length = str(size)
        connection = (http.client.HTTPSConnection if self.tls else http.client.HTTPConnection)(
            "127.0.0.1", self.port, timeout=120, **({"context": ssl._create_unverified_context()} if self.tls else {}))
        self.addCleanup(connection.close)
        path = f"/{self.bucket}/big"
        headers = sign("PUT", f"127.0.0.1:{self.port}", path, [], {}, "UNSIGNED-PAYLOAD", *CLUSTER.keys)
        connection.request("PUT", path, body=io.BufferedReader(Zeros(size), 1 << 20), headers={**headers, "content-length": length})
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b""))
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="big")["ContentLength"], size)
        self.assertEqual(sum(map(len, self.s3.get_object(Bucket=self.bucket, Key="big")["Body"].iter_chunks(1 << 20))), size)
        self.s3.delete_object(Bucket=self.bucket, Key="big")

    def test_a_refusal_before_the_body_leaves_a_connection_that_is_what_it_says(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        if self.tls:
            connection = ssl._create_unverified_context().wrap_socket(connection)
        self.addCleanup(connection.close)
        connection.settimeout(10)
        stream = connection.makefile("rb")
        connection.sendall(f"PUT /{self.bucket}/refused HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: 1048576\r\n"
                           "Expect: 100-continue\r\n\r\n".encode())
        status = stream.readline()
        if self.asks_for_bodies:
            self.assertEqual((status, stream.readline()), (b"HTTP/1.1 100 Continue\r\n", b"\r\n"))
            status = stream.readline()
        self.assertIn(b"403", status, "the gateway's word comes before the body")
        length, closes = 0, False
        while (line := stream.readline().strip().lower()):
            length = int(line.split(b":")[1]) if line.startswith(b"content-length:") else length
            closes = closes or line == b"connection: close"
        self.assertIn(b"AccessDenied", stream.read(length))
        self.assertEqual(closes, self.after_a_refusal == "closed")
        try:  # a connection that was not closed still waits for the body
            connection.sendall(b"" if closes else bytes(1 << 20))
            connection.sendall(f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
            line = stream.readline()
        except ConnectionError:
            line = b""
        works, is_closed = b" 200 " in line, line == b""
        self.assertTrue({"kept": works, "closed": is_closed, "either": works or is_closed}[self.after_a_refusal], line)
        for _ in range(8):
            self.assertEqual(self.s3.head_bucket(Bucket=self.bucket)["ResponseMetadata"]["HTTPStatusCode"], 200)

    def test_a_dead_gateway_is_not_noticed_by_clients_that_repeat_once(self):
        self.s3.put_object(Bucket=self.bucket, Key="served", Body=b"s" * 4096)
        failed, done, kill = [], [], threading.Event()

        def ask(number):
            client = self.client(attempts=2)
            for turn in range(250):
                try:
                    if turn % 5 == 0:
                        client.put_object(Bucket=self.bucket, Key=f"w{number}", Body=b"w" * 20000)
                    else:
                        client.get_object(Bucket=self.bucket, Key="served")["Body"].read()
                    done.append(1)
                except Exception as error:  # whatever a user would see
                    failed.append(f"{number}/{turn}: {error}")
                if len(done) > 150:
                    kill.set()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        kill.wait(60)
        victim = CLUSTER["gateway2"]
        victim.kill()
        for thread in threads:
            thread.join()
        victim.start()
        wait_for(victim.is_ready, "the gateway is ready again", 30)
        self.assertEqual((len(done), failed), (1000, []))


class BehindOneThatAsks(Behind):
    """Behind a balancer that learns by itself that a gateway is about to end."""

    def test_an_upload_ends_though_its_gateway_leaves(self):
        half = 1 << 20
        connection = socket.create_connection(("127.0.0.1", self.port), 30)
        if self.tls:
            connection = ssl._create_unverified_context().wrap_socket(connection)
        self.addCleanup(connection.close)
        path = f"/{self.bucket}/slow"
        headers = sign("PUT", f"127.0.0.1:{self.port}", path, [], {}, "UNSIGNED-PAYLOAD", *CLUSTER.keys)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"PUT {path} HTTP/1.1\r\n{lines}Content-Length: {2 * half}\r\n\r\n".encode())
        connection.sendall(bytes(half))
        gateways = CLUSTER.of("gateway")
        leaving = [threading.Thread(target=gateway.stop) for gateway in gateways]
        for thread in leaving:
            thread.start()
        try:
            wait_for(lambda: self.status("/") == 503, "the balancer sends nobody to gateways that leave", 30)
            self.assertTrue(all(gateway.running() for gateway in gateways), "they have not left yet")
            connection.sendall(bytes(half))
            self.assertIn(b" 200 ", connection.makefile("rb").readline())
        finally:
            for thread in leaving:
                thread.join()
            for gateway in gateways:
                gateway.start()
            for gateway in gateways:
                wait_for(gateway.is_ready, "the gateway is ready again", 30)
        wait_for(lambda: self.status("/") == 403, "the balancer sends requests again", 30)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="slow")["ContentLength"], 2 * half)

    def status(self, path):
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=ssl._create_unverified_context()) if self.tls
                      else http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 503  # it passes TLS through, and has nobody to pass it to


class BehindHAProxy(BehindOneThatAsks, unittest.TestCase):
    balancer, after_a_refusal = HAProxy, "kept"


class BehindHAProxyTls(BehindOneThatAsks, unittest.TestCase):
    balancer, tls, after_a_refusal = HAProxy, True, "kept"


class ThroughHAProxyTls(BehindOneThatAsks, unittest.TestCase):
    balancer, tls, gateways = HAProxyPassthrough, True, "tls"


class BehindNginx(Behind, unittest.TestCase):
    balancer, asks_for_bodies, after_a_refusal, refused_paths = Nginx, True, "either", ("a%00b",)


class BehindNginxTls(BehindNginx):
    tls = True


class ThroughNginxTls(Behind, unittest.TestCase):
    balancer, tls, gateways = NginxPassthrough, True, "tls"


class BehindEnvoy(Behind, unittest.TestCase):
    balancer = Envoy


class BehindEnvoyTls(BehindEnvoy):
    tls = True


class BehindTraefik(Behind, unittest.TestCase):
    balancer = Traefik


class BehindTraefikTls(BehindTraefik):
    tls = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
