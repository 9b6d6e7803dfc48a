-- Where PostgreSQL stores what a function computes it wants an IMMUTABLE one: name the layout there.
-- Without it the functions read the database's record, and are STABLE.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- a generated column
CREATE TABLE messages (id bigint PRIMARY KEY, created timestamptz GENERATED ALWAYS AS (snowflake_timestamp(id)) STORED);
\echo SQLSTATE :SQLSTATE
CREATE TABLE messages (
    id bigint PRIMARY KEY,
    created timestamptz GENERATED ALWAYS AS (snowflake_timestamp(id, 'twitter')) STORED,
    worker int GENERATED ALWAYS AS ((snowflake_decode(id, 'twitter')).worker_id) STORED,
    code text GENERATED ALWAYS AS (snowflake_to_base32(id)) STORED);
INSERT INTO messages VALUES (1541815603606036480), (0);
TABLE messages;

-- an index on an expression
CREATE INDEX ON messages (snowflake_worker_id(id));
CREATE INDEX messages_by_worker ON messages (snowflake_worker_id(id, 'twitter'));
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM messages WHERE snowflake_worker_id(id, 'twitter') = 378;
SELECT id FROM messages WHERE snowflake_worker_id(id, 'twitter') = 378;
-- a partial index
CREATE INDEX ON messages (id) WHERE snowflake_between(id, '2022-01-01', '2023-01-01');
CREATE INDEX messages_of_2022 ON messages (code) WHERE id >= snowflake_min_id('2022-01-01Z', 'twitter');
-- statistics
CREATE STATISTICS messages_by_day ON (snowflake_timestamp(id, 'twitter')), code FROM messages;

-- a partition key
CREATE TABLE by_worker (id bigint) PARTITION BY LIST (snowflake_worker_id(id));
CREATE TABLE by_worker (id bigint) PARTITION BY LIST (snowflake_worker_id(id, 'twitter'));
CREATE TABLE by_worker_378 PARTITION OF by_worker FOR VALUES IN (378);
INSERT INTO by_worker VALUES (1541815603606036480) RETURNING tableoid::regclass;
INSERT INTO by_worker VALUES (0);

-- a partition's bounds are computed once, when it is made
CREATE TABLE by_day (id bigint) PARTITION BY RANGE (id);
CREATE TABLE by_day_0628 PARTITION OF by_day
    FOR VALUES FROM (snowflake_min_id('2022-06-28', 'twitter')) TO (snowflake_min_id('2022-06-29', 'twitter'));
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'by_day_0628';
INSERT INTO by_day VALUES (1541815603606036480) RETURNING tableoid::regclass;
INSERT INTO by_day VALUES (snowflake_encode('2022-06-29', 0, 0, 'twitter'));

-- a check is made at every insert, so it may use the record
CREATE TABLE ours (id bigint CHECK (snowflake_worker_id(id) BETWEEN 1 AND 7));
INSERT INTO ours VALUES (snowflake_encode(now(), 7, 0));
INSERT INTO ours VALUES (1541815603606036480);

-- and reads alike whatever the clock says, also before the layout begins: a restore may run on a machine whose clock is
-- behind. To give out IDs it has to have begun.
\set layout '\'ts=31,worker=10,seq=12,unit=1s,epoch=2200-01-01T00:00:00Z\''
CREATE TABLE later (
    id bigint PRIMARY KEY,
    created timestamptz GENERATED ALWAYS AS (snowflake_timestamp(id, :layout)) STORED);
INSERT INTO later VALUES (snowflake_encode('2201-01-01Z', 3, 7, :layout));
TABLE later;
SELECT d.*, snowflake_worker_id(id, :layout), snowflake_sequence(id, :layout),
       snowflake_between(id, '2201-01-01Z', '2201-01-02Z', :layout)
FROM later, snowflake_decode(id, :layout) d;
SELECT snowflake_min_id('2200-01-01Z', :layout), snowflake_max_id('2200-01-01Z', :layout),
       snowflake_range('2200-01-01Z', '2200-01-01 00:00:01Z', :layout);
\set VERBOSITY sqlstate
SELECT snowflake_set_layout(:layout);
\set VERBOSITY default

DROP TABLE messages, by_worker, by_day, ours, later;
