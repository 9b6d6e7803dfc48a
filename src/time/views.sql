CREATE VIEW snowflake_clock AS
    SELECT state, gate, decided_by, offset_low, offset_high, as_of, drift_ppm, last_jump,
           last_jump_at, kernel_synchronised, kernel_max_error, kernel_frequency_ppm, leap, daemon, ptp, refusals, waits
    FROM snowflake_pg_clock();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock() TO pg_monitor;
GRANT SELECT ON snowflake_clock TO pg_monitor;
