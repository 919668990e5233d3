#!/usr/bin/env python3
"""TLS for the public: what a scanner finds on offer, and how a renewed certificate is taken."""

import http.client
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.certificates import self_signed  # noqa: E402
from kelpdev.process import KelpProcess, wait_for  # noqa: E402


def is_modern(cipher):
    """Whether a suite keeps what was said when the key is lost later, and cannot be changed on its way."""
    forward_secret = cipher.startswith(("TLS_", "ECDHE-"))
    return forward_secret and ("GCM" in cipher or "CHACHA20" in cipher)


class Tls(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-tls-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.renew()
        self.kelp = KelpProcess(self.folder / "server", "--tls-listen", "127.0.0.1:0", "--tls-cert", str(self.certificate),
                                "--tls-key", str(self.key))
        self.kelp.start()
        self.addCleanup(lambda: self.kelp.process and self.kelp.kill())

    def renew(self):
        self_signed(self.certificate, self.key)
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def connect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host, port = self.kelp.ready["s3_tls"].rsplit(":", 1)
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        connection.connect()
        self.addCleanup(connection.close)
        return connection

    def served(self):
        return self.connect().sock.getpeercert(binary_form=True)

    def answers(self, connection):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_nothing_old_is_offered(self):
        scan = subprocess.run(["sslscan", "--xml=-", "--no-colour", self.kelp.ready["s3_tls"]], check=True, capture_output=True)
        found = ElementTree.fromstring(scan.stdout).find("ssltest")
        spoken = {f"{each.get('type')} {each.get('version')}" for each in found.findall("protocol") if each.get("enabled") == "1"}
        self.assertEqual(spoken, {"tls 1.2", "tls 1.3"})
        ciphers = {each.get("cipher") for each in found.findall("cipher")}
        self.assertGreaterEqual(len(ciphers), 4, ciphers)
        self.assertEqual({cipher for cipher in ciphers if not is_modern(cipher)}, set())
        self.assertEqual(found.find("renegotiation").get("supported"), "0", "a peer could have us shake hands without end")
        self.assertEqual([each.get("vulnerable") for each in found.findall("heartbleed") if each.get("vulnerable") != "0"], [])

    def test_sighup_takes_a_new_pair_and_a_bad_one_changes_nothing(self):
        first = self.served()
        old = self.connect()
        socket = old.sock
        self.assertEqual(self.answers(old), (200, b"ok\n"))
        second = self.renew()
        self.assertNotEqual(first, second)
        self.assertEqual(self.served(), first, "nobody asked yet")
        os.kill(self.kelp.pid, signal.SIGHUP)
        wait_for(lambda: self.served() == second, "the new certificate", 10)
        self.assertEqual(self.answers(old), (200, b"ok\n"))
        self.assertIs(old.sock, socket, "the old connection was kept")

        self.key.write_text("no key")
        os.kill(self.kelp.pid, signal.SIGHUP)
        wait_for(lambda: "tls_reload_failed" in self.kelp.log_tail(), "the error in the log", 10)
        self.assertEqual(self.served(), second)
        self.assertEqual(self.kelp.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
