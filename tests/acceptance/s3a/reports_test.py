#!/usr/bin/env python3
"""What the reports of JUnit say is what is told: nothing that failed, did not run or is excused wrongly looks green."""

import io
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
import client  # noqa: E402
import reports  # noqa: E402
import run  # noqa: E402

REPORT = """<testsuite name="org.example.ITestA">
  <testcase name="good" classname="org.example.ITestA"/>
  <testcase name="bad[x]" classname="org.example.ITestA"><failure message="two&#10;lines" type="java.lang.AssertionError"/></testcase>
  <testcase name="worse" classname="org.example.ITestA"><error type="java.io.IOException">the text</error></testcase>
  <testcase name="left" classname="org.example.ITestA"><skipped message="no role"/></testcase>
  <testcase name="good" classname="org.example.ITestA"><error message="again" type="E"/></testcase>
  <testcase name="" classname="org.example.ITestB"><error message="set-up" type="E"/></testcase>
</testsuite>"""


class Reports(unittest.TestCase):
    def results(self):
        with tempfile.TemporaryDirectory(prefix="kelp-reports-") as folder:
            (Path(folder) / "TEST-org.example.ITestA.xml").write_text(REPORT)
            return reports.read(Path(folder))

    def told(self, results, excuses):
        checks, said = client.Checks(), io.StringIO()
        with redirect_stdout(said):
            run.tell(checks, results, excuses)
        return said.getvalue(), (checks.passed, checks.failed, checks.skipped)

    def test_every_test_is_told_once_by_its_worst(self):
        self.assertEqual(self.results(), [
            ("ITestA", "bad[x]", "failed", "AssertionError: two\nlines"), ("ITestA", "good", "failed", "E: again"),
            ("ITestA", "left", "skipped", "no role"), ("ITestA", "worse", "failed", "IOException: the text"),
            ("ITestB", "(the class)", "failed", "E: set-up")])

    def test_an_excuse_is_for_one_test_alone(self):
        said, counts = self.told(self.results(), {"ITestA#bad[x]": "asks AWS"})
        self.assertEqual(counts, (0, 3, 2))
        self.assertIn("skipped ITestA#bad[x]: asks AWS\n", said)

    def test_an_excused_test_that_passes_is_a_failure(self):
        said, counts = self.told([("ITestA", "good", "passed", "")], {"ITestA#good": "asks AWS"})
        self.assertEqual(counts, (0, 1, 0))
        self.assertIn("skipped.txt", said)

    def test_every_line_of_the_list_has_a_name_and_a_reason(self):
        for name, reason in run.excused().items():
            self.assertRegex(name, r"^ITest\w+#test\w+(\[.*\])?$")
            self.assertGreater(len(reason), 20, name)


if __name__ == "__main__":
    unittest.main()
