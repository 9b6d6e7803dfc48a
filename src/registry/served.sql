-- What makes this database a registry that leases worker IDs, for servers that name it in snowflake_pg.registry.

-- One row. Times are milliseconds since 1970.
CREATE TABLE snowflake_registry (
    clock_tolerance interval NOT NULL DEFAULT '1 min' CHECK (clock_tolerance > '0' AND clock_tolerance <= '1 hour'),
    longest bigint NOT NULL DEFAULT 600000 CHECK (longest BETWEEN 1 AND 86400000),
    hold_until bigint NOT NULL DEFAULT 0 CHECK (hold_until >= 0),
    system_identifier text,
    database oid,
    timeline bigint,
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO snowflake_registry DEFAULT VALUES;
CREATE TRIGGER snowflake_pg_replace_registry
    BEFORE INSERT ON snowflake_registry
    FOR EACH ROW EXECUTE FUNCTION snowflake_pg_replace_registry();
SELECT pg_catalog.pg_extension_config_dump('snowflake_registry', '');

-- The last lease of every worker ID. What is stored of a nonce does not give it away.
CREATE TABLE snowflake_registry_lease (
    layout text COLLATE "C" NOT NULL,
    worker_id integer NOT NULL CHECK (worker_id >= 0),
    identity text COLLATE "C" NOT NULL,
    nonce uuid NOT NULL,
    host_name text COLLATE "C" NOT NULL,
    not_before bigint NOT NULL CHECK (not_before >= 0),
    not_after bigint NOT NULL CHECK (not_after <= 253402300799999),
    renewed timestamptz NOT NULL,
    fixed boolean NOT NULL,
    released boolean NOT NULL,
    contested_by text COLLATE "C",
    PRIMARY KEY (layout, worker_id),
    CHECK (not_before <= not_after)
);
SELECT pg_catalog.pg_extension_config_dump('snowflake_registry_lease', '');

-- Schemas may hold functions and operators of others: what is called is pg_catalog's, by its exact types.
CREATE VIEW snowflake_leases AS
    SELECT layout, worker_id, identity AS holder, host_name,
           pg_catalog.to_timestamp(not_before::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_before,
           pg_catalog.to_timestamp(not_after::double precision OPERATOR(pg_catalog./) double precision '1000') AS not_after,
           renewed AS last_renewal, released, contested_by
    FROM snowflake_registry_lease;

SELECT snowflake_pg_create_member_role();
REVOKE EXECUTE ON FUNCTION snowflake_pg_create_member_role() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_registry() FROM PUBLIC;

-- default privileges of the database may have given more
REVOKE ALL ON snowflake_registry, snowflake_registry_lease, snowflake_leases FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION
    snowflake_lease_take(text, text, uuid, text, bigint, bigint, bigint, integer, integer, bigint, bigint),
    snowflake_lease_release(text, integer, uuid, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    snowflake_lease_take(text, text, uuid, text, bigint, bigint, bigint, integer, integer, bigint, bigint),
    snowflake_lease_release(text, integer, uuid, bigint)
    TO snowflake_member;
GRANT SELECT ON snowflake_leases TO snowflake_member, pg_monitor;
GRANT SELECT ON snowflake_registry TO pg_monitor;

-- else pg_dump would fail for the owner of the database
GRANT SELECT ON snowflake_registry, snowflake_registry_lease TO pg_database_owner;
