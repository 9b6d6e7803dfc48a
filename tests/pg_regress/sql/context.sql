-- Contexts: which single events of which actors are known, also with gaps. An actor is a node since an epoch.

-- the first five of node 1 since epoch 4; of node 2 since epoch 9 the third and the seventh
SELECT crdt_context '{1.4:5,2.9:0+3+7}' AS plain, crdt_context '{}' AS none,
       crdt_context '{9223372036854775807.9223372036854775807:9223372036854775807}' AS ends;

-- what is known to one of two: a gap that is filled is none any more
SELECT crdt_context '{1.1:2+4+5+9}' || '{1.1:0+3+7}' AS filled, crdt_context '{1.1:2,3.1:1}' || '{1.2:1,2.1:1}' AS actors,
       crdt_context_merge('{}', '{1.1:1}') AS merged, NULL::crdt_context || '{}' AS "null";
CREATE TEMP TABLE known (context crdt_context);
INSERT INTO known VALUES ('{1.1:1}'), ('{1.1:0+3}'), (NULL), ('{2.1:1}'), ('{1.1:0+2}');
SELECT crdt_context_merge(context) FROM known;
SELECT crdt_context_merge(context) FROM known WHERE false;

-- who knows what
SELECT a, b, a @> b AS "@>", a <@ b AS "<@", a = b AS "=", a <> b AS "<>"
    FROM (VALUES (crdt_context '{1.1:2+4}', crdt_context '{1.1:0+4}'), ('{1.1:3}', '{1.1:4}'), ('{1.1:3}', '{1.2:1}'), ('{1.1:0+3}', '{1.1:0+3}'), ('{}', '{1.1:1}'))
        AS pair (a, b);
SELECT count(*) AS groups FROM (SELECT context FROM known, generate_series(1, 3) GROUP BY context) AS g;
CREATE INDEX ON known USING hash (context);
SET enable_seqscan = off;
SELECT context FROM known WHERE context = '{1.1:0+3}';
RESET enable_seqscan;

-- the binary form
SELECT crdt_context '{1.4:5,2.300:0+3+7+8}'::bytea AS bytes, '\x0101000000000000000101020103'::bytea::crdt_context AS read,
       crdt_context '{1.4:5,2.300:0+3+7+8}'::bytea::crdt_context AS again;

-- a long one, compressed
CREATE TEMP TABLE long AS
    SELECT ('{1.1:0' || string_agg('+' || 2 * n + 1, '' ORDER BY n) || '}')::crdt_context AS context FROM generate_series(1, 100000) AS n;
SELECT pg_column_size(context) < 100000 AS compressed, length(context::bytea) AS bytes,
       context || ('{1.1:0' || (SELECT string_agg('+' || 2 * n, '' ORDER BY n) FROM generate_series(1, 100000) AS n) || '}')::crdt_context || '{1.1:1}' AS filled
    FROM long;

-- what is refused
DO $$
DECLARE
    input text;
    message text;
    problem text;
BEGIN
    FOREACH input IN ARRAY ARRAY['', '{', '{1}', '{1.1}', '{1.1:}', '{1.1:1', '{1.1:1,}', '{1.1:1}x', '{1.1:1 }', '{-1.1:1}', '{1.0:1}', '{1.1:0}',
        '{2.1:1,1.1:1}', '{1.1:1,1.1:1}', '{1.1:1+2}', '{1.1:1+4+4}', '{1.1:9223372036854775808}', repeat('{', 1000000), '{' || repeat('1.1:1,', 5000)]
    LOOP
        BEGIN
            PERFORM input::crdt_context;
            RAISE NOTICE '% is read', left(input, 20);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, problem = PG_EXCEPTION_DETAIL;
            RAISE INFO '% % %', SQLSTATE, left(message, 90), problem;
        END;
    END LOOP;
    FOREACH input IN ARRAY ARRAY['', '01', '0200', '0180', '010000', '0101', '01010000000000000001', '0101000000000000000101', '01010000000000000001010000',
        '01018000000000000001010100', '010100000000000000010001', '01010000000000000001810001', '01010000000000000001010001', '010100000000000000010100ffffffffffffffff7f',
        '01ffffffff7f', '0102000000000000000101010000000000000000010101', '01020000000000000001010100000000000000000101010000']
    LOOP
        BEGIN
            PERFORM decode(input, 'hex')::crdt_context;
            RAISE NOTICE '% is read', input;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, problem = PG_EXCEPTION_DETAIL;
            RAISE INFO '% % %', SQLSTATE, message, problem;
        END;
    END LOOP;
END $$;
SELECT '{1.1'::crdt_context;
\echo SQLSTATE :SQLSTATE
