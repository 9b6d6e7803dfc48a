-- What is measured beside the extension.

CREATE EXTENSION snowflake_pg;

-- The baseline: a C function that reads nothing and returns true.
CREATE FUNCTION constant() RETURNS boolean VOLATILE LANGUAGE internal AS 'btequalimage';

CREATE SEQUENCE cache_1 CACHE 1;
CREATE SEQUENCE cache_1000 CACHE 1000;

CREATE TABLE ticket (last bigint NOT NULL);
INSERT INTO ticket VALUES (0);

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

-- Two tables of one shape.
CREATE TABLE rows_snowflake (id bigint PRIMARY KEY DEFAULT snowflake_next(), payload int NOT NULL);
CREATE TABLE rows_bigserial (id bigserial PRIMARY KEY, payload int NOT NULL);

CREATE UNLOGGED TABLE ids (client int, n bigint, id bigint);
CREATE UNLOGGED TABLE uuids (client int, n bigint, id uuid);
