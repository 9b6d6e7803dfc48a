"""Workload D: rows with a primary key that is made by its default."""

import re
import statistics

from measure import seconds, wal
from postgres import Failure

KEYS = {
    "bigserial": "rows_bigserial",
    "snowflake_next()": "rows_snowflake",
    "uuid_v7()": "rows_uuid_v7",
    "gen_random_uuid()": "rows_uuid_v4",
}
BASE, OURS, RANDOM = "bigserial", "snowflake_next()", "gen_random_uuid()"
CLIENTS = 4
PER_STATEMENT = 1_000  # rows of the load


def either_way(turn):
    """The keys, every other round backwards: the two of a pair stay neighbours, and neither is always first."""
    return list(KEYS)[::1 if turn % 2 == 0 else -1]


def bulk_inserts(server, report, sizes):
    """INSERT ... SELECT in one backend, of equal starts."""
    measured = {key: {"seconds": [], "cpu_seconds": [], "wal_bytes_per_row": []} for key in KEYS}
    with server.session() as session:
        for turn in range(-1, sizes.pairs):  # the first one warms up
            for key in either_way(turn):
                if turn >= sizes.loops and key not in (BASE, OURS):
                    continue  # more rounds of the two that a target is about
                session.query(f"TRUNCATE {KEYS[key]}")
                session.query("CHECKPOINT")
                before, cpu = wal(server, session), session.on_cpu()
                spent = seconds(session, f"INSERT INTO {KEYS[key]} (payload) SELECT g "
                                         f"FROM generate_series(1, {sizes.rows}) g")
                if turn >= 0:
                    measured[key]["seconds"].append(spent)
                    measured[key]["cpu_seconds"].append((session.on_cpu() - cpu) / 1e9)
                    measured[key]["wal_bytes_per_row"].append((wal(server, session)[0] - before[0]) / sizes.rows)
    report.raw("bulk_inserts", {"rows": sizes.rows, "keys": measured})
    what = f"INSERT ... SELECT of {sizes.rows:,} rows"
    base = measured[BASE]
    report.ratios(f"{what}, time, {OURS} / {BASE}", measured[OURS]["seconds"], base["seconds"], most=0.95)
    report.ratios("  the same in CPU time of the backend", measured[OURS]["cpu_seconds"], base["cpu_seconds"])
    for key, values in measured.items():
        if key not in (BASE, OURS):
            spent = values["seconds"]
            report.ratios(f"  {what}, time, {key} / {BASE}", spent, base["seconds"][:len(spent)])
    for key, values in measured.items():
        report.values(f"  {what}, {key}", [sizes.rows / spent for spent in values["seconds"]], "rows/s")
    for key, values in measured.items():
        report.values(f"  {what}, {key}, WAL", values["wal_bytes_per_row"], "B per row")


def inserts(server, report, sizes):
    """Rows of several clients at once: many to a statement up to a size that counts, then one by one."""
    loads = {key: {"rows_per_second": [], "wal_bytes_per_row": []} for key in KEYS}
    ways = {"each a transaction": 1, "100 to a transaction": 100}
    singles = {way: {key: {"rows_per_second": [], "wal_bytes_per_row": []} for key in KEYS} for way in ways}
    statements = sizes.load // PER_STATEMENT // CLIENTS
    with server.session() as session:

        def measure(into, key, text, rows_per_run, *arguments):
            session.query("CHECKPOINT")
            before = wal(server, session)
            rate, done = run(server, text, *arguments)
            into[key]["rows_per_second"].append(rate * rows_per_run)
            into[key]["wal_bytes_per_row"].append((wal(server, session)[0] - before[0]) / (done * rows_per_run))

        for turn in range(sizes.loads):
            for key in either_way(turn):
                session.query(f"TRUNCATE {KEYS[key]}")
                measure(loads, key, f"INSERT INTO {KEYS[key]} (payload) SELECT g "
                                    f"FROM generate_series(1, {PER_STATEMENT}) g;\n",
                        PER_STATEMENT, "-t", str(statements))
        size = sizes_of_indexes(server, session)
        for turn in range(sizes.loops):
            for way, rows in ways.items():
                for key in either_way(turn):
                    text = rows * f"INSERT INTO {KEYS[key]} (payload) VALUES (1);\n"
                    if rows > 1:
                        text = f"BEGIN;\n{text}COMMIT;\n"
                    measure(singles[way], key, text, rows, "-T", "1", "-M", "prepared")
        for table in KEYS.values():
            session.query(f"TRUNCATE {table}")
    report.raw("inserts", {"rows": sizes.load, "loads": loads, "indexes": size, "singles": singles})

    what = f"{sizes.load:,} rows of {CLIENTS} clients"
    for key in KEYS:
        if key != BASE:
            report.ratios(f"  {what}, rows/s, {key} / {BASE}", loads[key]["rows_per_second"],
                          loads[BASE]["rows_per_second"])
    report.ratios(f"{what}, WAL per row, {OURS} / {RANDOM}", loads[OURS]["wal_bytes_per_row"],
                  loads[RANDOM]["wal_bytes_per_row"], below=1)
    report.figure(f"{what}, size of the index, {OURS} / {RANDOM}", size[OURS]["bytes"] / size[RANDOM]["bytes"], below=1)
    for key in KEYS:
        report.values(f"  {what}, {key}", loads[key]["rows_per_second"], "rows/s")
        report.values(f"  {what}, {key}, WAL", loads[key]["wal_bytes_per_row"], "B per row")
        density = size[key]["leaf_density"]
        report.figure(f"  {what}, {key}, index of the primary key", size[key]["bytes"] / 1e6,
                      "MB, no pgstattuple here" if density is None else f"MB, leaves {density:.1f} % full")
    for way, keys in singles.items():
        what = f"single rows of {CLIENTS} clients, {way}"
        for key in KEYS:
            if key != BASE:
                report.ratios(f"  {what}, rows/s, {key} / {BASE}", keys[key]["rows_per_second"],
                              keys[BASE]["rows_per_second"])
        for key in KEYS:
            report.values(f"  {what}, {key}", keys[key]["rows_per_second"], "rows/s")
            report.values(f"  {what}, {key}, WAL", keys[key]["wal_bytes_per_row"], "B per row")


def run(server, text, *arguments):
    """A run of pgbench: the rate, and how often the script was run."""
    script = server.directory / "insert.sql"
    script.write_text(text)
    script.chmod(0o644)
    output = server.pgbench(script.name, "-c", str(CLIENTS), "-j", "1", *arguments)
    done = re.search(r"transactions actually processed: (\d+)", output)[1]
    return float(re.search(r"tps = ([\d.]+)", output)[1]), int(done)


def sizes_of_indexes(server, session):
    """Of the primary keys: their bytes, and how full their leaves are, where the contrib module for it is there."""
    try:
        server.query("CREATE EXTENSION IF NOT EXISTS pgstattuple")
        density = True
    except Failure:
        density = False
    sizes = {}
    for key, table in KEYS.items():
        size = int(session.value(f"SELECT pg_relation_size('{table}_pkey')"))
        leaves = f"SELECT avg_leaf_density FROM pgstatindex('{table}_pkey')"
        sizes[key] = {"bytes": size, "leaf_density": float(session.value(leaves)) if density else None}
    return sizes
