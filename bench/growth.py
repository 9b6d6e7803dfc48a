"""What could grow: the cost of a call with workers, connections and databases; memory, with calls."""

import re
import typing

import calls
from measure import in_turn, settle
from postgres import HERE, Connections

# One layout for all: with so many IDs per millisecond no loop gets ahead of the clock, and each call takes the same
# path.
LAYOUT = "ts=41,worker=6,seq=16,unit=1ms,epoch=2020-01-01T00:00:00Z"
# Worker IDs of the range, and how many of them make IDs.
WORKERS = ((1, 1), (2, 2), (8, 8), (64, 1), (64, 64))
CONNECTIONS = (1, 10, 100, 1_000)
DATABASES = (1, 10, 50)
NEXT = "SELECT snowflake_next()"
# How many nanoseconds a call may take more: a twentieth of the 28 that it took in 0.2.0. It takes a few by now, and a
# part of them could not be told from none.
MOST = 1.5


def growth(server, report, sizes):
    """CPU time of one call as workers, connections and databases become more."""
    settings = {"snowflake_pg.layout": LAYOUT, "max_connections": max(CONNECTIONS) + 20}
    server.stop()
    server.start(**settings)
    databases = [f"growth_{number}" for number in range(max(DATABASES))]
    server.query(f"CREATE DATABASE {databases[0]}")
    with server.session(databases[0]) as session:
        session.query(rf"\i '{HERE / 'sql' / 'setup.sql'}'")
        settle(server, databases[0])
        cost(session, sizes)  # warms up
        workers = in_turn({level: level for level in WORKERS}, sizes.growth_rounds,
                          lambda _, level: with_workers(server, sizes, session, *level))
        server.set("snowflake_pg.worker_id", "1", [session])
        connections = in_turn({number: number for number in CONNECTIONS}, sizes.growth_rounds,
                              lambda _, number: with_connections(server, sizes, session, number))
    for database in databases[1:]:
        server.query(f"CREATE DATABASE {database} TEMPLATE {databases[0]}")
    used = {number: [] for number in DATABASES}
    for _ in range(sizes.growth_rounds):
        server.stop()  # what was known of databases is forgotten
        server.start(**settings)
        settle(server, databases[0])
        with server.session(databases[0]) as session:
            for number in DATABASES:
                for database in databases[:number]:
                    with Connections(server, 1, database, NEXT):
                        pass
                used[number].append(cost(session, sizes))
    server.stop()  # the databases go with the server: dropping so many takes a while
    server.start()

    report.raw("growth", {"workers": {f"{used} of {number}": costs for (number, used), costs in workers.items()},
                          "connections": connections, "databases": used})
    names = {level: f"{level[0]} workers configured, {level[1]} used" for level in WORKERS}
    report_growth(report, {names[level]: costs for level, costs in workers.items()}, names[1, 1], names[64, 64])
    for what, levels in (("connections open", connections), ("databases that made IDs", used)):
        names = {number: f"{number:,} {what}" for number in levels}
        report_growth(report, {names[number]: costs for number, costs in levels.items()}, names[min(levels)],
                      names[max(levels)])


def report_growth(report, levels, smallest, largest):
    least = {name: min(net + constant for net, constant in costs) - min(constant for _, constant in costs)
             for name, costs in levels.items()}
    report.figure(f"CPU, snowflake_next(), {largest}: more than with {smallest}, by the least of all rounds",
                  least[largest] - least[smallest], "ns", most=MOST)
    for name, costs in levels.items():
        report.values(f"  CPU, snowflake_next(), {name}", [cost.net for cost in costs], "ns")


class Cost(typing.NamedTuple):
    """Of one call over a constant function, and of a row with that, in nanoseconds."""
    net: float
    constant: float


def cost(session, sizes):
    """The cost of a call. Of each the least of many short runs, since here it is a nanosecond that counts."""
    arms = calls.only("snowflake_next()")
    slices = in_turn(arms, sizes.growth_slices, lambda _, arm: session.cpu(arm.statement(50_000)) / 50_000)
    ours, constant = min(slices["snowflake_next()"]), min(slices[calls.CONSTANT])
    return Cost(ours - constant, constant)


def with_workers(server, sizes, session, number, used):
    server.set("snowflake_pg.worker_id", f"0-{number - 1}" if number > 1 else "1", [session])
    session.query(NEXT)
    # the workers of a range are dealt to backends in turn
    with Connections(server, used - 1, "growth_0", NEXT):
        return cost(session, sizes)


def with_connections(server, sizes, session, number):
    with Connections(server, number - 1, "growth_0", NEXT):
        return cost(session, sizes)


# --- memory ---------------------------------------------------------------------------------------------------------

def stream(call):
    """Calls of rows that are not stored first."""
    return calls.row(call).sql


GROWING = {
    "snowflake_next()": stream("snowflake_next()"),
    "snowflake_next_batch(1000)":
        "SELECT count(*) FROM (SELECT snowflake_next_batch(1000) FROM (SELECT generate_series(1, {count} / 1000)) g) b",
    "ticket_next()": stream("ticket_next('memory')"),
    "uuid_v5()": stream("uuid_v5(uuid_namespace_dns(), i::text)"),
    "uuid_v7()": stream("uuid_v7()"),
}


def memory(server, report, sizes):
    """Shared memory, and what one backend holds before and after millions of calls."""
    size = int(server.query("SELECT allocated_size FROM pg_shmem_allocations WHERE name = 'snowflake_pg'")[0])
    report.figure("shared memory", size / 1000, "kB", below=256)

    server.query("SELECT ticket_create('memory', 1, 1000)")
    grown = {}
    for name, statement in GROWING.items():
        with server.session() as session:
            for _ in range(2):  # warms up; so does looking itself
                session.query(statement.format(count=100_000))
                held(session)
            before = held(session)
            session.query(statement.format(count=sizes.memory_calls))
            grown[name] = {what: after - before[what] for what, after in held(session).items()}
    server.query("SELECT ticket_drop('memory')")
    report.raw("memory_growth_bytes", grown)
    report.figure(f"growth of a backend's memory contexts in {sizes.memory_calls:,} calls, most of {len(grown)} "
                  "functions", max(growth["contexts"] for growth in grown.values()), "B", most=0)
    report.figure("growth of its private memory, most of them",
                  max(growth["anonymous"] for growth in grown.values()) / 1024, "kB", most=64)
    for name, growth in grown.items():
        report.figure(f"  {name}, private memory", growth["anonymous"] / 1024, "kB")


def held(session):
    """Bytes that a backend holds: of its memory contexts, and as the kernel counts them without shared memory."""
    contexts = int(session.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts"))
    with open(f"/proc/{session.pid}/smaps_rollup") as rollup:
        anonymous = 1024 * int(re.search(r"^Anonymous: +(\d+) kB", rollup.read(), re.M)[1])
    return {"contexts": contexts, "anonymous": anonymous}
