-- Which sequence is the counter of which ticket; written by ticket_create() and ticket_drop().
CREATE TABLE snowflake_ticket (
    name text COLLATE "C" PRIMARY KEY,
    sequence regclass NOT NULL UNIQUE,
    registry boolean NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket', '');
GRANT SELECT ON snowflake_ticket TO PUBLIC;

CREATE VIEW snowflake_tickets AS
    SELECT name, sequence, registry, CASE WHEN NOT registry THEN next END AS next,
           CASE WHEN NOT registry THEN step END AS step, block, last_block, cached, blocks, waits, last_error
    FROM snowflake_ticket, snowflake_pg_ticket_state(sequence);

REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int), ticket_create(text, bigint, int, int) FROM PUBLIC;

-- for members of a registry that may create tickets in it
REVOKE EXECUTE ON FUNCTION snowflake_ticket_define(text, bigint, int, int) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) TO pg_monitor;
GRANT SELECT ON snowflake_tickets TO pg_monitor;
