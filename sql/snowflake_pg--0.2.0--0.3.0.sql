-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION snowflake_pg UPDATE TO '0.3.0'" to load this file. \quit

-- tickets: no row is dumped whose sequence was dropped, and none is trusted that comes from such a dump
ALTER TABLE snowflake_ticket ADD COLUMN confirmed boolean NOT NULL DEFAULT false;
UPDATE snowflake_ticket SET confirmed = true
    WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) snowflake_ticket.sequence
                  AND relkind OPERATOR(pg_catalog.=) 'S');
SELECT pg_catalog.pg_extension_config_dump('snowflake_ticket',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) snowflake_ticket.sequence '
    'AND relkind OPERATOR(pg_catalog.=) ''S'')');
