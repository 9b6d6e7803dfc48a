-- Interval tree clocks: for replicas that come and go.

-- Versions: what is known, as a tree. A number is that of the events everywhere; (n,l,r) adds n to those of both halves. Trees
-- are read in any form.
SELECT itc_version '0' AS none, itc_version '(2, 0, (0, 3, 0))' AS tree, itc_version '(2,1,1)' AS even, itc_version '(2,(2,1,0),3)' AS normal,
       itc_version '4611686018427387903' AS most;
-- Stamps: identity and version. An identity is 1 where it is one's own.
SELECT itc_stamp '(1,0)' AS seed, itc_stamp '((0,1),(2,0,(0,3,0)))' AS stamp, itc_stamp '(0,3)' AS anonymous, itc_stamp '((1,1),(0,1,1))' AS normal;

-- The run that the paper shows, on values: the seed is forked, each half records an event, and so on.
WITH RECURSIVE
    seed AS (SELECT itc_seed() AS s),
    fork_1 AS (SELECT f.* FROM seed, itc_fork(s) AS f (a, b)),
    event_1 AS (SELECT itc_event(a) AS a, itc_event(b) AS b FROM fork_1),
    fork_2 AS (SELECT f.*, b FROM event_1, itc_fork(a) AS f (a, c)),
    event_2 AS (SELECT itc_event(a) AS a, itc_event(b) AS b, c FROM fork_2),
    join_1 AS (SELECT a, itc_join(b, c) AS b FROM event_2),
    fork_3 AS (SELECT a, f.* FROM join_1, itc_fork(b) AS f (c, b)),
    join_2 AS (SELECT itc_join(a, c) AS a, b FROM fork_3),
    event_3 AS (SELECT itc_event(a) AS a, b FROM join_2)
SELECT 'fork' AS step, a, b, NULL::itc_stamp AS c FROM fork_1
UNION ALL SELECT 'events', a, b, NULL FROM event_1
UNION ALL SELECT 'fork of a', a, b, c FROM fork_2
UNION ALL SELECT 'events of a, b', a, b, c FROM event_2
UNION ALL SELECT 'b joins c', a, b, NULL FROM join_1
UNION ALL SELECT 'fork of b', a, b, c FROM fork_3
UNION ALL SELECT 'a joins c', a, b, NULL FROM join_2
UNION ALL SELECT 'event of a', a, b, NULL FROM event_3;
SELECT (itc_fork('((1,0),5)')).*;
SELECT (itc_fork(itc_stamp '((1,0),5)')).*;
SELECT itc_peek(itc_stamp '((0,1),(2,0,(0,3,0)))') AS peek, itc_receive(itc_stamp '((0,1),(0,0,1))', '(0,7,0)') AS receive;
SELECT itc_event(NULL::itc_stamp), itc_join(itc_seed(), NULL), itc_version '0' || NULL, itc_version '0' @> NULL;

-- the order of causality: each knows as much as the other, less, more, or what the other does not
CREATE TEMP TABLE pair (a itc_version, b itc_version);
INSERT INTO pair VALUES
    ('(2,0,1)', '(0,2,3)'), ('1', '(1,0,1)'), ('(1,(0,1,0),0)', '(0,1,0)'), ('(0,1,0)', '(0,0,1)'), ('(1,0,4)', '(0,(3,0,1),0)'), ('0', '0'), ('0', '1');
SELECT a, b, a @> b AS "@>", a <@ b AS "<@", a >> b AS ">>", a << b AS "<<", a >< b AS "><", a = b AS "=", a <> b AS "<>", a || b AS "||" FROM pair;

-- casts to and from bytea: the bits of the paper
SELECT v, v::bytea AS bytes, v::bytea::itc_version = v AS same FROM (SELECT a AS v FROM pair UNION SELECT b FROM pair) AS p ORDER BY v::text COLLATE "C";
SELECT s, s::bytea AS bytes, s::bytea::itc_stamp = s AS same FROM unnest(ARRAY['(1,0)', '((0,1),(2,0,(0,3,0)))', '(((1,0),(0,1)),300)']::itc_stamp[]) AS s;

-- equality: hash indexes, joins, groups, partitions; there is no order for a btree
CREATE TABLE versions (id int PRIMARY KEY, version itc_version NOT NULL, stamp itc_stamp NOT NULL);
INSERT INTO versions SELECT i, format('(%s,%s,0)', i % 7, i % 5)::itc_version, format('((1,0),%s)', i % 9)::itc_stamp FROM generate_series(1, 1000) AS i;
CREATE INDEX versions_hash ON versions USING hash (version);
CREATE INDEX versions_stamp ON versions USING hash (stamp);
ANALYZE versions;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM versions WHERE version = '(3,1,0)';
SELECT count(*) FROM versions WHERE version = '(3,1,0)';
SELECT count(*) FROM versions WHERE stamp = '((1,0),4)';
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(*) FROM versions WHERE version = '(3,1,0)';
SELECT count(*) FROM versions AS a JOIN versions AS b USING (version);
SELECT count(*) FROM (SELECT version, stamp FROM versions GROUP BY version, stamp) AS g;
CREATE TABLE parted (version itc_version) PARTITION BY HASH (version);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT version FROM versions;
SELECT (SELECT count(*) FROM parted_0) > 0 AND (SELECT count(*) FROM parted_1) > 0 AS both,
       (SELECT count(*) FROM parted_0 JOIN parted_1 USING (version)) AS in_both;
CREATE INDEX ON versions (version);
SELECT version FROM versions ORDER BY version;
DROP TABLE versions, parted;

-- Stamps that this database holds. A literal without a type is a name.
SELECT itc_seed('laptop');
SELECT itc_event('laptop') AS event;
SELECT itc_peek('laptop') AS peek;
-- the other half goes to another replica, which adopts it; here it is under another name
SELECT itc_adopt('phone', itc_fork('laptop'));
SELECT itc_event('laptop') AS laptop, itc_event('phone') AS phone, itc_event('phone') AS phone_again;
SELECT itc_peek('laptop') >< itc_peek('phone') AS concurrent;
SELECT itc_receive('laptop', itc_peek('phone')) AS receive;
SELECT itc_peek('laptop') >> itc_peek('phone') AS knows_all;
SELECT name, stamp, origin LIKE (SELECT system_identifier || '/%' FROM pg_control_system()) AS own, adopted <= now() AS adopted FROM itc_stamps ORDER BY name;
-- a replica that leaves gives its identity back
SELECT itc_retire('phone') AS retired \gset
SELECT :'retired' AS retired;
SELECT itc_join('laptop', :'retired');
SELECT name, stamp FROM itc_stamps;
-- to know of more without an event: what has no identity is joined
SELECT itc_join('laptop', '(0,9)');
SELECT itc_peek('laptop');
-- as defaults of a table
CREATE TABLE note (id int, body text, version itc_version DEFAULT itc_event('laptop'));
INSERT INTO note (id, body) VALUES (1, 'milk'), (2, 'bread');
SELECT * FROM note ORDER BY id;
DROP TABLE note;

-- a rollback takes back what the row was, not what was shown: use a fork or an event only after COMMIT
BEGIN;
SELECT itc_fork('laptop') AS shown;
SELECT stamp FROM itc_stamps;
ROLLBACK;
SELECT stamp FROM itc_stamps;

-- what is refused
SELECT itc_seed('laptop');
SELECT itc_seed('other');
\echo SQLSTATE :SQLSTATE
SELECT itc_adopt('other', '((1,0),0)');
\echo SQLSTATE :SQLSTATE
SELECT itc_adopt('other', '(0,0)');
\echo SQLSTATE :SQLSTATE
SELECT itc_join('laptop', '((0,1),0)');
\echo SQLSTATE :SQLSTATE
SELECT itc_event('desktop');
\echo SQLSTATE :SQLSTATE
SELECT itc_peek('desktop');
SELECT itc_receive('desktop', '1');
SELECT itc_fork('desktop');
SELECT itc_retire('desktop');
SELECT itc_join('desktop', '(0,0)');
SELECT itc_adopt('tablet', itc_fork('laptop'));
SELECT itc_adopt('tablet', itc_fork('laptop'));
\echo SQLSTATE :SQLSTATE
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT itc_join('laptop', '(0,0)');
\echo SQLSTATE :SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT itc_peek('laptop');
SELECT itc_event('laptop');
\echo SQLSTATE :SQLSTATE
ROLLBACK;
SELECT itc_join('laptop', itc_retire('tablet'));
SELECT name, stamp FROM itc_stamps;
-- on values
SELECT itc_join(itc_stamp '((0,1),5)', '(((0,1),1),7)');
\echo SQLSTATE :SQLSTATE
SELECT itc_event(itc_stamp '(0,5)');
\echo SQLSTATE :SQLSTATE
SELECT itc_event(itc_stamp '(1,4611686018427387903)');
\echo SQLSTATE :SQLSTATE

-- a row of another database, as it comes with a copy
UPDATE itc_stamps SET origin = '1/1/1';
SELECT itc_event('laptop');
\echo SQLSTATE :SQLSTATE
SELECT itc_peek('laptop');
SELECT itc_adopt('laptop', stamp) FROM itc_stamps WHERE name = 'laptop';
SELECT itc_event('laptop');
SELECT count(*) FROM itc_stamps;
SELECT itc_retire('laptop');

-- rights: nobody but those who are granted the functions, and then without any on the table
CREATE ROLE regress_replica;
SET ROLE regress_replica;
SELECT * FROM itc_stamps;
UPDATE itc_stamps SET stamp = '(1,0)';
SELECT itc_peek('laptop');
SELECT itc_seed('laptop');
SELECT itc_event(itc_seed()), itc_peek(itc_seed());
RESET ROLE;
GRANT EXECUTE ON FUNCTION itc_seed(text), itc_event(text), itc_retire(text) TO regress_replica;
SET ROLE regress_replica;
SELECT itc_seed('laptop');
SELECT itc_event('laptop');
SELECT itc_fork('laptop');
SELECT itc_retire('laptop');
RESET ROLE;
DROP OWNED BY regress_replica;
DROP ROLE regress_replica;

-- text that is none, too deep, too large, too many
DO $$
DECLARE
    input text;
    type text;
    message text;
    problem text;
BEGIN
    FOREACH input IN ARRAY ARRAY['', 'x', '-1', '1.5', '(', '(1', '(1,', '(1,0', '(1,0)', '(1,0,2', '(1,0,2))', '(2,0)', '((1,0,1),0)', '((1,0),(0,1,0)', '(1,0)x',
        '4611686018427387904', '(1,0,4611686018427387903)', '(1,4611686018427387904)', repeat('(', 1000000), repeat('(0,', 300000), repeat(' ', 2000000)]
    LOOP
        FOREACH type IN ARRAY ARRAY['itc_version', 'itc_stamp']
        LOOP
            BEGIN
                EXECUTE format('SELECT %L::%s', input, type);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, problem = PG_EXCEPTION_DETAIL;
                RAISE INFO '% % %', SQLSTATE, left(message, 90), problem;
            END;
        END LOOP;
    END LOOP;
END $$;
SELECT '(2,0'::itc_version;
SELECT '(2,0)'::itc_stamp;
-- forks without a join: each halves what is left
SELECT count(*) FROM (
    WITH RECURSIVE forks AS (
        SELECT 0 AS n, itc_seed() AS stamp
        UNION ALL
        SELECT n + 1, (itc_fork(stamp)).right FROM forks WHERE n < 512
    )
    SELECT * FROM forks) AS forks;
WITH RECURSIVE forks AS (
    SELECT 0 AS n, itc_seed() AS stamp
    UNION ALL
    SELECT n + 1, (itc_fork(stamp)).right FROM forks WHERE n < 513
)
SELECT count(*) FROM forks;
\echo SQLSTATE :SQLSTATE

-- bytes: none, another version, cut off, more of them, bits behind the end, other forms of the same, too deep, too many
SELECT ''::bytea::itc_version;
\echo SQLSTATE :SQLSTATE
SELECT '\x0280'::bytea::itc_version;
\echo SQLSTATE :SQLSTATE
SELECT '\x01'::bytea::itc_version;
SELECT '\x014b28'::bytea::itc_stamp;
SELECT '\x014b28d800'::bytea::itc_stamp;
SELECT '\x014b28d9'::bytea::itc_stamp;
\echo SQLSTATE :SQLSTATE
-- (0,0,0), and (1,1) as an identity
SELECT '\x0110'::bytea::itc_version;
SELECT '\x01c980'::bytea::itc_stamp;
SELECT decode('01' || repeat('00', 1000), 'hex')::itc_version;
\echo SQLSTATE :SQLSTATE
SELECT decode('01' || repeat('ff', 1000), 'hex')::itc_version;
\echo SQLSTATE :SQLSTATE
SELECT decode('01' || repeat('00', 65536), 'hex')::itc_stamp;
\echo SQLSTATE :SQLSTATE
DROP TABLE pair;
