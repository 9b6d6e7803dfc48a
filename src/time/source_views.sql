CREATE VIEW snowflake_clock_sources AS
    SELECT server, address, state, clock_offset, delay, dispersion, root_distance, jitter, stratum, leap,
           reference_id, kiss, reach::bit(8) AS reach, polls, answers, ignored, next_poll, last_error
    FROM snowflake_pg_clock_sources();

CREATE VIEW snowflake_clock_history AS
    SELECT server, at, clock_offset, delay, distance
    FROM snowflake_pg_clock_history();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_sources() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_sources() TO pg_monitor;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_history() TO pg_monitor;
GRANT SELECT ON snowflake_clock_sources TO pg_monitor;
GRANT SELECT ON snowflake_clock_history TO pg_monitor;
