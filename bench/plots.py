"""The plots of docs/benchmarks.md: of one run, as SVG files in docs/plots.

What is in a plot is found without matplotlib, which only drawing needs. The same run makes the same bytes.
"""

import hashlib
import json
import re
import statistics
import typing

import inserts
import round_trips
from postgres import HERE

FOLDER = HERE.parent / "docs" / "plots"

OURS, OTHERS, PAPER, INK, LINES, SECOND, THIRD = (
    "#2a78d6", "#9a9890", "#fcfcfb", "#33322e", "#dcdbd6", "#d2691e", "#008a6e")
# The same where the reader prefers dark pages.
DARK = {OURS: "#5b9ff0", OTHERS: "#85837c", PAPER: "#161618", INK: "#d8d7d2", LINES: "#3a3a3c", SECOND: "#e8914f",
        THIRD: "#2fb99a"}
WIDTH = 8  # inches


class Plot(typing.NamedTuple):
    name: str
    workload: str                # the letter of its section
    says: str                    # for readers who do not see it
    data: typing.Callable        # from the stored results; None where they lack it
    draw: typing.Callable        # a figure from the data


# --- what is in them ------------------------------------------------------------------------------------------------

def is_ours(arm):
    return arm.startswith(("snowflake_", "snowflake128_", "uuid_v", "ticket_next"))


def spread(values):
    return [min(values), statistics.median(values), max(values)]


def cpu_data(stored):
    """CPU time of one call, as the figures have it: least, median, greatest."""
    panels = {}
    for subject, title in (("cpu_per_call", "64-bit numbers, and what is beside them"), ("uuids", "UUIDs")):
        for figure in stored["figures"]:
            base = r"a constant function|generate_series\(\)|an empty loop|its \w+"
            found = re.fullmatch(rf"  (?!of which)(.+) over (?:{base})", figure["name"])
            if figure.get("subject") == subject and found and figure["unit"] == "ns" and figure["value"] > 0:
                low, high = (figure["value"] if end is None else end for end in (figure["low"], figure["high"]))
                # the loop of all arms makes IDs faster than they can be
                arm = "snowflake_next() past the ceiling" if found[1] == "snowflake_next()" else found[1]
                panels.setdefault(title, {})[arm] = [low, figure["value"], high]
    return panels or None


def backends_data(stored):
    """IDs per second by the number of backends, in % of the ceiling."""
    raw = stored["raw"].get("backends")
    if not raw:
        return None
    from measure import CEILING
    arms = ("batch", "snowflake_next()")
    return {arm: {number: spread([100 * rate / CEILING for rate in raw[number]["per second"][arm]])
                  for number in sorted(raw, key=int)} for arm in arms}


def round_trips_data(stored):
    raw = stored["raw"].get("round_trips")
    return raw and {clients: {arm: [statistics.median(values[share]) for share in round_trips.SHARES]
                              for arm, values in arms.items()} for clients, arms in raw["clients"].items()}


def inserts_data(stored):
    raw = stored["raw"].get("inserts")
    if not raw:
        return None
    rows = f"{raw['rows'] / 1e6:g} million rows"
    single = next(iter(raw["singles"].values()))
    return {
        f"index of {rows},\nMB": {key: index["bytes"] / 1e6 for key, index in raw["indexes"].items()},
        f"WAL of {rows},\nB per row": {key: statistics.median(load["wal_bytes_per_row"])
                                      for key, load in raw["loads"].items()},
        "WAL of single rows after that\nand a checkpoint, B per row": {key: statistics.median(load["wal_bytes_per_row"])
                                               for key, load in single.items()},
    }


def growth_data(stored):
    """CPU time of a call, in nanoseconds, by the number of what there is."""
    raw = stored["raw"].get("growth")
    if not raw:
        return None
    levels = {"workers configured and used": {}, "open connections": raw["connections"],
              "databases with IDs": raw["databases"]}
    for level, costs in raw["workers"].items():
        used, configured = level.split(" of ")
        if used == configured:
            levels["workers configured and used"][used] = costs
    return {what: {number: spread([nanoseconds for nanoseconds, _ in costs]) for number, costs in numbers.items()}
            for what, numbers in levels.items()}


def clock_data(stored):
    """What a server is ahead of this machine, in milliseconds, by the seconds since the beginning."""
    raw = stored["raw"].get("clock_offsets")
    return raw and {"step": raw["step"], "offsets": {
        name: [[at, 1000 * offset] for at, offset in raw[name]] for name in ("ntp_query()", "chronyd")}}


# --- how they look --------------------------------------------------------------------------------------------------

def color(arm):
    return OURS if is_ours(arm) else OTHERS


def subplots(*arguments, **keywords):
    from matplotlib import pyplot
    return pyplot.subplots(*arguments, layout="constrained", **keywords)


def grid(axes, axis):
    axes.grid(axis=axis, color=LINES, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0)


def compact(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def plain(axis):
    """Numbers on a logarithmic axis as people write them."""
    from matplotlib.ticker import FuncFormatter, NullFormatter
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_cpu(panels):
    heights = [len(arms) for arms in panels.values()]
    figure, axes = subplots(len(panels), 1, sharex=True, figsize=(WIDTH, 0.8 + 0.27 * sum(heights)),
                            height_ratios=heights, squeeze=False)
    for place, (title, arms) in zip(axes[:, 0], panels.items()):
        names = sorted(arms, key=lambda arm: -arms[arm][1])
        place.barh(names, [arms[arm][1] for arm in names], color=[color(arm) for arm in names], height=0.62)
        for row, arm in enumerate(names):
            low, middle, high = arms[arm]
            if low > 0:
                place.plot([low, high], [row, row], color=INK, linewidth=1)
            place.text(high * 1.12, row, f"{compact(middle)} ns", va="center", fontsize=9)
        place.set_xscale("log")
        place.margins(y=0.02)
        place.set_title(title, loc="left", fontsize=10)
        grid(place, "x")
    place.set_xlim(1, 5 * max(arms[arm][2] for arms in panels.values() for arm in arms))
    plain(place.xaxis)
    place.set_xlabel("CPU time of one call, ns (logarithmic; thin lines: range of the rounds)")
    return figure


def draw_backends(arms):
    figure, place = subplots(figsize=(WIDTH, 3.4))
    place.axhline(100, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    numbers = list(next(iter(arms.values())))
    for (arm, points), shade, marker, shift in zip(arms.items(), (OURS, SECOND), "os", (-0.06, 0.06)):
        at = [place_of + shift for place_of in range(len(numbers))]
        low, middle, high = zip(*points.values())
        errors = [[one - other for one, other in zip(middle, low)], [one - other for one, other in zip(high, middle)]]
        place.errorbar(at, middle, errors, color=shade, marker=marker, markersize=6, linewidth=1.6, capsize=3,
                       label="snowflake_next_batch()" if arm == "batch" else arm)
    place.set_xticks(range(len(numbers)), numbers)
    place.set_ylim(0, 112)
    place.set_xlabel("backends, one worker")
    place.set_ylabel("IDs per second, % of the ceiling")
    place.legend(loc="lower left", frameon=False)
    grid(place, "y")
    return figure


def draw_round_trips(panels):
    arms = list(next(iter(panels.values())))[::-1]
    figure, axes = subplots(1, len(panels), sharey=True, sharex=True, figsize=(WIDTH * 1.15, 1.3 + 0.3 * len(arms)),
                            squeeze=False)
    for place, (clients, times) in zip(axes[0], panels.items()):
        for row, arm in enumerate(arms):
            place.plot(times[arm], [row] * len(times[arm]), color=LINES, linewidth=2.5, zorder=1)
        for index, (share, shade, marker) in enumerate(zip(round_trips.SHARES, (OURS, THIRD, SECOND), "osD")):
            place.scatter([times[arm][index] for arm in arms], range(len(arms)), color=shade, marker=marker, s=26,
                          label=share, zorder=2)
        place.set_xscale("log")
        place.set_title("1 client" if clients == "1" else f"{clients} clients", fontsize=10)
        plain(place.xaxis)
        grid(place, "x")
    axes[0][0].set_yticks(range(len(arms)), arms)
    for label, arm in zip(axes[0][0].get_yticklabels(), arms):
        label.set_color(OURS if is_ours(arm) else INK)
    figure.supxlabel("time of one round trip, ms (logarithmic)", fontsize=10)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def draw_inserts(panels):
    figure, axes = subplots(1, len(panels), sharey=True, figsize=(WIDTH, 2.3), squeeze=False)
    for place, (title, keys) in zip(axes[0], panels.items()):
        names = list(keys)[::-1]
        place.barh(names, [keys[key] for key in names], color=[color(key) for key in names], height=0.62)
        for row, key in enumerate(names):
            place.text(keys[key], row, f" {compact(keys[key])}", va="center", fontsize=9)
        place.set_xlim(right=1.25 * max(keys.values()))
        place.set_title(title, fontsize=10)
        place.locator_params(axis="x", nbins=4)
        grid(place, "x")
    return figure


def draw_growth(panels):
    figure, axes = subplots(1, len(panels), sharey=True, figsize=(WIDTH, 2.8), squeeze=False)
    for place, (title, levels) in zip(axes[0], panels.items()):
        low, middle, high = zip(*levels.values())
        errors = [[one - other for one, other in zip(middle, low)], [one - other for one, other in zip(high, middle)]]
        place.errorbar(range(len(levels)), middle, errors, color=OURS, marker="o", markersize=6, linewidth=1.6,
                       capsize=3)
        place.set_xticks(range(len(levels)), [f"{int(level):,}" for level in levels])
        place.set_xlim(-0.4, len(levels) - 0.6)
        place.set_xlabel(title)
        grid(place, "y")
    axes[0][0].set_ylim(bottom=0)
    axes[0][0].set_ylabel("CPU time of a call, ns")
    return figure


def draw_clock(data):
    figure, place = subplots(figsize=(WIDTH, 2.8))
    place.axvline(data["step"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for (name, points), shade, marker, size in zip(data["offsets"].items(), (OURS, SECOND), "ox", (30, 22)):
        at, offset = zip(*points)
        place.scatter(at, offset, color=shade, marker=marker, s=size, label=name, zorder=3)
    place.set_xlabel("seconds; the server's clock is stepped at the dashed line")
    place.set_ylabel("offset, ms")
    place.legend(loc="center left", frameon=False)
    grid(place, "y")
    return figure


PLOTS = (
    Plot("cpu", "A", "CPU time of one call by kind of key", cpu_data, draw_cpu),
    Plot("backends", "B", "IDs per second by number of backends, as a share of the ceiling", backends_data,
         draw_backends),
    Plot("round-trips", "C", "Times of round trips with 1, 8 and 32 clients: p50, p99 and p99.9", round_trips_data,
         draw_round_trips),
    Plot("inserts", "D", "Index size and WAL per row by kind of key", inserts_data, draw_inserts),
    Plot("growth", "E", "CPU time of a call by number of workers, connections and databases", growth_data, draw_growth),
    Plot("clock", "H", "Offset of an NTP server whose clock is stepped, by ntp_query() and by chronyd", clock_data,
         draw_clock),
)


# --- files ----------------------------------------------------------------------------------------------------------

def of(stored):
    """The plots that the results have the figures for."""
    return [plot for plot in PLOTS if plot.data(stored)]


def digest(plot, stored):
    return hashlib.sha256(json.dumps(plot.data(stored)).encode()).hexdigest()


def is_of(plot, stored):
    """Whether the file shows the figures of these results."""
    return f"<!-- figures: {digest(plot, stored)} -->" in (FOLDER / f"{plot.name}.svg").read_text()


def style(dark=False):
    import matplotlib
    matplotlib.use("svg")
    shade = DARK if dark else {}
    ink, paper = shade.get(INK, INK), shade.get(PAPER, PAPER)
    matplotlib.rcParams.update({
        "svg.fonttype": "none", "svg.hashsalt": "snowflake_pg", "font.size": 10, "figure.facecolor": paper,
        "axes.facecolor": paper, "savefig.facecolor": paper, "text.color": ink, "axes.labelcolor": ink,
        "xtick.color": ink, "ytick.color": ink, "axes.edgecolor": LINES, "axes.spines.top": False,
        "axes.spines.right": False, "axes.spines.left": False,
    })


def write(stored):
    """Draws all plots of the results into docs/plots, and removes those of others."""
    import io

    from matplotlib import pyplot
    style()
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.svg"):
        file.unlink()
    for plot in of(stored):
        figure = plot.draw(plot.data(stored))
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
        (FOLDER / f"{plot.name}.svg").write_text(finished(text.getvalue(), plot, stored))


def finished(text, plot, stored):
    """The file of a plot: with what it is of, in any sans-serif font, and with colors for dark pages."""
    text = re.sub(r"'DejaVu Sans', [^;]*", "sans-serif", text)
    rules = []
    for one, other in DARK.items():
        for what in ("fill", "stroke"):
            if f"{what}: {one}" in text:
                rules.append(f'[style*="{what}: {one}"]{{{what}:{other}!important}}')
    head = (f"<!-- figures: {digest(plot, stored)} -->\n"
            f"<style>@media(prefers-color-scheme:dark){{{''.join(rules)}}}</style>\n")
    return re.sub(r"(<svg[^>]*>\n)", lambda found: found[1] + head, text, count=1)
