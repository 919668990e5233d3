#!/usr/bin/env python3
"""The Helm chart with TLS among the daemons, on a Kubernetes of its own: certificates of `kelp certs`, then of cert-manager."""

import base64
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import unittest
import urllib.request

import k8s_release
from k8s_release import Release
from kelpdev import k8s_binary
from kelpdev.containers import run
from kelpdev.process import kelp_binary, wait_for

CERTIFICATES = {"kelp-internal": "kelp-internal-tls", "kelp-s3": "kelp-s3-tls", "kelp-s3-files": "kelp-s3-tls-files"}  # of the chart, for cert-manager, and their secrets


def setUpModule():
    global NODE, FOLDER
    NODE, FOLDER = k8s_release.set_up(k8s_binary.cert_manager())


class InternalTls(Release):
    """TLS among the daemons, from a secret that `kelp certs` made."""

    NAMESPACE, SHAPE, VOLUMES = "tls", "small", 3
    VALUES = {"tls": {"internal": {"enabled": True, "secretName": "daemons"}}}
    PORTS = {"master": 19333, "volume": 18080, "filer": 18888}
    EXPIRY = "kelp_rpc_tls_certificate_expiry_timestamp_seconds"

    @classmethod
    def prepare(cls):
        cls.certs = FOLDER / f"certs-{cls.NAMESPACE}"
        run(kelp_binary(), "certs", "init", "--dir", cls.certs)
        run(kelp_binary(), "certs", "issue", "--dir", cls.certs, "daemons", "--host", "kelp.internal")
        cls.give_secret()

    @classmethod
    def give_secret(cls):
        files = {"tls.crt": "daemons.crt", "tls.key": "daemons.key", "ca.crt": "ca.crt"}
        NODE.apply(secret(cls.NAMESPACE, "daemons", {name: (cls.certs / file).read_bytes() for name, file in files.items()}))

    def ends(self):
        """When the certificate ends that each pod uses, by its name."""
        pages = {name: urllib.request.urlopen(f"http://{pod['status']['podIP']}:28333/metrics", timeout=5).read().decode() for name, pod in self.pods().items()}
        return {name: float(re.search(rf"^{self.EXPIRY}\S* (\S+)$", page, re.MULTILINE)[1]) for name, page in pages.items()}

    def status(self, **variables):
        """What `kelp cluster status` says to the master from outside of the pods."""
        file = FOLDER / f"cluster-{self.NAMESPACE}"
        file.write_text(self.secret("kelp-cluster")["cluster"])
        file.chmod(0o600)
        address, = (pod["status"]["podIP"] for pod in self.pods("master").values())
        return run(kelp_binary(), "cluster", "status", "--masters", f"1={address}:19333", "--cluster-file", file, env=dict(os.environ, **variables))

    def test_1_it_serves_and_its_own_tests_pass(self):
        body = os.urandom(12 << 20)
        client = self.client()
        client.must("PUT", "/lake")
        client.must("PUT", "/lake/object", body=body)
        self.assertEqual(client.must("GET", "/lake/object").body, body)
        said = NODE.helm("test", "kelp", "--namespace", self.NAMESPACE)
        self.assertEqual(said.count("Succeeded"), 2, said)

    def test_2_who_has_no_certificate_stays_out(self):
        for component, port in self.PORTS.items():
            (name, pod), = self.pods(component).items()
            with self.subTest(component), socket.create_connection((pod["status"]["podIP"], port), 5) as plain:
                plain.settimeout(30)
                plain.sendall(bytes(64))
                with contextlib.suppress(ConnectionError):
                    while plain.recv(4096):  # an alert of TLS at most, then the end
                        pass
                wait_for(lambda name=name: "reason=not_tls" in self.kubectl("logs", name), "it says so", 60, every=0.3)
        with self.assertRaises(RuntimeError):
            self.status()
        tls = {"CERT": "daemons.crt", "KEY": "daemons.key", "CA": "ca.crt"}
        self.status(KELP_CLUSTER_TLS_NAME="kelp.internal", **{f"KELP_CLUSTER_TLS_{name}": str(self.certs / file) for name, file in tls.items()})

    def renew(self):
        """Gives the daemons another certificate that ends at another time."""
        run(kelp_binary(), "certs", "renew", "--dir", self.certs, "--days", "700")
        self.give_secret()

    def test_3_another_certificate_is_taken_without_a_restart(self):
        before, pods = self.ends(), self.uids()
        self.renew()
        begun = time.monotonic()
        self.kubectl("annotate", "pods", "--all", "kelp.test/look=again")  # the kubelet brings secrets with the next sync of a pod
        wait_for(lambda: all(end != before[name] for name, end in self.ends().items()), "every pod has the new one", 240, every=1)
        print(f"taken after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        self.assertEqual(self.uids(), pods)
        self.assertEqual([name for name, pod in self.pods().items() for status in pod["status"]["containerStatuses"] if status["restartCount"]], [])
        self.client().must("PUT", "/lake/after", body=b"still")
        self.assertEqual(self.client().must("GET", "/lake/after").body, b"still")


class CertManager(InternalTls):
    """Certificates of cert-manager: for the daemons, and for S3, there with one of another authority. Its controllers run beside the node, without a webhook."""

    NAMESPACE = "issued"
    VALUES = {"tls": {"internal": {"enabled": True, "certManager": {"enabled": True, "issuerName": "authority"}}},
              "s3": {"domains": ["s3.example.com"], "tls": {
                  "enabled": True, "certManager": {"enabled": True, "issuerName": "authority"},
                  "certificates": [{"name": "public", "secretName": "public"}, {"name": "files", "dnsNames": ["files.example.org"]}]}}}
    BY_NAME = ("kelp-s3", "files.example.org", "public.example.com")  # each has a certificate of its own

    @classmethod
    def prepare(cls):
        NODE.kubectl("apply", "--server-side", "-f", k8s_binary.cert_manager().parent / "crds")
        NODE.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        with open(FOLDER / "cert-manager.log", "w") as log:
            controllers = [k8s_binary.cert_manager(), NODE.environment["KUBECONFIG"], cls.NAMESPACE]
            manager = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *NODE.inside(), *controllers], stdout=log, stderr=log)
        cls.addClassCleanup(lambda: (manager.terminate(), manager.wait(30)))
        cls.certs, cls.public = FOLDER / "authority", FOLDER / "public"
        for folder in (cls.certs, cls.public):
            run(kelp_binary(), "certs", "init", "--dir", folder)
        run(kelp_binary(), "certs", "issue", "--dir", cls.public, "public", "--host", "public.example.com")
        cls.give_public()
        NODE.apply(
            secret(cls.NAMESPACE, "authority", {name: (cls.certs / file).read_bytes() for name, file in {"tls.crt": "ca.crt", "tls.key": "ca.key"}.items()}),
            {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "authority", "namespace": cls.NAMESPACE},
             "spec": {"ca": {"secretName": "authority"}}})

    @classmethod
    def give_public(cls):
        files = {"tls.crt": "public.crt", "tls.key": "public.key"}
        NODE.apply({**secret(cls.NAMESPACE, "public", {name: (cls.public / file).read_bytes() for name, file in files.items()}), "type": "kubernetes.io/tls"})

    def test_1_it_serves_and_its_own_tests_pass(self):
        super().test_1_it_serves_and_its_own_tests_pass()
        made = {item["metadata"]["name"]: item["status"] for item in self.get("certificates.cert-manager.io")["items"]}
        self.assertEqual({name for name, status in made.items() if {"Ready": "True"}.items() <= {c["type"]: c["status"] for c in status["conditions"]}.items()},
                         set(CERTIFICATES))
        spec = self.get("service", "kelp-s3")["spec"]
        port, = (port["port"] for port in spec["ports"] if port["name"] == "s3-tls")
        for name in (*self.BY_NAME, "s3.example.com", "bucket.s3.example.com"):
            with self.subTest(name), self.secure(spec["clusterIP"], port, name) as secure:
                self.assertEqual(secure.version(), "TLSv1.3")
        body = self.client().must("GET", "/lake/object").body
        for name, authority in {"files.example.org": self.certs, "public.example.com": self.public}.items():
            with self.subTest(name):
                self.assertEqual(self.curl(authority, spec["clusterIP"], f"https://{name}:{port}/lake/object"), body)
        with self.assertRaises(RuntimeError):
            self.curl(self.public, spec["clusterIP"], f"https://files.example.org:{port}/lake/object")

    def test_2_who_has_no_certificate_stays_out(self):
        for name, value in self.secret("kelp-internal-tls").items():
            (self.certs / name.replace("tls.", "daemons.")).write_text(value)
        super().test_2_who_has_no_certificate_stays_out()

    def curl(self, authority, address, url):
        """What an object has, for a client that trusts that authority alone."""
        file = FOLDER / "curled"
        run("curl", "--silent", "--show-error", "--fail", "--cacert", authority / "ca.crt", "--connect-to", f"::{address}:", "--aws-sigv4", "aws:amz:us-east-1:s3",
            "--user", ":".join(self.keys), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--output", file, url)
        return file.read_bytes()

    def ends(self):
        """With those that the gateways show to clients."""
        shown = {}
        for name, pod in self.pods("s3").items():
            port, = (port["containerPort"] for port in pod["spec"]["containers"][0]["ports"] if port["name"] == "s3-tls")
            for host in self.BY_NAME:
                with self.secure(pod["status"]["podIP"], port, host) as secure:
                    shown[f"{name} to clients of {host}"] = secure.getpeercert()["notAfter"]
        return {**super().ends(), **shown}

    @contextlib.contextmanager
    def secure(self, address, port, name):
        """A connection to someone who proves to have that name."""
        trusted = ssl.create_default_context(cafile=self.certs / "ca.crt")
        trusted.load_verify_locations(self.public / "ca.crt")
        with socket.create_connection((address, port), 5) as plain, trusted.wrap_socket(plain, server_hostname=name) as secure:
            yield secure

    def renew(self):
        """Waits until cert-manager itself does it: a minute after the last time, for certificates that are to be renewed that long before their end."""
        run(kelp_binary(), "certs", "renew", "--dir", self.public, "--days", "700")
        self.give_public()
        known = self.issued()
        self.renew_before("2159h59m")  # of 2160 hours
        wait_for(lambda: not set(known) & set(self.issued()), "all are issued anew", 240, every=0.5)
        self.renew_before(None)

    def issued(self):
        return [self.secret(name)["tls.crt"] for name in CERTIFICATES.values()]

    def renew_before(self, span):
        for name in CERTIFICATES:
            self.kubectl("patch", "certificate.cert-manager.io", name, "--type=merge", "--patch", json.dumps({"spec": {"renewBefore": span}}))


def secret(namespace, name, files):
    """A Secret of Kubernetes."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "data": {key: base64.b64encode(body).decode() for key, body in files.items()}}


if __name__ == "__main__":
    unittest.main(verbosity=2)
