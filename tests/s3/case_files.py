"""Reads the case files of tests/s3/cases: README.md there says how they are written.

A file is a list of groups; a group is a script of requests and a table, and each row of the table (or each cell, where the
table's columns are values) is a case.
"""

import itertools
import re
import tomllib
from dataclasses import dataclass, field

METHOD = re.compile(r"^([A-Z]+|\$method) [/$]")
WORD = re.compile(r"\$(\$|[a-z_0-9]+)")
KNOWN = {"name", "page", "bucket", "fresh", "setup", "script", "table", "cross", "serial"}


@dataclass
class Step:
    """One request and what must come back; the texts may hold $names of columns and of what was saved."""

    target: str
    headers: list = field(default_factory=list)
    body: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    want: str = ""
    checks: list = field(default_factory=list)


@dataclass
class Case:
    """One row: its values, and where it is written."""

    name: str
    values: dict


@dataclass
class Group:
    name: str
    page: str
    bucket: str
    fresh: bool
    setup: list
    script: list
    cases: list


def fill(text, values):
    """`text` with its $names replaced; a name that is none stays, and $$ is a dollar."""
    return WORD.sub(lambda found: "$" if found[1] == "$" else str(values.get(found[1], found[0])), text)


def parse_script(text, where):
    """The steps of a script."""
    steps, answered = [], False
    for number, line in enumerate(text.strip("\n").split("\n")):
        try:
            if METHOD.match(line):
                steps.append(Step(line))
                answered = False
            elif line.startswith("=>"):
                steps[-1].want, answered = line[2:].strip(), True
            elif answered:
                if line.strip():
                    steps[-1].checks.append(line)
            elif line.startswith("| "):
                steps[-1].body.append(line[2:])
            elif line == "|":
                steps[-1].body.append("")
            elif line.startswith("@"):
                name, _, value = line[1:].partition(" ")
                steps[-1].options[name] = value
            elif line.strip():
                steps[-1].headers.append(line)
        except IndexError:
            raise ValueError(f"{where}: line {number + 1} of the script stands in front of the first request") from None
    return steps


def cell(text):
    return "" if text == "(empty)" else text


def parse_table(text, where):
    """(name, values) of each case of a table. A head of `name=value` makes a case of each cell below it, its $want."""
    rows = [[part.strip() for part in line.split(" | ")] for line in text.strip("\n").split("\n") if line.strip()]
    head, cases = rows[0], []
    for row in rows[1:]:
        if len(row) != len(head):
            raise ValueError(f"{where}: {row} has {len(row)} cells, its table {len(head)} columns")
        values = {name: cell(text) for name, text in zip(head, row) if "=" not in name}
        title = " ".join(text for name, text in zip(head, row) if "=" not in name and name != "want")
        over = [(name, text) for name, text in zip(head, row) if "=" in name]
        if not over:
            cases.append((title, values))
        for name, text in over:
            if text != ".":
                column, _, value = name.partition("=")
                cases.append((f"{title} {name}", values | {column: cell(value), "want": text}))
    return cases


def read_file(path):
    """The groups of a case file. Raises ValueError when it is not one."""
    document = tomllib.loads(path.read_text())
    groups = []
    for entry in document["group"]:
        where = f"{path.name}: {entry.get('name', '?')}"
        if unknown := entry.keys() - KNOWN:
            raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
        page = entry.get("page", document.get("page"))
        if not page:
            raise ValueError(f"{where}: cites no page")
        rows = parse_table(entry["table"], where) if "table" in entry else [("", {})]
        cross = entry.get("cross", {})
        cases = []
        for title, values in rows:
            for combination in itertools.product(*cross.values()):
                extra = dict(zip(cross, combination))
                cases.append(Case(" ".join([title, *extra.values()]).strip(), values | extra))
        groups.append(Group(f"{path.stem}: {entry['name']}", page, entry.get("bucket", "plain"), entry.get("fresh", False),
                            parse_script(entry.get("setup", ""), where) if entry.get("setup") else [],
                            parse_script(entry["script"], where), cases))
    return groups
