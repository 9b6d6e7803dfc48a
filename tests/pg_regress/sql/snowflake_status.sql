-- What an operator sees, and who may see it.
SET timezone = 'UTC'; SET datestyle = 'ISO';

\d snowflake_status
\d snowflake_layouts

-- a row for every worker that has given out IDs
SELECT snowflake_next() AS id \gset
SELECT worker_id, last_id >= :id AS current, last_ts = snowflake_timestamp(last_id) AS last_ts_of_last_id,
       lead BETWEEN interval '0' AND '3 s' AS some_lead, regression < interval '1 s' AS clock_right,
       mark > last_ts AS ids_below_mark, mark <= now() + interval '1 min' AS mark_near, layout, layout_expires
    FROM snowflake_status WHERE worker_id = 1;
-- the mark in the database is the one shown
SELECT mark = to_timestamp(last_value / 1000.0) AS same
    FROM snowflake_status, snowflake_mark WHERE worker_id = 1;
-- counts since the server started
SELECT waits >= 0 AS waits, regressions >= 0 AS regressions, errors >= 0 AS errors FROM snowflake_status WHERE worker_id = 1;

-- a role without particular privileges makes IDs and takes them apart, but does not look at the server
CREATE ROLE regress_snowflake_user;
SET ROLE regress_snowflake_user;
SELECT snowflake_worker_id(snowflake_next());
SELECT count(*) FROM snowflake_next_batch(10);
SELECT count(*) FROM snowflake_layouts;
TABLE snowflake_recorded_layout;
SELECT last_value > 0 AS used FROM snowflake_mark;
SELECT * FROM snowflake_status;
\echo SQLSTATE :SQLSTATE
SELECT * FROM snowflake_pg_status();
SELECT nextval('snowflake_mark');
SELECT setval('snowflake_mark', 1);
INSERT INTO snowflake_recorded_layout VALUES ('discord');
RESET ROLE;

-- a member of pg_monitor does
CREATE ROLE regress_snowflake_monitor IN ROLE pg_monitor;
SET ROLE regress_snowflake_monitor;
SELECT worker_id, layout FROM snowflake_status WHERE worker_id = 1;
SELECT snowflake_set_layout('discord');
RESET ROLE;
DROP ROLE regress_snowflake_user, regress_snowflake_monitor;

-- a database that brings a mark of its own, as after a restart or a restore, raises the words of
-- all workers: those that have given out no ID are not listed for that
\set original :DBNAME
CREATE DATABASE regress_snowflake_status TEMPLATE template0;
\c regress_snowflake_status
CREATE EXTENSION snowflake_pg;
SELECT setval('snowflake_mark', (extract(epoch FROM now()) * 1000)::bigint) > 0 AS restored;
SELECT snowflake_next() > 0 AS given_out;
SELECT bool_and(worker_id IN (1, 1000, 1001, 1002)) AS in_use FROM snowflake_status;
\c :original
DROP DATABASE regress_snowflake_status;
