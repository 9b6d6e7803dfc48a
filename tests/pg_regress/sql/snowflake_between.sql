-- Rows of a time by the primary key alone: no second column, no second index.
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';
-- a table of a few rows would be read whole otherwise
SET enable_seqscan = off; SET enable_bitmapscan = off;

CREATE TABLE events (id bigint PRIMARY KEY, note text);
INSERT INTO events
    SELECT snowflake_encode(at, 1, 0, 'twitter'), to_char(at, 'MM-DD HH24:MI:SS.MS')
    FROM generate_series(timestamptz '2025-03-01', '2025-03-04 23:30', '30 minutes') AS at
    UNION ALL
    SELECT snowflake_encode('2025-03-02 23:59:59.999', 1023, 4095, 'twitter'), 'last of 03-02';
ANALYZE events;

-- with the layout, the bounds are constants of the plan
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03', 'twitter');
-- without, they are computed once when the query starts
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03');
-- also where the times are not known when it is planned
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, now() - interval '1 hour', now());
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, now() - interval '1 hour', now(), 'twitter');
-- one bound alone
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE id >= snowflake_min_id('2025-03-04');
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE id <= snowflake_max_id('2025-03-01', 'twitter');
-- the latest first, without a sort
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03') ORDER BY id DESC LIMIT 3;
-- once for every row of another table
EXPLAIN (COSTS OFF) SELECT * FROM (VALUES (date '2025-03-02'), ('2025-03-04')) AS days (day)
    JOIN events ON snowflake_between(id, day, day + 1);

-- half-open: what happens at the end is not in it
SELECT count(*), min(note), max(note) FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03');
SELECT count(*), min(note), max(note) FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03', 'twitter');
SELECT count(*) FROM events WHERE id <@ snowflake_range('2025-03-02', '2025-03-03');
SELECT count(*) FROM events WHERE id >= snowflake_min_id('2025-03-04');
SELECT note FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-03') ORDER BY id DESC LIMIT 3;
SELECT day, count(*) FROM (VALUES (date '2025-03-02'), ('2025-03-04')) AS days (day)
    JOIN events ON snowflake_between(id, day, day + 1) GROUP BY day ORDER BY day;
-- open ends
SELECT count(*) FROM events WHERE snowflake_between(id, '-infinity', '2025-03-02');
SELECT count(*) FROM events WHERE snowflake_between(id, '2025-03-04', 'infinity', 'twitter');
-- a time of no length, or that ends before it starts, holds nothing
SELECT count(*) FROM events WHERE snowflake_between(id, '2025-03-02', '2025-03-02');
SELECT count(*) FROM events WHERE snowflake_between(id, '2025-03-03', '2025-03-02');
-- a time outside the layout is an error
SELECT count(*) FROM events WHERE snowflake_between(id, '2001-01-01', '2025-03-02');
SELECT count(*) FROM events WHERE snowflake_between(id, '2025-03-01', '2101-01-01', 'twitter');

-- NULL: as id >= ... AND id < ... would have it
SELECT snowflake_between(NULL, '2025-03-02', '2025-03-03') AS id,
       snowflake_between(1541815603606036480, NULL, '2025-03-03') AS start,
       snowflake_between(1541815603606036480, NULL, '2020-03-03') AS start_after_end,
       snowflake_between(1541815603606036480, '2020-03-02', NULL) AS "end",
       snowflake_between(1541815603606036480, '2025-03-02', NULL) AS end_before_start,
       snowflake_between(1541815603606036480, '2020-03-02', '2025-03-02', NULL) AS layout;
EXPLAIN (COSTS OFF) SELECT * FROM events WHERE snowflake_between(id, NULL, '2025-03-03');

-- a prepared statement with a generic plan
SET plan_cache_mode = force_generic_plan;
PREPARE of_time (timestamptz, timestamptz) AS SELECT count(*) FROM events WHERE snowflake_between(id, $1, $2);
EXPLAIN (COSTS OFF) EXECUTE of_time ('2025-03-02', '2025-03-03');
EXECUTE of_time ('2025-03-02', '2025-03-03');
DEALLOCATE of_time;
RESET plan_cache_mode;
DROP TABLE events;

-- A table partitioned by day. Bounds are constants, so they name the layout
CREATE TABLE readings (id bigint PRIMARY KEY, value int) PARTITION BY RANGE (id);
CREATE TABLE readings_0301 PARTITION OF readings
    FOR VALUES FROM (snowflake_min_id('2025-03-01', 'twitter')) TO (snowflake_min_id('2025-03-02', 'twitter'));
CREATE TABLE readings_0302 PARTITION OF readings
    FOR VALUES FROM (snowflake_min_id('2025-03-02', 'twitter')) TO (snowflake_min_id('2025-03-03', 'twitter'));
CREATE TABLE readings_0303 PARTITION OF readings
    FOR VALUES FROM (snowflake_min_id('2025-03-03', 'twitter')) TO (snowflake_min_id('2025-03-04', 'twitter'));
INSERT INTO readings SELECT snowflake_encode(at, 1, 0, 'twitter'), extract(hour FROM at)
    FROM generate_series(timestamptz '2025-03-01', '2025-03-03 23:59:59', '1 hour') AS at;
SELECT tableoid::regclass AS partition, count(*) FROM readings GROUP BY 1 ORDER BY 1;
SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off;

-- with the layout, the plan has only the days that matter
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE snowflake_between(id, '2025-03-02', '2025-03-03', 'twitter');
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE snowflake_between(id, '2025-03-02 12:00', '2025-03-03 12:00', 'twitter');
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE id < snowflake_min_id('2025-03-02', 'twitter');
-- without, the others are left out when the query starts
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE snowflake_between(id, '2025-03-02', '2025-03-03');
EXPLAIN (COSTS OFF) SELECT * FROM readings WHERE id >= snowflake_min_id('2025-03-03');
-- so it is with a generic plan
SET plan_cache_mode = force_generic_plan;
PREPARE of_time (timestamptz, timestamptz) AS SELECT count(*) FROM readings WHERE snowflake_between(id, $1, $2);
EXPLAIN (COSTS OFF) EXECUTE of_time ('2025-03-02', '2025-03-03');
EXECUTE of_time ('2025-03-02', '2025-03-03');
EXPLAIN (COSTS OFF) EXECUTE of_time ('2025-03-01', '2025-03-03');
EXECUTE of_time ('2025-03-01', '2025-03-03');
DEALLOCATE of_time;
PREPARE of_time (timestamptz, timestamptz) AS SELECT count(*) FROM readings WHERE snowflake_between(id, $1, $2, 'twitter');
EXPLAIN (COSTS OFF) EXECUTE of_time ('2025-03-02', '2025-03-03');
EXECUTE of_time ('2025-03-02', '2025-03-03');
DEALLOCATE of_time;
RESET plan_cache_mode;
SELECT count(*) FROM readings WHERE snowflake_between(id, '2025-03-02', '2025-03-03');
SELECT count(*) FROM readings WHERE snowflake_between(id, '2025-03-02 12:00', '2025-03-03 12:00', 'twitter');
DROP TABLE readings;
