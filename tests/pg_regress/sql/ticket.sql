-- Tickets: small, dense numbers from a counter.

SELECT ticket_create('invoice', 1000, 10);
SELECT ticket_next('invoice') FROM generate_series(1, 3);

-- the counter is a sequence of the one who created it, that many numbers ahead
SELECT name, sequence, next, step, block, last_block, cached, blocks FROM snowflake_tickets;
SELECT seqstart, seqmin, seqincrement, seqcache, seqcycle FROM pg_sequence WHERE seqrelid = 'invoice_ticket'::regclass;

-- no gap between blocks, which grow with demand
SELECT min(n), max(n), count(DISTINCT n) FROM (SELECT ticket_next('invoice') AS n FROM generate_series(1, 5000)) AS drawn;
SELECT last_block BETWEEN 20 AND 10 * 1024 AS grown, next > 6003 AS ahead, next - 6003 = cached AS all_accounted_for FROM snowflake_tickets;

-- a block gets no larger than 1,024 times what was asked for
SELECT ticket_create('single', 1, 1);
SELECT count(DISTINCT ticket_next('single')) FROM generate_series(1, 20000);
SELECT last_block <= 1024 AS limited FROM snowflake_tickets WHERE name = 'single';

-- a number is not given back, and read-only transactions can draw
BEGIN;
SELECT ticket_next('invoice');
ROLLBACK;
BEGIN READ ONLY;
SELECT ticket_next('invoice');
COMMIT;
SELECT ticket_next('invoice');

-- odd and even numbers
SELECT ticket_create('odd', 1, 5, 2), ticket_create('even', 2, 5, 2);
SELECT array_agg(ticket_next('odd')), array_agg(ticket_next('even')) FROM generate_series(1, 8);

-- a default of a column
CREATE TABLE invoice (number bigint PRIMARY KEY DEFAULT ticket_next('invoice'), customer text);
INSERT INTO invoice (customer) VALUES ('one'), ('two') RETURNING number - 6006 AS nth;

-- a name is a value, not an identifier; it is found whatever the search path says
SELECT ticket_create('Order "x"', 1, 1);
CREATE SCHEMA elsewhere;
SET search_path = elsewhere, public;
SELECT ticket_create('here', 1, 1);
SET search_path = public;
SELECT name, sequence FROM snowflake_ticket ORDER BY name;
SELECT ticket_next('here'), ticket_next('Order "x"');
SELECT ticket_next('HERE');

-- nextval() of the sequence takes numbers from the same counter
CREATE SEQUENCE scratch;
SELECT ticket_create('both', 1, 2);
SELECT count(DISTINCT n) FROM (SELECT ticket_next('both') AS n FROM generate_series(1, 100)
    UNION ALL SELECT nextval('both_ticket') FROM generate_series(1, 100)) AS drawn;

-- a counter that is altered begins as it is told
ALTER SEQUENCE both_ticket RESTART WITH 90000;
SELECT ticket_next('both');
ALTER SEQUENCE both_ticket INCREMENT BY 7;
SELECT ticket_next('both') - ticket_next('both') AS apart;
BEGIN;
ALTER SEQUENCE both_ticket RESTART WITH 1;
SELECT ticket_next('both');
ROLLBACK;
SELECT ticket_next('both') > 90000 AS went_on;

-- a counter that ends
SELECT ticket_create('short', 1, 3);
ALTER SEQUENCE short_ticket MAXVALUE 5;
SELECT ticket_next('short') FROM generate_series(1, 5);
SELECT ticket_next('short');
SELECT next, cached FROM snowflake_tickets WHERE name = 'short';

-- what is refused
SELECT ticket_next('nothing');
SELECT ticket_drop('nothing');
SELECT ticket_create('invoice', 1, 1);
SELECT ticket_create('zero', 1, 0);
SELECT ticket_create('backwards', 1, 1, -1);
SELECT ticket_create('', 1, 1);
SELECT ticket_create(repeat('x', 57), 1, 1);
SELECT ticket_next(NULL);
SET search_path = pg_temp, public;
SELECT ticket_create('gone_at_exit', 1, 1);
SET search_path = public;
ALTER SEQUENCE short_ticket INCREMENT BY -1;
SELECT ticket_next('short');

-- parallel workers draw from the same counter
CREATE TABLE wide AS SELECT g FROM generate_series(1, 20000) AS g;
ALTER TABLE wide SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(ticket_next('single')) FROM wide;
BEGIN;
SELECT ticket_create('within', 1, 100);
CREATE TEMP TABLE drawn AS SELECT ticket_next('single') AS n FROM wide;
SELECT count(DISTINCT n) FROM drawn;
SELECT max(ticket_next('within')) >= 20000 FROM wide;
COMMIT;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- rights: creating is for those who were granted it, drawing for those who may use the sequence
CREATE ROLE regress_ticket_clerk;
CREATE ROLE regress_ticket_keeper;
GRANT EXECUTE ON FUNCTION ticket_create(text, bigint, int) TO regress_ticket_keeper;
CREATE SCHEMA keeper AUTHORIZATION regress_ticket_keeper;
SET ROLE regress_ticket_clerk;
SELECT ticket_create('mine', 1, 1);
SELECT ticket_next('invoice');
SELECT ticket_drop('invoice');
SELECT * FROM snowflake_tickets;
INSERT INTO snowflake_ticket VALUES ('invoice2', 'invoice_ticket');
RESET ROLE;
SET ROLE regress_ticket_keeper;
SET search_path = keeper, public;
SELECT ticket_create('kept', 1, 1);
GRANT USAGE ON SCHEMA keeper TO regress_ticket_clerk;
GRANT USAGE ON SEQUENCE kept_ticket TO regress_ticket_clerk;
SET ROLE regress_ticket_clerk;
SELECT ticket_next('kept');
SELECT ticket_drop('kept');
SET ROLE regress_ticket_keeper;
REVOKE USAGE ON SEQUENCE kept_ticket FROM regress_ticket_clerk;
SET ROLE regress_ticket_clerk;
SELECT ticket_next('kept');
SET ROLE regress_ticket_keeper;
SELECT current_user, ticket_next('kept');
SELECT ticket_drop('kept');
RESET ROLE;
SET search_path = public;

-- numbers for another server
SELECT ticket_create('shared', 1, 10, 2);
SELECT ticket_next('shared');
SELECT * FROM snowflake_ticket_claim('shared', 100);
SELECT * FROM snowflake_ticket_claim('shared', 1);
SELECT * FROM snowflake_ticket_claim('shared', 0);
SELECT * FROM snowflake_ticket_claim('nothing', 1);
GRANT USAGE ON SEQUENCE shared_ticket TO regress_ticket_keeper;
SET ROLE regress_ticket_keeper;
SELECT first > 221 AS after_the_others, step, claimed FROM snowflake_ticket_claim('shared', 3);
SET ROLE regress_ticket_clerk;
SELECT * FROM snowflake_ticket_claim('shared', 3);
RESET ROLE;

-- a counter that another server asks for, unless it exists
SELECT snowflake_ticket_define('asked_for', 5, 10, 1), snowflake_ticket_define('asked_for', 7, 10, 2);
SELECT name, registry, next, step, block, last_error FROM snowflake_tickets WHERE name = 'asked_for';
SELECT snowflake_ticket_define('asked_for', 5, 0, 1);
SET ROLE regress_ticket_keeper;
SELECT snowflake_ticket_define('not_asked_for', 5, 10, 1);
RESET ROLE;

-- dropping; a dropped sequence leaves the name free
BEGIN;
SELECT ticket_drop('odd');
SELECT ticket_next('odd');
ROLLBACK;
SELECT ticket_next('odd') > 15 AS went_on;
SELECT ticket_drop('odd');
SELECT ticket_next('odd');
SELECT to_regclass('odd_ticket');
SELECT ticket_create('odd', 1, 5, 2);
SELECT ticket_next('odd');
DROP SEQUENCE even_ticket;
SELECT ticket_next('even');
SELECT name, next, cached FROM snowflake_tickets WHERE sequence::oid NOT IN (SELECT oid FROM pg_class);
SELECT ticket_create('even', 2, 5, 2);
SELECT ticket_next('even');
DROP SEQUENCE even_ticket;
SELECT ticket_drop('even');

-- the row is written with the rights of the table's owner, and nothing that goes with that can get beyond them
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '%, search_path %', TG_OP, current_setting('search_path');
    CREATE TEMP TABLE left_behind ();
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE '%', SQLERRM;
    RETURN NULL;
END
$$;
CREATE TRIGGER note AFTER INSERT OR DELETE ON snowflake_ticket FOR EACH ROW EXECUTE FUNCTION note();
SELECT ticket_create('noted', 1, 1);
SELECT ticket_drop('noted');
SHOW search_path;
DROP TRIGGER note ON snowflake_ticket;
DROP FUNCTION note();

DROP TABLE invoice, wide, drawn;
DROP SEQUENCE scratch;
DO $$ BEGIN PERFORM ticket_drop(name) FROM snowflake_ticket; END $$;
SELECT count(*) FROM snowflake_ticket;
DROP SCHEMA elsewhere, keeper;
REVOKE EXECUTE ON FUNCTION ticket_create(text, bigint, int) FROM regress_ticket_keeper;
DROP ROLE regress_ticket_clerk, regress_ticket_keeper;
