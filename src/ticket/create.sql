-- Which sequence is the counter of which ticket; written by ticket_create() and ticket_drop().
CREATE TABLE snowflake_ticket (
    name text COLLATE "C" PRIMARY KEY,
    sequence regclass NOT NULL UNIQUE,
    registry boolean NOT NULL,
    -- whether the sequence was made for the ticket, whatever it is called: not known of a row from a dump that may have
    -- an OID in it which is another sequence's by now
    confirmed boolean NOT NULL DEFAULT false
);
-- the OID of a sequence that was dropped would be another one's after a restore
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) snowflake_ticket.sequence '
    'AND relkind OPERATOR(pg_catalog.=) ''S'')');
GRANT SELECT ON snowflake_ticket TO PUBLIC;

REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int), ticket_create(text, bigint, int, int) FROM PUBLIC;

-- for members of a registry that may create tickets in it
REVOKE EXECUTE ON FUNCTION snowflake_ticket_define(text, bigint, int, int) FROM PUBLIC;
