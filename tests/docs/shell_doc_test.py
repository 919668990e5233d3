#!/usr/bin/env python3
"""docs/operations/shell.md has the commands that `kelp shell` has: with --write, it writes them there."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/operations/shell.md"
BINARY = os.environ.get("KELP_BINARY", str(ROOT / "build/release/src/server/kelp"))
TABLE = re.compile(r"(?<=\| command \| what \|\n\|---\|---\|\n)(\|.*\|\n)+")


def rows():
    """The table as the binary's own help has it; `--apply` says what changes something."""
    shown = subprocess.run([BINARY, "shell", "-c", "help --json"], capture_output=True, text=True, check=True).stdout
    return "".join(f"| `{row['usage'].removesuffix(' [--json]')}` | {row['help']} |\n" for row in json.loads(shown))


class ShellPage(unittest.TestCase):
    def test_the_page_has_every_command_as_help_explains_it(self):
        found = TABLE.search(PAGE.read_text())
        self.assertIsNotNone(found)
        self.assertEqual(found[0], rows())


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(TABLE.sub(lambda _: rows(), PAGE.read_text()))
    else:
        unittest.main(verbosity=2)
