-- Hybrid logical clock: times that follow the clock, and causality where clocks do not agree.

-- a time in microseconds, always in UTC, and a counter; the zone of the session is no matter
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SELECT hlc '2026-11-24 16:05:34.123456+00/17' AS plain, hlc ' 2026-11-24T16:05:34Z ' AS read, hlc '1999-12-31 23:59:59.5+00/1023' AS before;
SELECT '-9223372036854775808'::bigint::hlc AS first, 9223372036854775807::bigint::hlc AS last, 0::bigint::hlc AS zero;
RESET datestyle;
RESET timezone;

-- time and counter
SELECT hlc_timestamp(t) AT TIME ZONE 'UTC' AS hlc_timestamp, t::timestamptz = hlc_timestamp(t) AS same, hlc_counter(t),
       t::bigint, t::bigint >> 10 AS micros, t::bigint::hlc = t AS back
    FROM (VALUES (hlc '2026-11-24 16:05:34.123456+00/17'), ('1999-12-31 23:59:59.5+00/1023')) AS v (t);
SELECT timestamptz '2026-11-24 16:05:34.123456+00'::hlc AS first_of_its_time;

-- the order is that of time, then counter
SELECT t FROM (VALUES (hlc '2026-11-24 16:05:34+00/1'), ('2026-11-24 16:05:34+00'), ('1999-12-31 23:59:59+00/1023'), ('2026-11-24 16:05:33.999999+00/1023')) AS v (t)
    ORDER BY t DESC;
SELECT a < b AS "<", a <= b AS "<=", a = b AS "=", a <> b AS "<>", a >= b AS ">=", a > b AS ">", hlc_cmp(a, b) AS cmp
    FROM (VALUES (hlc '2026-11-24 16:05:34+00/1', hlc '2026-11-24 16:05:34+00/2'), ('2026-11-24 16:05:34+00/2', '2026-11-24 16:05:34+00/2'),
                 ('2026-11-24 16:05:34+00/2', '1999-12-31 23:59:59+00/3')) AS v (a, b);
SELECT min(t), max(t) FROM (VALUES (hlc '2026-11-24 16:05:34+00/1'), (NULL), ('1999-12-31 23:59:59+00')) AS v (t);
SELECT min(t), max(t) FROM (VALUES (hlc '2026-11-24 16:05:34+00/1')) AS v (t) WHERE false;

-- every event has its time, larger than all before, and close to the clock
CREATE TABLE event (at hlc PRIMARY KEY DEFAULT hlc_next(), n int);
INSERT INTO event (n) SELECT generate_series(1, 5000);
SELECT count(*), bool_and(at > before) AS ascending, max(abs(extract(epoch FROM at::timestamptz - clock_timestamp()))) < 60 AS near_the_clock
    FROM (SELECT at, lag(at, 1, '2000-01-01 00:00:00+00') OVER (ORDER BY n) AS before FROM event) AS e;
SELECT hlc_now() >= max(at) AS covers, hlc_now() = hlc_now() AS no_event FROM event;
-- a loop does not wait for the clock: the counter goes on where the time does not
SELECT count(DISTINCT hlc_next()) FROM generate_series(1, 20000);

-- one for all rows of a transaction
BEGIN;
CREATE TEMP TABLE stamp AS SELECT hlc_transaction() AS at;
SAVEPOINT s;
SELECT hlc_transaction() = at AS same FROM stamp;
ROLLBACK TO s;
SELECT hlc_transaction() = at AS same, hlc_next() > at AS next FROM stamp;
COMMIT;
SELECT hlc_transaction() > at AS later FROM stamp;

-- what is received: everything afterwards is later, though the clock here is behind
CREATE TEMP TABLE received AS SELECT hlc(clock_timestamp() + '1.5 s') AS at;
SELECT hlc_witness(at) > at AS after, hlc_next() > at AS next, hlc_now() > at AS now FROM received;
-- what is old moves nothing
SELECT hlc_witness('2020-01-01 00:00:00+00') > at AS goes_on, hlc_witness('1999-12-31 23:59:59+00') > at AS of_before FROM received;
-- what is too far ahead for a right clock is refused, and moves nothing
DO $$
DECLARE
    detail text;
    hint text;
BEGIN
    PERFORM hlc_witness(hlc(clock_timestamp() + '1 h'));
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE INFO '% % / % / %', SQLSTATE, regexp_replace(SQLERRM, '\d+', '9', 'g'), regexp_replace(detail, '\d+', '9', 'g'), hint;
END $$;
SELECT hlc_now()::timestamptz < clock_timestamp() + '10 s' AS unmoved;
\set VERBOSITY sqlstate
SELECT hlc_witness('9223372036854775807'::bigint::hlc) IS NULL;
\set VERBOSITY default

-- rows that come by replication are received by a trigger
CREATE TABLE note (id int PRIMARY KEY, at hlc, body text);
CREATE TRIGGER receive BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('at');
ALTER TABLE note ENABLE REPLICA TRIGGER receive;
CREATE TEMP TABLE sent AS SELECT n, hlc(clock_timestamp() + interval '1 s' * (1.5 + n / 1000.0)) AS at FROM generate_series(1, 2) AS n;
INSERT INTO note SELECT n, at FROM sent;
SET session_replication_role = replica;
INSERT INTO note SELECT 9, at FROM sent WHERE n = 1;
SELECT hlc_next() > at AS after FROM sent WHERE n = 1;
UPDATE note SET at = sent.at FROM sent WHERE sent.n = 2 AND id = 9;
SELECT hlc_next() > at AS after FROM sent WHERE n = 2;
INSERT INTO note VALUES (10, NULL);
RESET session_replication_role;
-- what a trigger cannot do: move the clock by rows that are not replicated, or by another column
CREATE TRIGGER anybody BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('at');
INSERT INTO note VALUES (11);
\echo SQLSTATE :SQLSTATE
DROP TRIGGER anybody ON note;
SET session_replication_role = replica;
CREATE TRIGGER wrong_type BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('id');
ALTER TABLE note ENABLE REPLICA TRIGGER wrong_type;
INSERT INTO note VALUES (11);
\echo SQLSTATE :SQLSTATE
DROP TRIGGER wrong_type ON note;
CREATE TRIGGER no_column BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('missing');
ALTER TABLE note ENABLE REPLICA TRIGGER no_column;
INSERT INTO note VALUES (11);
\echo SQLSTATE :SQLSTATE
DROP TRIGGER no_column ON note;
CREATE TRIGGER no_argument BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row();
ALTER TABLE note ENABLE REPLICA TRIGGER no_argument;
INSERT INTO note VALUES (11);
\echo SQLSTATE :SQLSTATE
DROP TRIGGER no_argument ON note;
CREATE TRIGGER too_late AFTER INSERT ON note FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('at');
ALTER TABLE note ENABLE REPLICA TRIGGER too_late;
INSERT INTO note VALUES (11);
DROP TRIGGER too_late ON note;
RESET session_replication_role;
SELECT hlc_witness_row();
\echo SQLSTATE :SQLSTATE

-- IDs are ordered by causality, too: those made here are larger than one from elsewhere
CREATE TEMP TABLE peer AS SELECT snowflake_encode(clock_timestamp() + '0.3 s', 7, 4095) AS id;
SELECT snowflake_witness(id) FROM peer;
SELECT snowflake_next() > id AS next, snowflake_next() > id AS and_after FROM peer;
SELECT snowflake_witness(0);
DO $$
BEGIN
    PERFORM snowflake_witness(snowflake_encode(clock_timestamp() + '1 h', 7, 0));
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RAISE INFO '% %', SQLSTATE, regexp_replace(SQLERRM, '\d+', '9', 'g');
END $$;
SELECT snowflake_timestamp(snowflake_next()) < clock_timestamp() + '1 s' AS bounded;
SELECT snowflake_witness(-1);
\echo SQLSTATE :SQLSTATE
CREATE TABLE message (id bigint, body text);
CREATE TRIGGER follow BEFORE INSERT OR UPDATE ON message FOR EACH ROW EXECUTE FUNCTION snowflake_witness_row('id');
ALTER TABLE message ENABLE REPLICA TRIGGER follow;
SET session_replication_role = replica;
-- replication does not stop for an ID
INSERT INTO message VALUES (snowflake_encode(clock_timestamp() + '0.4 s', 7, 4095)), (NULL), (-1), (snowflake_encode(clock_timestamp() + '1 h', 7, 0));
SELECT snowflake_next() > id AS after FROM message ORDER BY id LIMIT 1 OFFSET 1;
CREATE TRIGGER wrong_type BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION snowflake_witness_row('body');
ALTER TABLE message ENABLE REPLICA TRIGGER wrong_type;
INSERT INTO message VALUES (1);
\echo SQLSTATE :SQLSTATE
RESET session_replication_role;

-- who may: not everybody
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT hlc_next() IS NOT NULL AS next, hlc_now() IS NOT NULL AS now, hlc_transaction() IS NOT NULL AS transaction, last_value > 0 AS mark FROM hlc_mark;
SELECT hlc_witness(hlc_now());
\echo SQLSTATE :SQLSTATE
SELECT snowflake_witness(1);
\echo SQLSTATE :SQLSTATE
-- a trigger of anybody's, which runs for replicated rows alone
CREATE TEMP TABLE own (at hlc);
CREATE TRIGGER receive BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION hlc_witness_row('at');
INSERT INTO own VALUES (hlc_next());
\echo SQLSTATE :SQLSTATE
SELECT setval('hlc_mark', 1);
DROP TABLE own;
RESET ROLE;
GRANT snowflake_clock TO regress_reader;
SET ROLE regress_reader;
SELECT hlc_witness(hlc_now()) IS NOT NULL AS witnessed, snowflake_witness(1), lamport_witness(1) > 1 AS number;
RESET ROLE;
DROP ROLE regress_reader;

-- indexes, joins, partitions
CREATE TABLE times (id int, at hlc);
INSERT INTO times SELECT i, (timestamptz '2026-11-24 16:00:00+00' + interval '1 s' * (i % 500))::hlc FROM generate_series(1, 2000) AS i;
CREATE INDEX times_btree ON times (at);
CREATE INDEX times_hash ON times USING hash (at);
ANALYZE times;
SET enable_seqscan = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT at FROM times WHERE at > '2026-11-24 16:08:00+00' ORDER BY at LIMIT 2;
SELECT at FROM times WHERE at > '2026-11-24 16:08:00+00' ORDER BY at LIMIT 2;
SELECT min(at), max(at) FROM times;
RESET enable_seqscan; RESET enable_bitmapscan;
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) FROM times AS a JOIN times AS b USING (at);
SET enable_mergejoin = on; SET enable_hashjoin = off;
SELECT count(*) FROM times AS a JOIN times AS b USING (at);
RESET enable_mergejoin; RESET enable_nestloop; RESET enable_hashjoin;
CREATE TABLE parted (at hlc) PARTITION BY HASH (at);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT at FROM times;
SELECT (SELECT count(*) FROM parted_0) > 0 AND (SELECT count(*) FROM parted_1) > 0 AS both,
       (SELECT count(*) FROM parted_0 JOIN parted_1 USING (at)) AS in_both;
CREATE TABLE by_time (at hlc) PARTITION BY RANGE (at);
CREATE TABLE by_time_2026 PARTITION OF by_time FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
INSERT INTO by_time VALUES ('2026-12-31 23:59:59.999999+00/1023');
INSERT INTO by_time VALUES ('2027-01-01 00:00:00+00');

-- what is refused
DO $$
DECLARE
    input text;
    problem text;
BEGIN
    FOREACH input IN ARRAY ARRAY['', 'now', '2026-11-24', '2026-11-24 16:05:34', '2026-11-24 16:05:34+01/17', '2026-11-24 16:05:34+00/', '2026-11-24 16:05:34+00/-1',
        '2026-11-24 16:05:34.1234567+00', '2026-02-30 00:00:00+00', 'infinity', '2026-11-24 16:05:34+00/1024', '1700-01-01 00:00:00+00', '2300-01-01 00:00:00+00/5',
        repeat('9', 1000000), repeat('(', 1000000), '2026-11-24 16:05:34+00/' || repeat('9', 1000000)]
    LOOP
        BEGIN
            PERFORM input::hlc;
            RAISE NOTICE '% is read', left(input, 20);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
            RAISE INFO '% % %', SQLSTATE, left(SQLERRM, 90), problem;
        END;
    END LOOP;
END $$;
SELECT '2026-11-24 16:05:34'::hlc;
SELECT 'infinity'::timestamptz::hlc;
\echo SQLSTATE :SQLSTATE
SELECT '2290-01-01 00:00:00+00'::timestamptz::hlc;
\echo SQLSTATE :SQLSTATE
SELECT hlc_next() + 1;
\echo SQLSTATE :SQLSTATE

DROP TABLE event, note, message, times, parted, by_time, stamp, received, sent, peer;
