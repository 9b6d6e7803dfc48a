-- snowflake128: a Snowflake ID with room, as a UUID of version 8. The server's worker ID is 1.
SET timezone = 'UTC'; SET datestyle = 'ISO';

SELECT uuid_version(id), uuid_variant(id), worker_id, abs(extract(epoch FROM ts - clock_timestamp())) < 5 AS made_now,
       snowflake128_timestamp(id) = ts AS same_time
    FROM snowflake128_next() AS id, snowflake128_decode(id);

-- each is larger than the one before
SELECT count(*), count(DISTINCT id) AS different, bool_and(id > previous) AS increasing
    FROM (SELECT id, lag(id) OVER (ORDER BY n) AS previous
          FROM (SELECT n, snowflake128_next() AS id FROM generate_series(1, 100000) AS n) AS made) AS pairs;
-- so are time and sequence, while the 40 random bits are different every time
SELECT bool_and((ts, sequence) > (previous_ts, previous_sequence)) AS increasing, count(DISTINCT random) > 9990 AS random
    FROM (SELECT ts, sequence, right(id::text, 10) AS random, lag(ts) OVER (ORDER BY n) AS previous_ts, lag(sequence) OVER (ORDER BY n) AS previous_sequence
          FROM (SELECT n, snowflake128_next() AS id FROM generate_series(1, 10000) AS n) AS made, snowflake128_decode(id)) AS pairs;
-- all sessions share the worker's word
SELECT snowflake128_next() AS id \gset
\c
SET timezone = 'UTC'; SET datestyle = 'ISO';
SELECT snowflake128_next() > :'id' AS larger;

-- as a key
CREATE TABLE parcels (id uuid PRIMARY KEY DEFAULT snowflake128_next(), item text);
INSERT INTO parcels (item) VALUES ('anvil'), ('bellows'), ('crucible');
SELECT item, worker_id FROM parcels, snowflake128_decode(id) ORDER BY id;
DROP TABLE parcels;

-- 48 bits of milliseconds since 1970, version 8, 12 bits and after the variant 8 more of worker ID, 14 of sequence, 40 random
SELECT * FROM snowflake128_decode('017f22e2-79b0-8abc-b792-34fedcba9876');
SELECT x'abcde'::int AS worker_id, x'1234'::int AS sequence;
SELECT snowflake128_timestamp('017f22e2-79b0-8abc-b792-34fedcba9876');
SELECT (snowflake128_decode('017f22e2-79b0-8abc-b792-34fedcba9876')).worker_id;
SELECT snowflake128_decode('017f22e2-79b0-8abc-b792-34fedcba9876');
-- each field from 0 to its largest
SELECT * FROM snowflake128_decode('00000000-0000-8000-8000-000000000000');
SELECT * FROM snowflake128_decode('ffffffff-ffff-8fff-bfff-ffffffffffff');
SELECT * FROM snowflake128_decode('00000000-0000-8fff-bfc0-000000000000');
SELECT * FROM snowflake128_decode('00000000-0000-8000-803f-ff0000000000');
SELECT * FROM snowflake128_decode('00000000-0000-8000-8000-00ffffffffff');

-- the time can be stored
CREATE TABLE events (id uuid PRIMARY KEY, created timestamptz GENERATED ALWAYS AS (snowflake128_timestamp(id)) STORED);
CREATE INDEX events_by_worker ON events (((snowflake128_decode(id)).worker_id));
INSERT INTO events VALUES ('017f22e2-79b0-8abc-b792-34fedcba9876');
TABLE events;
DROP TABLE events;

-- what is of another version or variant is none
SELECT * FROM snowflake128_decode('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
\echo SQLSTATE :SQLSTATE
SELECT snowflake128_timestamp('00000000-0000-0000-0000-000000000000');
SELECT snowflake128_timestamp('ffffffff-ffff-ffff-ffff-ffffffffffff');
SELECT snowflake128_timestamp('017f22e2-79b0-8abc-c792-34fedcba9876');
-- others of version 8 cannot be told apart
SELECT * FROM snowflake128_decode('2489e9ad-2ee2-8e00-8ec9-32d5f69181c0');
SELECT snowflake128_decode(NULL) IS NULL, snowflake128_timestamp(NULL) IS NULL;

-- The worker ID is the configured one; what was set is put back at the end.
SELECT count(*) > 0 AS in_auto_conf FROM pg_file_settings
    WHERE name = 'snowflake_pg.worker_id' AND sourcefile LIKE '%/postgresql.auto.conf' \gset
SELECT worker_id FROM snowflake128_decode(snowflake128_next());
ALTER SYSTEM SET snowflake_pg.worker_id = '1023';
SELECT pg_reload_conf();
\c
SELECT worker_id FROM snowflake128_decode(snowflake128_next());
-- while there is none nothing is given out; other UUIDs need none
ALTER SYSTEM SET snowflake_pg.worker_id = '';
SELECT pg_reload_conf();
\c
SELECT snowflake128_next();
\echo SQLSTATE :SQLSTATE
SELECT uuid_version(uuid_v1()), uuid_version(uuid_v4()), uuid_version(uuid_v6()), uuid_version(uuid_v7());
\if :in_auto_conf
ALTER SYSTEM SET snowflake_pg.worker_id = '1';
\else
ALTER SYSTEM RESET snowflake_pg.worker_id;
\endif
SELECT pg_reload_conf();
\c
SELECT worker_id FROM snowflake128_decode(snowflake128_next());
