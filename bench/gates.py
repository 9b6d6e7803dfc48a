"""Whether IDs are right: unique, in order, what they say."""


from backends import NUMBERS

SEVERAL = 4


def gates(server, report, sizes):
    """IDs and UUIDs of several backends at once: unique, in order per backend, and what they decode to."""
    for number in NUMBERS:
        check_ids(server, report, sizes.ids, number, "1")
    server.set("snowflake_pg.worker_id", "1-2")
    check_ids(server, report, sizes.ids, SEVERAL, "1-2")
    server.set("snowflake_pg.worker_id", "1")
    for function, decoded in TIMED_UUIDS.items():
        check_uuids(server, report, sizes.ids, function, *decoded)
    for number in NUMBERS:
        server.query("TRUNCATE ids")
        run(server, "ids_instagram.sql", number, sizes.ids // 4)
        (line,) = server.query("SELECT count(*), count(*) - count(DISTINCT id) FROM ids")
        count, duplicates = (int(field) for field in line.split("|"))
        what = f"duplicates in {count:,} IDs of {backends(number)}"
        report.figure(f"  Instagram's recipe in PL/pgSQL, {what}", duplicates)


def backends(number):
    return f"{number} backend{'s' if number > 1 else ''}"


def run(server, script, number, ids, **variables):
    """So many backends at once, which make so many IDs together."""
    variables = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    server.pgbench(script, "-c", str(number), "-j", "1", "-t", "1", "-D", f"rows={ids // number}", *variables)


def check_ids(server, report, ids, number, workers):
    server.query("TRUNCATE ids")
    (began,) = server.query("SELECT clock_timestamp()")
    run(server, "ids.sql", number, ids)
    (line,) = server.query(f"""
        SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE id <= previous),
               count(*) FILTER (WHERE snowflake_encode(ts, worker_id, sequence) <> id
                   OR worker_id NOT IN ({workers.replace("-", ",")})
                   OR ts NOT BETWEEN '{began}'::timestamptz - interval '1 ms' AND clock_timestamp() + interval '500 ms')
        FROM (SELECT id, lag(id) OVER (PARTITION BY client ORDER BY n) AS previous FROM ids) i,
             snowflake_decode(id)""")
    judge(report, line, 2 * (ids // number) * number, "IDs", f"{backends(number)}, workers {workers}")


def judge(report, line, expected, what, origin):
    count, duplicates, disordered, misread = (int(field) for field in line.split("|"))
    report.gate(f"{count:,} {what} of {origin}: {duplicates} duplicates, {disordered} out of order, "
                f"{misread} decode wrongly", (count, duplicates, disordered, misread) == (expected, 0, 0, 0))


# Of the UUIDs that hold a time: the function that reads it, and what else must hold.
TIMED_UUIDS = {
    "uuid_v1": ("uuid_timestamp", "uuid_version(id) = 1"),
    "uuid_v6": ("uuid_timestamp", "uuid_version(id) = 6"),
    "uuid_v7": ("uuid_timestamp", "uuid_version(id) = 7"),
    "snowflake128_next": ("snowflake128_timestamp", "(snowflake128_decode(id)).worker_id = 1"),
}


def check_uuids(server, report, ids, function, time_of, holds):
    server.query("TRUNCATE uuids")
    (began,) = server.query("SELECT clock_timestamp()")
    run(server, "uuids.sql", SEVERAL, ids, function=function)
    # the bytes of version 1 do not sort by time, but its time, to the microsecond, never goes back
    disorder = f"{time_of}(id) < {time_of}(previous)" if function == "uuid_v1" else "id <= previous"
    (line,) = server.query(f"""
        SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE {disorder}),
               count(*) FILTER (WHERE NOT ({holds}
                   AND {time_of}(id) BETWEEN '{began}'::timestamptz - interval '1 ms'
                       AND clock_timestamp() + interval '500 ms'))
        FROM (SELECT id, lag(id) OVER (PARTITION BY client ORDER BY n) AS previous FROM uuids) i""")
    judge(report, line, ids // SEVERAL * SEVERAL, "UUIDs", f"{backends(SEVERAL)}, {function}()")
