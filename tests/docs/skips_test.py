#!/usr/bin/env python3
"""What cannot run is told as skipped, never as passed, and hides no failure beside it (cmake/Skips.cmake): every test of ctest is
registered so, and ctest itself is shown runs of each kind.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ.get("KELP_BUILD", Path(__file__).resolve().parent.parent.parent / "build/release"))
SUITE = "import unittest\n\nclass Suite(unittest.TestCase):\n"
SKIPS = "    def test_skips(self):\n        print('SKIPPED: no java', flush=True)\n        self.skipTest('no java')\n"
PASSES = "    def test_passes(self):\n        pass\n"
FAILS = "    def test_fails(self):\n        self.fail('x')\n"
MODULE = "def setUpModule():\n    print('SKIPPED: no root')\n    raise unittest.SkipTest('no root')\n"
MAIN = "\nunittest.main(verbosity=2)\n"
# The ends of gtest's runs.
SKIPPED = "[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] A.B\n"
FAILED = "[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.C\n\n 1 FAILED TEST\n"
MISSING = "SKIPPED: /usr/bin/etcd is not installed\nRunning main()\n"
PROGRAMS = {  # Each a program in Python, and what ctest must say of it.
    "passes": (SUITE + PASSES + MAIN, "Passed"),
    "fails": (SUITE + FAILS + PASSES + MAIN, "Failed"),
    "skips_a_part": (SUITE + SKIPS + PASSES + MAIN, "Skipped"),
    "skips_a_part_and_fails": (SUITE + SKIPS + FAILS + MAIN, "Failed"),
    "skips_the_module": (SUITE + PASSES + MODULE + MAIN, "Skipped"),
    "leaves_with_77": ("print('SKIPPED: no fuse')\nraise SystemExit(77)\n", "Skipped"),
    "says_skipped_and_fails": ("print('SKIPPED: no fuse')\nraise SystemExit(1)\n", "Failed"),
    "gtest_passes": ("print('[  SKIPPED ] is a word of its log\\n[  PASSED  ] 2 tests.')\n", "Passed"),
    "gtest_skips_a_part": (f"print('[  PASSED  ] 1 test.')\nprint({SKIPPED!r}, end='')\n", "Skipped"),
    "gtest_skips_a_part_and_fails": (f"print('[  PASSED  ] 1 test.')\nprint({SKIPPED + FAILED!r})\nraise SystemExit(1)\n", "Failed"),
    "gtest_without_an_engine": (f"print({MISSING + '[  PASSED  ] 0 tests.'!r})\n", "Skipped"),
    "gtest_without_an_engine_fails": (f"print({MISSING + FAILED!r})\nraise SystemExit(1)\n", "Failed"),
}


def registered():
    """The properties of every test of the build, by name."""
    said = subprocess.run(["ctest", "--test-dir", str(BUILD), "--show-only=json-v1"], capture_output=True, text=True, check=True).stdout
    return {test["name"]: {entry["name"]: entry["value"] for entry in test["properties"]} for test in json.loads(said)["tests"]}


class Skips(unittest.TestCase):
    def test_every_test_is_registered_so(self):
        tests = registered()
        self.assertGreater(len(tests), 200)
        way = [(tests["skips_test"][name]) for name in ("SKIP_REGULAR_EXPRESSION", "SKIP_RETURN_CODE")]
        self.assertEqual(way[1], 77)
        self.assertEqual([name for name, has in tests.items()
                          if [has.get("SKIP_REGULAR_EXPRESSION"), has.get("SKIP_RETURN_CODE")] != way], [])

    def test_ctest_tells_what_ran(self):
        patterns = registered()["skips_test"]["SKIP_REGULAR_EXPRESSION"]
        with tempfile.TemporaryDirectory(prefix="kelp-skips-") as folder:
            lines = []
            for name, (text, _) in PROGRAMS.items():
                (Path(folder) / f"{name}.py").write_text(text)
                lines += [f"add_test({name} {sys.executable} {folder}/{name}.py)", f"set_tests_properties({name} PROPERTIES "
                          f"SKIP_RETURN_CODE 77 SKIP_REGULAR_EXPRESSION [==[{';'.join(patterns)}]==])"]
            (Path(folder) / "CTestTestfile.cmake").write_text("\n".join(lines))
            said = subprocess.run(["ctest", "--test-dir", folder], capture_output=True, text=True, check=False).stdout
        found = dict(re.findall(r"Test +#\d+: (\w+) \.+ *\**(\w+)", said))
        self.assertEqual(found, {name: verdict for name, (_, verdict) in PROGRAMS.items()}, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
