GRANT SELECT ON snowflake_layouts, snowflake_recorded_layout, snowflake_mark TO PUBLIC;

REVOKE EXECUTE ON FUNCTION snowflake_set_layout(text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_record() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION snowflake_pg_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_status() TO pg_monitor;
GRANT SELECT ON snowflake_status TO pg_monitor;
