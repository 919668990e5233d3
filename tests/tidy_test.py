#!/usr/bin/env python3
"""House rules that a compiler does not see: banned calls outside their room, line length, docstrings, READMEs, files in
no CMakeLists. Each rule names what to use instead."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# (pattern, rooms or files where it is at home, what to use instead)
BANNED = [
    (r"\b(steady|system|high_resolution)_clock::now\b", {"src/os"}, "the Clock that was passed in"),
    (r"\brandom_device\b", {"src/crypto"}, "the Rng that was passed in, or crypto/random.h"),
    (r"\b(s?rand|random)\s*\(\s*\)", set(), "base/rng.h"),
    (r"this_thread::sleep_|\b(usleep|nanosleep)\s*\(", {"tests/unit/net"}, "Timers"),
    (r"\bstd::j?thread\b", {"src/async", "src/kv", "tests", "bench"}, "WorkPool or Runtime"),
    (r"\b(pread|pwrite|fsync|fdatasync)v?2?\s*\(", {"src/os", "tests"}, "FileIo"),
    (r"\bstd::(cout|cerr)\b", {"src/server", "tests", "bench"}, "base/log.h"),
    (r"\b(memcmp)\s*\(", set(), "operator== or crypto/digest.h equal_constant_time"),
    (r"\bEVP_|\bCRYPTO_memcmp", {"src/crypto", "src/net", "tests", "bench"}, "crypto/digest.h"),
    (r"\b(TODO|FIXME|XXX)\b", set(), "an issue, or do it now"),
]
CORE_BANNED = [(r"\blogger\s*\(", "a core does not log"), (r"\bunordered_(map|set)\b", "an ordered container")]
LINE_LIMIT = 100
WALL = 800


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path


def line_problems(path):
    relative = str(path.relative_to(ROOT))
    lines = path.read_text().splitlines()
    if len(lines) > WALL:
        yield f"{relative}: {len(lines)} lines; the wall is {WALL}: where is the second idea?"
    for number, line in enumerate(lines, 1):
        where = f"{relative}:{number}"
        if len(line) > LINE_LIMIT:
            yield f"{where}: {len(line)} columns; the limit is {LINE_LIMIT}"
        code = line.split("//")[0]
        for pattern, homes, instead in BANNED:
            text = line if "TODO" in pattern else code
            if not relative.startswith("src") and "Clock" in instead:
                continue
            if re.search(pattern, text) and not any(relative.startswith(home) for home in homes):
                yield f"{where}: {re.search(pattern, text).group(0)}: use {instead}"
        if "/core/" in relative:
            for pattern, instead in CORE_BANNED:
                if re.search(pattern, code):
                    yield f"{where}: {instead}"


def doc_problems(path):
    """What a header declares at namespace level needs a /// above it, or above the first of its block of lines."""
    lines = path.read_text().splitlines()
    declares = re.compile(r"^(template <|class \w+|struct \w+|enum class \w+|\[\[nodiscard\]\] \S|(inline |constexpr )*\w[\w:<>]* \w+\()")
    for number, line in enumerate(lines):
        if not declares.match(line) or re.match(r"^((class|struct) \w+;|using |namespace )", line):
            continue
        above = lines[number - 1] if number > 0 else ""
        if above == "" or above in ("};", "}"):
            yield f"{path.relative_to(ROOT)}:{number + 1}: no /// above '{line.strip()[:60]}'"


def repo_problems():
    for room in sorted(p for p in (ROOT / "src").iterdir() if p.is_dir()):
        readme = room / "README.md"
        if not readme.exists():
            yield f"src/{room.name}: no README.md"
        elif len(readme.read_text().splitlines()) > 40:
            yield f"src/{room.name}/README.md: over 40 lines"
    listed = "\n".join(p.read_text() for folder in ("src", "tests", "bench") for p in (ROOT / folder).rglob("CMakeLists.txt"))
    for path in sources("src", "tests", "bench"):
        if path.suffix == ".cc" and path.name not in listed and path.name.removesuffix("_fuzz.cc") not in listed:
            yield f"{path.relative_to(ROOT)}: in no CMakeLists.txt"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in tracked:
        if re.search(r"\.(orig|rej|swp)$", name):
            yield f"{name}: a left-over"


def self_test():
    """The rules must be able to fail."""
    assert re.search(BANNED[0][0], "auto t = std::chrono::steady_clock::now();")
    assert re.search(BANNED[5][0], "::fdatasync(fd)")


def main():
    self_test()
    found = list(repo_problems())
    count = 0
    for path in sources("include", "src", "tests", "bench"):
        count += 1
        found.extend(line_problems(path))
        if path.suffix == ".h" and not str(path.relative_to(ROOT)).startswith("tests"):
            found.extend(doc_problems(path))
    print("\n".join(found))
    print(f"tidy: {count} files, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
