-- uuid-ossp and snowflake_pg in one schema, installed in either order.
SET timezone = 'UTC'; SET datestyle = 'ISO';
SELECT count(*) = 0 AS missing FROM pg_available_extensions WHERE name = 'uuid-ossp' \gset
\if :missing
\echo uuid-ossp is not available on this server
\quit
\endif

CREATE EXTENSION "uuid-ossp";
SELECT extname, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
    WHERE extname IN ('snowflake_pg', 'uuid-ossp') ORDER BY extname COLLATE "C";
SELECT uuid_generate_v5(uuid_ns_dns(), 'example.org'), snowflake_timestamp(0, 'twitter') AS epoch;

BEGIN;
DROP EXTENSION snowflake_pg;
CREATE EXTENSION snowflake_pg;
SELECT uuid_nil(), snowflake_worker_id(snowflake_next());
ROLLBACK;

DROP EXTENSION "uuid-ossp";
SELECT snowflake_worker_id(snowflake_next());
