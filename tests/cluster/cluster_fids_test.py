#!/usr/bin/env python3
"""Needles by file id on a cluster: written to every copy before the answer, removed from every copy."""

import http.client
import json
import os
import unittest

from cluster_case import ClusterCase
from kelpdev.process import wait_for

HTTP_PORT = 8080


class Fids(ClusterCase):
    SETTINGS = {"master.http_open": "true", "master.repair_after": "1h"}

    def prepare(self):
        self.http = {}
        for daemon in self.cluster.of("volume"):
            self.http[daemon.name] = f"{daemon.address.rsplit(':', 1)[0]}:{HTTP_PORT}"
            daemon.options = [*daemon.options, "--http-listen", self.http[daemon.name]]

    def ask(self, where, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection(where, timeout=60)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def master(self, target):
        status, body = self.ask(self.cluster["master1"].http, "GET", target)
        return json.loads(body) if status == 200 else None

    def assign(self, query=""):
        """A file id, the HTTP of its two servers, and the header to write with."""
        given = wait_for(lambda: self.master(f"/dir/assign?collection=fids{query}"), "a file id", 60, 0.2)
        found = self.master(f"/dir/lookup?fileId={given['fid']}")
        places = [location["url"] for location in found["locations"]]
        self.assertEqual(len(set(places) & set(self.http.values())), 2, places)
        self.assertIn(given["url"], places)
        return given["fid"], places, {"Authorization": "Bearer " + given["auth"]}

    def removal(self, fid):
        return {"Authorization": "Bearer " + self.master(f"/dir/lookup?fileId={fid}")["auth"]}

    def daemon_at(self, place):
        return self.cluster[next(name for name, http in self.http.items() if http == place)]

    def test_every_copy_has_it_before_the_answer_and_none_after_the_removal(self):
        for size in (10, 100_000, 3 << 20):
            for first in (0, 1):  # any member may be asked: the primary and the other
                fid, places, headers = self.assign()
                body = os.urandom(size)
                status, said = self.ask(places[first], "PUT", f"/{fid}", body, headers)
                self.assertEqual(status, 201, said)
                for place in places:
                    self.assertEqual(self.ask(place, "GET", f"/{fid}"), (200, body))
                elsewhere = next(http for http in self.http.values() if http not in places)
                self.assertEqual(self.ask(elsewhere, "GET", f"/{fid}")[0], 404)
                self.assertEqual(self.ask(elsewhere, "PUT", f"/{fid}", b"x", headers)[0], 404)
                status, said = self.ask(places[1 - first], "DELETE", f"/{fid}", headers=self.removal(fid))
                self.assertEqual((status, json.loads(said)), (202, {"size": size}))
                for place in places:
                    self.assertEqual(self.ask(place, "GET", f"/{fid}")[0], 404)

    def test_a_copy_that_is_away_refuses_the_write_and_the_removal(self):
        fid, places, headers = self.assign("&count=2")
        self.assertEqual(self.ask(places[0], "PUT", f"/{fid}", b"kept", headers)[0], 201)
        removal = self.removal(fid)
        away = self.daemon_at(places[1])
        away.kill()
        for body in (b"on one copy", os.urandom(1 << 20)):
            status, said = self.ask(places[0], "PUT", f"/{fid}_1", body, headers)
            self.assertGreaterEqual(status, 500, said)
        self.assertEqual(self.ask(places[0], "GET", f"/{fid}_1")[0], 404, "what was refused is not there")
        self.assertGreaterEqual(self.ask(places[0], "DELETE", f"/{fid}", headers=removal)[0], 500)
        away.start()
        wait_for(away.is_ready, "the server is back", 60)
        # The attempt that failed may have removed it here: then this one answers 404, and removes it there.
        wait_for(lambda: self.ask(places[0], "DELETE", f"/{fid}", headers=removal)[0] in (202, 404), "the removal", 60, 0.2)
        for place in places:
            self.assertEqual(self.ask(place, "GET", f"/{fid}")[0], 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
