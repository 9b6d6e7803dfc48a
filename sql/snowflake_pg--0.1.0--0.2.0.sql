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
