#!/usr/bin/env python3
"""What the chart makes today beside what it made before: no upgrade meets a field that Kubernetes does not let change, no change goes unseen.

KELP_GOLDEN=write renews tests/golden/chart; the diff of these files is what an upgrade does to a cluster that runs.
"""

import difflib
import json
import os
import unittest

from chart_test import ROOT, SHAPES, render, yaml

GOLDEN = ROOT / "tests/golden/chart"
WHOLE = ("ha", "single", "tls")  # of the others only what cannot be changed
GIVEN = ["--set", "auth.accessKey=golden-access", "--set", "auth.secretKey=golden-secret-key"]
# All of a StatefulSet's specification but these is fixed when it is made.
CHANGEABLE = {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}


def objects(shape):
    made = render("--values", shape, *GIVEN)
    for item in made.values():
        if item["kind"] == "Secret" and "cluster" in item["stringData"]:
            item["stringData"] = dict.fromkeys(item["stringData"], "made anew each time")
        if item["kind"] == "PrometheusRule" or item["metadata"]["name"].endswith("-dashboards"):  # files of their own, with tests of their own
            item.pop("spec", None)
            item.pop("data", None)
    return made


def fixed(item):
    """The part of an object that an upgrade must not change; nothing when all may change."""
    spec = item.get("spec", {})
    if item["kind"] == "StatefulSet":
        return {name: value for name, value in spec.items() if name not in CHANGEABLE}
    if item["kind"] == "Deployment":
        return {"selector": spec["selector"]}
    if item["kind"] == "Service":
        return {"clusterIP": spec.get("clusterIP", "given")}
    return None


def what_is_fixed():
    found = {}
    for shape in SHAPES:
        parts = {f"{kind}/{name}": fixed(item) for (kind, name), item in objects(shape).items()}
        found[shape.stem] = {name: part for name, part in parts.items() if part is not None}
    return found


def text(shape):
    return yaml.safe_dump_all([item for _, item in sorted(objects(shape).items())], width=150)


class Golden(unittest.TestCase):
    def test_an_upgrade_from_before_is_possible(self):
        now, file = what_is_fixed(), GOLDEN / "fixed.json"
        before = json.loads(file.read_text())
        for shape, parts in before.items():
            for name, part in parts.items():
                with self.subTest(shape=shape, object=name):
                    self.assertEqual(now.get(shape, {}).get(name), part, "Kubernetes refuses this upgrade, or data is left behind")
        if os.environ.get("KELP_GOLDEN") == "write":
            file.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
        self.assertEqual(json.loads(file.read_text()), now, "KELP_GOLDEN=write notes what is new")

    def test_no_change_goes_unseen(self):
        for shape in SHAPES:
            if shape.stem not in WHOLE:
                continue
            file, made = GOLDEN / f"{shape.stem}.yaml", text(shape)
            if os.environ.get("KELP_GOLDEN") == "write":
                file.write_text(made)
            difference = difflib.unified_diff(file.read_text().splitlines(), made.splitlines(), "before", "now", lineterm="", n=2)
            self.assertEqual("\n".join(difference), "", "KELP_GOLDEN=write, and look at the diff")


if __name__ == "__main__":
    unittest.main(verbosity=2)
