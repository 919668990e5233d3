#!/usr/bin/env python3
"""Several certificates behind one port: which one a client is shown, and how the set changes while clients are served."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.certificates import self_signed  # noqa: E402
from kelpdev.process import KelpProcess, wait_for  # noqa: E402

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
EXPIRY = "kelp_s3_https_certificate_expiry_timestamp_seconds"


def make_pair(stem, *names, days=3):
    """Writes STEM.crt and STEM.key, for `names`; the certificate's bytes."""
    self_signed(f"{stem}.crt", f"{stem}.key", ",".join(f"DNS:{name}" for name in names), days)
    return ssl.PEM_cert_to_DER_cert(Path(f"{stem}.crt").read_text())


def ends_at(certificate):
    """When that is, in seconds since 1970."""
    words = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", certificate], check=True, capture_output=True,
                           text=True)
    return ssl.cert_time_to_seconds(words.stdout.strip().removeprefix("notAfter="))


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-tls-names-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.names = self.folder / "names"
        self.names.mkdir()

    def prepare(self, *options, default=True):
        pair = ("--tls-cert", str(self.folder / "default.crt"), "--tls-key", str(self.folder / "default.key")) if default else ()
        return KelpProcess(self.folder / "server", "--tls-listen", "127.0.0.1:0", *pair, "--tls-dir", str(self.names), *options)

    def start(self, *options, default=True):
        self.kelp = self.prepare(*options, default=default)
        self.kelp.start()
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())
        self.port = int(self.kelp.ready["s3_tls"].rsplit(":", 1)[1])

    def connect(self, name=None, version=ssl.TLSVersion.TLSv1_3, context=None, session=None):
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return context.wrap_socket(raw, server_hostname=name, session=session)

    def shown(self, name=None):
        """The certificate that both versions of TLS are shown."""
        seen = set()
        for version in VERSIONS:
            with self.connect(name, version) as connection:
                self.assertEqual(connection.version(), version.name.replace("_", "."))
                seen.add(connection.getpeercert(binary_form=True))
        self.assertEqual(len(seen), 1)
        return seen.pop()

    def log_count(self, words):
        return (self.folder / "server" / "log").read_text().count(words)

    def reload(self, event="tls_reloaded"):
        """SIGHUP, and the line of the log that it leads to."""
        known = self.log_count(event)
        os.kill(self.kelp.pid, signal.SIGHUP)
        wait_for(lambda: self.log_count(event) > known, event, 10)
        return [line for line in self.kelp.log_tail(50).splitlines() if event in line][-1]


class Choice(Case):
    def setUp(self):
        super().setUp()
        self.default = make_pair(self.folder / "default", "default.test")
        self.wild = make_pair(self.names / "a", "*.example.test")
        self.exact = make_pair(self.names / "b", "one.example.test", "example.test", days=1)

    def test_clients_are_shown_what_they_ask_for(self):
        self.start()
        for name, expected in (("one.example.test", self.exact), ("ONE.example.test", self.exact), ("example.test", self.exact),
                               ("two.example.test", self.wild), ("a.two.example.test", self.default),
                               ("default.test", self.default), ("nobody.test", self.default), (None, self.default)):
            with self.subTest(name=name):
                self.assertEqual(self.shown(name), expected)
        self.assertEqual(self.kelp.metric(EXPIRY), ends_at(self.names / "b.crt"), "the first that ends")

    def test_clients_that_look_closely_are_content(self):
        with open(self.names / "a.crt", "ab") as chain:
            chain.write((self.folder / "default.crt").read_bytes())
        self.start()
        for name, certificate in (("one.example.test", "b"), ("two.example.test", "a")):
            trusting = ssl.create_default_context(cafile=self.names / f"{certificate}.crt")
            with self.connect(name, context=trusting) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                self.assertEqual((answer.status, answer.read()), (200, b"ok\n"))
        for name, length in (("two.example.test", 2), ("one.example.test", 1)):
            seen = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-servername", name, "-showcerts"],
                                  stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True, timeout=30)
            self.assertEqual(seen.stdout.count("BEGIN CERTIFICATE"), length, "the chain comes along")

    def test_the_first_file_is_the_default_when_there_is_no_other(self):
        self.start(default=False)
        self.assertEqual(self.shown(), self.wild)
        self.assertEqual(self.shown("nobody.test"), self.wild)
        self.assertEqual(self.shown("one.example.test"), self.exact)

    def test_a_session_goes_on_under_its_own_certificate_only(self):
        self.start()
        for version in VERSIONS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.maximum_version = version

            def visit(name, session=None, context=context):
                with self.connect(name, context=context, session=session) as connection:
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200"))
                    return connection.session, connection.session_reused, connection.getpeercert(binary_form=True)

            hosts = {"one.example.test": self.exact, "two.example.test": self.wild, "nobody.test": self.default}
            for first in hosts:
                for second, expected in hosts.items():
                    with self.subTest(version=version.name, first=first, second=second):
                        session = visit(first)[0]
                        _, reused, certificate = visit(second, session)
                        self.assertEqual(reused, first == second)
                        self.assertEqual(certificate, expected)
            session = visit("two.example.test")[0]
            self.assertTrue(visit("three.example.test", session)[1], "the same certificate")

    def test_buckets_in_the_hosts_name(self):
        self.start("--set", "s3.domain=example.test")
        curl = ["curl", "--silent", "--show-error", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                ":".join(self.kelp.keys), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--cacert",
                str(self.names / "a.crt"), "--resolve", f"photos.example.test:{self.port}:127.0.0.1"]
        address = f"https://photos.example.test:{self.port}"
        for words in (["--request", "PUT", f"{address}/"], ["--upload-file", str(self.names / "a.crt"), f"{address}/key"]):
            subprocess.run([*curl, *words], check=True, capture_output=True, timeout=30)
        got = subprocess.run([*curl, f"{address}/key"], check=True, capture_output=True, timeout=30)
        self.assertEqual(got.stdout, (self.names / "a.crt").read_bytes())


class Changes(Case):
    def setUp(self):
        super().setUp()
        self.default = make_pair(self.folder / "default", "default.test")
        self.first = make_pair(self.names / "first", "first.test")

    def test_pairs_come_change_and_go(self):
        self.start()
        second = make_pair(self.names / "second", "second.test")
        self.assertEqual(self.shown("second.test"), self.default, "nobody asked yet")
        self.reload()
        self.assertEqual(self.shown("second.test"), second)
        with self.connect("second.test") as kept:
            renewed = make_pair(self.names / "second", "second.test", days=1)
            self.assertNotEqual(second, renewed)
            self.reload()
            self.assertEqual(self.shown("second.test"), renewed)
            self.assertEqual(self.kelp.metric(EXPIRY), ends_at(self.names / "second.crt"))
            for suffix in ("crt", "key"):
                (self.names / f"second.{suffix}").unlink()
            self.reload()
            self.assertEqual(self.shown("second.test"), self.default)
            self.assertEqual(self.kelp.metric(EXPIRY), ends_at(self.folder / "default.crt"))
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertTrue(kept.recv(1000).startswith(b"HTTP/1.1 200"), "old connections go on")
        default = make_pair(self.folder / "default", "default.test")
        self.reload()
        self.assertEqual(self.shown(), default)
        self.assertEqual(self.shown("first.test"), self.first)
        self.assertEqual(self.kelp.stop(), 0)

    def test_the_folder_is_watched(self):
        self.start()
        second = make_pair(self.names / "second", "second.test")
        wait_for(lambda: self.shown("second.test") == second, "the new pair", 60, every=0.5)
        self.assertEqual(self.shown("first.test"), self.first)

    def test_a_bad_pair_changes_nothing_and_is_named(self):
        self.start()
        key, certificate = self.names / "bad.key", self.names / "bad.crt"
        make_pair(self.names / "good", "good.test")
        make_pair(self.names / "bad", "bad.test")
        good_key, own_key, own = (self.names / "good.key").read_bytes(), key.read_bytes(), certificate.read_bytes()
        for path, content in ((key, good_key), (key, b"no PEM"), (key, None), (certificate, b"no PEM"), (certificate, None)):
            with self.subTest(path=path.name, content=content and content[:6]):
                key.write_bytes(own_key)
                certificate.write_bytes(own)
                path.unlink() if content is None else path.write_bytes(content)
                lines = self.log_count("tls_reload_failed")
                self.assertIn(str(path), self.reload("tls_reload_failed"))
                self.assertEqual(self.log_count("tls_reload_failed"), lines + 1)
                self.assertEqual(self.shown("first.test"), self.first)
                self.assertEqual(self.shown("good.test"), self.default, "all of the new set or nothing")
        key.write_bytes(own_key)
        certificate.write_bytes(own)
        self.reload()
        self.assertEqual(self.shown("bad.test"), ssl.PEM_cert_to_DER_cert(own.decode()))

    def test_nothing_starts_with_what_cannot_be_used(self):
        def refuses(what, **options):
            kelp = self.prepare(**options)
            self.addCleanup(lambda: kelp.process and kelp.kill())
            with self.assertRaisesRegex(RuntimeError, what):
                kelp.start()
            kelp.process = None

        first, key = self.names / "first.crt", self.names / "first.key"
        own = key.read_bytes()
        key.write_bytes((self.folder / "default.key").read_bytes())
        refuses(f"key {key}: .*mismatch")
        key.unlink()
        refuses(f"key {key}: ")
        key.write_bytes(own)
        first.write_text("no PEM")
        refuses(f"certificate {first}: ")
        first.unlink()
        key.unlink()
        refuses(f"{self.names}: no NAME.crt in it", default=False)
        self.names.rmdir()
        refuses(f"{self.names}.*No such file")


if __name__ == "__main__":
    unittest.main(verbosity=2)
