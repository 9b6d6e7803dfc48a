-- What is measured beside the extension.

CREATE EXTENSION snowflake_pg;

-- The baseline: a C function that reads nothing and returns true.
CREATE FUNCTION constant() RETURNS boolean VOLATILE LANGUAGE internal AS 'btequalimage';

CREATE SEQUENCE cache_1 CACHE 1;
CREATE SEQUENCE cache_1000 CACHE 1000;

CREATE TABLE ticket (last bigint NOT NULL);
INSERT INTO ticket VALUES (0);

-- The same in blocks: an UPDATE for every 1,000 numbers, which the session hands out.
CREATE TABLE ticket_block (last bigint NOT NULL);
INSERT INTO ticket_block VALUES (0);
CREATE FUNCTION ticket_block_next() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint := coalesce(nullif(current_setting('bench.ticket', true), ''), '0');
BEGIN
    IF number % 1000 = 0 THEN
        UPDATE ticket_block SET last = last + 1000 RETURNING last - 1000 INTO number;
    END IF;
    number := number + 1;
    PERFORM set_config('bench.ticket', number::text, false);
    RETURN number;
END
$$;
CREATE FUNCTION ticket_block() RETURNS SETOF bigint LANGUAGE sql AS $$
    WITH block AS (UPDATE ticket_block SET last = last + 1000 RETURNING last)
    SELECT generate_series(last - 999, last) FROM block
$$;

-- https://instagram-engineering.com/sharding-ids-at-instagram-1cf5a71e5a5c
CREATE SEQUENCE instagram_sequence;
CREATE FUNCTION instagram_next(OUT result bigint) LANGUAGE plpgsql AS $$
DECLARE
    our_epoch bigint := 1314220021721;
    seq_id bigint;
    now_millis bigint;
    shard_id int := 5;
BEGIN
    SELECT nextval('instagram_sequence') % 1024 INTO seq_id;
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) INTO now_millis;
    result := (now_millis - our_epoch) << 23;
    result := result | (shard_id << 10);
    result := result | (seq_id);
END
$$;

-- Tables of one shape.
CREATE TABLE rows_snowflake (id bigint PRIMARY KEY DEFAULT snowflake_next(), payload int NOT NULL);
CREATE TABLE rows_bigserial (id bigserial PRIMARY KEY, payload int NOT NULL);
CREATE TABLE rows_uuid_v4 (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), payload int NOT NULL);
CREATE TABLE rows_uuid_v7 (id uuid PRIMARY KEY DEFAULT uuid_v7(), payload int NOT NULL);

CREATE UNLOGGED TABLE ids (client int, n bigint, id bigint);
CREATE UNLOGGED TABLE uuids (client int, n bigint, id uuid);
