#!/usr/bin/env python3
"""Runs ec_bench, our code and ISA-L alone taking turns, and prints for each scheme what of ISA-L's rate ours reaches.
Exit status 1 when a bar is missed."""

import argparse
import json
import subprocess
import sys
import tempfile

BAR_PERCENT = 90


def measure(binary, repetitions):
    """{(verb, who, k, m, rows): bytes of data a second of CPU}, medians."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(
            [binary, f"--benchmark_out={out.name}", "--benchmark_out_format=json",
             f"--benchmark_repetitions={repetitions}", "--benchmark_enable_random_interleaving=true",
             "--benchmark_min_time=0.02"],
            check=True, stdout=subprocess.DEVNULL)
        runs = json.load(open(out.name))["benchmarks"]
    rates = {}
    for run in runs:
        if run.get("aggregate_name") != "median":
            continue
        name, *numbers = run["run_name"].split("/")[:4]
        verb, who = name.split("_")
        k, m, rows = (int(number.split(":")[1]) for number in numbers)
        rates[verb, who, k, m, rows] = run["bytes_per_second"]
    return rates


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench ec", description=__doc__)
    parser.add_argument("--binary", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="the figures as JSON too")
    parser.add_argument("--repetitions", type=int, default=11)
    options = parser.parse_args()
    rates = measure(options.binary, options.repetitions)
    print("Erasure coding, data in GB/s of CPU, medians; 1 row: in a core's cache, 64 rows: not")
    lines = []
    for (verb, who, k, m, rows), rate in sorted(rates.items(), key=lambda item: item[0][:1] + item[0][2:]):
        if who != "kelp":
            continue
        alone = rates[verb, "isal", k, m, rows]
        percent = 100 * rate / alone
        lines.append({"name": f"{verb} {k}+{m}, {rows} rows", "kelp": rate, "isal": alone, "percent": percent,
                      "bar": BAR_PERCENT, "reached": percent >= BAR_PERCENT})
        print(f"{verb} {k:>2}+{m} {rows:>3} rows  kelp {rate / 1e9:5.1f}  ISA-L {alone / 1e9:5.1f}  {percent:4.0f} %"
              f"  bar >= {BAR_PERCENT} %  {'reached' if percent >= BAR_PERCENT else 'MISSED'}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"bench": "ec", "bars": lines}, out, indent=1)
    return 0 if lines and all(line["reached"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
