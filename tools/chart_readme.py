#!/usr/bin/env python3
"""Makes deploy/helm/kelp/README.md from the chart's values.yaml; --check compares it instead."""

import re
import sys
from pathlib import Path

CHART = Path(__file__).resolve().parent.parent / "deploy/helm/kelp"
HEAD = """# Chart of Kelp

    helm install kelp deploy/helm/kelp --namespace kelp --create-namespace
    helm test kelp --namespace kelp

makes three masters, three volume servers with two copies of everything, a filer and two gateways; [docs/operations/kubernetes.md]
(../../../docs/operations/kubernetes.md) says how to choose. `ci/` has values for other shapes: `single` (one pod), `small` (256 MiB a pod), `ha`
(shards, monitoring, network policies), `zones`, `tls`, and one for each metadata engine.

## Values

| value | default | |
|---|---|---|
"""


def rows(text):
    """(path, default, comment) of each value: a line that has no lines of its own below it."""
    lines = text.splitlines()
    path, comment = [], []
    for number, line in enumerate(lines):
        if line.lstrip().startswith("# "):
            comment.append(line.strip()[2:])
            continue
        found = re.match(r"( *)([A-Za-z0-9]+):(?: (.*))?$", line)
        if not found:
            comment = []
            continue
        indent, key, value = len(found[1]) // 2, found[2], found[3]
        path = [*path[:indent], key]
        following = next((l for l in lines[number + 1:] if l.strip() and not l.lstrip().startswith("#")), "")
        parent = value is None and len(following) - len(following.lstrip()) > len(found[1])
        if not parent or comment:
            yield ".".join(path), "" if parent else value or "", " ".join(comment)
        comment = []


def main():
    table = "".join(f"| `{path}` | {f'`{value}`' if value else ''} | {comment.replace('|', chr(92) + '|')} |\n"
                    for path, value, comment in rows((CHART / "values.yaml").read_text()))
    text = HEAD.replace("]\n(", "](") + table
    target = CHART / "README.md"
    if "--check" not in sys.argv:
        target.write_text(text)
    elif target.read_text() != text:
        sys.exit("deploy/helm/kelp/README.md is not what tools/chart_readme.py makes of values.yaml")


main()
