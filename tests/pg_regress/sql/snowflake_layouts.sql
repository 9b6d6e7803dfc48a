-- Layouts: which bits of an ID are what.
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres';

-- the presets; IDs per second are those of one worker
SELECT * FROM snowflake_layouts;

-- JavaScript has no larger integer than 2^53 - 1: that layout stays below
SELECT snowflake_max_id('infinity', 'javascript') = (2 ^ 53 - 1)::bigint AS largest;

-- a layout of one's own: the fields from the most significant bit down, the unit of time, and when it begins to count
SELECT * FROM snowflake_decode(123456789012345678, 'ts=41,worker=10,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z');
-- spaces do not matter, the unit is 1 ms unless said otherwise, the epoch may be in milliseconds since 1970
SELECT snowflake_timestamp(0, ' ts = 41, worker = 10, seq = 12, epoch = 1577836800000 ');
-- us, ms and s; an epoch with an offset or a fraction
SELECT snowflake_timestamp(1 << 12, 'ts=51,seq=12,unit=250us,epoch=2020-01-01T00:00:00Z'),
       snowflake_timestamp(1 << 12, 'ts=31,seq=12,unit=1s,epoch=2020-01-01T02:00:00+02:00'),
       snowflake_timestamp(1 << 12, 'ts=31,seq=12,unit=1s,epoch=2020-01-01T00:00:00.5Z');
-- the worker ID shown in two parts; the sequence above the worker; reserved bits
SELECT * FROM snowflake_decode(123456789, 'ts=41,datacenter=4,machine=6,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT * FROM snowflake_decode(123456789, 'ts=41,seq=12,worker=10,epoch=2020-01-01T00:00:00Z');
SELECT * FROM snowflake_decode(123456789, 'reserved=5,ts=41,worker=5,seq=12,epoch=2020-01-01T00:00:00Z');
-- a preset in other words has the same IDs
SELECT snowflake_encode('2022-06-28 16:07:40.105', 378, 0,
                        'ts=41,datacenter=5,machine=5,seq=12,unit=1ms,epoch=1288834974657') = 1541815603606036480 AS same;
-- the largest fields
SELECT d.* FROM (VALUES ('ts=16,worker=16,seq=31,epoch=0'), ('reserved=31,ts=31,seq=1,epoch=0'), ('ts=62,seq=1,unit=1us,epoch=0'))
       AS given (layout), snowflake_decode(snowflake_max_id('infinity', layout), layout) AS d;

-- neither a preset nor a list of fields
SELECT snowflake_timestamp(0, 'banana');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_timestamp(0, '');
SELECT snowflake_timestamp(0, 'Twitter');
SELECT snowflake_timestamp(0, NULL) IS NULL AS "NULL";

-- what is wrong with a list says the field
SELECT snowflake_timestamp(0, 'worker=10,seq=12,epoch=2020-01-01T00:00:00Z');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_timestamp(0, 'ts=41,worker=10,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,worker=10,seq=12');
SELECT snowflake_timestamp(0, 'ts=41,worker=10,seq=12,colour=3,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,worker=10,seq=12,epoch=2020-01-01T00:00:00Z,');
SELECT snowflake_timestamp(0, 'ts=41,worker=10,seq=12,ts=1,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,unit=1ms,unit=1ms,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,epoch=2020-01-01T00:00:00Z,epoch=0');
-- numbers of bits
SELECT snowflake_timestamp(0, 'ts=0,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=64,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,worker=17,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=30,seq=32,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'reserved=32,ts=20,seq=2,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=-1,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=many,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=42,worker=10,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,datacenter=8,machine=9,seq=4,epoch=2020-01-01T00:00:00Z');
-- the order of the fields
SELECT snowflake_timestamp(0, 'seq=12,ts=41,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'worker=10,ts=41,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,machine=5,datacenter=5,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,datacenter=5,seq=12,machine=5,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,datacenter=5,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,machine=5,seq=12,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,worker=3,datacenter=5,machine=5,seq=9,epoch=2020-01-01T00:00:00Z');
-- units and epochs
SELECT snowflake_timestamp(0, 'ts=41,seq=12,unit=5,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,unit=0ms,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=31,seq=12,unit=3601s,epoch=2020-01-01T00:00:00Z');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,epoch=yesterday');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,epoch=2020-01-01');
SELECT snowflake_timestamp(0, 'ts=41,seq=12,epoch=1969-12-31T23:59:59Z');
SELECT snowflake_timestamp(0, 'ts=51,seq=12,unit=1s,epoch=2020-01-01T00:00:00Z');
-- (the DETAIL names the present time)
\set VERBOSITY terse
SELECT snowflake_set_layout('ts=41,seq=12,epoch=9000-01-01T00:00:00Z');
\set VERBOSITY default
