#!/usr/bin/env python3
"""Every test that the pages about promises and bad days name exists."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ("docs/durability.md", "docs/operations/bad-days.md", "docs/operations/repair.md",
         "docs/operations/disk-failure.md")


def names():
    """What the pages have in backticks and is no file: Suite.Name, or module.Class.test_name."""
    quoted = [name for page in PAGES for name in re.findall(r"`([\w.]+)`", (ROOT / page).read_text())]
    return [name for name in quoted if re.fullmatch(r"\w+\.(\w+\.test_\w+|[A-Z]\w+)", name)]


def tests():
    found = set()
    for path in (ROOT / "tests").rglob("*_test.cc"):
        found |= {f"{suite}.{name}" for suite, name in
                  re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", path.read_text(), re.M)}
    for path in (ROOT / "tests").rglob("*_test.py"):
        suite = ""
        for line in path.read_text().splitlines():
            if opened := re.match(r"class (\w+)", line):
                suite = opened[1]
            elif test := re.match(r"    def (test_\w+)\(", line):
                found.add(f"{path.stem}.{suite}.{test[1]}")
    return found


class Durability(unittest.TestCase):
    def test_the_tests_that_the_pages_name_exist(self):
        self.assertGreater(len(names()), 40)
        self.assertEqual([name for name in names() if name not in tests()], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
