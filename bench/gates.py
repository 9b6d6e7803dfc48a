"""Whether IDs are right: unique, in order, what they say."""


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
