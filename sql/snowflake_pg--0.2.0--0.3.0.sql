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
-- snowflake_leases called functions and operators that others may have made in this schema.
CREATE OR REPLACE VIEW snowflake_leases AS
    SELECT layout, worker_id, identity AS holder, host_name,
           pg_catalog.to_timestamp(not_before::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_before,
           pg_catalog.to_timestamp(not_after::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_after,
           renewed AS last_renewal, released, contested_by
    FROM snowflake_registry_lease;

-- pg_dump works for the owner of a database, who does not learn the nonces: what is stored does not
-- give them away.
UPDATE snowflake_registry_lease
    SET nonce = uuid_v5(uuid '00000000-0000-0000-0000-000000000000', pg_catalog.uuid_send(nonce));
GRANT SELECT ON snowflake_registry, snowflake_registry_lease TO pg_database_owner;
