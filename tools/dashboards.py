#!/usr/bin/env python3
"""Makes Grafana's dashboards, deploy/helm/kelp/files/dashboards/*.json; --check compares them instead. Its packages are installed
outside of the checkout."""

import itertools
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.venv import environment  # noqa: E402

VENV = environment("dashboards", ROOT / "tools/dashboards-requirements.txt")
if Path(sys.prefix) != VENV:
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries  # noqa: E402
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions  # noqa: E402
from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: E402
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement  # noqa: E402
from grafana_foundation_sdk.models.dashboard import (DashboardCursorSync, DataSourceRef, Threshold, ThresholdsMode,  # noqa: E402
                                                     VariableRefresh)
from dashboard_panels import DASHBOARDS  # noqa: E402

FOLDER = ROOT / "deploy/helm/kelp/files/dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
SELECTOR = 'job=~"$job",instance=~"$instance"'


def expression(text):
    """`name@` is all series of the metric that the variables choose, `name@{a="b"}` those of them with that label."""
    return text.replace("@{", "{" + SELECTOR + ",").replace("@", "{" + SELECTOR + "}")


def queries(panel):
    for number, (legend, text) in enumerate(panel.queries.items()):
        yield (prometheus.Dataquery().ref_id(chr(ord("A") + number)).datasource(SOURCE).expr(expression(text)).legend_format(legend))


def figure(panel):
    """One number, red from the panel's threshold on."""
    built = stat.Panel().span(4).height(4).reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.red is not None:
        below, beyond = ("green", "red") if not panel.red_below else ("red", "green")
        built.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(
            [Threshold(value=None, color=below), Threshold(value=panel.red, color=beyond)]))
    return built


def curve(panel):
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    return timeseries.Panel().span(12).height(8).fill_opacity(10).min(0).legend(legend)


def panel_of(panel, number):
    built = (figure if panel.figure else curve)(panel).id(number).title(panel.title).datasource(SOURCE).unit(panel.unit)
    if panel.about:
        built.description(panel.about)
    for query in queries(panel):
        built.with_target(query)
    return built


def variable(name, label, metric):
    return (dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(f"label_values({metric}, {name})")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True).include_all(True).all_value(".+"))


def build(name, page):
    built = (dashboard.Dashboard(f"Kelp: {page.title}").uid(f"kelp-{name}").tags(["kelp"]).readonly().time("now-3h", "now")
             .refresh("30s").tooltip(DashboardCursorSync.CROSSHAIR)
             .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
             .with_variable(variable("job", "Cluster", "kelp_server_info"))
             .with_variable(variable("instance", "Daemon", 'kelp_server_info{job=~"$job"}')))
    numbers = itertools.count(1)
    for title, panels in page.rows.items():
        built.with_row(dashboard.Row(title).id(next(numbers)))
        for panel in panels:
            built.with_panel(panel_of(panel, next(numbers)))
    return json.dumps(built.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def main():
    made = {FOLDER / f"kelp-{name}.json": build(name, page) for name, page in DASHBOARDS.items()}
    if "--check" not in sys.argv:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path, text in made.items():
            path.write_text(text)
        return
    wrong = [path.name for path, text in made.items() if not path.exists() or path.read_text() != text]
    wrong += [path.name for path in FOLDER.glob("*.json") if path not in made]
    if wrong:
        sys.exit(f"not what tools/dashboards.py makes: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
