#!/usr/bin/env python3
"""The frame of the clients' tests must be able to fail: its sums, its exit codes, its installs and its snippets."""

import argparse
import io
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
import client  # noqa: E402

GIVEN = argparse.Namespace(endpoint="http://127.0.0.1:7", host="127.0.0.1:7", access_key="AK", secret_key="SK", bucket="b1")


def finish(checks):
    """What finish() printed, and its exit status."""
    said = io.StringIO()
    with redirect_stdout(said):
        try:
            checks.finish()
        except SystemExit as end:
            return said.getvalue(), end.code
    raise AssertionError("finish() came back")


def refuse():
    raise ValueError("two\nlines")


class Frame(unittest.TestCase):
    def run_checks(self, *named, only=None):
        checks, said = client.Checks(only), io.StringIO()
        with redirect_stdout(said), redirect_stderr(io.StringIO()):
            for name, check in named:
                checks.run(name, check)
        end, code = finish(checks)
        return said.getvalue() + end, code

    def test_a_check_that_raises_fails_and_the_next_still_runs(self):
        said, code = self.run_checks(("bad", refuse), ("good", lambda: None))
        self.assertIn("FAILED bad: ValueError: two lines\nok good", said)
        self.assertIn("\n1 passed, 1 failed\n", said)
        self.assertEqual(code, 1)

    def test_only_leaves_the_others_out_and_a_wrong_only_is_a_failure(self):
        said, code = self.run_checks(("bad", refuse), ("good", lambda: None), only="oo")
        self.assertEqual((said.splitlines()[-1], code), ("1 passed, 0 failed", 0))
        said, code = self.run_checks(("good", lambda: None), only="nothing")
        self.assertEqual((said.splitlines()[-1], code), ("0 passed, 1 failed", 1))

    def test_a_skipped_check_is_not_counted_as_passed(self):
        checks = client.Checks()
        with redirect_stdout(io.StringIO()):
            checks.skip("one", "no fuse")
        self.assertEqual(finish(checks), ("0 passed, 0 failed, 1 skipped\n", 0))

    def test_a_run_that_lacks_a_check_is_neither_passed_nor_hides_a_failure(self):
        for named, code in (([("good", lambda: None)], client.UNAVAILABLE), ([("bad", refuse)], 1)):
            checks, said = client.Checks(), io.StringIO()
            with redirect_stdout(said), redirect_stderr(io.StringIO()), mock.patch.object(client.Checks, "any_failed", False):
                for name, check in named:
                    checks.run(name, check)
                checks.lack("mounted", "no fuse")
                with self.assertRaises(SystemExit) as end:
                    client.unavailable("no go")
            self.assertIn("SKIPPED: mounted: no fuse\nSKIPPED: no go\n", said.getvalue())
            self.assertEqual((end.exception.code, finish(checks)[1]), (code, code))

    def test_an_install_is_made_once_and_a_failed_one_is_told_and_leaves_nothing(self):
        made = []
        with tempfile.TemporaryDirectory(prefix="kelp-frame-") as cache, mock.patch.object(client, "CACHE", Path(cache)):
            for _ in range(2):
                folder = client.installed("tool", ["1.0"], lambda into: made.append(into))
            self.assertEqual(made, [folder])
            client.installed("tool", ["1.1"], lambda into: made.append(into))
            self.assertEqual(len(made), 2, "another pin is another folder")

            def break_down(into):
                (into / "half").touch()
                raise subprocess.CalledProcessError(1, "tool", stderr=b"no network")

            said = io.StringIO()
            with redirect_stdout(said), self.assertRaises(SystemExit) as end, mock.patch.object(client.Checks, "any_failed", False):
                client.installed("tool", ["2.0"], break_down)
            self.assertEqual(end.exception.code, client.UNAVAILABLE)
            self.assertIn("no network\nSKIPPED: tool cannot be installed", said.getvalue())
            self.assertEqual(len(list(Path(cache).glob("client-tool-*"))), 2)

    def test_a_snippet_is_the_page_with_the_values_of_the_run(self):
        with tempfile.TemporaryDirectory(prefix="kelp-frame-") as root, mock.patch.object(client, "ROOT", Path(root)):
            pages = Path(root) / "docs/clients"
            pages.mkdir(parents=True)
            (pages / "a.md").write_text("text\n```python one\nf('https://s3.example.com', 's3.example.com', 'MY-ACCESS-KEY',"
                                        " 'MY-SECRET-KEY', 'my-bucket', 'x')\n```\n```sh two\nls\n```\n")
            self.assertEqual(client.snippet("a.md", "one", GIVEN, {"'x'": "'y'"}),
                             "f('http://127.0.0.1:7', '127.0.0.1:7', 'AK', 'SK', 'b1', 'y')\n")
            self.assertEqual(client.snippet("a.md", "two", GIVEN), "ls\n")
            with self.assertRaises(LookupError):
                client.snippet("a.md", "three", GIVEN)


if __name__ == "__main__":
    unittest.main(verbosity=2)
