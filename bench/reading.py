"""Workload G: what rows are asked by their time, with an ID that has it and with a column beside the key."""

from measure import in_turn, seconds

OURS, COLUMN, INDEXED = "ID alone", "timestamptz column", "timestamptz column with an index"
TABLES = {OURS: "reads_snowflake", COLUMN: "reads_column", INDEXED: "reads_indexed"}
HOURS = 30 * 24
WORKERS = 16

# A month of rows by 16 workers, as one server after the other would have made them. The columns beside a plain key
# have what an ID has, so that all tables are asked the same.
FILL = f"""
CREATE TABLE reads_snowflake (id bigint NOT NULL, payload int NOT NULL);
CREATE TABLE reads_column (id bigint NOT NULL, created_at timestamptz NOT NULL, worker_id smallint NOT NULL,
                           payload int NOT NULL);
INSERT INTO reads_snowflake
SELECT snowflake_encode('2026-01-01 UTC'::timestamptz + n * ({HOURS} * interval '1 hour' / {{rows}}), n % {WORKERS}, 0),
       n FROM generate_series(1, {{rows}}) n;
INSERT INTO reads_column
SELECT payload, snowflake_timestamp(id), snowflake_worker_id(id), payload FROM reads_snowflake ORDER BY id;
CREATE TABLE reads_indexed AS SELECT * FROM reads_column ORDER BY id;
ALTER TABLE reads_snowflake ADD PRIMARY KEY (id);
ALTER TABLE reads_column ADD PRIMARY KEY (id);
ALTER TABLE reads_indexed ADD PRIMARY KEY (id);
CREATE INDEX ON reads_indexed (created_at);
CREATE TABLE reads_times AS
SELECT '2026-01-01 UTC'::timestamptz + n * interval '7 hours' AS since,
       '2026-01-01 UTC'::timestamptz + n * interval '7 hours' + interval '10 minutes' AS until
FROM generate_series(1, 100) n;
VACUUM (FREEZE, ANALYZE) reads_snowflake, reads_column, reads_indexed, reads_times;
"""
SINCE, UNTIL = "'2026-01-10 UTC'", "'2026-01-11 UTC'"
BY_HOUR = "SELECT date_trunc('hour', {time}) AS hour, count(*), sum(payload) FROM {table} GROUP BY hour"
BY_WORKER = "SELECT {worker} AS worker, count(*), sum(payload) FROM {table} GROUP BY worker"
RANGE = "SELECT count(*), sum(payload) FROM {table} WHERE {within}"
JOIN = "SELECT count(*), sum(payload) FROM reads_times JOIN {table} ON {within}"


def column(form, **values):
    """The statement for both tables that have the column."""
    return {arm: form.format(table=TABLES[arm], **values) for arm in (COLUMN, INDEXED)}


def ours(form, arm=OURS, **values):
    return {arm: form.format(table=TABLES[OURS], **values)}


WITHIN = f"created_at >= {SINCE} AND created_at < {UNTIL}"
QUESTIONS = {
    "by hour": {
        **ours(BY_HOUR, time="snowflake_timestamp(id)"),
        **ours(BY_HOUR, f"{OURS}, by (snowflake_decode(id)).ts", time="(snowflake_decode(id)).ts"),
        **ours(BY_HOUR.replace("FROM {table}", "FROM {table}, snowflake_decode(id) AS d"),
               f"{OURS}, FROM ..., snowflake_decode(id) d", time="d.ts"),
        **column(BY_HOUR, time="created_at"),
    },
    "a day": {
        **ours(RANGE, within=f"snowflake_between(id, {SINCE}, {UNTIL})"),
        **column(RANGE, within=WITHIN),
    },
    "by worker": {
        **ours(BY_WORKER, worker="snowflake_worker_id(id)"),
        **column(BY_WORKER, worker="worker_id"),
    },
    "joined with 100 spans of time": {
        **ours(JOIN, within="snowflake_between(id, since, until)"),
        # without an index every row would be compared with every span
        INDEXED: column(JOIN, within="created_at >= since AND created_at < until")[INDEXED],
    },
}
# How much more time than with the column is to be enough.
MOST = {("by hour", f"{OURS}, by (snowflake_decode(id)).ts"): 1.5}


def reading(server, report, sizes):
    """All questions in turn, in one backend without parallel workers, of tables that are in memory."""
    with server.session() as session:
        session.query("SET timezone = 'UTC'")
        session.query("SET max_parallel_workers_per_gather = 0")
        for statement in FILL.format(rows=sizes.read_rows).split(";\n"):
            if statement.strip():
                session.query(statement.strip())
        size = {arm: [int(session.value(f"SELECT pg_{kind}_size('{table}')")) / 1e6
                      for kind in ("table", "indexes")] for arm, table in TABLES.items()}
        times = {}
        for question, arms in QUESTIONS.items():
            expected = {tuple(sorted(session.query(sql))) for sql in arms.values()}  # warms up
            report.gate(f"reading, {question}: every way has the same result", len(expected) == 1)
            times[question] = in_turn(arms, sizes.reads, lambda _, sql: seconds(session, sql))
        for table in (*TABLES.values(), "reads_times"):
            session.query(f"DROP TABLE {table}")
    report.raw("reading", {"rows": sizes.read_rows, "seconds": times, "megabytes": size})
    for question, arms in times.items():
        for arm in arms:
            if arm.startswith(OURS):
                for other in (COLUMN, INDEXED):
                    if other not in arms:
                        continue
                    most = MOST.get((question, arm)) if other == COLUMN else None
                    report.ratios(f"{'' if most else '  '}{question}, time, {arm} / {other}", arms[arm], arms[other],
                                  most=most)
        for arm, spent in arms.items():
            report.values(f"  {question}, {arm}", [1_000 * one for one in spent], "ms")
    for arm, (table, indexes) in size.items():
        report.figure(f"  size of {arm}", table + indexes, f"MB, {indexes:,.1f} of them indexes")
