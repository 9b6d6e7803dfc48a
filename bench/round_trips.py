"""Workload C: one ID per round trip over the wire, beside the round trip alone."""

import math
import re
import statistics

from measure import rotated, wal

ALONE = "SELECT 1"
ARMS = {
    ALONE: "one.sql",
    "pg_backend_pid()": "pid.sql",
    "snowflake_next()": "next.sql",
    "nextval() CACHE 1": "nextval.sql",
    "nextval() CACHE 1000": "nextval_cache_1000.sql",
    "gen_random_uuid()": "uuid.sql",
    "Instagram's recipe": "instagram.sql",
    "ticket_next()": "ticket_next.sql",
    "ticket table": "ticket.sql",
    "ticket table, blocks of 1,000": "ticket_block.sql",
}
LOGGED = 8  # clients: the log of WAL is read with these only, since that takes time
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
PER_STATEMENT = 100  # tickets


def round_trips(server, report, sizes):
    """All arms with several numbers of clients: rate, and the times of single statements."""
    measured = {clients: {arm: {"tps": [], **{share: [] for share in SHARES}} for arm in ARMS}
                for clients in sizes.trip_clients}
    log = {arm: {"bytes": [], "flushes": []} for arm in ARMS}
    server.query("SELECT ticket_create('bench', 1, 100)")
    with server.session() as session:
        for turn in range(sizes.loops):
            for clients in measured:
                for arm in rotated(list(ARMS), turn):
                    before = wal(server, session) if clients == LOGGED else None
                    output, times = server.pgbench_logged(ARMS[arm], *arguments(clients))
                    if before:
                        done = int(re.search(r"transactions actually processed: (\d+)", output)[1])
                        written, flushed = (new - old for new, old in zip(wal(server, session), before))
                        log[arm]["bytes"].append(written / done)
                        log[arm]["flushes"].append(1000 * flushed / done)
                    measured[clients][arm]["tps"].append(rate(output))
                    for share, value in shares(times).items():
                        measured[clients][arm][share].append(value)
    server.query("SELECT ticket_drop('bench')")

    report.raw("round_trips", {"clients": measured, "log": log})
    for clients, arms in measured.items():
        for arm, values in arms.items():
            middle = {name: statistics.median(taken) for name, taken in values.items()}
            detail = ", ".join(f"{share} {middle[share]:.3f}" for share in SHARES)
            of = "1 client" if clients == 1 else f"{clients} clients"
            if arm == ALONE:
                report.values(f"  {arm}, {of}", values["tps"], f"/s, {detail} ms")
            else:
                report.ratios(f"  {arm}, {of}, rate / {ALONE}", values["tps"], arms[ALONE]["tps"],
                              f"{middle['tps']:,.0f}/s, {detail} ms")
    for arm, values in log.items():
        report.values(f"  {arm}, {LOGGED} clients, flushes of WAL per 1,000", values["flushes"],
                      f"and {statistics.median(values['bytes']):.1f} B each")
    report.ratios("tickets of 8 clients, one per round trip, ticket_next() / ticket table",
                  measured[8]["ticket_next()"]["tps"], measured[8]["ticket table"]["tps"], least=8)


def arguments(clients):
    """A second of prepared statements."""
    return "-M", "prepared", "-c", str(clients), "-j", "1", "-T", "1"


def rate(output):
    return float(re.search(r"tps = ([\d.]+)", output)[1])


def shares(times):
    """Percentiles of times in microseconds, in milliseconds."""
    times.sort()
    return {name: times[min(len(times) - 1, int(len(times) * part))] / 1000 for name, part in SHARES.items()}


def round_trip_pairs(server, report, sizes):
    """Many short pairs of `SELECT snowflake_next()` and `SELECT pg_backend_pid()`, in either order."""
    rates = {"next.sql": [], "pid.sql": []}
    for turn in range(sizes.trips):
        for script in rotated(list(rates), turn):
            rates[script].append(rate(server.pgbench(script, *arguments(8))))
    report.raw("round_trip_pairs", rates)
    ratios = sorted(ours / theirs for ours, theirs in zip(*rates.values()))
    median = statistics.median(ratios)
    low, high = interval_of_median(ratios)
    report.figure(f"SELECT snowflake_next() / SELECT pg_backend_pid(), prepared, 8 clients, {sizes.trips} pairs: "
                  "median, 95 % interval of it", median, low=low, high=high, least=0.97, by="high")
    first, _, third = statistics.quantiles(ratios, n=4)
    report.figure("  the quartiles of the pairs", median, low=first, high=third)
    report.figure("  the range of the pairs", median, low=ratios[0], high=ratios[-1])


def interval_of_median(values, confidence=0.95):
    """A confidence interval of the median that supposes no distribution: two of the sorted values.

    With too few values for it, the range.
    """
    below = index = 0
    while True:
        below += math.comb(len(values), index) / 2 ** len(values)
        if below > (1 - confidence) / 2:
            break
        index += 1
    index = max(index - 1, 0)
    return values[index], values[-1 - index]


def tickets(server, report, sizes):
    """Many tickets per statement: the table in a PL/pgSQL loop."""
    arms = {"ticket_next()": "tickets_next.sql", "ticket table": "tickets_table.sql"}
    rates = {arm: [] for arm in arms}
    server.query("SELECT ticket_create('bench', 1, 100)")
    for turn in range(sizes.loops):
        for arm in rotated(list(arms), turn):
            rates[arm].append(rate(server.pgbench(arms[arm], *arguments(8))) * PER_STATEMENT)
    server.query("SELECT ticket_drop('bench')")
    report.raw("tickets_per_second", rates)
    report.ratios(f"tickets of 8 clients, {PER_STATEMENT} per statement, ticket_next() / ticket table",
                  rates["ticket_next()"], rates["ticket table"], least=20)
    for arm, values in rates.items():
        report.values(f"  {arm}, {PER_STATEMENT} per statement", values, "per s")
