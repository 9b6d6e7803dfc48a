CREATE VIEW snowflake_layouts AS
    SELECT layout, ts_bits, worker_bits, sequence_bits, reserved_bits, unit, epoch, last_instant,
           ids_per_second
    FROM snowflake_pg_layouts();
GRANT SELECT ON snowflake_layouts TO PUBLIC;

CREATE VIEW snowflake_status AS
    SELECT worker_id, last_id, last_ts, lead, regression, waits, regressions, errors, mark, layout,
           layout_expires, mark_waits
    FROM snowflake_pg_status();
REVOKE EXECUTE ON FUNCTION snowflake_pg_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_status() TO pg_monitor;
GRANT SELECT ON snowflake_status TO pg_monitor;
