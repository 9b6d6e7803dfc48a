-- Many IDs at once: snowflake_next_batch(count).
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- as a table
SELECT count(*), count(DISTINCT id) AS different, array_agg(DISTINCT snowflake_worker_id(id)) AS workers
    FROM snowflake_next_batch(10000) AS id;
SELECT count(*), bool_and(id > previous) AS increasing
    FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous
          FROM snowflake_next_batch(5000) WITH ORDINALITY AS batch (id, n)) AS pairs;

-- in the select list
SELECT count(*), count(DISTINCT id) AS different FROM (SELECT snowflake_next_batch(3) AS id) AS made;
-- once for every row
SELECT box, count(*) FROM (SELECT box, snowflake_next_batch(2) AS id FROM unnest('{a,b}'::text[]) AS box) AS made
    GROUP BY box ORDER BY box;

-- there it streams: who stops early does not wait for the rest
SELECT count(*) FROM (SELECT snowflake_next_batch(2147483647) AS id LIMIT 3) AS made;

-- IDs go on after a batch, and after one that was left
SELECT max(id) AS last FROM snowflake_next_batch(100) AS id \gset
SELECT snowflake_next() > :last AS increasing;
SELECT id AS last FROM (SELECT snowflake_next_batch(100) AS id LIMIT 1) AS made \gset
SELECT snowflake_next() > :last AS increasing;

-- to fill in a column of rows that are there
CREATE TABLE imported (name text, id bigint);
INSERT INTO imported (name) SELECT 'row ' || n FROM generate_series(1, 500) AS n;
WITH numbered AS (SELECT ctid AS row, row_number() OVER () AS n FROM imported)
    UPDATE imported SET id = batch.id
    FROM numbered, snowflake_next_batch(500) WITH ORDINALITY AS batch (id, n)
    WHERE numbered.n = batch.n AND imported.ctid = numbered.row;
SELECT count(*), count(DISTINCT id) AS different FROM imported;
DROP TABLE imported;

-- a count is positive
SELECT snowflake_next_batch(0);
\echo SQLSTATE :SQLSTATE
SELECT * FROM snowflake_next_batch(-5);
-- NULL is no rows, as for any set-returning function that is STRICT
SELECT count(*) FROM snowflake_next_batch(NULL);
