#!/usr/bin/env python3
"""Refuses an #include that goes against the road of rooms (cmake/KelpModule.cmake), or leaves a core."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# What a core/ may never include: it decides, it does not wait, read clocks or files, or log.
CORE_FORBIDDEN = re.compile(r"^(boost/(asio|beast)|chrono_clock|thread|mutex|fstream|filesystem|random|unistd|sys/)")
CORE_ROOMS = {"base", "crypto", "ec", "lifecycle", "policy", "select", "wire", "kv"}  # plus its own room; kv: the contract's types only
ONLY_IN = {  # a library and the rooms that may touch it
    "boost/beast": {"net"},
    "rocksdb/": {"kv"},
    "openssl/": {"crypto", "net"},
    "isa-l/crc": {"base"},
    "isa-l/erasure_code": {"ec"},
    "pugixml": {"filer", "lifecycle", "s3gw", "webdav", "notify"},
    "toml++": {"server"},
    "histedit.h": {"server"},
    "curl/": {"kv", "mount", "iam", "notify", "server"},
    "fuse": {"mount"},
    "librdkafka/": {"notify"},
    "zlib.h": {"filer", "select"},
    "bzlib.h": {"select"},
}


def steps():
    text = (ROOT / "cmake" / "KelpModule.cmake").read_text()
    quoted = re.search(r"set\(KELP_STEPS\s+(.*?)\)", text, re.S).group(1)
    order = {}
    for number, rooms in enumerate(re.findall(r'"([^"]+)"', quoted)):
        for room in rooms.split(","):
            order[room] = number
    return order


def problems_of(path, order):
    room = path.relative_to(SRC).parts[0]
    in_core = "core" in path.relative_to(SRC).parts
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(1)
        where = f"{path.relative_to(ROOT)}:{number}"
        target = name.split("/")[0]
        if target in order and "/" in name and (SRC / name).exists():
            if target != room and order[target] >= order[room] and (room, target) != ("async", "os"):
                yield f"{where}: {room} may not include {name}: {target} does not stand to its left"
            core_of_another = name.split("/")[1] == "core"
            if in_core and target != room and target not in CORE_ROOMS and not core_of_another:
                yield f"{where}: a core may not include {name}"
        if in_core and CORE_FORBIDDEN.match(name):
            yield f"{where}: a core may not include <{name}>"
        for prefix, rooms in ONLY_IN.items():
            if name.startswith(prefix) and room not in rooms:
                yield f"{where}: <{name}> belongs in {', '.join(sorted(rooms))} only"


def self_test(order):
    """The rules must be able to fail."""
    assert order["base"] < order["net"] < order["filer"] < order["s3gw"] < order["server"], order
    assert order["filer"] == order["volume"] == order["master"], order


def main():
    order = steps()
    self_test(order)
    found = []
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".h", ".cc"))
    for path in files:
        found.extend(problems_of(path, order))
    print("\n".join(found))
    print(f"layers: {len(files)} files, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
