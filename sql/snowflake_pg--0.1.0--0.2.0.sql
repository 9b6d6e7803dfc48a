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
CREATE FUNCTION snowflake_pg_ticket_state(sequence regclass, OUT next bigint, OUT step bigint, OUT block int, OUT last_block int, OUT cached bigint, OUT blocks bigint, OUT waits bigint)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_pg_ticket_state_wrapper';

CREATE FUNCTION snowflake_ticket_claim(name text, count int, OUT first bigint, OUT step bigint, OUT claimed int)
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_ticket_claim_wrapper';

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

CREATE FUNCTION "ticket_next"(
	"name" text
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_next_wrapper';
