CREATE VIEW snowflake_tickets AS
    SELECT name, sequence, registry, CASE WHEN NOT registry THEN next END AS next,
           CASE WHEN NOT registry THEN step END AS step, block, last_block, cached, blocks, waits, last_error
    FROM snowflake_ticket, snowflake_pg_ticket_state(sequence);

REVOKE EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) TO pg_monitor;
GRANT SELECT ON snowflake_tickets TO pg_monitor;
