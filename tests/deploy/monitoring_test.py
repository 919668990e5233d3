#!/usr/bin/env python3
"""Metrics, dashboards and alert rules: their names, and every expression against a real Prometheus that scrapes a real cluster under load."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.certificates import self_signed  # noqa: E402
from kelpdev.cluster import Cluster  # noqa: E402
from kelpdev.process import free_port, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402
from kelpdev.venv import environment  # noqa: E402

if not shutil.which("prometheus"):
    print("SKIPPED: Prometheus is not installed", file=sys.stderr)
    sys.exit(77)
VENV = environment("chart", Path(__file__).parent / "chart-requirements.txt")
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import yaml  # noqa: E402
from alert_cases import CASES  # noqa: E402

FILES = ROOT / "deploy/helm/kelp/files"
RULES = [rule for group in yaml.safe_load((FILES / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
PAGES = "\n".join(page.read_text() for page in (ROOT / "docs/operations").glob("*.md"))
ROOMS = "admin|async|client|filer|iam|master|notify|raft|remote|rpc|s3|server|volume|webdav"
NOT_UNITS = re.compile(r"_(ms|us|millis|micros|milliseconds|minutes|hours|days|kb|mb|gb|kib|mib|gib|percent|count|num)(_total)?$")


def parts_of(rule):
    """The sides of a rule's expression without what they are compared with."""
    for part in re.split(r" and (?:on \(\w+\) )?", rule["expr"]):
        yield re.sub(r" [<>] [^<>()]+$", "", part)


def queries_of(dashboard):
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets") or []:
            yield panel["title"], target["expr"]


class Prometheus:
    """A context manager: scrapes `targets` every second."""

    def __init__(self, folder, targets):
        self.folder, self.address = Path(folder), f"127.0.0.1:{free_port()}"
        self.folder.mkdir()
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(FILES / "rules.yaml")],
            "scrape_configs": [{"job_name": "kelp", "static_configs": [{"targets": targets}]}]}))

    def __enter__(self):
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "prometheus", f"--config.file={self.folder}/prometheus.yml",
                 f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.address}"], stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def get(self, path, **query):
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression):
        """The numbers that the expression has now; ValueError for one that Prometheus refuses."""
        try:
            found = self.get("query", query=expression)["result"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{expression}: {error.read().decode()}") from None
        return [value for value in (float(series["value"][1]) for series in found) if math.isfinite(value)]


class Watched:
    """A small cluster with all that has metrics, and a Prometheus beside it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        settings = {"collector.interval": "500ms", "collector.quarantine": "500ms", "filer.lifecycle_interval": "1s"}
        self.cluster = Cluster(self.folder / "cluster", settings=settings, sizes={"master": 3, "volume": 2, "gateway": 1}, loopback=True)
        self.files = f"127.0.0.1:{free_port()}"

    def prepare(self):
        make_certificate(self.folder, 30)
        (self.folder / "cache").mkdir()
        events = self.folder / "events.toml"
        events.write_text('[s3.notify.hook]\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\n')
        self.cluster["filer1"].options = ["--config", str(events)]
        remote = self.folder / "remote.toml"  # nobody calls it
        (self.folder / "secret").write_text("a-secret-of-elsewhere\n")
        remote.write_text(events.read_text() + '[remote.cold]\nid = 1\nclasses = ["GLACIER"]\nendpoint = "http://127.0.0.1:1"\nbucket = "cold"\n'
                          f'access_key = "elsewhere"\nsecret_file = "{self.folder}/secret"\n')
        self.cluster["gateway1"].options = [
            "--config", str(remote), "--tls-listen", "127.0.0.1:0", "--tls-cert", f"{self.folder}/cert.pem", "--tls-key", f"{self.folder}/key.pem",
            "--filer-http", self.files, "--set", f"s3.audit_log={self.folder}/audit"]
        self.cluster["volume1"].options = ["--set", f"volume.cache={self.folder}/cache", "--set", "volume.cache_size=16MiB"]

    def load(self):
        """A little of everything, so that nothing has no series."""
        client = Client(self.cluster["gateway1"].endpoint, *self.cluster.keys)
        try:
            client.request("PUT", "/watched")
            for number, size in enumerate((0, 100, 5000, 100_000, 1 << 20)):
                client.must("PUT", f"/watched/{number}", body=os.urandom(size))
                client.must("GET", f"/watched/{number}")
            client.must("GET", "/watched", [("list-type", "2")])
            client.must("DELETE", "/watched/4")
            assert client.request("GET", "/watched/none").status == 404
            assert client.request("GET", "/watched/0", [("torrent", "")]).status == 501
            client.request("POST", "/", body=b"Action=ListUsers&Version=2010-05-08", headers={"content-type": "application/x-www-form-urlencoded"})
        finally:
            client.close()
        try:
            urllib.request.urlopen(f"http://{self.files}/buckets/watched/", timeout=10).close()
        except urllib.error.HTTPError:
            pass


def make_certificate(folder, days):
    """Beside each other first: who reads them must never see halves of two pairs for long."""
    self_signed(f"{folder}/cert.new", f"{folder}/key.new", days=days)
    for name in ("key", "cert"):
        os.rename(f"{folder}/{name}.new", f"{folder}/{name}.pem")


class OnARealCluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="kelp-monitoring-")
        cls.addClassCleanup(scratch.cleanup)
        cls.watched = Watched(scratch.name)
        cls.watched.prepare()
        cls.cluster = cls.enterClassContext(cls.watched.cluster)
        targets = [daemon.admin for daemon in cls.cluster.daemons.values()]
        cls.prometheus = cls.enterClassContext(Prometheus(Path(scratch.name) / "prometheus", targets))
        wait_for(lambda: cls.answers(len(targets)), "Prometheus scrapes all", 30, every=0.2)

    @classmethod
    def answers(cls, count):
        try:
            return sum(cls.prometheus.values("up")) == count
        except (OSError, ValueError):  # not there yet, or still reading its files
            return False

    def await_numbers(self, expressions):
        """Until each of `expressions` has a number, with load in the meantime."""
        missing = dict(expressions)

        def none_is_missing():
            self.watched.load()
            for name in [name for name, expression in missing.items() if self.prometheus.values(expression)]:
                del missing[name]
            return not missing

        try:
            wait_for(none_is_missing, "numbers of all expressions", 60, every=1)
        except TimeoutError:
            self.fail("no number: " + "\n".join(f"{name}: {expression}" for name, expression in missing.items()))

    def test_every_query_of_the_dashboards_has_numbers(self):
        chosen = {"$__rate_interval": "30s", "$job": "kelp", "$instance": ".+"}
        expressions = {}
        for dashboard in DASHBOARDS:
            for number, (title, query) in enumerate(queries_of(dashboard)):
                for name, value in chosen.items():
                    query = query.replace(name, value)
                expressions[f"{dashboard.stem} {number} {title}"] = query
        self.assertGreater(len(expressions), 150)
        self.await_numbers(expressions)

    def test_every_rule_has_numbers_to_compare(self):
        self.await_numbers({f"{rule['alert']} {number}": part for rule in RULES for number, part in enumerate(parts_of(rule))})
        groups = self.prometheus.get("rules")["groups"]
        self.assertEqual({rule["health"] for group in groups for rule in group["rules"]} - {"unknown"}, {"ok"})

    def test_nothing_is_wrong_with_a_cluster_that_is_well(self):
        self.watched.load()
        firing = {alert["labels"]["alertname"] for alert in self.prometheus.get("alerts")["alerts"]}
        # What the load asks for, and what depends on this machine.
        expected = {"KelpServerErrors", "KelpSlowRequests", "KelpDiskFull", "KelpClusterFull", "KelpFullSoon"}
        self.assertLessEqual(firing, expected)

    def test_metrics_are_named_alike_and_described(self):
        seen = set()
        for daemon in self.cluster.daemons.values():
            with urllib.request.urlopen(f"http://{daemon.admin}/metrics", timeout=5) as answer:
                text = answer.read().decode()
            helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
            for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
                seen.add(name)
                with self.subTest(metric=name):
                    self.assertRegex(name, rf"^kelp_({ROOMS})_[a-z0-9_]+$")
                    self.assertEqual(name.endswith("_total"), kind == "counter", kind)
                    self.assertNotRegex(name, NOT_UNITS)
                    if kind == "histogram":
                        self.assertRegex(name, "_(seconds|bytes)$")
                    self.assertGreater(len(helps.get(name, "")), 10)
        self.assertGreater(len(seen), 100)

    def test_a_gateway_takes_a_renewed_certificate_by_itself(self):
        ends = "max(kelp_s3_https_certificate_expiry_timestamp_seconds) - time()"
        self.assertTrue(wait_for(lambda: self.prometheus.values(ends), "the certificate's end", 20, every=0.5))
        make_certificate(self.watched.folder, 60)
        wait_for(lambda: self.prometheus.values(ends)[0] > 50 * 86400, "the renewed certificate", 60, every=1)


class Written(unittest.TestCase):
    def test_dashboards_are_what_their_script_makes(self):
        done = subprocess.run(["/usr/bin/python3", ROOT / "tools/dashboards.py", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_panels_of_a_dashboard_have_numbers_of_their_own(self):
        for dashboard in DASHBOARDS:
            numbers = [panel["id"] for panel in json.loads(dashboard.read_text())["panels"]]
            self.assertEqual(len(numbers), len(set(numbers)), dashboard.name)

    def test_every_metric_of_the_sources_is_documented(self):
        listeners = {"kelp_s3_http", "kelp_s3_https", "kelp_webdav_http", "kelp_webdav_https", "kelp_admin_http", "kelp_master_http", "kelp_volume_http"}
        names = {name for file in (ROOT / "src").rglob("*.cc") for name in re.findall(r'"(kelp_[a-z0-9_]+)"', file.read_text())}
        self.assertGreater(len(names), 90)
        self.assertEqual(sorted(name for name in names - listeners if name not in PAGES), [])

    def test_every_rule_has_its_paragraph_and_no_other_does(self):
        page = (ROOT / "docs/operations/alerts.md").read_text()
        self.assertEqual(re.findall(r"^### (\w+)$", page, re.M), [rule["alert"] for rule in RULES])
        for rule in RULES:
            self.assertEqual(rule["annotations"]["runbook_url"], f"docs/operations/alerts.md#{rule['alert'].lower()}")
            self.assertIn(rule["labels"]["severity"], ("info", "warning", "critical"))

    def test_every_rule_fires_when_it_should_and_only_then(self):
        self.assertEqual(sorted(CASES), sorted(rule["alert"] for rule in RULES))
        with tempfile.TemporaryDirectory(prefix="kelp-rules-") as folder:
            files = [self.cases_of(rule, Path(folder)) for rule in RULES]
            done = subprocess.run(["promtool", "test", "rules", *files], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr)

    def cases_of(self, rule, folder):
        """promtool's file with what holds of one rule; the rule lies beside it, alone, as promtool computes all that it is given."""
        tests = []
        for fires, series in ((True, CASES[rule["alert"]].bad), (False, CASES[rule["alert"]].good)):
            tests.append({"interval": "1m", "name": f"{rule['alert']} {'fires' if fires else 'is silent'}",
                          "input_series": [{"series": name, "values": values} for name, values in series.items()],
                          "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{rule["alert"]}",alertstate="firing"}}) or vector(0)',
                                                "eval_time": CASES[rule["alert"]].at, "exp_samples": [{"labels": "{}", "value": int(fires)}]}]})
        rules, cases = folder / f"{rule['alert']}.yaml", folder / f"{rule['alert']}_test.yaml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
        cases.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
        return cases


if __name__ == "__main__":
    unittest.main(verbosity=2)
