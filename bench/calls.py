"""What one call costs: instructions and CPU time, of IDs and of UUIDs."""

import statistics

from measure import ONE_CALL, calls, has_uuid_ossp, rotated
from postgres import HERE, Failure


def instructions(server, report, sizes):
    """Instructions per call, in single-user mode under callgrind."""
    server.stop()

    def per_call(function):
        low, high = (server.instructions(calls(function, count)) for count in (sizes.short, sizes.long))
        return (high - low) / (sizes.long - sizes.short)

    gross = {name: per_call(name) for name in
             ("constant", "pg_backend_pid", "snowflake_next", "nextval_cache_1000", "nextval")}
    again = per_call("snowflake_next")
    server.start()
    report.raw("instructions_gross", {**gross, "snowflake_next_again": again})

    net = {name: count - gross["pg_backend_pid"] for name, count in gross.items()}
    report.figure("instructions, snowflake_next() over pg_backend_pid()", net["snowflake_next"], most=150)
    report.figure("  the same again", again - gross["pg_backend_pid"])
    report.figure("  snowflake_next() over a constant function", gross["snowflake_next"] - gross["constant"])
    report.figure("  nextval() CACHE 1000 over pg_backend_pid()", net["nextval_cache_1000"])
    report.figure("  nextval() CACHE 1 over pg_backend_pid()", net["nextval"])


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
