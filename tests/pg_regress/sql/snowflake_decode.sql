-- Taking IDs apart.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- two IDs that their owners published as examples
SELECT * FROM snowflake_decode(1541815603606036480, 'twitter');
SELECT * FROM snowflake_decode(175928847299117063, 'discord');

-- one field alone
SELECT snowflake_timestamp(1541815603606036480, 'twitter'),
       snowflake_worker_id(1541815603606036480, 'twitter'),
       snowflake_sequence(175928847299117063, 'discord');

-- one row, so the fields can be taken in the select list too
SELECT (snowflake_decode(1541815603606036480, 'twitter')).*;
SELECT (snowflake_decode(1541815603606036480, 'twitter')).machine_id;
SELECT snowflake_decode(1541815603606036480, 'twitter');

-- a row as PostgreSQL itself forms one of these fields, with some that are null or without
SELECT layout, record_image_eq(d, by_hand) AS same, pg_column_size(d) = pg_column_size(by_hand) AS same_size
FROM snowflake_layouts, snowflake_decode(snowflake_max_id('infinity', layout), layout) AS d,
     LATERAL (SELECT ROW(d.ts, d.worker_id, d.datacenter_id, d.machine_id, d.sequence, d.reserved) AS by_hand) AS r;

-- without a layout: the one that the database records
TABLE snowflake_recorded_layout;
SELECT * FROM snowflake_decode(1541815603606036480);
SELECT snowflake_timestamp(1541815603606036480), snowflake_worker_id(1541815603606036480),
       snowflake_sequence(1541815603606036480);

-- the first ID and the last one of every preset
SELECT layout, d.* FROM snowflake_layouts, snowflake_decode(0, layout) AS d;
SELECT layout, id, d.* FROM snowflake_layouts, snowflake_max_id('infinity', layout) AS id,
       snowflake_decode(id, layout) AS d;

-- one with a different value in every field
SELECT layout, d.*,
       (d.ts, d.worker_id, d.sequence) IS NOT DISTINCT FROM
       (snowflake_timestamp(id, layout), snowflake_worker_id(id, layout), snowflake_sequence(id, layout)) AS agree
    FROM (VALUES ('twitter', 1874516337459085323), ('compact58', 228174397017833549),
                 ('discord', 1323939123456789012), ('instagram', 3534516337459085323),
                 ('mastodon', 114516337459085323), ('sonyflake', 545163374590853232),
                 ('pgedge', 274516337459085323), ('javascript', 674516337459085)) AS given (layout, id),
         snowflake_decode(id, layout) AS d;

-- the reserved bits of an ID from elsewhere are shown; this extension sets them to zero
SELECT * FROM snowflake_decode(4095, 'ts=41,worker=6,reserved=4,seq=8,epoch=2020-01-01T00:00:00Z');

-- the text of a time depends on the session, its value does not
BEGIN;
SET LOCAL timezone = 'America/New_York';
SELECT snowflake_timestamp(1541815603606036480, 'twitter');
COMMIT;

-- NULL in, NULL out
SELECT snowflake_decode(NULL) IS NULL, snowflake_decode(NULL, 'twitter') IS NULL, snowflake_decode(1, NULL) IS NULL;
SELECT snowflake_timestamp(NULL) IS NULL, snowflake_timestamp(NULL, 'twitter') IS NULL, snowflake_timestamp(1, NULL) IS NULL;
SELECT snowflake_worker_id(NULL) IS NULL, snowflake_worker_id(NULL, 'twitter') IS NULL, snowflake_worker_id(1, NULL) IS NULL;
SELECT snowflake_sequence(NULL) IS NULL, snowflake_sequence(NULL, 'twitter') IS NULL, snowflake_sequence(1, NULL) IS NULL;

-- what is no ID of the layout is an error, never a wrong answer
SELECT * FROM snowflake_decode(-1);
\echo SQLSTATE :SQLSTATE
SELECT snowflake_timestamp(-9223372036854775808, 'twitter');
SELECT snowflake_worker_id(-1, 'mastodon');
SELECT snowflake_sequence(-1);
SELECT * FROM snowflake_decode(288230376151711744, 'compact58');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_timestamp(9007199254740992, 'javascript');
SELECT snowflake_worker_id(1152921504606846976, 'ts=40,worker=8,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_sequence(1, 'bitcoin');
\echo SQLSTATE :SQLSTATE

-- the row is the same one whichever way it is asked for, and can be compared and sorted
SELECT d, d = snowflake_decode(id, 'twitter') AS same, (snowflake_decode(id, 'twitter')).ts = d.ts AS same_time
    FROM generate_series(0, 1541815603606036480, 541815603606036480) AS id, snowflake_decode(id, 'twitter') AS d
    ORDER BY snowflake_decode(id, 'twitter') DESC;

-- a place in a statement that is called from again and again, by both functions of the name
PREPARE decode(bigint) AS
    SELECT (snowflake_decode($1)).machine_id, (snowflake_decode($1, 'discord')).worker_id, d.sequence
        FROM snowflake_decode($1) AS d;
EXECUTE decode(1541815603606036480);
EXECUTE decode(175928847299117063);
DO $$
DECLARE
    fields record;
BEGIN
    FOR i IN 0 .. 9 LOOP
        fields := snowflake_decode((i::bigint << 22) + i, 'twitter');
        ASSERT fields.sequence = i AND fields.datacenter_id = 0;
        fields := uuid_decode(uuid_v7());
        ASSERT fields.version = 7 AND fields.variant = 'rfc9562' AND fields.node IS NULL;
    END LOOP;
END
$$;
