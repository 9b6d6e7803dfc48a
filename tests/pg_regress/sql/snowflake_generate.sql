-- Generating IDs, everywhere that SQL calls a function. The server's worker ID is 1.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- an ID is a positive bigint that says when and by whom it was made
SELECT pg_typeof(id), id > 0 AS positive, worker_id,
       abs(extract(epoch FROM ts - clock_timestamp())) < 5 AS made_now
    FROM snowflake_next() AS id, snowflake_decode(id);

-- each is larger than the one before
SELECT count(*), count(DISTINCT id) AS different, bool_and(id > previous) AS increasing
    FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous
          FROM (SELECT n, snowflake_next() AS id FROM generate_series(1, 10000) AS n) AS made) AS pairs;

-- as the default of a column
CREATE TABLE orders (id bigint PRIMARY KEY DEFAULT snowflake_next(), item text UNIQUE);
INSERT INTO orders (item) VALUES ('anvil'), ('bellows') RETURNING snowflake_worker_id(id), item;
INSERT INTO orders VALUES (DEFAULT, 'crucible');
INSERT INTO orders (item) SELECT 'part ' || n FROM generate_series(1, 1000) AS n;

-- COPY leaves the column out, and it is filled
COPY orders (item) FROM stdin;
drill
engine
\.

-- MERGE
CREATE TABLE arrivals (item text);
INSERT INTO arrivals VALUES ('anvil'), ('furnace');
MERGE INTO orders USING arrivals ON orders.item = arrivals.item
    WHEN MATCHED THEN UPDATE SET item = 'second ' || orders.item
    WHEN NOT MATCHED THEN INSERT (item) VALUES (arrivals.item);

-- a prepared statement makes a new ID at each execution
PREPARE put_in (text) AS INSERT INTO orders (item) VALUES ($1);
EXECUTE put_in ('grindstone');
EXECUTE put_in ('hammer');
DEALLOCATE put_in;

-- a row that is there already keeps its ID; the one made for the new row is not used
SELECT id AS hammer FROM orders WHERE item = 'hammer' \gset
INSERT INTO orders (item) VALUES ('hammer') ON CONFLICT (item) DO UPDATE SET item = 'sledgehammer'
    RETURNING item, id = :hammer AS same_id;

-- the order of the IDs is the order of insertion
SELECT item FROM orders WHERE item NOT LIKE 'part %' ORDER BY id;
SELECT count(*), count(DISTINCT id) AS different FROM orders;

-- PL/pgSQL, as an expression and in a query
DO $$
DECLARE
    first bigint := snowflake_next();
    second bigint;
BEGIN
    SELECT snowflake_next() INTO second;
    RAISE NOTICE 'the second is larger: %', second > first;
END $$;

-- a trigger that fills the column in whatever the client sends
CREATE FUNCTION set_id() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.id := snowflake_next(); RETURN NEW; END $$;
CREATE TABLE tickets (id bigint PRIMARY KEY, subject text);
CREATE TRIGGER set_id BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION set_id();
INSERT INTO tickets VALUES (NULL, 'none sent'), (1, 'one sent');
SELECT subject, snowflake_worker_id(id) FROM tickets ORDER BY id;

-- one call in a subquery makes one ID; one call for every row makes as many as there are rows
SELECT count(DISTINCT id) FROM (SELECT (SELECT snowflake_next()) AS id FROM generate_series(1, 10)) AS s;
SELECT count(DISTINCT id) FROM (SELECT snowflake_next() AS id FROM generate_series(1, 10)) AS s;
WITH made AS (SELECT snowflake_next() AS id), again AS (SELECT id FROM made)
    SELECT made.id = again.id AS same FROM made, again;

-- a parent and its children in one statement
CREATE TABLE order_lines (id bigint PRIMARY KEY DEFAULT snowflake_next(), "order" bigint REFERENCES orders);
WITH parent AS (INSERT INTO orders (item) VALUES ('inkwell') RETURNING id),
     lines AS (INSERT INTO order_lines ("order") SELECT parent.id FROM parent, generate_series(1, 3)
               RETURNING id, "order")
    SELECT count(*), bool_and(id > "order") AS after_their_parent FROM lines;

-- a read-only transaction may generate too, for no row is written; no lock is held afterwards
BEGIN READ ONLY;
SELECT snowflake_worker_id(snowflake_next());
SELECT count(*) AS locks FROM pg_locks WHERE relation::regclass::text LIKE '%snowflake%';
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_transaction_id;
COMMIT;

-- parallel workers take IDs from the same word
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT snowflake_next() FROM orders;
SELECT count(*), count(DISTINCT id) AS different FROM (SELECT snowflake_next() AS id FROM orders OFFSET 0) AS made;
COMMIT;

-- what is rolled back is gone, and its IDs do not come again
SELECT snowflake_next() AS before \gset
BEGIN;
SELECT snowflake_next() AS inside \gset
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT snowflake_next() AS in_savepoint \gset
ROLLBACK TO s;
SELECT snowflake_next() AS after_savepoint \gset
COMMIT;
SELECT :before < :inside AND :inside < :in_savepoint AND :in_savepoint < :after_savepoint AS increasing;

-- an ID of a worker that the caller names: it has to be one of this server's
SELECT snowflake_worker_id(snowflake_next(1));
SELECT snowflake_next(2);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_next(-1);
SELECT snowflake_next(NULL) IS NULL AS "NULL";

DROP TABLE order_lines, orders, arrivals, tickets;
DROP FUNCTION set_id();
