-- It sends packets to other machines: those that snowflake_pg.ntp_servers lists, and superusers to any.
REVOKE EXECUTE ON FUNCTION ntp_query(text, int, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ntp_query(text, int, interval) TO pg_monitor;
