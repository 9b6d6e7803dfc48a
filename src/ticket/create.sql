-- Which sequence is the counter of which ticket; written by ticket_create() and ticket_drop().
CREATE TABLE snowflake_ticket (
    name text COLLATE "C" PRIMARY KEY,
    sequence regclass NOT NULL UNIQUE,
    registry boolean NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket', '');
GRANT SELECT ON snowflake_ticket TO PUBLIC;

REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int), ticket_create(text, bigint, int, int) FROM PUBLIC;

-- for members of a registry that may create tickets in it
REVOKE EXECUTE ON FUNCTION snowflake_ticket_define(text, bigint, int, int) FROM PUBLIC;
