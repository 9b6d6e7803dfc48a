"""What several subjects measure with."""

import time

from postgres import Failure

CEILING = 4_096_000  # IDs per second and worker in the layout twitter


def calls(call, count):
    return f"SELECT count({call}) FROM generate_series(1, {count})"


def batch(count):
    return f"SELECT count(*) FROM (SELECT snowflake_next_batch({count})) b"


def rotated(names, turn):
    """The arms in another order every round: a place in the round is no advantage."""
    turn %= len(names)
    return names[turn:] + names[:turn]


def in_turn(arms, rounds, measure):
    """Measures every arm once in each round. Answers the list of each name; round n of two of them is a pair."""
    results = {name: [] for name in arms}
    for turn in range(rounds):
        for name in rotated(list(arms), turn):
            results[name].append(measure(name, arms[name]))
    return results


def net(results, arm, base):
    """An arm without what another one costs, round by round."""
    return [gross - other for gross, other in zip(results[arm], results[base], strict=True)]


def version(server):
    """That of PostgreSQL, as a number: 150018."""
    return int(server.query("SHOW server_version_num")[0])


def has_extension(server, name, database="postgres"):
    """Whether an extension, which is not everywhere, could be created or is there already."""
    try:
        server.query(f'CREATE EXTENSION IF NOT EXISTS "{name}"', database)
    except Failure:
        return False
    return True


def seconds(session, sql):
    began = time.monotonic()
    session.query(sql)
    return time.monotonic() - began


def use_up_lead(session):
    """Makes IDs until the generator waits for the clock; a machine that never gets there has no lead to use up.

    Answers how many.
    """
    waits = "SELECT coalesce(sum(waits), 0) FROM snowflake_status"
    before = session.value(waits)
    for turn in range(1, 21):
        session.query(batch(CEILING // 8))
        if session.value(waits) != before:
            break
    return turn * (CEILING // 8)


def settle(server, database="postgres"):
    """Waits until the clock has caught up with the IDs that were made ahead of it. They go on from there even after a
    new start, and as long as they are further ahead than `max_lead`, calls do not take the usual path."""
    with server.session(database) as session:
        session.query("SELECT snowflake_next()")
        while session.value("SELECT max(lead) > interval '0' FROM snowflake_status") == "t":
            time.sleep(0.1)


def wal(server, session):
    """Bytes of WAL written and flushes so far, with those of this session."""
    session.query("SELECT pg_stat_force_next_flush()")
    time.sleep(0.1)
    new = version(server) >= 180000
    flushes = "sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'" if new else "wal_sync FROM pg_stat_wal"
    (line,) = server.query(f"SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, {flushes}")
    written, flushed = line.split("|")
    return int(written), int(flushed)


def report_wal(report, name, after, before, ids=1_000_000, most=None):
    millions = ids / 1_000_000
    written, flushed = ((new - old) / millions for new, old in zip(after, before))
    report.figure(f"  {name}", written, f"B, {flushed:.2f} flushes", most=most)


def mark_waits(session):
    """How often a caller waited until a raise of the mark was durable."""
    return int(session.value("SELECT coalesce(max(mark_waits), 0) FROM snowflake_status"))


def number(value):
    """A figure as it is printed."""
    digits = 0 if isinstance(value, int) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"
