"""What one call costs in one backend: instructions and CPU time, of IDs and of UUIDs."""

import contextlib
import typing

from measure import CEILING, batch, has_extension, in_turn, net, settle, version
from postgres import HERE, Failure, Server

CONSTANT = "a constant function"
LOOP = "an empty loop"
SERIES = "generate_series()"
NAME = "its name"
BYTES = "its bytes"
ID = "its ID"
TEXT = "its text"


class Arm(typing.NamedTuple):
    """A statement that makes `count` calls; the arm that it is net of; by how much fewer calls are enough."""
    sql: str
    base: str | None = CONSTANT
    fewer: int = 1

    def statement(self, count):
        return self.sql.format(count=count)


def row(call, *arguments):
    """An arm that calls a function for each row i. The rows are not stored first, which would cost more than a call."""
    return Arm(f"SELECT count({call}) FROM (SELECT generate_series(1, {{count}}) AS i) g", *arguments)


def loop(statements, *arguments):
    return Arm(f"DO $$ BEGIN FOR i IN 1..{{count}} LOOP {statements} END LOOP; END $$", *arguments)


BATCH = "snowflake_next_batch()"
# The ones that the targets are about.
IDS = {
    CONSTANT: row("constant()", None),
    "pg_backend_pid()": row("pg_backend_pid()"),
    "clock_timestamp()": row("clock_timestamp()"),
    "snowflake_next()": row("snowflake_next()"),
    "nextval() CACHE 1": row("nextval('cache_1')"),
    "nextval() CACHE 1000": row("nextval('cache_1000')"),
    SERIES: Arm("SELECT count(*) FROM (SELECT generate_series(1, {count})) b", None),
    BATCH: Arm("SELECT count(*) FROM (SELECT snowflake_next_batch({count})) b", SERIES),
}
OTHER_IDS = {
    CONSTANT: IDS[CONSTANT],
    SERIES: IDS[SERIES],
    LOOP: loop("NULL;", None),
    "snowflake_next(worker)": row("snowflake_next(1)"),
    "ticket_next()": row("ticket_next('calls')"),
    # a transaction each: in one, every UPDATE would pass by the versions that the ones before it left
    "ticket table, UPDATE and COMMIT": loop("UPDATE ticket SET last = last + 1; COMMIT;", LOOP, 1_000),
    "ticket table, blocks of 1,000": row("ticket_block_next()", CONSTANT, 10),
    "ticket table, blocks of 1,000 as sets":
        Arm("SELECT count(*) FROM (SELECT ticket_block() FROM generate_series(1, {count} / 1000)) b", SERIES, 5),
    "Instagram's recipe in PL/pgSQL": row("instagram_next()", CONSTANT, 10),
}
UUIDS = {
    CONSTANT: IDS[CONSTANT],
    NAME: row("i::text", None),
    BYTES: row("point_send(point(i, i))", None),
    "uuid_v1()": row("uuid_v1()"),
    "uuid_v3()": row("uuid_v3(uuid_namespace_dns(), i::text)", NAME),
    "uuid_v4()": row("uuid_v4()"),
    "uuid_v5()": row("uuid_v5(uuid_namespace_dns(), i::text)", NAME),
    "uuid_v6()": row("uuid_v6()"),
    "uuid_v7()": row("uuid_v7()"),
    "uuid_v8()": row("uuid_v8(point_send(point(i, i)))", BYTES),
    "snowflake128_next()": row("snowflake128_next()"),
    "gen_random_uuid()": row("gen_random_uuid()", CONSTANT, 10),
}
# Those of other extensions, by the name of the extension: measured where that is installed.
OTHERS_UUIDS = {
    "uuid-ossp": {
        "uuid_generate_v1()": row("uuid_generate_v1()", CONSTANT, 20),
        "uuid_generate_v3()": row("uuid_generate_v3(uuid_ns_dns(), i::text)", NAME, 10),
        "uuid_generate_v4()": row("uuid_generate_v4()", CONSTANT, 10),
        "uuid_generate_v5()": row("uuid_generate_v5(uuid_ns_dns(), i::text)", NAME, 10),
    },
    "pg_uuidv7": {"uuid_generate_v7() of pg_uuidv7": row("uuid_generate_v7()", CONSTANT, 10)},
    "pg_idkit": {
        "idkit_uuidv7_generate_uuid() of pg_idkit": row("idkit_uuidv7_generate_uuid()", CONSTANT, 10),
        "idkit_ulid_generate() of pg_idkit": row("idkit_ulid_generate()", CONSTANT, 10),
    },
    "pgx_ulid": {"gen_ulid() of pgx_ulid": row("gen_ulid()", CONSTANT, 10)},
}
OTHERS_IDS = {"snowflake": {"snowflake.nextval() of pgEdge": row("snowflake.nextval('snowflake.id_seq')", CONSTANT, 10)}}
# What such an extension wants to be told.
OTHERS_SETTINGS = {"snowflake": ("snowflake.node", "1")}
# What a call reads differs from row to row.
SOME_ID = "i::bigint << 30"
SOME_TEXT = "lpad(i::text, 13, '0')"
READING = {
    CONSTANT: IDS[CONSTANT],
    ID: row(SOME_ID, None),
    TEXT: row(SOME_TEXT, None),
    "uuid_v1()": UUIDS["uuid_v1()"],
    "uuid_v7()": UUIDS["uuid_v7()"],
    "snowflake128_next()": UUIDS["snowflake128_next()"],
    "snowflake_timestamp(id)": row(f"snowflake_timestamp({SOME_ID})", ID),
    "snowflake_worker_id(id)": row(f"snowflake_worker_id({SOME_ID})", ID),
    "snowflake_decode(id)": row(f"snowflake_decode({SOME_ID})", ID),
    "(snowflake_decode(id)).ts": row(f"(snowflake_decode({SOME_ID})).ts", ID),
    "uuid_decode(uuid) of version 1": row("uuid_decode(uuid_v1())", "uuid_v1()"),
    "uuid_decode(uuid) of version 7": row("uuid_decode(uuid_v7())", "uuid_v7()"),
    "snowflake128_decode(uuid)": row("snowflake128_decode(snowflake128_next())", "snowflake128_next()"),
    "snowflake_to_text(id)": row(f"snowflake_to_text({SOME_ID})", ID),
    "snowflake_to_base32(id)": row(f"snowflake_to_base32({SOME_ID})", ID),
    "snowflake_from_base32(text)": row(f"snowflake_from_base32({SOME_TEXT})", TEXT),
}
# The most instructions, net.
MOST = {
    "ticket_next()": 500,
    "snowflake_decode(id)": 1_300,
    "uuid_decode(uuid) of version 1": 1_300,
    "uuid_decode(uuid) of version 7": 1_300,
    "snowflake128_decode(uuid)": 1_300,
    "snowflake_to_text(id)": 450,
    "snowflake_to_base32(id)": 450,
    "snowflake_from_base32(text)": 450,
}
POSTGRES_18 = {"uuidv7()": row("uuidv7()", CONSTANT, 10)}


def of_others(server, extensions, database="postgres"):
    """The arms of other extensions that this server has, which are created in the database."""
    arms = {}
    for name, those in extensions.items():
        if has_extension(server, name, database):
            arms |= those
            if name in OTHERS_SETTINGS:
                setting, value = OTHERS_SETTINGS[name]
                server.query(f"ALTER DATABASE {database} SET {setting} = '{value}'")
    return arms


# Whether IDs are of the time that it is, and whether they are of one that is far ahead.
NEAR = "SELECT waits = 0 AND lead < interval '1 ms' FROM snowflake_status"
FAR = "SELECT waits = 0 AND lead > interval '1 s' FROM snowflake_status"


def uuid_arms(server):
    """Those that this server has."""
    new = POSTGRES_18 if version(server) >= 180000 else {}
    return {**UUIDS, **of_others(server, OTHERS_UUIDS), **new}


def id_arms(server):
    """Those beside the ones that the targets are about."""
    return {**OTHER_IDS, **of_others(server, OTHERS_IDS)}


# --- instructions ---------------------------------------------------------------------------------------------------

def instructions(server, report, sizes):
    """Instructions per call, in single-user mode under callgrind."""
    few = {**id_arms(server), **uuid_arms(server), **READING}
    core = only("pg_backend_pid()", "snowflake_next()")
    with databases(server, "first", "few", "again", "ranged", "ahead", "behind"):
        get_far_ahead(server, "ahead", "behind")
        server.stop()
        gross = per_call(server, IDS, sizes.short, sizes.long, "first")
        gross |= per_call(server, {arm: few[arm] for arm in few if arm not in gross}, sizes.short // 5,
                          sizes.long // 5, "few")
        again = per_call(server, core, sizes.short, sizes.long, "again")
        ranged = per_call(server, core, sizes.short, sizes.long, "ranged", {"snowflake_pg.worker_id": "1-2"})
        ahead = per_call(server, core, sizes.short, sizes.long, "ahead", {"snowflake_pg.max_lead": 3_600_000})
        behind = per_call(server, core, sizes.short, sizes.long, "behind")
        server.start()
    report.raw("instructions_gross", {"first": gross, "again": again, "range of workers": ranged, "ahead": ahead,
                                      "behind": behind})

    def over(arm, base="pg_backend_pid()", counts=gross):
        return counts[arm] - counts[base]

    ours = "snowflake_next()"
    report.values(f"instructions, {ours} over pg_backend_pid()", [over(ours), over(ours, counts=again)], most=90)
    report.figure(f"  {ours} over {CONSTANT}", over(ours, CONSTANT))
    report.figure(f"  {ours} over pg_backend_pid(), a range of workers", over(ours, counts=ranged))
    report.figure(f"  {ours} over pg_backend_pid(), ahead of the clock", over(ours, counts=ahead))
    report.figure(f"  {ours} over pg_backend_pid(), ahead of a clock that went back", over(ours, counts=behind))
    report.figure("  nextval() CACHE 1000 over pg_backend_pid()", over("nextval() CACHE 1000"))
    report.figure("  nextval() CACHE 1 over pg_backend_pid()", over("nextval() CACHE 1"))
    for arm, (_, base, _) in {**IDS, **few}.items():
        if base and arm != ours:
            report.figure(f"  {arm} over {base}", over(arm, base), most=MOST.get(arm))


def get_far_ahead(server, *names):
    """Marks so far ahead that a server which starts makes IDs a minute ahead of the clock, as if that had gone back."""
    server.set("snowflake_pg.mark_window", 60_000)
    for name in names:
        server.query("SELECT snowflake_next()", name)
    server.set("snowflake_pg.mark_window", 1_000)


@contextlib.contextmanager
def databases(server, *names):
    """Databases with everything that the arms need, and without an ID so far."""
    first, *others = names
    server.query(f"CREATE DATABASE {first}")
    with server.session(first) as session:
        session.query(rf"\i '{HERE / 'sql' / 'setup.sql'}'")
        session.query("SELECT ticket_create('calls', 1, 1000)")
    for name in others:
        server.query(f"CREATE DATABASE {name} TEMPLATE {first}")
    for name in names:
        of_others(server, {**OTHERS_UUIDS, **OTHERS_IDS}, name)
    yield
    for name in names:
        server.query(f"DROP DATABASE {name}")


def per_call(server, arms, short, long, database, settings=()):
    """The instructions of one call of each arm: the difference of two lengths, by the difference in calls.

    The mark is raised twice a second, which is nothing beside the calls of a second, but not beside those that are
    made under callgrind: here it is raised so far ahead that it happens in none of the runs. Each needs a database of
    its own, where no mark is ahead of the clock yet.
    """
    settings = {"snowflake_pg.mark_window": 60_000, **dict(settings)}
    statements, differences = [], []
    for arm in arms.values():
        low, high = (count // (20 if arm.fewer >= 10 else 1) for count in (short, long))
        statements += [arm.statement(count) for count in (low, low, low, high, high)]  # the first one warms up
        differences.append(high - low)
    counts = server.instructions(statements, database, settings)
    # the lower one of each two: what happens once in a while is in one of them
    return {name: (min(counts[first + 3:first + 5]) - min(counts[first + 1:first + 3])) / difference
            for name, first, difference in zip(arms, range(0, len(counts), 5), differences, strict=True)}


# --- CPU time -------------------------------------------------------------------------------------------------------

def cpu_per_call(server, report, sizes):
    """On-CPU time per ID in one backend that never waits.

    Two figures. In a loop past the ceiling of the layout, with a lead that is never used up, IDs are ahead of the
    clock. Below the ceiling they are of the millisecond that the clock is in: that is measured in a layout of 65,536
    IDs per millisecond, which no loop uses up.
    """
    ours, theirs = "snowflake_next()", "nextval() CACHE 1000"
    server.set("snowflake_pg.max_lead", 3_600_000)
    server.query("SELECT ticket_create('calls', 1, 1000)")
    others_here = id_arms(server)
    with server.session() as session:
        def get_ahead():
            """Two seconds of IDs at once."""
            session.query(batch(2 * CEILING))

        ids = cpu(session, IDS, sizes, 2 * sizes.rounds, get_ahead)
        others = cpu(session, others_here, sizes, sizes.rounds)
        server.set("snowflake_pg.worker_id", "1-2", [session])
        ranged = cpu(session, only(ours, theirs), sizes, sizes.rounds, get_ahead)
        if session.row("SELECT sum(waits), bool_and(lead > interval '1 s') FROM snowflake_status") != ["0", "t"]:
            raise Failure("the generator waited for the clock, or was not ahead of it")
    server.set("snowflake_pg.worker_id", "1")
    server.set("snowflake_pg.max_lead", 500)
    server.query("SELECT ticket_drop('calls')")

    server.stop()  # the lead is forgotten
    server.start(**{"snowflake_pg.layout": "mastodon", "snowflake_pg.worker_id": "0"})
    server.query("CREATE DATABASE below")
    with server.session("below") as session:
        session.query(rf"\i '{HERE / 'sql' / 'setup.sql'}'")
        settle(server, "below")
        below = cpu(session, only(ours, theirs, "nextval() CACHE 1", "clock_timestamp()"), sizes, 2 * sizes.rounds)
        if session.value(NEAR) != "t":
            raise Failure("the generator got ahead of the clock: this is no figure below the ceiling")
        near, behind = beside_one_behind(session, sizes)
    server.query("DROP DATABASE below")
    server.stop()
    server.start()
    settle(server)

    report.raw("cpu_ns_gross", {"past the ceiling": ids, "others": others, "range of workers": ranged,
                                "below the ceiling": below, "beside behind": near, "behind": behind})
    for where, rounds in (("past the ceiling", ids), ("below the ceiling", below)):
        for other, most in ((theirs, 0.25), ("nextval() CACHE 1", 0.15)):
            report.ratios(f"CPU, {ours} {where} / {other}", net(rounds, ours, CONSTANT),
                          net(rounds, other, CONSTANT), most=most)
            report.figure("  the same by the least of all rounds", least(rounds, ours) / least(rounds, other),
                          most=most)
    report.values(f"  {ours} below the ceiling over {CONSTANT}", net(below, ours, CONSTANT), "ns")
    report.values(f"  of which reading the clock takes what clock_timestamp() takes over {CONSTANT}",
                  net(below, "clock_timestamp()", CONSTANT), "ns")
    report.ratios(f"CPU, {ours} below the ceiling / clock_timestamp()", net(below, ours, CONSTANT),
                  net(below, "clock_timestamp()", CONSTANT), most=1.1)
    report.figure("  the same by the least of all rounds", least(below, ours) / least(below, "clock_timestamp()"),
                  most=1.1)
    report.ratios(f"  clock_timestamp() / {theirs}", net(below, "clock_timestamp()", CONSTANT),
                  net(below, theirs, CONSTANT))
    report.values(f"  {ours} over {CONSTANT}, ahead of a clock that went back", net(behind, ours, CONSTANT), "ns")
    report.ratios("  the same / below the ceiling", net(behind, ours, CONSTANT), net(near, ours, CONSTANT))
    report.figure("  the same by the least of all rounds", least(behind, ours) / least(near, ours), most=1.5)
    report.values(f"  {ours} past the ceiling over {CONSTANT}, a range of workers", net(ranged, ours, CONSTANT), "ns")
    report.ratios(f"  the same / {theirs}", net(ranged, ours, CONSTANT), net(ranged, theirs, CONSTANT))
    report.ratios(f"CPU, {BATCH} / generate_series() of the same length, gross", ids[BATCH], ids[SERIES], most=1.1)
    report.figure("  the same by the least of all rounds", min(ids[BATCH]) / min(ids[SERIES]), most=1.1)
    report_net(report, IDS, ids)
    report_net(report, others_here, others)


def beside_one_behind(session, sizes):
    """The usual call, and that of a server whose clock went back, in each round: it is a few nanoseconds that count."""
    arms = only("snowflake_next()")
    with Server((), {"snowflake_pg.layout": "mastodon", "snowflake_pg.worker_id": "0"}) as other:
        other.query(rf"\i '{HERE / 'sql' / 'setup.sql'}'")
        get_far_ahead(other, "postgres")
        other.stop("immediate")
        other.start()
        with other.session() as ahead:
            near, behind = [], []
            for _ in range(2 * sizes.rounds):
                near.append(cpu(session, arms, sizes, 1))
                behind.append(cpu(ahead, arms, sizes, 1))
            if [session.value(NEAR), ahead.value(FAR)] != ["t", "t"]:
                raise Failure("one generator got ahead of the clock, or the other caught up with it")
    return joined(near), joined(behind)


def uuids(server, report, sizes):
    """On-CPU time per UUID in one backend, as cpu_per_call does it."""
    arms = uuid_arms(server)
    server.set("snowflake_pg.max_lead", 3_600_000)
    with server.session() as session:
        rounds = cpu(session, arms, sizes, sizes.rounds)
        # the lead only shrinks while nothing is made: what ends with less than half of it never used it up
        for call in ("uuid_timestamp(uuid_v1())", "uuid_timestamp(uuid_v7())",
                     "snowflake128_timestamp(snowflake128_next())"):
            if session.value(f"SELECT {call} < clock_timestamp() + interval '30 min'") != "t":
                raise Failure(f"{call}: the generator may have waited for the clock")
    server.set("snowflake_pg.max_lead", 500)
    server.stop()  # UUIDs that ran ahead are forgotten, so that others need not wait for the clock
    server.start()

    report.raw("uuid_cpu_ns_gross", rounds)
    # PostgreSQL 18 made gen_random_uuid() faster, and the targets are those of 15
    old = version(server) < 160000
    for ours, theirs, most in (
        ("uuid_v5()", "uuid_generate_v5()", 0.18),
        ("uuid_v1()", "uuid_generate_v1()", 0.04),
        ("uuid_v4()", "uuid_generate_v4()", None),
        ("uuid_v4()", "gen_random_uuid()", 0.06 if old else None),
        ("uuid_v7()", "gen_random_uuid()", 0.08 if old else None),
        ("uuid_v7()", "uuidv7()", None),
    ):
        if theirs in rounds:
            report.ratios(f"CPU, {ours} / {theirs}", net(rounds, ours, arms[ours].base),
                          net(rounds, theirs, arms[theirs].base), most=most)
    report_net(report, arms, rounds)


def only(*names):
    return {name: IDS[name] for name in (CONSTANT, *names)}


def cpu(session, arms, sizes, rounds, prepare=lambda: None):
    """The on-CPU nanoseconds per call of each arm in each round.

    A round is cut into slices of all arms in turn, so that whatever else the machine does falls on all of them alike.
    """
    def slice_of(arm):
        return sizes.calls // (sizes.slices * arm.fewer)

    def spent(_, arm):
        return session.cpu(arm.statement(slice_of(arm)))

    in_turn(arms, 1, spent)  # warms up
    results = {name: [] for name in arms}
    for _ in range(rounds):
        prepare()
        for name, slices in in_turn(arms, sizes.slices, spent).items():
            results[name].append(sum(slices) / (sizes.slices * slice_of(arms[name])))
    return results


def joined(rounds):
    """The rounds of several measurements as those of one."""
    return {name: [value for each in rounds for value in each[name]] for name in rounds[0]}


def least(rounds, arm):
    return min(rounds[arm]) - min(rounds[CONSTANT])


def report_net(report, arms, rounds):
    for name, arm in arms.items():
        if arm.base:
            report.values(f"  {name} over {arm.base}", net(rounds, name, arm.base), "ns")
