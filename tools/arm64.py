#!/usr/bin/env python3
"""Does Kelp compile for 64-bit ARM? Syntax and types of each source of src, with Debian's libc and libstdc++ for arm64.

Headers of the other libraries are this machine's: they are the same but for a few generated ones. Nothing is linked and nothing is run.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADERS = Path("/usr/aarch64-linux-gnu/include/c++/12")
OF_A_PROCESSOR = re.compile(r"__x86_64__|__aarch64__|immintrin\.h|__builtin_cpu|\basm\b|target\(\"|SYS_\w+")


def commands(build):
    """How the amd64 build compiles each source of src: the file's path and the words of its command."""
    entries = json.loads((build / "compile_commands.json").read_text())
    return {Path(entry["file"]): entry for entry in entries if Path(entry["file"]).is_relative_to(ROOT / "src")}


def of_a_processor(files):
    return [file for file in files if OF_A_PROCESSOR.search(file.read_text())]


def check(entry):
    """The compiler's complaints of one file; an empty text when there are none."""
    words = shlex.split(entry["command"])
    words = words[1:] if "ccache" in words[0] else words
    output = words.index("-o")
    words = [word for word in words[:output] + words[output + 2:] if word != "-c" and not word.startswith("-march=")]
    done = subprocess.run([words[0], "--target=aarch64-linux-gnu", "-fsyntax-only", *words[1:], "-idirafter", "/usr/include/x86_64-linux-gnu"],
                          cwd=entry["directory"], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def main(arguments):
    if not HEADERS.is_dir():
        print("SKIPPED: apt-get install libc6-dev-arm64-cross libstdc++-12-dev-arm64-cross", file=sys.stderr)
        return 77
    build = Path(os.environ.get("KELP_BUILD", ROOT / "build/release"))
    known = commands(build)
    chosen = list(known) if arguments == ["--all"] else [Path(name).resolve() for name in arguments] or of_a_processor(known)
    failed = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for file, complaint in zip(chosen, pool.map(lambda file: check(known[file]), chosen)):
            if complaint:
                failed += 1
                print(f"{file.relative_to(ROOT)}: FAILED\n{complaint}", flush=True)
    print(f"arm64: {len(chosen) - failed} of {len(chosen)} files compile")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
