#!/usr/bin/env python3
"""Runs the README's commands and checks that every link of README and docs/ leads somewhere."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WHOLE_SUITE = "tools/dev test"  # would start this test again: only its presence is checked


def commands():
    """The lines of the README's ```sh blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    return [line for block in blocks for line in block.strip().splitlines()]


class Readme(unittest.TestCase):
    def test_two_commands_are_all(self):
        self.assertEqual(commands(), ["tools/dev run --demo", WHOLE_SUITE])

    def test_commands_run(self):
        for command in commands():
            if command == WHOLE_SUITE:
                continue
            done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
            print(done.stdout)

    def test_links_lead_somewhere(self):
        pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")]
        missing = []
        for page in pages:
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
                if "://" not in target and not (page.parent / target).exists():
                    missing.append(f"{page.relative_to(ROOT)}: {target}")
        self.assertEqual(missing, [])

    def test_source_files_that_pages_name_exist(self):
        missing = []
        for page in (ROOT / "docs").rglob("*.md"):
            for name in re.findall(r"`((?:src|tests|tools|bench|cmake|include|docs)/[\w./-]+\.\w+)`", page.read_text()):
                if not (ROOT / name).exists():
                    missing.append(f"{page.relative_to(ROOT)}: {name}")
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0]])
