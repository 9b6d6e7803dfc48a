"""Causality: what its clocks cost beside an ID and a bigint, and version vectors beside the recipes with jsonb and hstore."""

from calls import CONSTANT, Arm, cpu, databases, per_call, report_net, row
from measure import has_extension, in_turn, net, report_wal, seconds, wal

PID, ID = "pg_backend_pid()", "snowflake_next()"
CLOCKS = {
    CONSTANT: row("constant()", None),
    PID: row(PID),
    ID: row(ID),
    "lamport_next()": row("lamport_next()"),
    "hlc_next()": row("hlc_next()"),
    "hlc_witness(an old value)": row("hlc_witness(hlc '2026-01-01 00:00:00+00/0')"),
}
# How many times the instructions of an ID they are to take.
MOST_CLOCKS = {"lamport_next()": 1.0, "hlc_next()": 1.2, "hlc_witness(an old value)": 1.0}
# The same numbers in both, most of them ahead of the clock.
SORTED = {"bigint": "sorted_bigint", "hlc": "sorted_hlc"}
FILL = """
CREATE TABLE sorted_bigint AS
    SELECT (extract(epoch FROM clock_timestamp() - '2000-01-01 UTC') * 1e6)::bigint * 1024 + (random() * 1e15)::bigint AS value
    FROM generate_series(1, {rows});
CREATE TABLE sorted_hlc AS SELECT value::hlc AS value FROM sorted_bigint;
VACUUM (FREEZE, ANALYZE) sorted_bigint, sorted_hlc;
"""
QUESTIONS = {
    "sort": "SELECT value FROM {table} ORDER BY value OFFSET {rows}",
    "compare": "SELECT count(*) FROM {table} WHERE value < (SELECT value FROM {table} LIMIT 1)",
}
# Two that together know so many nodes: the same ones, as those of servers that hear of each other; or of which they share
# a third.
VECTORS = {
    "": ("true", "true"),
    ", a third of them shared": ("n % 3 > 0", "n % 3 < 2"),
}
VECTOR = """
SELECT string_agg({pair}, ',') FROM (
    SELECT n, n * 1000003 AS node, 1000 + n * {step} % 1000 AS counter FROM generate_series(0, {nodes} - 1) AS n) AS n
WHERE {part}
"""
RECIPES = """
CREATE FUNCTION merge_jsonb(a jsonb, b jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
    SELECT jsonb_object_agg(node, greatest((a ->> node)::bigint, (b ->> node)::bigint))
    FROM jsonb_object_keys(a || b) AS node
$$;
"""
RECIPE_HSTORE = """
CREATE FUNCTION merge_hstore(a hstore, b hstore) RETURNS hstore IMMUTABLE LANGUAGE sql AS $$
    SELECT hstore(array_agg(node), array_agg(greatest((a -> node)::bigint, (b -> node)::bigint)::text))
    FROM skeys(a || b) AS node
$$;
"""
# Up to 16 replicas that come, go, write and hear of each other at random.
LIFE = """
CREATE FUNCTION itc_life(steps int, OUT largest int, OUT stamp itc_stamp) LANGUAGE plpgsql AS $$
DECLARE
    stamps itc_stamp[] := ARRAY[itc_seed()];
    replicas int := 1;
    one int;
    other int;
    half record;
    dice float8;
BEGIN
    PERFORM setseed(0.5);
    largest := 0;
    FOR step IN 1..steps LOOP
        one := 1 + floor(random() * replicas);
        other := 1 + (one + floor(random() * (replicas - 1))::int) % replicas;
        dice := random();
        IF dice < 0.4 OR replicas = 1 AND dice > 0.6 THEN
            stamps[one] := itc_event(stamps[one]);
        ELSIF dice < 0.6 AND replicas < 16 THEN
            SELECT * INTO half FROM itc_fork(stamps[one]);
            replicas := replicas + 1;
            stamps[one] := half."left";
            stamps[replicas] := half."right";
        ELSIF dice < 0.8 AND replicas > 1 THEN
            stamps[one] := itc_join(stamps[one], stamps[other]);
            stamps[other] := stamps[replicas];
            one := CASE WHEN one = replicas THEN other ELSE one END;
            replicas := replicas - 1;
        ELSIF replicas > 1 THEN
            stamps[one] := itc_receive(stamps[one], itc_peek(stamps[other]));
        END IF;
        largest := greatest(largest, pg_column_size(stamps[one]));
    END LOOP;
    stamp := stamps[1];
END
$$;
"""
MOST_NANOSECONDS = {3: 100, 1_000: 3_000}


def causality(server, report, sizes):
    clocks(server, report, sizes)
    comparing(server, report, sizes)
    vectors(server, report, sizes)
    interval_trees(server, report, sizes)
    logged(server, report)


def clocks(server, report, sizes):
    with databases(server, "clocks"):
        server.stop()
        counts = per_call(server, CLOCKS, sizes.short, sizes.long, "clocks")
        server.start()
    own = counts[ID] - counts[PID]
    for name, most in MOST_CLOCKS.items():
        over = counts[name] - counts[PID]
        report.figure(f"  {name} over {PID}", over, "instructions")
        report.figure(f"instructions, {name} / {ID}, both over {PID}", over / own, most=most)
    with server.session() as session:
        rounds = cpu(session, CLOCKS, sizes, sizes.rounds)
    report_net(report, CLOCKS, rounds)


def comparing(server, report, sizes):
    with server.session() as session:
        session.query("SET work_mem = '512MB'")
        session.query("SET max_parallel_workers_per_gather = 0")
        for statement in filter(str.strip, FILL.format(rows=sizes.sorted_rows).split(";\n")):
            session.query(statement.strip())
        for question, sql in QUESTIONS.items():
            arms = {name: sql.format(table=table, rows=sizes.sorted_rows) for name, table in SORTED.items()}
            times = in_turn(arms, sizes.sorts, lambda _, sql: seconds(session, sql))
            report.ratios(f"{sizes.sorted_rows:,} of type hlc, {question} / bigint", times["hlc"], times["bigint"], most=1.1)
        for table in SORTED.values():
            session.query(f"DROP TABLE {table}")


def vectors(server, report, sizes):
    """The arguments are in memory and not compressed, as those of a loop are."""
    kinds = {"version_vector": ("node || ':' || counter", "{{{}}}", "a || b", 10),
             "jsonb": ("""'"' || node || '":' || counter""", "{{{}}}", "merge_jsonb(a, b)", 200)}
    with server.session() as session:
        session.query(RECIPES.strip())
        if has_extension(server, "hstore"):
            session.query(RECIPE_HSTORE.strip())
            kinds["hstore"] = ("node || '=>' || counter", "{}", "merge_hstore(a, b)", 200)
        for nodes, most in MOST_NANOSECONDS.items():
            for which, parts in VECTORS.items():
                arms = {}
                for kind, (pair, braces, merge, fewer) in kinds.items():
                    texts = [session.value(VECTOR.format(pair=pair, nodes=nodes, part=part, step=step).replace("\n", " "))
                             for part, step in zip(parts, (7_919, 4_241), strict=True)]
                    one, other = (f"'{braces.format(text)}'::{kind}" for text in texts)
                    values = f"WITH v AS MATERIALIZED (SELECT {one} AS a, {other} AS b) SELECT ".replace("{", "{{").replace("}", "}}")
                    rows = " FROM v, (SELECT generate_series(1, {count})) AS g"
                    fewer *= max(1, nodes // 30)
                    arms[f"two of {kind}"] = Arm(f"{values}count(a){rows}", None, fewer)
                    arms[kind] = Arm(f"{values}count({merge}){rows}", f"two of {kind}", fewer)
                rounds = cpu(session, arms, sizes, sizes.rounds)
                spent = {name: net(rounds, name, arms[name].base) for name in kinds}
                name = f"{nodes:,} entries{which}, merge of two of type version_vector"
                target = {} if which else {"below": most}
                report.values(f"{'  ' if which else ''}{name}", spent["version_vector"], "ns", **target)
                for kind in list(kinds)[1:]:
                    report.ratios(f"  {nodes:,} entries{which}, the recipe with {kind} / that", spent[kind], spent["version_vector"])


def interval_trees(server, report, sizes):
    with server.session() as session:
        session.query(LIFE.strip())
        largest, stamp = session.row("SELECT largest, stamp FROM itc_life(10000)")
        report.figure("the largest stamp of up to 16 replicas that come and go, 10,000 steps", int(largest), "B", below=100)
        values = f"WITH v AS MATERIALIZED (SELECT itc_stamp '{stamp}' AS stamp, (itc_fork(itc_stamp '{stamp}')).*) "
        loop = " FROM v, (SELECT generate_series(1, {count})) AS g"
        arms = {"a stamp": Arm(f"{values}SELECT count(stamp){loop}", None, 10)}
        for call in ("itc_event(stamp)", "itc_fork(stamp)", 'itc_join("left", "right")', "itc_peek(stamp)"):
            arms[call] = Arm(f"{values}SELECT count({call}){loop}", "a stamp", 10)
        report_net(report, arms, cpu(session, arms, sizes, sizes.rounds))


def logged(server, report):
    """What a million of them write to the log."""
    with server.session() as session:
        for call in ("lamport_next()", "hlc_next()"):
            session.query(f"SELECT {call}")
            before = wal(server, session)
            session.query(f"SELECT count({call}) FROM (SELECT generate_series(1, 1000000)) AS g")
            report_wal(report, f"WAL per million, {call}", wal(server, session), before)
