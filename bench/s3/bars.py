"""What a benchmark asks for beside what it measured."""

import math


class Bars:
    """One line per bar: asked, measured, ok or short."""

    def __init__(self):
        self.lines = []

    def at_most(self, what, asked, measured, unit=""):
        self.add(what, "<=", asked, measured, measured <= asked, unit)

    def at_least(self, what, asked, measured, unit=""):
        self.add(what, ">=", asked, measured, measured >= asked, unit)

    def add(self, what, sign, asked, measured, good, unit):
        verdict = "not measured" if math.isnan(measured) else ("ok" if good else "SHORT")
        self.lines.append({"bar": what, "asked": f"{sign} {asked:.3g}{unit}", "measured": measured, "verdict": verdict})
        print(f"{what:58}{sign} {asked:<9.3g} measured {measured:<9.3g}{unit} {verdict}")

    def short(self):
        """Whether one was missed, or not measured."""
        return any(line["verdict"] != "ok" for line in self.lines)
