#!/usr/bin/env python3
"""stale_rows.py ROW_CACHE_CC OUT: the row cache with a planted bug, for the test that has to notice it.

One write of eight leaves its row in the cache, so that reads go on with what was there before, until the next write.
Fails when the source is no longer what it was made for.
"""

import sys
from pathlib import Path

RIGHT = """    ++mark.under_way;
    take_out(shard, hash, gone);
"""
WRONG = """    ++mark.under_way;
    if (mark.writes % 8 != 0) take_out(shard, hash, gone);
"""


def main():
    source, out = map(Path, sys.argv[1:])
    text = source.read_text()
    if text.count(RIGHT) != 1:
        sys.exit(f"{source} has changed; bring {__file__} up to date")
    out.write_text(text.replace(RIGHT, WRONG))


if __name__ == "__main__":
    main()
