"""How long a statement takes that makes an ID, and one that is stopped while it waits for the clock."""

import contextlib
import statistics
import time

from measure import batch, mark_waits, rotated
from postgres import Failure


def next_latency(server, report, sizes):
    """Time of one statement over the wire, with the mark raised as usual and with no raise in the whole run."""
    scripts = {"with raises": "next.sql", "without raises": "next.sql", "nextval": "nextval.sql",
               "pg_backend_pid()": "pid.sql"}
    times = {(arm, clients): [] for clients in (1, 8) for arm in scripts}
    waits = dict.fromkeys((1, 8), 0)

    def measure(arm, clients, database="postgres"):
        times[arm, clients] += server.pgbench_times(scripts[arm], "-c", str(clients), "-j", "1", "-T",
                                                    str(sizes.transactions), database=database)

    with server.session() as session:
        for turn in range(sizes.loops):
            for clients in waits:
                for arm in rotated(list(scripts), turn):
                    if arm == "without raises":
                        # every database has a mark of its own: in a new one the first ID raises it by a minute
                        server.set("snowflake_pg.mark_window", 60_000)
                        server.query("CREATE DATABASE calm")
                        server.query("CREATE EXTENSION snowflake_pg", "calm")
                        server.query("SELECT snowflake_next()", "calm")
                        mark = "SELECT last_value FROM snowflake_mark"
                        before = server.query(mark, "calm")
                        measure(arm, clients, "calm")
                        if server.query(mark, "calm") != before:
                            raise Failure("the mark was raised in a run without raises")
                        server.query("DROP DATABASE calm")
                        server.set("snowflake_pg.mark_window", 1_000)
                    else:
                        # the first ID after a while waits: not what is measured
                        session.query("SELECT snowflake_next()")
                        before = mark_waits(session)
                        measure(arm, clients)
                        waits[clients] += mark_waits(session) - before
    stored = {}
    for (arm, clients), values in times.items():
        values.sort()
        share = {name: values[min(len(values) - 1, int(len(values) * part))] / 1000
                 for name, part in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("maximum", 1))}
        stored[f"{arm}, {clients} clients"] = {"statements": len(values), **share}
        detail = ", ".join(f"{name} {value:.3f}" for name, value in share.items() if name != "p99.9")
        what = arm if arm.startswith(("nextval", "pg_")) else f"snowflake_next() {arm}"
        report.figure(f"  {what}, {clients} clients, p99.9", share["p99.9"], f"ms, {detail}")
    report.raw("statement_milliseconds", stored)
    for clients, waited in waits.items():
        report.figure(f"  callers that waited for a flush of the mark, {clients} clients",
                      waited / (sizes.loops * sizes.transactions), "per s", most=1)


def latency(server, report, sizes):
    """How long a caller that waits for the clock goes on after cancel, terminate and statement_timeout."""
    server.stop()
    # few sequences per unit: a lead of half a minute is made in no time
    server.start(**{"snowflake_pg.layout": "sonyflake"})
    server.query("CREATE DATABASE latency")
    server.query("CREATE EXTENSION snowflake_pg", "latency")
    server.set("snowflake_pg.max_lead", 60_000)
    server.query(batch(256 * 100 * 40), "latency")
    server.set("snowflake_pg.max_lead", 0)

    measured = {"cancel": [], "cancel of pg_sleep()": [], "terminate": [], "statement_timeout": []}
    with server.session() as control:
        for _ in range(sizes.latencies):
            for way in ("cancel", "terminate"):
                measured[way].append(stopped(server, control, way, "snowflake_next()"))
            measured["cancel of pg_sleep()"].append(stopped(server, control, "cancel", "pg_sleep(9)"))
            with server.session("latency", stop_at_error=False) as session:
                session.query("SET statement_timeout = 200")
                began = time.monotonic()
                session.send("SELECT snowflake_next()")
                expect(session.receive(), "statement timeout")
                measured["statement_timeout"].append(time.monotonic() - began - 0.2)
    server.set("snowflake_pg.max_lead", 500)
    server.stop()
    server.start()
    report.raw("latency_seconds", measured)
    for way, values in measured.items():
        name = way if way.endswith(")") else f"{way} while waiting for the clock"
        report.figure(f"  {name}, median", 1000 * statistics.median(values), f"ms, at most {1000 * max(values):.1f}")


def stopped(server, control, way, call):
    """From the order to stop a caller that waits to its error."""
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(server.session("latency", stop_at_error=False))
        session.send(f"SELECT {call}")
        waiting = f"SELECT wait_event_type IN ('Extension', 'Timeout') FROM pg_stat_activity WHERE pid = {session.pid}"
        for _ in range(100):
            if control.value(waiting) == "t":
                break
            time.sleep(0.01)
        else:
            raise Failure("the caller does not wait for the clock")
        began = time.monotonic()
        control.query(f"SELECT pg_{way}_backend({session.pid})")
        expect(session.receive(), "user request" if way == "cancel" else "terminating connection")
        return time.monotonic() - began


def expect(lines, text):
    if not any(text in line for line in lines):
        raise Failure(f"expected \"{text}\", got {lines}")
