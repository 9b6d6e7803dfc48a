"""IDs per second: of one backend, of several on one worker, and of two workers."""

import contextlib
import time

from measure import CEILING, batch, in_turn, mark_waits, report_wal, seconds, use_up_lead, wal

NUMBERS = (1, 2, 4, 8, 16)


def stream(call, count):
    """Calls as `calls` makes them, of rows that are not stored first."""
    return f"SELECT count({call}) FROM (SELECT generate_series(1, {count})) g"


def throughput(server, report, sizes):
    """A long run of one backend at the ceiling, and its write-ahead log."""
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


class Run:
    """One statement in several backends at once: wall time, CPU time, and how far IDs were ahead of the clock."""

    def __init__(self, sessions, statement, status=None, watch=0):
        cpu = [session.on_cpu() for session in sessions]
        began = time.monotonic()
        for session in sessions:
            session.send(statement)
        self.lead = 0.0
        while time.monotonic() < began + watch:
            lead = status.value("SELECT coalesce(max(extract(epoch FROM lead)), 0) FROM snowflake_status")
            self.lead = max(self.lead, float(lead))
            time.sleep(0.05)
        for session in sessions:
            session.done(statement)
        self.seconds = time.monotonic() - began
        self.cpu = sum(session.on_cpu() - before for session, before in zip(sessions, cpu, strict=True))


def backends(server, report, sizes):
    """One worker shared by several backends, after its lead is used up."""
    stored = {}
    for number in NUMBERS:
        each = int(CEILING * sizes.share_seconds) // number
        arms = {"batch": batch(each), "snowflake_next()": stream("snowflake_next()", each),
                "pg_backend_pid()": stream("pg_backend_pid()", each)}
        with contextlib.ExitStack() as stack:
            sessions = [stack.enter_context(server.session()) for _ in range(number)]
            status = stack.enter_context(server.session())

            def run(arm, statement):
                if arm == "pg_backend_pid()":
                    return Run(sessions, statement)
                use_up_lead(sessions[0])
                # the ceiling lets no run end before that
                return Run(sessions, statement, status, 0.9 * sizes.share_seconds)

            runs = in_turn(arms, sizes.share_rounds, run)
        rates = {arm: [each * number / run.seconds for run in runs[arm]] for arm in arms}
        cpu = {arm: [run.cpu / (each * number) for run in runs[arm]] for arm in arms}
        lead = max(run.lead for arm in arms for run in runs[arm])
        stored[number] = {"per second": rates, "cpu_ns_gross": cpu, "lead_seconds": lead}

        what = f"{number} backend{'s' if number > 1 else ''}, one worker"
        target = 99.5 if number in (1, 4, 16) else None
        report.values(f"snowflake_next_batch() in {what}, of the ceiling",
                      [100 * rate / CEILING for rate in rates["batch"]], "%", least=target)
        goals = [min(CEILING, 0.9 * rate) for rate in rates["pg_backend_pid()"]]
        report.ratios(f"snowflake_next() in {what}, of the ceiling or 0.9 pg_backend_pid()",
                      [100 * rate for rate in rates["snowflake_next()"]], goals, "%", least=target)
        report.values(f"  snowflake_next() in {what}", [rate / 1e6 for rate in rates["snowflake_next()"]], "M/s")
        report.values(f"  pg_backend_pid() in {what.split(',')[0]}",
                      [rate / 1e6 for rate in rates["pg_backend_pid()"]], "M/s")
        report.values(f"  CPU per ID at the ceiling, batch in {what}", cpu["batch"], "ns")
        report.values(f"  CPU per ID at the ceiling, snowflake_next() in {what}", cpu["snowflake_next()"], "ns")
        report.figure(f"  largest lead over the clock, {what}", 1000 * lead, "ms")
    report.raw("backends", stored)


def two_workers(server, report, sizes):
    """One worker in one backend and two in two, in pairs, each after the lead is used up."""
    statement = batch(int(CEILING * sizes.share_seconds))
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(server.session()) for _ in range(2)]

        def rate(workers, _):
            server.set("snowflake_pg.worker_id", workers, sessions)
            for session in sessions:  # workers are dealt in turn
                session.query("SELECT snowflake_next()")
            used = sessions if workers == "1-2" else sessions[:1]
            Run(used, batch(CEILING))  # more than the lead
            return len(used) * CEILING * sizes.share_seconds / Run(used, statement).seconds

        rates = in_turn({"1": None, "1-2": None}, sizes.share_rounds, rate)
    server.set("snowflake_pg.worker_id", "1")
    report.raw("ids_per_second_by_workers", rates)
    report.values("two workers in two backends, of one worker's ceiling",
                  [100 * rate / CEILING for rate in rates["1-2"]], "%", least=100)
    report.ratios("two workers in two backends / one worker in one", rates["1-2"], rates["1"], least=1.7)
