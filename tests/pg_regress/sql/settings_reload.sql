-- Settings that a reload changes, at work. What was set is put back at the end.
SELECT count(*) > 0 AS in_auto_conf FROM pg_file_settings
    WHERE name = 'snowflake_pg.worker_id' AND sourcefile LIKE '%/postgresql.auto.conf' \gset

-- while it is not set no ID is given out
ALTER SYSTEM SET snowflake_pg.worker_id = '';
SELECT pg_reload_conf();
\c
SELECT snowflake_next();
\echo SQLSTATE :SQLSTATE
SELECT snowflake_next(1);
SELECT snowflake_next_batch(1);
CREATE TABLE orders (id bigint PRIMARY KEY DEFAULT snowflake_next(), item text);
INSERT INTO orders (item) VALUES ('anvil');
DROP TABLE orders;
-- decoding goes on
SELECT snowflake_worker_id(1541815603606036480);

-- a range is dealt to sessions in turn; each stays with its own worker
ALTER SYSTEM SET snowflake_pg.worker_id = '1000-1002';
SELECT pg_reload_conf();
\c
SELECT snowflake_worker_id(snowflake_next()) AS own \gset
\c
SELECT snowflake_worker_id(snowflake_next()) AS next \gset
\c
SELECT snowflake_worker_id(snowflake_next()) AS third \gset
\c
SELECT snowflake_worker_id(snowflake_next()) AS fourth \gset
SELECT array_agg(worker ORDER BY worker) AS the_first_three FROM unnest(ARRAY[:own, :next, :third]) AS worker;
SELECT :fourth = :own AS around;
SELECT array_agg(DISTINCT snowflake_worker_id(id)) = ARRAY[:fourth] AS stays
    FROM (SELECT snowflake_next() AS id FROM generate_series(1, 100)) AS made;

-- an ID may be asked of any of them, which changes nothing for the session
SELECT snowflake_worker_id(snowflake_next(worker)) FROM generate_series(1000, 1002) AS worker;
SELECT snowflake_worker_id(snowflake_next()) = :fourth AS stays;
SELECT snowflake_next(999);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_next(1003);

-- the only ID of a unit of time has sequence 0, which applications that take IDs modulo a number notice
CREATE PROCEDURE wait_for_clock() LANGUAGE plpgsql AS $$
BEGIN
    -- IDs made in the moments before may be ahead of the clock
    WHILE (SELECT max(lead) > '0' FROM snowflake_status) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CALL wait_for_clock();
SELECT bool_and(snowflake_sequence(id) = 0) AS zero
    FROM (SELECT snowflake_next() AS id, pg_sleep(0.003) FROM generate_series(1, 20)) AS made;
ALTER SYSTEM SET snowflake_pg.sequence_start = 'random';
SELECT pg_reload_conf();
\c
CALL wait_for_clock();
SELECT count(DISTINCT snowflake_sequence(id)) > 1 AS different, max(snowflake_sequence(id)) < 2048 AS lower_half,
       bool_and(id > previous) AS increasing
    FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous
          FROM (SELECT n, snowflake_next() AS id, pg_sleep(0.003) FROM generate_series(1, 20) AS n) AS made) AS pairs;
DROP PROCEDURE wait_for_clock();

-- as it was
ALTER SYSTEM RESET snowflake_pg.sequence_start;
\if :in_auto_conf
ALTER SYSTEM SET snowflake_pg.worker_id = '1';
\else
ALTER SYSTEM RESET snowflake_pg.worker_id;
\endif
SELECT pg_reload_conf();
\c
SELECT snowflake_worker_id(snowflake_next());
