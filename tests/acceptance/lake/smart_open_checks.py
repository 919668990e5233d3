"""smart_open: streams of any length, compressed on the way."""

import os

from engine import BUCKET, configure, main, raises, same

OPEN = configure("smart_open")["open_s3"]


def check_streams():
    body = os.urandom(12 << 20)
    with OPEN(f"s3://{BUCKET}/smart/a.gz", "wb") as out:
        for start in range(0, len(body), 1 << 20):
            out.write(body[start:start + (1 << 20)])
    with OPEN(f"s3://{BUCKET}/smart/a.gz", "rb") as file:
        same(file.read() == body, True, "what came back is what was written")


def check_lines_and_seeks():
    with OPEN(f"s3://{BUCKET}/smart/lines", "w") as out:
        out.writelines(f"line {number}\n" for number in range(100_000))
    with OPEN(f"s3://{BUCKET}/smart/lines") as file:
        same(sum(1 for number, line in enumerate(file) if line == f"line {number}\n"), 100_000)
    with OPEN(f"s3://{BUCKET}/smart/lines", "rb") as file:
        file.seek(-13, 2)
        same(file.read(), b"\nline 99999\n"[-12:].rjust(13, b"8"))


def check_an_upload_that_broke_off_leaves_nothing():
    def broken():
        with OPEN(f"s3://{BUCKET}/smart/broken", "wb") as out:
            out.write(os.urandom(60 << 20))
            raise KeyError("on purpose")

    raises(KeyError, broken)
    raises(OSError, OPEN, f"s3://{BUCKET}/smart/broken", "rb")


if __name__ == "__main__":
    main()
