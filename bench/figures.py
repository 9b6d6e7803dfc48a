"""The figures. Each function measures one subject and adds to the report.

README.md says what each figure means and how it is measured.
"""

import contextlib
import re
import statistics
import time

from postgres import HERE, Failure

CEILING = 4_096_000  # IDs per second and worker in the layout twitter

ONE_CALL = {
    "constant": "constant()",
    "pg_backend_pid": "pg_backend_pid()",
    "clock_timestamp": "clock_timestamp()",
    "snowflake_next": "snowflake_next()",
    "nextval": "nextval('cache_1')",
    "nextval_cache_1000": "nextval('cache_1000')",
    "gen_random_uuid": "gen_random_uuid()",
    "uuid_generate_v1": "uuid_generate_v1()",
    "instagram": "instagram_next()",
}


def calls(function, count):
    return f"SELECT count({ONE_CALL[function]}) FROM generate_series(1, {count})"


def batch(count):
    return f"SELECT count(*) FROM (SELECT snowflake_next_batch({count})) b"


# --- instructions ---------------------------------------------------------------------------------------------------

def instructions(server, report, sizes):
    """Instructions per call, in single-user mode under callgrind. The server is stopped."""

    def per_call(function):
        low, high = (server.instructions(calls(function, count)) for count in (sizes.short, sizes.long))
        return (high - low) / (sizes.long - sizes.short)

    gross = {name: per_call(name) for name in
             ("constant", "pg_backend_pid", "snowflake_next", "nextval_cache_1000", "nextval")}
    again = per_call("snowflake_next")
    report.raw("instructions_gross", {**gross, "snowflake_next_again": again})

    net = {name: count - gross["pg_backend_pid"] for name, count in gross.items()}
    report.figure("instructions, snowflake_next() over pg_backend_pid()", net["snowflake_next"], most=150)
    report.figure("  the same again", again - gross["pg_backend_pid"])
    report.figure("  snowflake_next() over a constant function", gross["snowflake_next"] - gross["constant"])
    report.figure("  nextval() CACHE 1000 over pg_backend_pid()", net["nextval_cache_1000"])
    report.figure("  nextval() CACHE 1 over pg_backend_pid()", net["nextval"])


# --- CPU time per call ----------------------------------------------------------------------------------------------

def cpu_per_call(server, report, sizes):
    """On-CPU time per call in one backend that never waits: with a lead that is never used up, and far below the
    ceiling of a layout with more IDs."""
    slow = ("gen_random_uuid", "uuid_generate_v1", "instagram")
    count = {name: sizes.calls // 10 if name in slow else sizes.calls for name in ONE_CALL}
    if not has_uuid_ossp(server):
        del count["uuid_generate_v1"]

    server.set("snowflake_pg.max_lead", 3_600_000)
    waits = "SELECT coalesce(sum(waits), 0) FROM snowflake_status"
    rounds = {name: [] for name in count}
    with server.session() as session:
        before = session.value(waits)
        for name in count:  # warm-up
            session.query(calls(name, 10_000))
        for turn in range(sizes.rounds):
            for name in rotated(list(count), turn):
                rounds[name].append(session.cpu(calls(name, count[name])) / count[name])
        if session.value(waits) != before:
            raise Failure("the generator waited for the clock: this is no figure below the ceiling")
    server.set("snowflake_pg.max_lead", 500)

    # In that loop IDs run ahead of the clock, and need no exact reading of it. In a layout of 65,536 IDs per
    # millisecond they do not: every call reads the clock.
    below = {name: [] for name in ("constant", "snowflake_next", "nextval_cache_1000")}
    server.stop()
    server.start(**{"snowflake_pg.layout": "mastodon", "snowflake_pg.worker_id": "0"})
    server.query("CREATE DATABASE below")
    with server.session("below") as session:
        session.query(rf"\i '{HERE / 'sql' / 'setup.sql'}'")
        for turn in range(-1, sizes.rounds):
            for name in rotated(list(below), turn):
                cpu = session.cpu(calls(name, sizes.calls)) / sizes.calls
                if turn >= 0:  # the first one warms up
                    below[name].append(cpu)
    server.stop()
    server.start()

    report.raw("cpu_ns_gross", rounds)
    report.raw("cpu_ns_gross_below_the_ceiling", below)
    least = {name: min(values) for name, values in rounds.items()}
    net = {name: least[name] - least["constant"] for name in least}
    report.figure("CPU, snowflake_next() / nextval() CACHE 1000",
                  net["snowflake_next"] / net["nextval_cache_1000"], most=0.35)
    report.figure("CPU, snowflake_next() / nextval() CACHE 1", net["snowflake_next"] / net["nextval"], most=0.15)
    for name in least:
        if name != "constant":
            spread = (statistics.median(rounds[name]) - least[name]) / least[name] * 100
            report.figure(f"  {name} over a constant function (median {spread:.0f} % above minimum)", net[name], "ns")
    least = {name: min(values) for name, values in below.items()}
    net = {name: least[name] - least["constant"] for name in least}
    report.figure("  snowflake_next() with 65,536 IDs per ms: reads the clock each time", net["snowflake_next"], "ns")
    report.figure("  the same / nextval() CACHE 1000", net["snowflake_next"] / net["nextval_cache_1000"])


def has_uuid_ossp(server):
    """Whether uuid-ossp, which is not everywhere, could be created or is there already."""
    try:
        server.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
    except Failure:
        return False
    return True


def rotated(names, turn):
    """The arms in another order every round: a place in the round is no advantage."""
    turn %= len(names)
    return names[turn:] + names[:turn]


# --- UUIDs ----------------------------------------------------------------------------------------------------------

NAME = "i::text"
SIXTEEN_BYTES = "point_send(point(i, i))"

# What is called for the row i, and the arm that it is net of.
UUIDS = {
    "constant": ("constant()", None),
    "name": (NAME, None),
    "sixteen_bytes": (SIXTEEN_BYTES, None),
    "uuid_v1": ("uuid_v1()", "constant"),
    "uuid_v3": (f"uuid_v3(uuid_namespace_dns(), {NAME})", "name"),
    "uuid_v4": ("uuid_v4()", "constant"),
    "uuid_v5": (f"uuid_v5(uuid_namespace_dns(), {NAME})", "name"),
    "uuid_v6": ("uuid_v6()", "constant"),
    "uuid_v7": ("uuid_v7()", "constant"),
    "uuid_v8": (f"uuid_v8({SIXTEEN_BYTES})", "sixteen_bytes"),
    "snowflake128_next": ("snowflake128_next()", "constant"),
    "gen_random_uuid": ("gen_random_uuid()", "constant"),
    "uuid_generate_v1": ("uuid_generate_v1()", "constant"),
    "uuid_generate_v3": (f"uuid_generate_v3(uuid_ns_dns(), {NAME})", "name"),
    "uuid_generate_v5": (f"uuid_generate_v5(uuid_ns_dns(), {NAME})", "name"),
}


def uuids(server, report, sizes):
    """On-CPU time per UUID in one backend, as cpu_per_call does it."""
    def row_calls(arm, count):
        return f"SELECT count({UUIDS[arm][0]}) FROM generate_series(1, {count}) i"

    ossp = has_uuid_ossp(server)
    arms = [arm for arm in UUIDS if ossp or not arm.startswith("uuid_generate")]
    slow = ("gen_random_uuid", "uuid_generate_v1")
    count = {arm: sizes.calls // 10 if arm in slow else sizes.calls for arm in arms}
    rounds = {arm: [] for arm in arms}

    server.set("snowflake_pg.max_lead", 3_600_000)
    with server.session() as session:
        for arm in arms:  # warm-up
            session.query(row_calls(arm, 10_000))
        for turn in range(sizes.rounds):
            for arm in rotated(arms, turn):
                rounds[arm].append(session.cpu(row_calls(arm, count[arm])) / count[arm])
        # the lead only shrinks while nothing is made: what ends with less than half of it never used it up
        for call in ("uuid_timestamp(uuid_v1())", "uuid_timestamp(uuid_v7())",
                     "snowflake128_timestamp(snowflake128_next())"):
            if session.value(f"SELECT {call} < clock_timestamp() + interval '30 min'") != "t":
                raise Failure(f"{call}: the generator may have waited for the clock")
    server.set("snowflake_pg.max_lead", 500)
    server.stop()  # UUIDs that ran ahead are forgotten, so that others need not wait for the clock
    server.start()

    report.raw("uuid_cpu_ns_gross", rounds)
    least = {arm: min(values) for arm, values in rounds.items()}
    net = {arm: least[arm] - least[base] for arm, (_, base) in UUIDS.items() if base and arm in least}

    # PostgreSQL 18 made gen_random_uuid() faster, and the targets are those of 15
    old = int(server.query("SHOW server_version_num")[0]) < 160000
    for ours, theirs, most in (
        ("uuid_v5", "uuid_generate_v5", 0.18),
        ("uuid_v1", "uuid_generate_v1", 0.04),
        ("uuid_v4", "gen_random_uuid", 0.06 if old else None),
        ("uuid_v7", "gen_random_uuid", 0.08 if old else None),
    ):
        if theirs in net:
            report.figure(f"CPU, {ours}() / {theirs}()", net[ours] / net[theirs], most=most)
    what = {"constant": "a constant function", "name": "its name", "sixteen_bytes": "its bytes"}
    for arm in net:
        spread = (statistics.median(rounds[arm]) - least[arm]) / least[arm] * 100
        report.figure(f"  {arm}() over {what[UUIDS[arm][1]]} (median {spread:.0f} % above minimum)", net[arm], "ns")


# --- throughput -----------------------------------------------------------------------------------------------------

def seconds(session, sql):
    began = time.monotonic()
    session.query(sql)
    return time.monotonic() - began


def use_up_lead(session):
    """Makes IDs until the generator waits for the clock; a machine that never gets there has no lead to use up.

    Answers how many.
    """
    waits = "SELECT coalesce(sum(waits), 0) FROM snowflake_status"
    before = session.value(waits)
    for turn in range(1, 21):
        session.query(batch(CEILING // 8))
        if session.value(waits) != before:
            break
    return turn * (CEILING // 8)


def throughput(server, report, sizes):
    """IDs per second after the lead is used up, as a share of what the layout can hold."""
    count = CEILING * sizes.seconds
    with server.session() as session:
        before, waited = wal(server, session), mark_waits(session)
        began = time.monotonic()
        made = use_up_lead(session) + count
        spent = seconds(session, batch(count))
        waited = (mark_waits(session) - waited) / (time.monotonic() - began)
        after = wal(server, session)
    sustained = count / spent
    report.raw("ids_per_second", {"batch": sustained})
    report.figure(f"snowflake_next_batch() in one backend, {sizes.seconds} s, of the ceiling",
                  100 * sustained / CEILING, "%", least=99)
    report_wal(report, "WAL per million IDs meanwhile", after, before, made, most=3_000)
    report.figure("  callers that waited for a flush of the mark meanwhile", waited, "per s", most=1)

    def loop(function):  # streams, so that no tuple store is part of it
        return f"SELECT count({ONE_CALL[function]}) FROM (SELECT generate_series(1, {sizes.loop})) g"

    rates = {"snowflake_next": [], "pg_backend_pid": []}
    with server.session() as session:
        for _ in range(sizes.loops):
            use_up_lead(session)
            for name in rates:
                rates[name].append(sizes.loop / seconds(session, loop(name)))
    report.raw("calls_per_second", rates)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    goal = min(0.85 * medians["pg_backend_pid"], 0.99 * CEILING)
    share = 100 * medians["snowflake_next"] / goal
    report.figure("snowflake_next() in one backend, of 0.85 pg_backend_pid(), at most 99 % of the ceiling", share, "%",
                  least=100)
    report.figure("  snowflake_next()", medians["snowflake_next"] / 1e6, "M/s")
    report.figure("  pg_backend_pid()", medians["pg_backend_pid"] / 1e6, "M/s")


def two_workers(server, report, sizes):
    """Two backends of a range of two workers, each after its lead is used up."""
    server.set("snowflake_pg.worker_id", "1-2")
    count = CEILING * sizes.seconds
    with server.session() as one, server.session() as two:
        for session in (one, two):
            session.send(batch(2 * CEILING))
        for session in (one, two):
            session.receive()
        began = time.monotonic()
        for session in (one, two):
            session.send(batch(count))
        for session in (one, two):
            session.receive()
        rate = 2 * count / (time.monotonic() - began)
    server.set("snowflake_pg.worker_id", "1")
    report.raw("ids_per_second_two_workers", rate)
    report.figure("two workers in two backends, of one worker's ceiling", 100 * rate / CEILING, "%", least=100)


def backends(server, report, sizes):
    """One worker shared by several backends, after its lead is used up; and what a batch costs."""
    rates = {}
    for number in (1, 4, 16):
        with contextlib.ExitStack() as stack:
            sessions = [stack.enter_context(server.session()) for _ in range(number)]
            each = CEILING * sizes.seconds // number
            use_up_lead(sessions[0])
            began = time.monotonic()
            for session in sessions:
                session.send(batch(each))
            for session in sessions:
                session.receive()
            rates[number] = each * number / (time.monotonic() - began)
        report.figure(f"snowflake_next_batch() in {number} backends, one worker, of the ceiling",
                      100 * rates[number] / CEILING, "%", least=99.5)
    report.raw("ids_per_second_by_backends", rates)

    server.set("snowflake_pg.max_lead", 3_600_000)
    arms = {"batch": batch(sizes.calls), "series": f"SELECT count(*) FROM (SELECT generate_series(1, {sizes.calls})) b"}
    cpu = {arm: [] for arm in arms}
    with server.session() as session:
        for turn in range(-1, sizes.rounds):
            for arm in rotated(list(arms), turn):
                spent = session.cpu(arms[arm]) / sizes.calls
                if turn >= 0:  # the first one warms up
                    cpu[arm].append(spent)
    server.set("snowflake_pg.max_lead", 500)
    server.stop()  # the lead is forgotten
    server.start()
    report.raw("batch_cpu_ns_gross", cpu)
    report.figure("CPU, snowflake_next_batch() / generate_series() of the same length, gross",
                  min(cpu["batch"]) / min(cpu["series"]), most=1.1)


# --- inserts --------------------------------------------------------------------------------------------------------

def inserts(server, report, sizes):
    """Bulk inserts into two tables of one shape, in pairs, in either order."""
    tables = ("rows_snowflake", "rows_bigserial")
    ratios, cpu_ratios, wall = [], [], {table: [] for table in tables}
    with server.session() as session:
        for pair in range(-1, sizes.pairs):  # the first one warms up
            times = {}
            for table in rotated(list(tables), pair):
                session.query(f"TRUNCATE {table}")
                session.query("CHECKPOINT")
                cpu = session.on_cpu()
                sql = f"INSERT INTO {table} (payload) SELECT g FROM generate_series(1, {sizes.rows}) g"
                times[table] = (seconds(session, sql), session.on_cpu() - cpu)
            if pair >= 0:
                ours, theirs = (times[table] for table in tables)
                ratios.append(ours[0] / theirs[0])
                cpu_ratios.append(ours[1] / theirs[1])
                for table in tables:
                    wall[table].append(times[table][0])
    report.raw("insert_seconds", wall)
    report.raw("insert_cpu_ratios", cpu_ratios)
    report.figure(f"INSERT of {sizes.rows:,} rows, snowflake_next() / bigserial, median of {sizes.pairs} pairs",
                  statistics.median(ratios), most=1.0)
    report.figure("  lowest pair", min(ratios))
    report.figure("  highest pair", max(ratios))
    report.figure("  the same in CPU time of the backend", statistics.median(cpu_ratios))
    for table in tables:
        report.figure(f"  {table}", statistics.median(wall[table]), "s")


def transactions(server, report, sizes):
    """One ID per transaction, over the wire."""
    arms = ("next", "nextval", "uuid", "ticket")
    rates = {arm: [] for arm in arms}
    flushes = {arm: [] for arm in arms}
    with server.session() as session:
        for turn in range(sizes.loops):
            for arm in rotated(list(arms), turn):
                before = wal(server, session)
                output = server.pgbench(f"{arm}.sql", "-c", "4", "-j", "1", "-T", str(sizes.transactions))
                done = int(re.search(r"transactions actually processed: (\d+)", output)[1])
                rates[arm].append(float(re.search(r"tps = ([\d.]+)", output)[1]))
                flushes[arm].append(1000 * (wal(server, session)[1] - before[1]) / done)
    report.raw("transactions_per_second", rates)
    for arm in arms:
        report.figure(f"  {arm}.sql, 4 clients, one ID per transaction", statistics.median(rates[arm]),
                      f"/s, {statistics.median(flushes[arm]):.1f} flushes per 1,000")


def tickets(server, report, sizes):
    """Small, dense numbers for 8 clients: a counter of ours, and a table with one row as ticket server."""
    one = {"ticket table": "ticket.sql", "ticket_next()": "ticket_next.sql", "nextval() CACHE 1": "nextval.sql",
           "pg_backend_pid()": "pid.sql"}
    many = {"ticket table": "tickets_table.sql", "ticket_next()": "tickets_next.sql"}
    per_statement = 100
    server.query("SELECT ticket_create('bench', 1, 100)")

    def rate(script):
        output = server.pgbench(script, "-c", "8", "-j", "1", "-T", str(sizes.transactions))
        return float(re.search(r"tps = ([\d.]+)", output)[1])

    rates = {arm: [] for arm in one}
    bulk = {arm: [] for arm in many}
    for turn in range(sizes.loops):
        for arm in rotated(list(one), turn):
            rates[arm].append(rate(one[arm]))
        for arm in rotated(list(many), turn):
            bulk[arm].append(rate(many[arm]) * per_statement)
    server.query("SELECT ticket_drop('bench')")
    report.raw("tickets_per_second", {"one": rates, "many": bulk})
    one = {arm: statistics.median(values) for arm, values in rates.items()}
    many = {arm: statistics.median(values) for arm, values in bulk.items()}
    report.figure("tickets of 8 clients, one per round trip, ticket_next() / ticket table",
                  one["ticket_next()"] / one["ticket table"], least=8)
    report.figure(f"tickets of 8 clients, {per_statement:,} per statement, ticket_next() / ticket table",
                  many["ticket_next()"] / many["ticket table"], least=20)
    for arm in one:
        report.figure(f"  {arm}, one per round trip", one[arm], "per s")
    for arm in many:
        report.figure(f"  {arm}, {per_statement:,} per statement", many[arm], "per s")


# --- memory, WAL, latency -------------------------------------------------------------------------------------------

def memory(server, report, _):
    size = int(server.query("SELECT allocated_size FROM pg_shmem_allocations WHERE name = 'snowflake_pg'")[0])
    report.figure("shared memory", size / 1000, "kB", below=256)


def wal(server, session):
    """Bytes of WAL written and flushes so far, with those of this session."""
    session.query("SELECT pg_stat_force_next_flush()")
    time.sleep(0.1)
    new = int(server.query("SHOW server_version_num")[0]) >= 180000
    flushes = "sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'" if new else "wal_sync FROM pg_stat_wal"
    (line,) = server.query(f"SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, {flushes}")
    written, flushed = line.split("|")
    return int(written), int(flushed)


def report_wal(report, name, after, before, ids=1_000_000, most=None):
    millions = ids / 1_000_000
    written, flushed = ((new - old) / millions for new, old in zip(after, before))
    report.figure(f"  {name}", written, f"B, {flushed:.2f} flushes", most=most)


def mark_waits(session):
    """How often a caller waited until a raise of the mark was durable."""
    return int(session.value("SELECT coalesce(max(mark_waits), 0) FROM snowflake_status"))


def wal_volume(server, report, sizes):
    """Beside the WAL at full rate, which the throughput measures."""
    with server.session() as session:
        for name in ("nextval", "nextval_cache_1000"):
            session.query(f"SELECT {ONE_CALL[name]}")
            before = wal(server, session)
            session.query(calls(name, 1_000_000))
            report_wal(report, f"WAL per million IDs, {name}", wal(server, session), before)
        for name in ("snowflake_next", "nextval"):
            script = {"snowflake_next": "next.sql", "nextval": "nextval.sql"}[name]
            before = wal(server, session)
            output = server.pgbench(script, "-c", "1", "-R", "20", "-T", str(sizes.idle))
            done = int(re.search(r"transactions actually processed: (\d+)", output)[1])
            after = wal(server, session)
            report.figure(f"  WAL of {name}, 20 IDs per second, each a transaction", (after[0] - before[0]) / done,
                          f"B per ID, {(after[1] - before[1]) / sizes.idle:.2f} flushes per second")
        quiet = []
        for _ in range(3):  # the least: now and then the background writer notes the running transactions
            session.query("SELECT snowflake_next()")
            time.sleep(2)
            before = wal(server, session)
            time.sleep(sizes.idle)
            quiet.append((wal(server, session), before))
        after, before = min(quiet, key=lambda pair: pair[0][0] - pair[1][0])
        report_wal(report, f"WAL in {sizes.idle} s that begin 2 s after an ID", after, before, most=0)


def round_trips(server, report, sizes):
    """Prepared statements of 8 clients, one ID each, beside the round trip alone, in pairs."""
    rates = {"next.sql": [], "pid.sql": []}
    for turn in range(sizes.pairs):
        for script in rotated(list(rates), turn):
            output = server.pgbench(script, "-M", "prepared", "-c", "8", "-j", "1", "-T", str(sizes.transactions))
            rates[script].append(float(re.search(r"tps = ([\d.]+)", output)[1]))
    ratios = [ours / theirs for ours, theirs in zip(*rates.values())]
    report.raw("round_trips_per_second", rates)
    report.figure(f"SELECT snowflake_next() / SELECT pg_backend_pid(), prepared, 8 clients, best of {sizes.pairs} pairs",
                  max(ratios), least=0.97)
    report.figure("  the median", statistics.median(ratios))
    report.figure("  the lowest", min(ratios))


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


# --- gates ----------------------------------------------------------------------------------------------------------

def gates(server, report, sizes):
    """IDs and UUIDs of several backends at once: unique, in order per backend, and what they decode to."""
    for workers in ("1", "1-2"):
        server.set("snowflake_pg.worker_id", workers)
        check_ids(server, report, sizes, workers)
    server.set("snowflake_pg.worker_id", "1")
    for function, decoded in TIMED_UUIDS.items():
        check_uuids(server, report, sizes, function, *decoded)

    server.query("TRUNCATE ids")
    server.pgbench("ids_instagram.sql", "-c", str(sizes.clients), "-j", "1", "-t", "1", "-D", f"rows={sizes.ids // 5}")
    (line,) = server.query("SELECT count(*), count(*) - count(DISTINCT id) FROM ids")
    count, duplicates = line.split("|")
    report.figure(f"  Instagram's recipe in PL/pgSQL, duplicates in {int(count):,} IDs", int(duplicates))


def check_ids(server, report, sizes, workers):
    server.query("TRUNCATE ids")
    (began,) = server.query("SELECT clock_timestamp()")
    server.pgbench("ids.sql", "-c", str(sizes.clients), "-j", "1", "-t", "1", "-D", f"rows={sizes.ids}")
    (line,) = server.query(f"""
        SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE id <= previous),
               count(*) FILTER (WHERE snowflake_encode(ts, worker_id, sequence) <> id
                   OR worker_id NOT IN ({workers.replace("-", ",")})
                   OR ts NOT BETWEEN '{began}'::timestamptz - interval '1 ms' AND clock_timestamp() + interval '500 ms')
        FROM (SELECT id, lag(id) OVER (PARTITION BY client ORDER BY n) AS previous FROM ids) i,
             snowflake_decode(id)""")
    count, duplicates, disordered, misread = (int(field) for field in line.split("|"))
    expected = 2 * sizes.ids * sizes.clients
    good = (count, duplicates, disordered, misread) == (expected, 0, 0, 0)
    what = f"{count:,} IDs of {sizes.clients} backends, workers {workers}"
    report.gate(f"{what}: {duplicates} duplicates, {disordered} out of order, {misread} decode wrongly", good)


# Of the UUIDs that hold a time: the function that reads it, and what else must hold.
TIMED_UUIDS = {
    "uuid_v1": ("uuid_timestamp", "uuid_version(id) = 1"),
    "uuid_v6": ("uuid_timestamp", "uuid_version(id) = 6"),
    "uuid_v7": ("uuid_timestamp", "uuid_version(id) = 7"),
    "snowflake128_next": ("snowflake128_timestamp", "(snowflake128_decode(id)).worker_id = 1"),
}


def check_uuids(server, report, sizes, function, time_of, holds):
    server.query("TRUNCATE uuids")
    (began,) = server.query("SELECT clock_timestamp()")
    server.pgbench("uuids.sql", "-c", str(sizes.clients), "-j", "1", "-t", "1", "-D", f"rows={sizes.ids}",
                   "-D", f"function={function}")
    # the bytes of version 1 do not sort by time, but its time, to the microsecond, never goes back
    disorder = f"{time_of}(id) < {time_of}(previous)" if function == "uuid_v1" else "id <= previous"
    (line,) = server.query(f"""
        SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE {disorder}),
               count(*) FILTER (WHERE NOT ({holds}
                   AND {time_of}(id) BETWEEN '{began}'::timestamptz - interval '1 ms'
                       AND clock_timestamp() + interval '500 ms'))
        FROM (SELECT id, lag(id) OVER (PARTITION BY client ORDER BY n) AS previous FROM uuids) i""")
    count, duplicates, disordered, misread = (int(field) for field in line.split("|"))
    good = (count, duplicates, disordered, misread) == (sizes.ids * sizes.clients, 0, 0, 0)
    what = f"{count:,} UUIDs of {sizes.clients} backends, {function}()"
    report.gate(f"{what}: {duplicates} duplicates, {disordered} out of order, {misread} decode wrongly", good)
