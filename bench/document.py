#!/usr/bin/env python3
"""Writes docs/benchmarks.md from the results of a run.

    bench/document.py NAME      from bench/results/NAME.json; the plots too (plots.py, which needs matplotlib)
    bench/document.py --check   whether the page is what its run and notes.md make; says what differs, if anything

The words on the page that no figure makes are in notes.md.
"""

import sys

sys.dont_write_bytecode = True

import difflib
import json
import re
import statistics

import inserts
import plots
import round_trips
from measure import number
from postgres import HERE

PAGE = HERE.parent / "docs" / "benchmarks.md"
NOTES = HERE / "notes.md"

# The workloads in the order of the page, and the subjects that measure them. Others that a run has come last.
WORKLOADS = {
    "A. One call in one backend": ("instructions", "items", "cpu_per_call", "uuids"),
    "B. Several backends and workers": ("throughput", "backends", "two_workers"),
    "C. One ID per round trip": ("round_trip_pairs", "round_trips", "tickets", "next_latency"),
    "D. Rows with a primary key": ("bulk_inserts", "inserts"),
    "E. How the cost grows": ("growth",),
    "F. Memory": ("memory",),
    "G. Rows that are read by their time": ("reading",),
    "H. Clocks": ("clock",),
    "I. Causality": ("causality",),
    "Write-ahead log, and callers that are stopped": ("wal_volume", "latency"),
    "Other figures": (),  # of subjects that are not named here
}
GATES = "gates"


def table(heads, rows):
    aligned = ["---"] + ["---:"] * (len(heads) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in (heads, aligned, *rows)] + [""]


def ranged(values, digits=None):
    """The median of the values, and their range where there are several."""
    def text(value):
        return number(value) if digits is None else f"{value:,.{digits}f}"

    low, middle, high = (text(value) for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def ratios(ours, theirs):
    """Of the rounds that both were in."""
    theirs = theirs[:len(ours)]
    return ranged([one / other for one, other in zip(ours, theirs, strict=True)])


def figures_table(figures):
    rows = []
    for figure in figures:
        verdict = {True: "met", False: "**missed**", None: ""}[figure["met"]]
        single = figure["low"] is None or figure["low"] == figure["high"]
        span = "" if single else f"{number(figure['low'])} to {number(figure['high'])}"
        value = f"{number(figure['value'])} {figure['unit']}".strip()
        rows.append((escaped(figure["name"].strip()), escaped(value), span, f"{figure['target']} {verdict}".strip()))
    return table(("figure", "value", "range", "target"), rows)


def escaped(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def round_trip_tables(raw):
    lines = []
    for clients, arms in raw["clients"].items():
        lines += ["1 client:" if clients == "1" else f"{clients} clients:", ""]
        heads = ["arm", f"rate / {round_trips.ALONE}", "per second",
                 *(f"{share}, ms" for share in round_trips.SHARES)]
        with_log = clients == str(round_trips.LOGGED)
        if with_log:
            heads += ["flushes of WAL per 1,000", "WAL, B each"]
        rows = []
        for arm, values in arms.items():
            row = [arm, ratios(values["tps"], arms[round_trips.ALONE]["tps"]) if arm != round_trips.ALONE else "",
                   ranged(values["tps"], 0), *(ranged(values[share], 3) for share in round_trips.SHARES)]
            if with_log:
                row += [f"{statistics.median(raw['log'][arm][what]):,.2f}" for what in ("flushes", "bytes")]
            rows.append(row)
        lines += table(heads, rows)
    return lines


def rows_table(heading, keys, rate, *more):
    """One line for each kind of key: its rate, beside bigserial's, and what else there is."""
    base = rate(keys[inserts.BASE])
    heads = [heading, "rows/s", f"rows/s / {inserts.BASE}", "WAL, B per row", *(head for head, _ in more)]
    return table(heads, [
        [key, ranged(rate(values), 0), ratios(rate(values), base) if key != inserts.BASE else "",
         ranged(values["wal_bytes_per_row"]), *(cell(key) for _, cell in more)]
        for key, values in keys.items()])


def bulk_insert_tables(raw):
    return rows_table(f"INSERT ... SELECT of {raw['rows']:,} rows", raw["keys"],
                      lambda values: [raw["rows"] / spent for spent in values["seconds"]])


def insert_tables(raw):
    indexes = raw["indexes"]

    def density(key):
        leaves = indexes[key]["leaf_density"]
        return "no pgstattuple" if leaves is None else f"{leaves:.1f} %"

    def rate(values):
        return values["rows_per_second"]

    what = f"of {inserts.CLIENTS} clients"
    lines = rows_table(f"{raw['rows']:,} rows {what}, {inserts.PER_STATEMENT:,} per statement", raw["loads"], rate,
                       ("index, MB", lambda key: f"{indexes[key]['bytes'] / 1e6:,.1f}"), ("leaves are full", density))
    for way, keys in raw["singles"].items():
        lines += rows_table(f"then single rows {what}, {way}", keys, rate)
    return lines


# Subjects of which a table says more than the list of figures: it stands for those that have no target.
TABLES = {"round_trips": round_trip_tables, "bulk_inserts": bulk_insert_tables, "inserts": insert_tables}


def notes():
    """The hand-written words, by the heading that they belong to."""
    parts = re.split(r"^## (.+)\n", NOTES.read_text(), flags=re.M)[1:]
    return {heading: text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def page(name, stored):
    environment = stored["environment"]
    settings = ", ".join(f"`{setting} = {value}`" for setting, value in environment["settings"].items() if value)
    words = notes()
    used = {"Introduction", "Not reached"}
    verdicts = [figure["met"] for figure in stored["figures"]]
    lines = [
        "# Benchmarks", "",
        f"<!-- Made by bench/document.py from bench/results/{name}.json and bench/notes.md: change those. -->", "",
        words["Introduction"], "",
        f"This is the run of {environment['time']} at commit {environment['commit']}: {environment['postgres']}, "
        f"{environment['cpu']}, {environment['cores']} cores, Linux {environment['kernel']}, load at the start "
        f"{environment['load'][0]:.2f}. Every single measurement is in "
        f"[bench/results/{name}.json](../bench/results/{name}.json). {verdicts.count(True)} targets are met, "
        f"{verdicts.count(False)} missed.", "",
        f"Settings that matter: {settings}.", "",
    ]
    for subject, later in stored.get("later", {}).items():
        lines += [f"The subject `{subject}` was measured at {later['time']}, at commit {later['commit']}, load at the start "
                  f"{later['load'][0]:.2f}.", ""]
    if environment["quick"]:
        lines += ["The run was made with `QUICK=1`: its figures are rough.", ""]

    known = {subject for subjects in WORKLOADS.values() for subject in subjects} | {GATES}
    others = tuple(dict.fromkeys(figure["subject"] for figure in stored["figures"] if figure["subject"] not in known))
    for heading, subjects in WORKLOADS.items():
        figures = [figure for subject in subjects or others for figure in stored["figures"]
                   if figure["subject"] == subject
                   and not (subject in TABLES and subject in stored["raw"] and figure["name"].startswith("  "))]
        if not figures:
            continue
        lines += [f"## {heading}", ""]
        if heading in words:
            lines += [words[heading], ""]
            used.add(heading)
        for plot in plots.of(stored):
            if plot.workload == heading[0]:
                lines += [f"![{plot.says}](plots/{plot.name}.svg)", ""]
        lines += figures_table(figures)
        for subject in subjects:
            if subject in TABLES and subject in stored["raw"]:
                lines += TABLES[subject](stored["raw"][subject])

    if stored["gates"]:
        lines += ["## Gates", "", "A run with one wrong ID fails.", ""]
        lines += [f"- {gate['name']}{'' if gate['passed'] else ' **failed**'}" for gate in stored["gates"]] + [""]
        lines += figures_table([figure for figure in stored["figures"] if figure["subject"] == GATES])
    lines += ["## What is not reached, and why", ""]
    missed = [figure for figure in stored["figures"] if figure["met"] is False]
    lines += figures_table(missed) if missed else ["Every target of this run is met.", ""]
    lines += [words["Not reached"], ""]
    unused = set(words) - used - set(WORKLOADS)
    if unused:
        sys.exit(f"document.py: {NOTES.name} has words for no section: {', '.join(sorted(unused))}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def read(name):
    results = HERE / "results" / f"{name}.json"
    try:
        text = results.read_text()
    except FileNotFoundError:
        sys.exit(f"document.py: there is no {results}")
    stored = json.loads(text)
    if any("subject" not in figure for figure in stored["figures"]):
        sys.exit(f"document.py: {results} is of an older bench, which did not note what a figure belongs to")
    return stored


def check():
    """What is wrong with the committed page and plots."""
    text = PAGE.read_text()
    named = re.search(r"<!-- Made by bench/document.py from bench/results/([^/]+)\.json ", text)
    if not named:
        return [f"{PAGE.name} does not say which run it is made from"]
    stored = read(named[1])
    wrong = list(difflib.unified_diff(text.splitlines(), page(named[1], stored).splitlines(),
                                      "docs/benchmarks.md", f"made from {named[1]}.json", lineterm=""))
    there = {file.name for file in plots.FOLDER.glob("*")}
    wanted = {f"{plot.name}.svg" for plot in plots.of(stored)}
    wrong += [f"docs/plots/{name} is missing" for name in sorted(wanted - there)]
    wrong += [f"docs/plots/{name} is no plot of this run" for name in sorted(there - wanted)]
    wrong += [f"docs/plots/{plot.name}.svg shows other figures" for plot in plots.of(stored)
              if f"{plot.name}.svg" in there and not plots.is_of(plot, stored)]
    return wrong


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__.strip())
    if sys.argv[1] == "--check":
        wrong = check()
        print("\n".join(wrong), end="\n" if wrong else "")
        return 1 if wrong else 0
    stored = read(sys.argv[1])
    plots.write(stored)
    PAGE.write_text(page(sys.argv[1], stored))
    print(f"Written to {PAGE} and {plots.FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
