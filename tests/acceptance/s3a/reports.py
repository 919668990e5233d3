"""What surefire wrote about a run of JUnit."""

from xml.etree import ElementTree


def read(folder):
    """(class, test, state, why) of each test below `folder`; `state` is "passed", "failed" or "skipped".

    A test that ran twice (a class that failed in its set-up, and again) is told once, by the worse.
    """
    rank = {"failed": 0, "skipped": 1, "passed": 2}
    found = {}
    for path in sorted(folder.glob("TEST-*.xml")):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            state, why = verdict(case)
            name = (case.get("classname").rsplit(".", 1)[1], case.get("name") or "(the class)")
            if name not in found or rank[state] < rank[found[name][0]]:
                found[name] = (state, why)
    return [(*name, *rest) for name, rest in sorted(found.items())]


def verdict(case):
    for tag in ("failure", "error"):
        bad = case.find(tag)
        if bad is not None:
            return "failed", f"{bad.get('type', '').rsplit('.', 1)[-1]}: {bad.get('message') or bad.text or ''}"
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message") or ""
    return "passed", ""
