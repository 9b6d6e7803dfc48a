-- The layout is a property of the database, and settled by its first ID.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- this database has given out IDs
SELECT snowflake_next() > 0 AS given_out;
SELECT snowflake_set_layout('discord');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_set_layout('twitter');
TABLE snowflake_recorded_layout;

-- only a superuser changes it
CREATE ROLE regress_snowflake_user;
SET ROLE regress_snowflake_user;
SELECT snowflake_set_layout('discord');
UPDATE snowflake_recorded_layout SET layout = 'discord';
RESET ROLE;
DROP ROLE regress_snowflake_user;

-- a database before its first ID
\set original :DBNAME
CREATE DATABASE regress_snowflake_layout TEMPLATE template0;
\c regress_snowflake_layout
SET timezone = 'UTC'; SET datestyle = 'ISO';
CREATE EXTENSION snowflake_pg;
TABLE snowflake_recorded_layout;

-- what is no layout is refused
SELECT snowflake_set_layout('banana');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_set_layout('ts=41,worker=10,seq=12');
SELECT snowflake_set_layout('');
SELECT snowflake_set_layout(NULL);

-- another layout: functions that name none follow it at once
SELECT snowflake_timestamp(0);
SELECT snowflake_set_layout('pgedge');
TABLE snowflake_recorded_layout;
SELECT snowflake_timestamp(0);
-- what is rolled back does not count
BEGIN;
SELECT snowflake_set_layout('discord');
SELECT snowflake_timestamp(0);
ROLLBACK;
SELECT snowflake_timestamp(0);
BEGIN;
SAVEPOINT s;
SELECT snowflake_set_layout('discord');
SELECT snowflake_timestamp(0);
ROLLBACK TO s;
SELECT snowflake_timestamp(0);
COMMIT;

-- a layout of one's own is recorded in one spelling, and listed with the presets
SELECT snowflake_set_layout(' ts=41, worker=10, seq=12, unit=1000us, epoch=1577836800000');
TABLE snowflake_recorded_layout;
SELECT layout, ts_bits, worker_bits, sequence_bits, epoch, last_instant FROM snowflake_layouts
    WHERE layout NOT IN ('twitter', 'compact58', 'discord', 'instagram', 'mastodon', 'sonyflake', 'pgedge', 'javascript');

-- no ID is given out as long as the server runs with another layout
SELECT snowflake_next();
\echo SQLSTATE :SQLSTATE
-- which did not settle it
SELECT snowflake_set_layout('twitter');
SELECT snowflake_worker_id(snowflake_next());
-- and now it is settled, also after a rollback
SELECT snowflake_set_layout('pgedge');

\c :original
DROP DATABASE regress_snowflake_layout;

-- the first ID settles it although its transaction is rolled back, and read-only: it was given out
CREATE DATABASE regress_snowflake_layout TEMPLATE template0;
\c regress_snowflake_layout
CREATE EXTENSION snowflake_pg;
BEGIN READ ONLY;
SELECT snowflake_worker_id(snowflake_next());
ROLLBACK;
SELECT snowflake_set_layout('pgedge');

-- a record that got lost, or is none: nothing is guessed
DELETE FROM snowflake_recorded_layout;
\c
SELECT snowflake_timestamp(0);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_next();
INSERT INTO snowflake_recorded_layout (layout) VALUES ('banana');
INSERT INTO snowflake_recorded_layout (layout) VALUES ('twitter');
SELECT snowflake_worker_id(snowflake_next());

\c :original
DROP DATABASE regress_snowflake_layout;

-- the first ID is not given out as long as its layout can be rolled back
CREATE DATABASE regress_snowflake_layout TEMPLATE template0;
\c regress_snowflake_layout
CREATE EXTENSION snowflake_pg;
SELECT snowflake_set_layout('sonyflake');
BEGIN;
SELECT snowflake_set_layout('twitter');
SELECT snowflake_next();
\echo SQLSTATE :SQLSTATE
ROLLBACK;
SELECT snowflake_set_layout('twitter');
-- a change past snowflake_set_layout() is seen, and undone with its transaction
BEGIN;
UPDATE snowflake_recorded_layout SET layout = 'discord';
SELECT snowflake_timestamp(0) AT TIME ZONE 'UTC' AS discord;
ROLLBACK;
SELECT snowflake_timestamp(0) AT TIME ZONE 'UTC' AS twitter;
UPDATE snowflake_recorded_layout SET layout = 'banana';
SELECT snowflake_worker_id(snowflake_next());
-- what is no record is not read
ALTER TABLE snowflake_recorded_layout ALTER layout TYPE int USING 1;
SELECT snowflake_timestamp(0);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_next();
ALTER TABLE snowflake_recorded_layout RENAME TO away;
CREATE VIEW snowflake_recorded_layout AS SELECT 'twitter'::text AS layout;
SELECT snowflake_timestamp(0);

\c :original
DROP DATABASE regress_snowflake_layout;
