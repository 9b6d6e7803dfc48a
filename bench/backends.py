"""IDs per second: of one backend, and of several on one worker and on two."""

import contextlib
import statistics
import time

from measure import CEILING, ONE_CALL, batch, mark_waits, report_wal, rotated, seconds, use_up_lead, wal


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
