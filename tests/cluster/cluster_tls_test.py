#!/usr/bin/env python3
"""A cluster whose daemons speak TLS with each other, by `kelp certs`: everything works, who has no certificate stays out,
certificates and the authority are renewed under load."""

import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import unittest
import urllib.request
from unittest import mock

from cluster_case import ClusterCase
from kelpdev.process import wait_for

BUCKET = "closed"
DAEMONS = [f"{role}{number}" for role, count in {"master": 3, "volume": 4, "filer": 1, "gateway": 2}.items()
           for number in range(1, count + 1)]


def metric(daemon, name):
    """The sum over the labels of one of its metrics."""
    with urllib.request.urlopen(f"http://{daemon.admin}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}(\{{| )", line))


class ClusterTls(ClusterCase):
    LOOPBACK = True

    def prepare(self):
        self.certs = self.folder / "certs"
        self.kelp_certs("init", self.certs)
        for name in DAEMONS:
            self.give(name, self.certs)
        self.operator = self.variables(self.certs, "operator", "127.0.0.1")
        clean = mock.patch.dict(os.environ, self.operator)
        clean.start()
        self.addCleanup(clean.stop)

    def kelp_certs(self, command, folder, *words):
        return self.cluster.kelp("certs", command, "--dir", str(folder), *words)

    def variables(self, folder, name, host):
        """The environment of somebody with a new certificate."""
        self.kelp_certs("issue", folder, name, "--host", host)
        return {"KELP_CLUSTER_TLS_CERT": f"{folder}/{name}.crt", "KELP_CLUSTER_TLS_KEY": f"{folder}/{name}.key",
                "KELP_CLUSTER_TLS_CA": f"{folder}/ca.crt"}

    def give(self, name, folder):
        daemon = self.cluster[name]
        daemon.variables = self.variables(folder, name, daemon.admin.rsplit(":", 1)[0])

    def put_some(self, count=20):
        client = self.client("gateway1")
        client.must("PUT", f"/{BUCKET}")
        bodies = {f"/{BUCKET}/{number}": os.urandom(1 << (10 + number % 12)) for number in range(count)}
        for path, body in bodies.items():
            client.must("PUT", path, body=body)
        return {path: hashlib.md5(body).hexdigest() for path, body in bodies.items()}

    def listeners(self):
        return [daemon for daemon in self.cluster.daemons.values() if daemon.role != "gateway"]

    def test_the_cluster_works_and_strangers_stay_out(self):
        cluster = self.cluster
        objects = self.put_some()
        self.check_objects(objects, "gateway2")
        for daemon in cluster.daemons.values():
            self.assertGreater(metric(daemon, "kelp_rpc_tls_certificate_expiry_timestamp_seconds"), 0, daemon.name)

        # Operators are members, too.
        listing = subprocess.run([*cluster.shell_words(), "-c", "volume.list"], capture_output=True, text=True, timeout=60)
        self.assertEqual(listing.returncode, 0, listing.stderr)
        nobody = {name: value for name, value in os.environ.items() if not name.startswith("KELP_CLUSTER_TLS")}
        foreign = self.folder / "foreign"
        self.kelp_certs("init", foreign)
        stranger = {**nobody, **self.variables(foreign, "stranger", "127.0.0.1")}
        stranger["KELP_CLUSTER_TLS_CA"] = str(self.certs / "ca.crt")
        for environment in (nobody, stranger):
            with self.assertRaises(RuntimeError):
                cluster.kelp("cluster", "status", "--masters", cluster.masters_flag(), "--cluster-file",
                             str(cluster.identity / "cluster"), environment=environment)
            shell = subprocess.run([*cluster.shell_words(), "-c", "volume.list"], capture_output=True, text=True, timeout=60,
                                   env=environment)
            self.assertNotEqual(shell.returncode, 0, shell.stdout)
        masters = "".join(daemon.log() for daemon in cluster.of("master"))
        for reason in ("not_tls", "untrusted"):
            self.assertRegex(masters, rf"tls_refused .*side=server reason={reason} ")

        # Every listener asks for a certificate.
        anybody = ssl.create_default_context(cafile=str(self.certs / "ca.crt"))
        for daemon in self.listeners():
            host, port = daemon.address.rsplit(":", 1)
            with self.subTest(daemon.name), socket.create_connection((host, int(port)), 5) as plain, \
                    self.assertRaises((ssl.SSLError, ConnectionError)), \
                    anybody.wrap_socket(plain, server_hostname=host) as secure:
                self.assertEqual(secure.version(), "TLSv1.3")
                if not secure.recv(1):
                    raise ConnectionError
            self.assertGreater(metric(daemon, "kelp_rpc_tls_refused_total"), 0)

        # Daemons without a certificate, and with one of somebody else.
        for name, variables in (("volume5", {}), ("volume6", None)):
            daemon = cluster.add(name)
            if variables is None:
                variables = self.variables(foreign, name, daemon.address.rsplit(":", 1)[0])
                variables["KELP_CLUSTER_TLS_CA"] = str(self.certs / "ca.crt")
            daemon.variables = variables
            daemon.start()
            wait_for(lambda d=daemon: "heartbeat_failed" in d.log(), f"{name} stays out", 30, 0.1)
            self.assertIsNone(cluster.node_of(cluster.status(), name))
        half = cluster.add("volume7")
        half.variables = {"KELP_CLUSTER_TLS_CERT": str(self.certs / "volume1.crt")}
        with self.assertRaises(RuntimeError) as refused:
            half.start()
        self.assertIn("TLS among daemons needs", str(refused.exception))

        # A lost server is repaired around.
        cluster.wait_whole()
        cluster["volume1"].kill()
        wait_for(lambda: not cluster.node_of(cluster.status(), "volume1")["alive"], "the loss is seen", 60, 0.5)
        cluster.wait_whole(120)
        self.check_objects(objects)

    def reload(self, names=DAEMONS):
        """SIGHUP, and the word of each that it read its files."""
        for name in names:
            daemon = self.cluster[name]
            known = daemon.log().count("cluster_tls_reloaded")
            os.kill(daemon.pid, 1)
            wait_for(lambda d=daemon, k=known: d.log().count("cluster_tls_reloaded") > k, f"{name} reads again", 30)

    def test_certificates_and_the_authority_are_renewed_under_load(self):
        cluster = self.cluster
        self.client("gateway1").must("PUT", f"/{BUCKET}")
        writer = self.write("gateway1", BUCKET)
        self.kelp_certs("renew", self.certs, "--days", "700")
        self.reload()
        year = 365 * 86400
        for daemon in cluster.daemons.values():
            left = metric(daemon, "kelp_rpc_tls_certificate_expiry_timestamp_seconds") - os.stat(self.certs).st_mtime
            self.assertGreater(left, 1.5 * year, daemon.name)

        # Another authority: first everybody believes both, then everybody shows the new one's, then the old one goes.
        new = self.folder / "new"
        self.kelp_certs("init", new, "--name", "the next")
        both = (self.certs / "ca.crt").read_text() + (new / "ca.crt").read_text()
        (self.certs / "ca.crt").write_text(both)
        self.reload()
        for name in [*DAEMONS, "operator"]:
            host = "127.0.0.1" if name == "operator" else cluster[name].admin.rsplit(":", 1)[0]
            self.kelp_certs("issue", new, name, "--host", host)
            for kind in ("key", "crt"):
                shutil.copy(new / f"{name}.{kind}", self.certs / f"{name}.{kind}")
        self.reload()
        (self.certs / "ca.crt").write_text((new / "ca.crt").read_text())
        self.reload()
        # Connections that are made now are among holders of the new ones.
        for name in ("master1", "volume2", "filer1"):
            self.assertEqual(cluster[name].stop(), 0)
            cluster[name].start()
        cluster.wait_alive()
        cluster.wait_masters()
        count = len(writer.objects)
        wait_for(lambda: len(writer.objects) > count + 5, "writes go on", 60, 0.1)
        writer.stop()
        self.check_objects(dict(writer.objects))
        self.assertIn("the next", self.kelp_certs("show", new))


if __name__ == "__main__":
    unittest.main(verbosity=2)
