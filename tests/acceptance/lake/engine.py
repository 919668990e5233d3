"""What the engines share: the arguments of the run, small tables, writers at once. Each *_checks.py is a program that takes
the arguments of run.py, runs its functions check_* in the order they are written, and sums up as run.py does."""

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from client import Checks, parse_arguments, snippet  # noqa: E402

GIVEN = parse_arguments("the checks of one engine")
BUCKET = GIVEN.bucket


def configure(name, values=None):
    """What the block `name` of docs/clients/python.md defines, run with the values of this run."""
    names = {}
    exec(compile(snippet("python.md", name, GIVEN, values), f"python.md:{name}", "exec"), names)
    return names


def table(rows, first=0):
    """An Arrow table: `id` counts from `first`, `v` is its text, `p` one of five groups."""
    import pyarrow
    ids = range(first, first + rows)
    return pyarrow.table({"id": pyarrow.array(ids, pyarrow.int64()), "v": [f"v{i}" for i in ids],
                          "p": pyarrow.array([i % 5 for i in ids], pyarrow.int64())})


def ids_of(arrow):
    """The sorted ids of a table; each row's text must still belong to its id."""
    ids, texts = arrow.column("id").to_pylist(), arrow.column("v").to_pylist()
    for number, text in zip(ids, texts):
        assert text == f"v{number}", f"row {number} has {text!r}"
    return sorted(ids)


def same(found, expected, what="found"):
    """Raises unless the two are equal; long lists are told by their lengths and first difference."""
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list) and len(found) + len(expected) > 40:
        extra, missing = sorted(set(found) - set(expected))[:5], sorted(set(expected) - set(found))[:5]
        raise AssertionError(f"{what}: {len(found)} and not {len(expected)}; too many {extra}, missing {missing}")
    raise AssertionError(f"{what}: {found!r} and not {expected!r}")


def raises(kind, call, *arguments, **options):
    """Calls it; it must raise `kind`, an exception's type or a part of the type's name."""
    try:
        call(*arguments, **options)
    except Exception as error:
        if isinstance(kind, str) and kind in type(error).__name__ or isinstance(kind, type) and isinstance(error, kind):
            return
        raise
    raise AssertionError(f"{kind} was not raised")


def at_once(count, work):
    """Runs work(0), work(1) ... in threads that start together; raises the first error, when all have ended."""
    errors, gate = [], threading.Barrier(count)

    def one(number):
        try:
            gate.wait()
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError(f"{len(errors)} of {count} failed, the first: {errors[0]!r}")


def main():
    os.chdir(GIVEN.work)
    checks = Checks(GIVEN.only)
    engine = Path(sys.argv[0]).stem.removesuffix("_checks")
    for name, check in list(sys.modules["__main__"].__dict__.items()):
        if name.startswith("check_"):
            checks.run(f"{engine}.{name.removeprefix('check_')}", check)
    try:
        checks.finish()
    except SystemExit as end:  # daft's threads may crash while the interpreter takes itself apart: all checks have been told
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)
