-- Which sequence is the counter of which ticket; written by ticket_create() and ticket_drop().
CREATE TABLE snowflake_ticket (
    name text COLLATE "C" PRIMARY KEY,
    sequence regclass NOT NULL UNIQUE
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket', '');
GRANT SELECT ON snowflake_ticket TO PUBLIC;

CREATE VIEW snowflake_tickets AS
    SELECT name, sequence, next, step, block, last_block, cached, blocks, waits
    FROM snowflake_ticket, snowflake_pg_ticket_state(sequence);

REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int), ticket_create(text, bigint, int, int) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_ticket_state(regclass) TO pg_monitor;
GRANT SELECT ON snowflake_tickets TO pg_monitor;
