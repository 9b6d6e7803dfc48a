"""What goes to the write-ahead log."""

import re
import time

from measure import calls, report_wal, wal


def wal_volume(server, report, sizes):
    """Beside the WAL at full rate, which the throughput measures."""
    with server.session() as session:
        for name, call in (("nextval", "nextval('cache_1')"), ("nextval_cache_1000", "nextval('cache_1000')")):
            session.query(f"SELECT {call}")
            before = wal(server, session)
            session.query(calls(call, 1_000_000))
            report_wal(report, f"WAL per million IDs, {name}", wal(server, session), before)
        for name in ("snowflake_next", "nextval"):
            script = {"snowflake_next": "next.sql", "nextval": "nextval.sql"}[name]
            before = wal(server, session)
            output = server.pgbench(script, "-c", "1", "-R", "20", "-T", str(sizes.idle))
            done = int(re.search(r"transactions actually processed: (\d+)", output)[1])
            after = wal(server, session)
            report.figure(f"  WAL of {name}, 20 IDs per second, each a transaction", (after[0] - before[0]) / done,
                          f"B per ID, {(after[1] - before[1]) / sizes.idle:.2f} flushes per second")
        quiet = []
        for _ in range(3):  # the least: now and then the background writer notes the running transactions
            session.query("SELECT snowflake_next()")
            time.sleep(2)
            before = wal(server, session)
            time.sleep(sizes.idle)
            quiet.append((wal(server, session), before))
        after, before = min(quiet, key=lambda pair: pair[0][0] - pair[1][0])
        report_wal(report, f"WAL in {sizes.idle} s that begin 2 s after an ID", after, before, most=0)
