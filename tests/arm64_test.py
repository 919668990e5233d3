#!/usr/bin/env python3
"""What a release is compiled for on each processor, and that sources which name a processor compile for 64-bit ARM (tools/dev arm64)."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def release_flags(processor, flags="-O2 -g1"):
    """The flags of a release on `processor`, where `flags` were given."""
    script = f'set(CMAKE_SYSTEM_PROCESSOR "{processor}")\nset(CMAKE_CXX_FLAGS_RELEASE "{flags}")\ninclude({ROOT}/cmake/Processor.cmake)\n'
    with tempfile.NamedTemporaryFile("w", suffix=".cmake") as file:
        file.write(script + 'message("${CMAKE_CXX_FLAGS_RELEASE}")\n')
        file.flush()
        return subprocess.run(["cmake", "-P", file.name], capture_output=True, text=True, check=True).stderr.strip()


class Arm64(unittest.TestCase):
    def test_amd64_has_its_baseline_and_others_none_of_it(self):
        self.assertEqual(release_flags("x86_64"), "-O2 -g1 -march=x86-64-v2")
        self.assertEqual(release_flags("x86_64", "-O3 -march=native"), "-O3 -march=native")
        self.assertEqual(release_flags("aarch64"), "-O2 -g1")
        for file in ("CMakePresets.json", "docker/Dockerfile", "tools/commands/build"):
            self.assertNotIn("-march", (ROOT / file).read_text(), file)

    def test_files_that_name_a_processor_compile(self):
        done = subprocess.run([sys.executable, ROOT / "tools/arm64.py"], capture_output=True, text=True, check=False)
        if done.returncode == 77:
            print(done.stderr, file=sys.stderr)
            self.skipTest("no headers")
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
