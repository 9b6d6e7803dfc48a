-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION snowflake_pg UPDATE TO '0.2.0'" to load this file. \quit

-- snowflake_status tells how often a caller waited until a raise of the mark was durable.
DROP VIEW snowflake_status;
DROP FUNCTION snowflake_pg_status();

CREATE FUNCTION snowflake_pg_status() RETURNS TABLE (
	"worker_id" INT,
	"last_id" bigint,
	"last_ts" timestamp with time zone,
	"lead" interval,
	"regression" interval,
	"waits" bigint,
	"regressions" bigint,
	"errors" bigint,
	"mark" timestamp with time zone,
	"layout" TEXT,
	"layout_expires" timestamp with time zone,
	"mark_waits" bigint
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_status_wrapper';

CREATE VIEW snowflake_status AS
    SELECT worker_id, last_id, last_ts, lead, regression, waits, regressions, errors, mark, layout,
           layout_expires, mark_waits
    FROM snowflake_pg_status();

REVOKE EXECUTE ON FUNCTION snowflake_pg_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_status() TO pg_monitor;
GRANT SELECT ON snowflake_status TO pg_monitor;

-- Strides for plain sequences, and the way from there to Snowflake IDs.
CREATE FUNCTION snowflake_adopt("table" regclass, "column" name) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_adopt_wrapper';

CREATE FUNCTION stride_check() RETURNS TABLE (sequence regclass, node int, nodes int, last_value bigint, problems text[])
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'stride_check_wrapper';

CREATE FUNCTION stride_sequence(sequence regclass, node int, nodes int) RETURNS bigint
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'stride_sequence_wrapper';
-- Tickets.
CREATE FUNCTION snowflake_pg_ticket_state(sequence regclass, OUT next bigint, OUT step bigint, OUT block int, OUT last_block int, OUT cached bigint, OUT blocks bigint, OUT waits bigint, OUT last_error text)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_ticket_state_wrapper';

CREATE FUNCTION snowflake_ticket_claim(name text, count int, OUT first bigint, OUT step bigint, OUT claimed int)
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_ticket_claim_wrapper';

CREATE FUNCTION "snowflake_ticket_define"(
	"name" text,
	"start" bigint,
	"block" INT,
	"step" INT
) RETURNS bool
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_ticket_define_wrapper';

CREATE FUNCTION "ticket_create"(
	"name" text,
	"start" bigint,
	"block" INT
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_create_wrapper';

CREATE FUNCTION "ticket_create"(
	"name" text,
	"start" bigint,
	"block" INT,
	"step" INT
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_create_step_wrapper';

CREATE FUNCTION "ticket_drop"(
	"name" text
) RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_drop_wrapper';

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

CREATE FUNCTION "ticket_next"(
	"name" text
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_next_wrapper';
-- A registry of worker IDs.
CREATE FUNCTION snowflake_lease_release(layout text, worker_id integer, nonce uuid, mark bigint)
RETURNS boolean
STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_lease_release_wrapper';

CREATE FUNCTION snowflake_lease_take(layout text, identity text, nonce uuid, host_name text, clock bigint, max_lead bigint, length bigint, fixed_worker integer, held_worker integer, held_not_before bigint, held_not_after bigint, OUT outcome text, OUT worker_id integer, OUT not_before bigint, OUT not_after bigint, OUT contested_by text, OUT detail text)
VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_lease_take_wrapper';

CREATE FUNCTION snowflake_pg_create_member_role() RETURNS void
STRICT VOLATILE PARALLEL UNSAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_create_member_role_wrapper';

CREATE FUNCTION snowflake_pg_replace_registry() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_replace_registry_wrapper';

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

CREATE VIEW snowflake_leases AS
    SELECT layout, worker_id, identity AS holder, host_name, to_timestamp(not_before / 1000.0) AS not_before,
           to_timestamp(not_after / 1000.0) AS not_after, renewed AS last_renewal, released, contested_by
    FROM snowflake_registry_lease;

SELECT snowflake_pg_create_member_role();
REVOKE EXECUTE ON FUNCTION snowflake_pg_create_member_role() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION snowflake_pg_replace_registry() FROM PUBLIC;

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

-- snowflake_lease tells about the lease of the server's worker ID.
CREATE FUNCTION snowflake_pg_lease() RETURNS TABLE (
	"worker_id" INT,
	"identity" TEXT,
	"registry" TEXT,
	"not_before" timestamp with time zone,
	"not_after" timestamp with time zone,
	"remaining" interval,
	"renewed" timestamp with time zone,
	"last_error" TEXT,
	"contested_by" TEXT
)
STRICT VOLATILE PARALLEL RESTRICTED
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_lease_wrapper';

CREATE VIEW snowflake_lease AS
    SELECT worker_id, identity, registry, not_before, not_after, remaining, renewed, last_error,
           contested_by
    FROM snowflake_pg_lease();

REVOKE EXECUTE ON FUNCTION snowflake_pg_lease() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION snowflake_pg_lease() TO pg_monitor;
GRANT SELECT ON snowflake_lease TO pg_monitor;
