-- Version vectors: of each node, how many of its events are known.

-- text: entries in any order, white space, zeros that vanish
SELECT version_vector '{1:5,2:7}' AS plain, version_vector ' { 2 : 7 , 1:5, 3:0 } ' AS read, version_vector '{}' AS none,
       version_vector '{0:1,9223372036854775807:9223372036854775807}' AS ends;

-- the order of causality: each knows as much as the other, less, more, or what the other does not
CREATE TEMP TABLE pair (a version_vector, b version_vector);
INSERT INTO pair VALUES
    ('{1:5,2:7}', '{2:7,1:5}'), ('{1:5}', '{1:5,2:7}'), ('{1:5,2:7}', '{1:4,2:7}'), ('{1:5,2:7}', '{1:4,2:8}'),
    ('{1:5}', '{2:7}'), ('{}', '{}'), ('{}', '{1:1}');
SELECT a, b, a @> b AS "@>", a <@ b AS "<@", a >> b AS ">>", a << b AS "<<", a >< b AS "><", a = b AS "=", a <> b AS "<>" FROM pair;
-- the total order extends it: whatever is before is smaller
SELECT a, b, a < b AS "<", a <= b AS "<=", a > b AS ">", a >= b AS ">=", version_vector_cmp(a, b) AS cmp FROM pair;
SELECT count(*) FROM pair AS p, pair AS q WHERE p.a << q.b AND NOT p.a < q.b;

-- bounds: what is known to one of two, and to both
SELECT a, b, a || b AS "||", version_vector_merge(a, b) AS merge, version_vector_meet(a, b) AS meet FROM pair;
SELECT version_vector_merge(a) AS merge, version_vector_meet(b) AS meet FROM pair WHERE a <> '{}';
SELECT version_vector_merge(a) AS merge, version_vector_meet(a) AS meet FROM pair WHERE false;
SELECT version_vector_merge(a) AS merge, version_vector_meet(a) AS meet
    FROM (VALUES (version_vector '{1:5}'), (NULL), ('{1:4,2:1}')) AS v (a);

-- events
SELECT version_vector_increment('{1:5}', 1) AS known_node, version_vector_increment('{1:5}', 0) AS first,
       version_vector_increment('{1:5}', 2) AS last, version_vector_increment('{}', 7) AS of_none;
SELECT version_vector(3, 4) AS one, version_vector(3, 0) AS none, version_vector(0, 1) AS node_0;
SELECT version_vector '{1:5,2:7}' -> 2 AS known, version_vector '{1:5,2:7}' -> 3 AS missing, version_vector '{1:5}' -> -1 AS negative,
       version_vector_counter('{1:5,2:7}', 1) AS counter;
SELECT version_vector_nodes('{9:1,2:7,1:5}') AS nodes, version_vector_nodes('{}') AS none;
SELECT version_vector_increment(NULL, 1), NULL::version_vector || '{1:1}', version_vector '{1:1}' -> NULL;

-- casts
SELECT version_vector '{1:5,2:7,10:1}'::jsonb, '{"10": 1, "9": 2, "8": 0}'::jsonb::version_vector, '{}'::jsonb::version_vector;
SELECT version_vector '{1:5,2:7}'::bytea, '\x0100000000000000030000000000000004'::bytea::version_vector, version_vector '{}'::bytea;
SELECT a, a::jsonb::version_vector = a AND a::bytea::version_vector = a AND a::text::version_vector = a AS same FROM pair;

-- tables and indexes
CREATE TABLE versions (id int PRIMARY KEY, version version_vector NOT NULL);
INSERT INTO versions SELECT i, version_vector(i % 7, i % 5) || version_vector(i % 11, i % 3) FROM generate_series(1, 2000) AS i;
CREATE INDEX versions_btree ON versions (version);
CREATE INDEX versions_hash ON versions USING hash (version);
ANALYZE versions;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT version FROM versions WHERE version > '{5:1}' ORDER BY version LIMIT 5;
SELECT DISTINCT version FROM versions WHERE version > '{5:1}' ORDER BY version LIMIT 5;
SELECT count(*) FROM versions WHERE version = '{3:1,10:1}';
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
SELECT DISTINCT version FROM versions WHERE version > '{5:1}' ORDER BY version LIMIT 5;
SELECT count(*) FROM versions WHERE version = '{3:1,10:1}';
RESET enable_bitmapscan;
RESET enable_indexscan;
RESET enable_indexonlyscan;
-- joins and groups by hash and by sort
SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM versions AS a JOIN versions AS b USING (version);
SELECT count(*) FROM versions AS a JOIN versions AS b USING (version);
SELECT count(*) FROM (SELECT version FROM versions GROUP BY version) AS g;
SET enable_mergejoin = on; SET enable_hashjoin = off; SET enable_hashagg = off; SET enable_sort = on;
SELECT count(*) FROM versions AS a JOIN versions AS b USING (version);
SELECT count(*) FROM (SELECT version FROM versions GROUP BY version) AS g;
RESET enable_mergejoin; RESET enable_nestloop; RESET enable_hashjoin; RESET enable_hashagg; RESET enable_sort;
-- partitions by hash take each value in one place
CREATE TABLE parted (version version_vector) PARTITION BY HASH (version);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT version FROM versions;
SELECT count(*) FROM parted_0 JOIN parted_1 USING (version);
SELECT (SELECT count(*) FROM parted_0) > 0 AND (SELECT count(*) FROM parted_1) > 0 AS both;
-- unique
CREATE TABLE known (version version_vector PRIMARY KEY);
INSERT INTO known VALUES ('{1:5,2:7}');
INSERT INTO known VALUES ('{2:7, 1:5, 3:0}') ON CONFLICT DO NOTHING RETURNING version;

-- aggregates in parallel give the same
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT version_vector_merge(version), version_vector_meet(version) FROM versions;
SELECT version_vector_merge(version), version_vector_meet(version) FROM versions;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT version_vector_merge(version), version_vector_meet(version) FROM versions;

-- "rows that the other lacks": one range of the btree for each node
CREATE TABLE member (node bigint PRIMARY KEY);
CREATE TABLE log (node bigint, counter bigint, PRIMARY KEY (node, counter));
INSERT INTO member VALUES (1), (2), (3);
INSERT INTO log SELECT node, counter FROM member, generate_series(1, 1000) AS counter;
ANALYZE member, log;
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_material = off;
EXPLAIN (COSTS OFF)
SELECT log.* FROM member JOIN log ON log.node = member.node AND log.counter > version_vector '{1:999,3:998}' -> member.node WHERE member.node <> 2;
SELECT log.* FROM member JOIN log ON log.node = member.node AND log.counter > version_vector '{1:999,3:998}' -> member.node WHERE member.node <> 2 ORDER BY 1, 2;
RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_material;

-- long values, compressed and out of line
CREATE TABLE long (id int, version version_vector);
INSERT INTO long SELECT 1, ('{' || string_agg(format('%s:1', i), ',') || '}')::version_vector FROM generate_series(1, 5000) AS i;
ALTER TABLE long ALTER version SET STORAGE external;
INSERT INTO long SELECT 2, ('{' || string_agg(format('%s:%s', i, i), ',') || '}')::version_vector FROM generate_series(1, 5000) AS i;
SELECT id, pg_column_size(version) < 80001 AS compressed, length(version::bytea) AS bytes, version -> 5000 AS last
    FROM long ORDER BY id;
SELECT a.id, b.id, a.version @> b.version AS "@>", a.version < b.version AS "<", a.version = b.version AS "="
    FROM long AS a, long AS b ORDER BY 1, 2;
SELECT count(DISTINCT version), version_vector_merge(version) -> 4000 AS merged, cardinality(version_vector_nodes(version_vector_meet(version))) AS nodes FROM long;

-- what is refused
DO $$
DECLARE
    input text;
    message text;
    problem text;
BEGIN
    FOREACH input IN ARRAY ARRAY['', '{', '1:5', '{1}', '{1:}', '{1:5', '{1:5,}', '{1:5}x', '{1:-5}', '{-1:5}', '{1:5.5}', '{"1":5}', '{a:1}',
        '{1:5,1:5}', '{1:5,01:0}', '{9223372036854775808:1}', '{1:9223372036854775808}', repeat('{', 1000000), '{' || repeat('1:0,', 32768)]
    LOOP
        BEGIN
            PERFORM input::version_vector;
            RAISE NOTICE '% is read', left(input, 20);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, problem = PG_EXCEPTION_DETAIL;
            RAISE INFO '% % %', SQLSTATE, left(message, 90), problem;
        END;
    END LOOP;
END $$;
SELECT '{1:5'::version_vector;
\echo SQLSTATE :SQLSTATE
SELECT version_vector(-1, 1);
\echo SQLSTATE :SQLSTATE
SELECT version_vector(1, -1);
\echo SQLSTATE :SQLSTATE
SELECT version_vector_increment('{1:1}', -1);
\echo SQLSTATE :SQLSTATE
SELECT version_vector_increment('{1:9223372036854775807}', 1);
\echo SQLSTATE :SQLSTATE
SELECT '[1, 2]'::jsonb::version_vector;
\echo SQLSTATE :SQLSTATE
SELECT '{"1": 5.5}'::jsonb::version_vector;
SELECT '{"1": "5"}'::jsonb::version_vector;
SELECT '{"1": {"2": 3}}'::jsonb::version_vector;
SELECT '{"1": 5, "01": 5}'::jsonb::version_vector;
SELECT '{"a": 5}'::jsonb::version_vector;
SELECT 'null'::jsonb::version_vector;
SELECT '{"1": 1e30}'::jsonb::version_vector;
\echo SQLSTATE :SQLSTATE
-- bytes: another version, another length, unsorted, twice, zero, negative
SELECT ''::bytea::version_vector;
\echo SQLSTATE :SQLSTATE
SELECT '\x02'::bytea::version_vector;
\echo SQLSTATE :SQLSTATE
SELECT '\x01000000000000000100000000000000'::bytea::version_vector;
SELECT '\x01 0000000000000002 0000000000000001 0000000000000001 0000000000000001'::bytea::version_vector;
SELECT '\x01 0000000000000002 0000000000000001 0000000000000002 0000000000000002'::bytea::version_vector;
SELECT '\x01 0000000000000002 0000000000000000'::bytea::version_vector;
SELECT '\x01 8000000000000000 0000000000000001'::bytea::version_vector;
SELECT '\x01 0000000000000001 ffffffffffffffff'::bytea::version_vector;
\echo SQLSTATE :SQLSTATE
-- entries beyond the limit, of which none comes from text
CREATE TEMP TABLE most AS SELECT ('{' || string_agg(format('%s:1', i), ',') || '}')::version_vector AS version FROM generate_series(1, 32768) AS i;
SELECT length(version::bytea) AS bytes, (version || '{1:9}') -> 1 AS merged, version_vector_increment(version, 1) -> 1 AS incremented FROM most;
SELECT length((version || '{0:1}')::bytea) FROM most;
\echo SQLSTATE :SQLSTATE
SELECT length(version_vector_increment(version, 0)::bytea) FROM most;
\echo SQLSTATE :SQLSTATE
SELECT length((version::bytea || '\x00000000000080010000000000000001'::bytea)::version_vector::bytea) FROM most;
\echo SQLSTATE :SQLSTATE

DROP TABLE pair, versions, parted, known, member, log, long, most;
