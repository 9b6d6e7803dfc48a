CREATE VIEW snowflake_clock_fleet AS
    SELECT registry_low, registry_high, fleet_low, fleet_high, agreeing, clocks, as_of, answers, failures, last_error
    FROM snowflake_pg_clock_fleet();

REVOKE EXECUTE ON FUNCTION snowflake_pg_clock_fleet() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_clock_fleet() TO pg_monitor;
GRANT SELECT ON snowflake_clock_fleet TO pg_monitor;
