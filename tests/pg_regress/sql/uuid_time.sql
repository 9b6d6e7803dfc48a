-- UUIDs that hold the time they were made: versions 1, 6 and 7.
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';

SELECT version, variant, abs(extract(epoch FROM ts - clock_timestamp())) < 5 AS made_now,
       clock_seq IS NOT NULL AS has_clock_seq, node IS NOT NULL AS has_node
    FROM unnest(ARRAY[uuid_v1(), uuid_v6(), uuid_v7()]) AS uuid, uuid_decode(uuid);

-- each of version 6 and 7 is larger than the one before: an index on them grows at its end
SELECT count(*), count(DISTINCT uuid) AS different, bool_and(uuid > previous) AS increasing
    FROM (SELECT uuid, lag(uuid) OVER (ORDER BY n) AS previous
          FROM (SELECT n, uuid_v7() AS uuid FROM generate_series(1, 10000) AS n) AS made) AS pairs;
SELECT count(*), count(DISTINCT uuid) AS different, bool_and(uuid > previous) AS increasing
    FROM (SELECT uuid, lag(uuid) OVER (ORDER BY n) AS previous
          FROM (SELECT n, uuid_v6() AS uuid FROM generate_series(1, 10000) AS n) AS made) AS pairs;
-- version 1 has its lowest bits in front: increasing in time, not in order
SELECT count(*), count(DISTINCT uuid) AS different, bool_and(uuid_timestamp(uuid) >= uuid_timestamp(previous)) AS increasing
    FROM (SELECT uuid, lag(uuid) OVER (ORDER BY n) AS previous
          FROM (SELECT n, uuid_v1() AS uuid FROM generate_series(1, 10000) AS n) AS made) AS pairs;

-- versions 1 and 6 never share a tick of 100 ns: one put in the other's order is still unique
SELECT count(DISTINCT substr(v1, 16, 3) || substr(v1, 10, 4) || substr(v1, 1, 8)) AS of_1,
       count(DISTINCT substr(v6, 1, 8) || substr(v6, 10, 4) || substr(v6, 16, 3)) AS of_6,
       count(*) FILTER (WHERE substr(v1, 16, 3) || substr(v1, 10, 4) || substr(v1, 1, 8)
                            = substr(v6, 1, 8) || substr(v6, 10, 4) || substr(v6, 16, 3)) AS shared
    FROM (SELECT uuid_v1()::text AS v1, uuid_v6()::text AS v6 FROM generate_series(1, 1000)) AS made;

-- node ID and clock sequence are random at each start of the server: no network card's, as the multicast bit says
SELECT clock_seq, node FROM uuid_decode(uuid_v1()) \gset
SELECT trunc(macaddr :'node') <> '00:00:00:00:00:00' AS random, macaddr :'node' & '01:00:00:00:00:00' AS multicast,
       :clock_seq BETWEEN 0 AND 16383 AS fourteen_bits;
-- all sessions have the same, and go on where others have been
SELECT uuid_v6() AS v6, uuid_v7() AS v7 \gset
\c
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';
SELECT (clock_seq, node) = (:clock_seq, macaddr :'node') AS same FROM unnest(ARRAY[uuid_v1(), uuid_v6()]) AS uuid, uuid_decode(uuid);
SELECT uuid_v6() > :'v6' AS v6, uuid_v7() > :'v7' AS v7;

-- so do parallel workers
CREATE TABLE numbers AS SELECT n FROM generate_series(1, 20000) AS n;
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT uuid_v1(), uuid_v6(), uuid_v7() FROM numbers;
CREATE TABLE made AS SELECT uuid_v1() AS v1, uuid_v6() AS v6, uuid_v7() AS v7 FROM numbers;
COMMIT;
SELECT count(DISTINCT v1) AS v1, count(DISTINCT v6) AS v6, count(DISTINCT v7) AS v7 FROM made;
DROP TABLE numbers, made;

-- as a key
CREATE TABLE parcels (id uuid PRIMARY KEY DEFAULT uuid_v7(), item text);
INSERT INTO parcels (item) VALUES ('anvil'), ('bellows'), ('crucible');
SELECT item FROM parcels ORDER BY id;
DROP TABLE parcels;

-- Version 7 of a time in the past, for rows that are older than their key. The time is to a quarter of a microsecond,
-- as that of others is; what follows is random.
SELECT left(uuid_v7('2022-02-22 19:22:22+00')::text, 18) AS full_second, left(uuid_v7('2022-02-22 19:22:22.1235+00')::text, 18) AS and_a_half,
       left(uuid_v7('2022-02-22 19:22:22.123999+00')::text, 18) AS almost_the_next;
SELECT uuid_decode(uuid_v7('2022-02-22 14:22:22.123456-05'));
SELECT count(DISTINCT uuid) AS different FROM (SELECT uuid_v7('2022-02-22') AS uuid FROM generate_series(1, 10000)) AS made;
SELECT bool_and(uuid > previous) AS increasing
    FROM (SELECT uuid, lag(uuid) OVER (ORDER BY at) AS previous
          FROM (SELECT at, uuid_v7(at) AS uuid FROM generate_series(timestamptz '2022-02-22', '2022-02-23', '10.000001 s') AS at) AS made) AS pairs;
-- its first millisecond and its last one
SELECT uuid_timestamp(uuid_v7('epoch')), uuid_timestamp(uuid_v7('10889-08-02 05:31:50.655999'));
SELECT uuid_v7('1969-12-31 23:59:59.999999');
\echo SQLSTATE :SQLSTATE
SELECT uuid_v7('-infinity');
\echo SQLSTATE :SQLSTATE
SELECT uuid_v7('infinity');
\set VERBOSITY sqlstate
SELECT uuid_v7('10889-08-02 05:31:50.656');
SELECT uuid_v7('4713-01-01 BC');
SELECT uuid_v7('294276-12-31');
\set VERBOSITY default
SELECT uuid_v7(NULL) IS NULL;

-- The first and the last UUID of version 7 of the millisecond that a time lies in.
SELECT uuid_v7_min('2022-02-22 19:22:22'), uuid_v7_max('2022-02-22 19:22:22');
SELECT uuid_timestamp(uuid_v7_min('2022-02-22 19:22:22')), uuid_timestamp(uuid_v7_max('2022-02-22 19:22:22'));
SELECT uuid_timestamp(uuid_v7_min('2022-02-22 19:22:22.0005')), uuid_timestamp(uuid_v7_max('2022-02-22 19:22:22.0005'));
SELECT bool_and(uuid_v7(at) BETWEEN uuid_v7_min(at) AND uuid_v7_max(at)) AS between
    FROM generate_series(timestamptz '2022-02-22', '2022-02-23', '100.001 s') AS at;
SELECT uuid_v7_min('epoch'), uuid_v7_max('10889-08-02 05:31:50.655');
SELECT uuid_v7_min('1969-12-31 23:59:59.999999');
\echo SQLSTATE :SQLSTATE
SELECT uuid_v7_min('-infinity');
SELECT uuid_v7_min('infinity');
SELECT uuid_v7_max('1969-12-31 23:59:59.999999');
SELECT uuid_v7_max('-infinity');
SELECT uuid_v7_max('infinity');
SELECT uuid_v7_min('10889-08-02 05:31:50.656');
SELECT uuid_v7_max('10889-08-02 05:31:50.656');
SELECT uuid_v7_min(NULL) IS NULL, uuid_v7_max(NULL) IS NULL;

-- Rows of a time by the key alone. The bounds are constants of the plan.
CREATE TABLE events (id uuid PRIMARY KEY, note text);
INSERT INTO events
    SELECT uuid_v7(at), to_char(at, 'MM-DD HH24:MI:SS.MS') FROM generate_series(timestamptz '2025-03-01', '2025-03-04 23:30', '30 minutes') AS at
    UNION ALL
    SELECT uuid_v7_max('2025-03-02 23:59:59.999'), 'last of 03-02';
ANALYZE events;
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE id >= uuid_v7_min('2025-03-02') AND id < uuid_v7_min('2025-03-03');
SELECT count(*), min(note), max(note) FROM events WHERE id >= uuid_v7_min('2025-03-02') AND id < uuid_v7_min('2025-03-03');
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE id BETWEEN uuid_v7_min('2025-03-02 12:00') AND uuid_v7_max('2025-03-02 13:00');
SELECT note FROM events WHERE id BETWEEN uuid_v7_min('2025-03-02 12:00') AND uuid_v7_max('2025-03-02 13:00') ORDER BY id;
-- the latest first, without a sort
EXPLAIN (COSTS OFF) SELECT note FROM events WHERE id < uuid_v7_min('2025-03-03') ORDER BY id DESC LIMIT 2;
SELECT note FROM events WHERE id < uuid_v7_min('2025-03-03') ORDER BY id DESC LIMIT 2;
-- where the time is not known when it is planned, too
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE id >= uuid_v7_min(now() - interval '1 hour');
DROP TABLE events;

-- A table partitioned by day. Its key is that of the whole table.
CREATE TABLE readings (id uuid PRIMARY KEY DEFAULT uuid_v7(), value int) PARTITION BY RANGE (id);
CREATE TABLE readings_0301 PARTITION OF readings FOR VALUES FROM (uuid_v7_min('2025-03-01')) TO (uuid_v7_min('2025-03-02'));
CREATE TABLE readings_0302 PARTITION OF readings FOR VALUES FROM (uuid_v7_min('2025-03-02')) TO (uuid_v7_min('2025-03-03'));
CREATE TABLE readings_0303 PARTITION OF readings FOR VALUES FROM (uuid_v7_min('2025-03-03')) TO (uuid_v7_min('2025-03-04'));
SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname LIKE 'readings_03__' ORDER BY 1;
INSERT INTO readings SELECT uuid_v7(at), extract(hour FROM at) FROM generate_series(timestamptz '2025-03-01', '2025-03-03 23:59:59', '1 hour') AS at;
INSERT INTO readings VALUES (uuid_v7('2025-03-02 23:59:59.999999'), 24);
SELECT tableoid::regclass AS partition, count(*), max(value) FROM readings GROUP BY 1 ORDER BY 1;
-- the plan has only the days that matter
SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE id >= uuid_v7_min('2025-03-02') AND id < uuid_v7_min('2025-03-03');
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE id BETWEEN uuid_v7_min('2025-03-02 12:00') AND uuid_v7_max('2025-03-03 12:00');
SELECT count(*) FROM readings WHERE id BETWEEN uuid_v7_min('2025-03-02 12:00') AND uuid_v7_max('2025-03-03 12:00');
DROP TABLE readings;
