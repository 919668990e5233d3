#!/usr/bin/env python3
"""Every object of every shape of the chart beside strict schemas: of Kubernetes in all its versions, and of the operators whose kinds the chart uses."""

import copy
import functools
import json
import shutil
import sys
import unittest

from chart_test import CHART, SHAPES, render

import jsonschema
import kubernetes_validate
from kelpdev import crds

VERSIONS = [f"1.{minor}" for minor in range(27, 38)]
# Objects that no shape of ci/ has.
MORE = ["--set", "s3.adminService.enabled=true", "--set", "serviceAccount.annotations.a=b", "--set-json",
        'networkPolicy={"enabled":true,"s3From":[{"podSelector":{}}],"metricsFrom":[{"podSelector":{}}]}']


@functools.cache
def objects():
    """Each object that some shape has, once, with the shapes' names."""
    found = {}
    for values, more in [*((values, []) for values in SHAPES), (CHART / "ci/ha.yaml", MORE)]:
        for item in render("--values", values, *more).values():
            found.setdefault(json.dumps(item, sort_keys=True), (item, values.stem))
    return found.values()


def name_of(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def with_nonsense(item, *path):
    """A copy with a field more, in the part that `path` leads to."""
    other = copy.deepcopy(item)
    part = other
    for step in path:
        part = part[step]
    part["colour"] = "red"
    return other


class OfKubernetes(unittest.TestCase):
    def test_every_object_fits_every_version(self):
        for item, shape in objects():
            if crds.is_custom(item):
                continue
            for version in VERSIONS:
                with self.subTest(version=version, shape=shape, object=name_of(item)):
                    kubernetes_validate.validate(item, version, strict=True)  # raises where a kind has no schema, too

    def test_nonsense_is_noticed(self):
        item = render()["Deployment", "r-kelp-s3"]
        for path in (["spec"], ["metadata"], ["spec", "template", "spec", "containers", 0]):
            with self.assertRaises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(with_nonsense(item, *path), VERSIONS[-1], strict=True)


class OfOperators(unittest.TestCase):
    """Without the rules in CEL that a definition may have."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("go"):
            print("SKIPPED: the definitions come out of Go modules, and go is not installed", file=sys.stderr)
            raise unittest.SkipTest("no go")
        cls.items = [(item, shape) for item, shape in objects() if crds.is_custom(item)]
        cls.schemas = {item["kind"]: crds.schema(item) for item, _ in cls.items}

    def test_every_kind_is_there(self):
        self.assertEqual(set(self.schemas), {"PodMonitor", "PrometheusRule", "Certificate", "HTTPRoute", "ExternalSecret"})

    def test_every_object_fits_its_definition(self):
        for item, shape in self.items:
            with self.subTest(shape=shape, object=name_of(item)):
                jsonschema.validate(item, self.schemas[item["kind"]])
                self.assertLessEqual(set(item["metadata"]), {"name", "labels", "annotations"})

    def test_nonsense_is_noticed(self):
        inside = {"PodMonitor": ["podMetricsEndpoints", 0], "PrometheusRule": ["groups", 0, "rules", 0], "Certificate": ["privateKey"],
                  "HTTPRoute": ["rules", 0, "backendRefs", 0], "ExternalSecret": ["data", 0, "remoteRef"]}
        for item, _ in self.items:
            for path in ([], inside[item["kind"]]):
                with self.subTest(object=name_of(item), path=path), self.assertRaises(jsonschema.ValidationError):
                    jsonschema.validate(with_nonsense(item, "spec", *path), self.schemas[item["kind"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
