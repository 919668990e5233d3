"""Strict JSON schemas of the objects that operators define, from the Go modules of those operators, kept outside the checkout by version."""

import json
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

import yaml

from kelpdev.process import CACHE

# By group: the module, its version, and where a kind's definition lies in it.
MODULES = {
    "monitoring.coreos.com": ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "example/prometheus-operator-crd/{group}_{plural}.yaml"),
    "cert-manager.io": ("github.com/cert-manager/cert-manager", "v1.19.4", "deploy/crds/{group}_{plural}.yaml"),
    "gateway.networking.k8s.io": ("sigs.k8s.io/gateway-api", "v1.4.0", "config/crd/standard/{group}_{plural}.yaml"),
    "external-secrets.io": ("github.com/external-secrets/external-secrets", "v1.3.2", "config/crds/bases/{group}_{plural}.yaml")}


def is_custom(item):
    """Whether an operator's definition says what the object may have."""
    return item["apiVersion"].split("/")[0] in MODULES


def schema(item):
    """What the object must fit; whatever the definition does not name is refused. Rules in CEL are not part of it."""
    group, version = item["apiVersion"].split("/")
    definition = yaml.safe_load(path(group, item["kind"].lower() + "s").read_text())
    served, = (entry for entry in definition["spec"]["versions"] if entry["name"] == version and entry["served"])
    return strict(served["schema"]["openAPIV3Schema"])


def path(group, plural):
    """Where the definition lies; fetched when it is missing."""
    module, version, place = MODULES[group]
    place = place.format(group=group, plural=plural)
    found = CACHE / "crds" / f"{module.rsplit('/', 1)[1]}-{version}" / Path(place).name
    if not found.exists():
        with zipfile.ZipFile(download(f"{module}@{version}")) as archive:
            text = archive.read(f"{module}@{version}/{place}")
        found.parent.mkdir(parents=True, exist_ok=True)
        found.with_suffix(".new").write_bytes(text)
        found.with_suffix(".new").rename(found)
    return found


def download(module):
    """The archive of a module, by the Go tool."""
    with tempfile.TemporaryDirectory(prefix="kelp-crds-") as folder:
        done = subprocess.run(["go", "mod", "download", "-json", module], cwd=folder, capture_output=True, text=True, check=False,
                              env=dict(os.environ, GOFLAGS="", GOTOOLCHAIN="local"))
    said = json.loads(done.stdout or "{}")
    if done.returncode or "Zip" not in said:
        raise RuntimeError(f"{module}: {said.get('Error', done.stderr[-2000:])}")
    return said["Zip"]


def strict(part):
    """A structural schema of Kubernetes as a plain JSON schema that admits no field it does not name."""
    part = dict(part)
    if "properties" in part:
        part["properties"] = {name: strict(value) for name, value in part["properties"].items()}
        if not part.get("x-kubernetes-preserve-unknown-fields"):
            part.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            part[key] = strict(part[key])
    if part.get("x-kubernetes-int-or-string"):
        part.pop("type", None)
        part["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if part.get("pattern", "").startswith("^(?i)"):  # where Go takes it and Python does not
        part["pattern"] = "(?i)^" + part["pattern"].removeprefix("^(?i)")
    if part.get("nullable") and "type" in part:
        part["type"] = [part["type"], "null"]
    return part
