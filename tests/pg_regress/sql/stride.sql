-- Strides: servers that share out the numbers of a plain sequence. Node k of n gives those congruent to k modulo n.
\set VERBOSITY default
CREATE SCHEMA stride;
SET search_path = stride, public;

CREATE TABLE orders (id bigserial PRIMARY KEY, note text);
INSERT INTO orders (note) SELECT 'before' FROM generate_series(1, 10);

-- this server becomes node 2 of 3; the answer is the first number to come, above what exists
SELECT stride_sequence('orders_id_seq', 2, 3);
INSERT INTO orders (note) VALUES ('after'), ('after') RETURNING id;
SELECT * FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;

-- node n of n has the multiples of n; there is no node 0
SELECT stride_sequence('orders_id_seq', 3, 3);
INSERT INTO orders DEFAULT VALUES RETURNING id;
SELECT stride_sequence('orders_id_seq', 0, 3);
\echo SQLSTATE :SQLSTATE
SELECT stride_sequence('orders_id_seq', 4, 3);
SELECT stride_sequence('orders_id_seq', 1, 0);
\echo SQLSTATE :SQLSTATE
SELECT stride_sequence(NULL, 1, 3), stride_sequence('orders_id_seq', NULL, 3);

-- a server more: every node is set anew, above what exists
SELECT stride_sequence('orders_id_seq', 3, 4);
INSERT INTO orders DEFAULT VALUES RETURNING id;

-- the rows of other nodes count, as far as they have arrived
INSERT INTO orders (id) VALUES (101);
SELECT stride_sequence('orders_id_seq', 3, 4);
-- and so do numbers that were given out and not used
SELECT nextval('orders_id_seq'), nextval('orders_id_seq');
SELECT stride_sequence('orders_id_seq', 3, 4);
-- and numbers that a sequence has not given out yet do not
CREATE SEQUENCE fresh;
SELECT stride_sequence('fresh', 1, 3), stride_sequence('fresh', 1, 3), stride_sequence('fresh', 2, 3);
SELECT nextval('fresh'), nextval('fresh');

-- node 1 of 1: a sequence like any other again
SELECT stride_sequence('fresh', 1, 1);
SELECT nextval('fresh'), nextval('fresh');
SELECT * FROM stride_check() WHERE sequence = 'fresh'::regclass;
DROP SEQUENCE fresh;

-- identity columns
CREATE TABLE items (id int GENERATED ALWAYS AS IDENTITY (START WITH 100) PRIMARY KEY, note text);
SELECT stride_sequence(pg_get_serial_sequence('items', 'id'), 2, 3);
INSERT INTO items DEFAULT VALUES RETURNING id;
INSERT INTO items DEFAULT VALUES RETURNING id;

-- a column that merely has the sequence as its default, of several tables
CREATE SEQUENCE common AS smallint;
CREATE TABLE a (id int DEFAULT nextval('common'), b smallint DEFAULT nextval('common'));
CREATE TABLE "B c" ("D e" int DEFAULT nextval('common'), x numeric DEFAULT nextval('common'), y int DEFAULT nextval('common') * 1000);
INSERT INTO a VALUES (50, 60);
INSERT INTO "B c" VALUES (70, 80, 90);
SELECT stride_sequence('common', 1, 2);
-- it has to be able to read them
CREATE ROLE regress_stride_owner;
ALTER SEQUENCE common OWNER TO regress_stride_owner;
GRANT CREATE, USAGE ON SCHEMA stride TO regress_stride_owner;
SET ROLE regress_stride_owner;
SELECT stride_sequence('common', 1, 2);
\echo SQLSTATE :SQLSTATE
RESET ROLE;
GRANT SELECT ON a, "B c" TO regress_stride_owner;
SET ROLE regress_stride_owner;
SELECT stride_sequence('common', 1, 2);
RESET ROLE;
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
SET ROLE regress_stride_owner;
SELECT stride_sequence('common', 1, 2);
RESET ROLE;
DROP TABLE a, "B c";

-- restarts, and cycles, stay in the stride
SELECT stride_sequence('common', 3, 4);
ALTER SEQUENCE common RESTART;
SELECT nextval('common'), nextval('common');
ALTER SEQUENCE common MAXVALUE 100 CYCLE;
SELECT stride_sequence('common', 3, 4);
SELECT array_agg(nextval('common') % 4) = array_agg(3::bigint) AS congruent, count(*) FROM generate_series(1, 100);
SELECT problems FROM stride_check() WHERE sequence = 'common'::regclass;
TRUNCATE items RESTART IDENTITY;
INSERT INTO items DEFAULT VALUES RETURNING id;

-- CACHE is harmless: what a session keeps is n apart, too
ALTER SEQUENCE common CACHE 20;
SELECT array_agg(nextval('common') % 4) = array_agg(3::bigint) AS congruent FROM generate_series(1, 50);
-- what a session had cached before is forgotten
ALTER SEQUENCE common NO CYCLE MAXVALUE 30000;
SELECT nextval('common') AS before \gset
SELECT stride_sequence('common', 2, 4) AS first \gset
SELECT :first % 4 AS remainder, :first > :before + 19 * 4 AS above_what_is_cached, nextval('common') = :first AS first;
SELECT problems FROM stride_check() WHERE sequence = 'common'::regclass;

-- what breaks a stride is found: another increment, ...
ALTER SEQUENCE common INCREMENT BY 5;
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
-- (a multiple of n stays in it)
ALTER SEQUENCE common INCREMENT BY 8;
SELECT problems FROM stride_check() WHERE sequence = 'common'::regclass;
ALTER SEQUENCE common INCREMENT BY -4;
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
ALTER SEQUENCE common INCREMENT BY 4;
-- ... a restart or setval() to a number of another node, ...
ALTER SEQUENCE common RESTART WITH 7;
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
SELECT setval('common', 8);
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
SELECT setval('common', 10);
-- ... another START, to which TRUNCATE ... RESTART IDENTITY goes back, ...
ALTER SEQUENCE common START WITH 4;
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
-- ... CYCLE, which goes on from MINVALUE
ALTER SEQUENCE common MINVALUE 1 START WITH 6 CYCLE;
SELECT unnest(problems) FROM stride_check() WHERE sequence = 'common'::regclass;
-- all is mended by setting it again
SELECT stride_sequence('common', 2, 4);
SELECT problems FROM stride_check() WHERE sequence = 'common'::regclass;
-- ... and numbers in the table that the sequence is yet to give out; those of other nodes do not matter
INSERT INTO orders (id) VALUES (1003), (2001);
SELECT last_value, problems FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;
DELETE FROM orders WHERE id = 1003;
SELECT last_value, problems FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;

-- the stride goes with the sequence: as its security label, which pg_dump writes
SELECT objname, provider, label FROM pg_seclabels WHERE objtype = 'sequence' ORDER BY objname;
ALTER SEQUENCE common RENAME TO "com""mon";
SELECT * FROM stride_check() WHERE sequence::text LIKE '%com%';
BEGIN;
DROP SEQUENCE "com""mon";
SELECT * FROM stride_check() WHERE sequence::text LIKE '%com%';
ROLLBACK;
-- what is rolled back is not set
BEGIN;
SELECT stride_sequence('"com""mon"', 5, 7);
ROLLBACK;
SELECT sequence, node, nodes, problems FROM stride_check() WHERE sequence::text LIKE '%com%';
-- the provider does not show: SECURITY LABEL without FOR has PostgreSQL's own words, where strides are set, too
SECURITY LABEL ON SEQUENCE orders_id_seq IS 'x';
\echo SQLSTATE :SQLSTATE
SECURITY LABEL FOR other ON SEQUENCE orders_id_seq IS 'x';
-- a statement that names it, as one of a dump does, finds it
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS 'node=1,nodes=5';
SELECT node, nodes FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS NULL;
SELECT node, nodes FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS 'node=3,nodes=4';
SET ROLE regress_stride_owner;
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS 'node=1,nodes=5';
\echo SQLSTATE :SQLSTATE
RESET ROLE;
-- nobody can label what is no sequence, or with what is no stride
SECURITY LABEL FOR snowflake_pg ON TABLE orders IS 'node=1,nodes=3';
\echo SQLSTATE :SQLSTATE
SECURITY LABEL FOR snowflake_pg ON COLUMN orders.id IS 'node=1,nodes=3';
SECURITY LABEL FOR snowflake_pg ON ROLE regress_stride_owner IS 'node=1,nodes=3';
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS 'node=4,nodes=3';
SECURITY LABEL FOR snowflake_pg ON SEQUENCE orders_id_seq IS 'banana';
\echo SQLSTATE :SQLSTATE
-- who has named it finds it without
SECURITY LABEL ON TABLE orders IS 'node=1,nodes=3';

-- sequences without a stride are listed, too; the extension's own are not
CREATE SEQUENCE forgotten;
CREATE TEMP SEQUENCE passing;
SELECT sequence, node, nodes FROM stride_check() JOIN pg_class ON oid = sequence
    WHERE relnamespace IN ('stride'::regnamespace, 'public'::regnamespace, pg_my_temp_schema()) ORDER BY relname COLLATE "C";

-- what has no stride
SELECT stride_sequence('orders', 1, 3);
\echo SQLSTATE :SQLSTATE
SELECT stride_sequence('nothing', 1, 3);
SELECT stride_sequence(0::regclass, 1, 3);
\echo SQLSTATE :SQLSTATE
SELECT stride_sequence('snowflake_mark', 1, 3);
\echo SQLSTATE :SQLSTATE
CREATE SEQUENCE down INCREMENT BY -1;
SELECT stride_sequence('down', 1, 3);
\echo SQLSTATE :SQLSTATE
-- no number left, by the sequence's own maximum or that of its type
CREATE SEQUENCE short MAXVALUE 10;
SELECT setval('short', 8);
SELECT stride_sequence('short', 2, 3);
\echo SQLSTATE :SQLSTATE
SELECT stride_sequence('short', 1, 3);
CREATE SEQUENCE small AS smallint;
SELECT stride_sequence('small', 32768, 40000);
SELECT stride_sequence('small', 5, 40000);
SELECT nextval('small'), nextval('small');
CREATE SEQUENCE large START WITH 9223372036854775807;
SELECT nextval('large');
SELECT stride_sequence('large', 1, 2);
-- bounds hold: the smallest number is respected
CREATE SEQUENCE negative MINVALUE -5 START WITH -5;
SELECT stride_sequence('negative', 1, 3), nextval('negative'), nextval('negative'), nextval('negative');
CREATE SEQUENCE above MINVALUE 100;
SELECT stride_sequence('above', 1, 3);

-- only the owner may, and nobody can so much as lock what belongs to others
SET ROLE regress_stride_owner;
SELECT stride_sequence('orders_id_seq', 1, 3);
\echo SQLSTATE :SQLSTATE
CREATE SEQUENCE own;
SELECT stride_sequence('own', 1, 3);
-- what it may not read it is told
SELECT sequence, node, last_value, problems FROM stride_check() JOIN pg_class ON oid = sequence
    WHERE relnamespace = 'stride'::regnamespace ORDER BY relname COLLATE "C";
RESET ROLE;

-- functions that an index of the table calls run with the rights of its owner, whoever sets or checks the stride
SET ROLE regress_stride_owner;
CREATE FUNCTION hostile() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'hostile() runs as %', current_user;
    ALTER ROLE regress_stride_owner SUPERUSER;
    RETURN 1;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 0;
END
$$;
CREATE FUNCTION hostile_index() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN stride.hostile(); END';
CREATE TABLE trap (id serial PRIMARY KEY);
SET client_min_messages = warning;
CREATE INDEX ON trap ((id + stride.hostile_index()));
RESET client_min_messages;
\c -
SET search_path = stride, public;
SELECT stride_sequence('trap_id_seq', 2, 3);
\c -
SET search_path = stride, public;
SELECT problems FROM stride_check() WHERE sequence = 'trap_id_seq'::regclass;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_stride_owner';
ALTER ROLE regress_stride_owner NOSUPERUSER;
-- what the owner has to be able to read
REVOKE SELECT ON trap FROM regress_stride_owner;
SELECT problems FROM stride_check() WHERE sequence = 'trap_id_seq'::regclass;
SELECT stride_sequence('trap_id_seq', 2, 3);
DROP TABLE trap;

-- where it cannot know what exists, or cannot change it
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT stride_sequence('orders_id_seq', 1, 3);
\echo SQLSTATE :SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) > 0 AS listed FROM stride_check();
SELECT stride_sequence('orders_id_seq', 1, 3);
\echo SQLSTATE :SQLSTATE
ROLLBACK;

-- whatever the search path has, the functions and operators are PostgreSQL's
CREATE FUNCTION stride.max(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT -1';
CREATE FUNCTION stride.fail(bigint, bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE OPERATOR stride.% (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = stride.fail);
SET search_path = stride, pg_catalog, public;
SELECT stride_sequence('orders_id_seq', 1, 3);
SELECT problems FROM stride_check() WHERE sequence = 'orders_id_seq'::regclass;
SHOW search_path;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA stride CASCADE;
DROP ROLE regress_stride_owner;
SELECT count(*) FROM pg_seclabels WHERE provider = 'snowflake_pg';
