-- Installing the extension. The other tests rely on it; they run in the order of their names.
SET timezone = 'UTC'; SET datestyle = 'ISO';

CREATE EXTENSION snowflake_pg;
SELECT extname, extversion, extrelocatable, nspname AS schema
    FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'snowflake_pg';

-- the database now has the layout that the server runs with: a property of the data from here on
TABLE snowflake_recorded_layout;

-- nothing happens twice
CREATE EXTENSION snowflake_pg;
CREATE EXTENSION IF NOT EXISTS snowflake_pg;

-- its schema may change, and needs no place in the search path
CREATE SCHEMA ids;
ALTER EXTENSION snowflake_pg SET SCHEMA ids;
SELECT ids.snowflake_worker_id(ids.snowflake_next());
SELECT ids.snowflake_between(ids.snowflake_next(), '2020-01-01', 'infinity');
SELECT count(*) FROM ids.snowflake_layouts;
SELECT to_regprocedure('snowflake_next()') IS NULL AS not_in_path;
ALTER EXTENSION snowflake_pg SET SCHEMA public;
SELECT snowflake_worker_id(snowflake_next());
DROP SCHEMA ids;

-- dropped, it takes its functions along; in the transaction that creates it, it works
BEGIN;
DROP EXTENSION snowflake_pg;
SELECT count(*) FROM pg_proc WHERE probin LIKE '%snowflake_pg%';
CREATE EXTENSION snowflake_pg;
SELECT snowflake_worker_id(snowflake_next());
ROLLBACK;
SELECT snowflake_worker_id(snowflake_next());

-- columns that use it hold it
CREATE TABLE parcels (id bigint PRIMARY KEY DEFAULT snowflake_next());
DROP EXTENSION snowflake_pg;
DROP TABLE parcels;
