-- Making IDs from times: snowflake_encode, snowflake_min_id, snowflake_max_id, snowflake_range.
SET timezone = 'UTC'; SET datestyle = 'ISO';

-- an ID from its fields, to fill in rows of the past and for tests
SELECT snowflake_encode('2022-06-28 16:07:40.105+00', 378, 0, 'twitter');
SELECT snowflake_encode('2016-04-30 11:18:25.796+00', 32, 7, 'discord');
-- in the layout that the database records
SELECT snowflake_encode('2022-06-28 16:07:40.105+00', 378, 0);
-- decoding gives back what went in, in every preset
SELECT layout, id, d.ts, d.worker_id, d.sequence FROM snowflake_layouts,
       snowflake_encode('2025-03-01 12:34:56.780', CASE layout WHEN 'mastodon' THEN 0 ELSE 13 END, 200, layout) AS id,
       snowflake_decode(id, layout) AS d;
-- the time is that of the beginning of its unit
SELECT snowflake_timestamp(snowflake_encode('2025-03-01 12:34:56.789999', 1, 0, 'twitter'), 'twitter'),
       snowflake_timestamp(snowflake_encode('2025-03-01 12:34:56.789999', 1, 0, 'sonyflake'), 'sonyflake');

-- fields that do not fit
SELECT snowflake_encode('2025-03-01', 1024, 0, 'twitter');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_encode('2025-03-01', -1, 0);
SELECT snowflake_encode('2025-03-01', 1, 0, 'mastodon');
SELECT snowflake_encode('2025-03-01', 0, 4096, 'twitter');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_encode('2025-03-01', 0, -1);
SELECT snowflake_encode('2010-11-04 01:42:54.656999', 0, 0, 'twitter');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_encode('2080-07-10 17:30:30.208001', 0, 0, 'twitter');
-- an infinity is no time of an ID
SELECT snowflake_encode('infinity', 0, 0, 'twitter');
SELECT snowflake_encode('-infinity', 0, 0);

-- the first ID at or after a time, and the last one at or before it
SELECT layout, snowflake_min_id('2025-03-01', layout) AS first, snowflake_max_id('2025-03-01', layout) AS last
    FROM snowflake_layouts;
SELECT snowflake_min_id('2025-03-01'), snowflake_max_id('2025-03-01');

-- between two units the first ID after is of the next one, the last ID before of the one that began;
-- sonyflake counts in 10 ms
SELECT at::time, snowflake_timestamp(snowflake_min_id(at, 'sonyflake'), 'sonyflake')::time AS first_at_or_after,
       snowflake_timestamp(snowflake_max_id(at, 'sonyflake'), 'sonyflake')::time AS last_at_or_before
    FROM unnest('{2025-03-01 12:00:00, 2025-03-01 12:00:00.000001, 2025-03-01 12:00:00.009999,
                  2025-03-01 12:00:00.01}'::timestamptz[]) AS at;

-- nothing lies between the last ID before a time that no unit begins at, and the first one after
SELECT layout, snowflake_min_id(at, layout) - snowflake_max_id(at, layout) AS distance
    FROM snowflake_layouts, (VALUES (timestamptz '2025-03-01 12:00:00.000001')) AS given (at);

-- infinity stands for the end of the layout
SELECT layout, snowflake_min_id('-infinity', layout), snowflake_max_id('-infinity', layout),
       snowflake_min_id('infinity', layout) = snowflake_max_id('infinity', layout) AS same,
       snowflake_max_id('infinity', layout)
    FROM snowflake_layouts;

-- the ends of a layout are inside
SELECT snowflake_min_id('2010-11-04 01:42:54.657', 'twitter'), snowflake_max_id('2080-07-10 17:30:30.208', 'twitter');
SELECT snowflake_min_id('2014-09-01', 'sonyflake'), snowflake_max_id('2188-11-16 03:28:58.87', 'sonyflake');

-- other times outside it are errors
SELECT snowflake_min_id('2010-11-04 01:42:54.656999', 'twitter');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_max_id('1970-01-01');
SELECT snowflake_min_id('2080-07-10 17:30:30.208001', 'twitter');
SELECT snowflake_max_id('2080-07-10 17:30:30.209');
SELECT snowflake_min_id('1969-12-31 23:59:59.999999', 'mastodon');

-- the IDs of a day, as a range: its end is the first ID of the next day
SELECT snowflake_range('2025-03-01', '2025-03-02', 'twitter');
SELECT snowflake_range('2025-03-01', '2025-03-02');
SELECT lower(r) = snowflake_min_id('2025-03-01') AS from_first, upper(r) = snowflake_min_id('2025-03-02') AS below_next,
       snowflake_encode('2025-03-01 23:59:59.999', 1023, 4095) <@ r AS last_inside
    FROM snowflake_range('2025-03-01', '2025-03-02') AS r;
-- days follow each other without a gap
SELECT snowflake_range('2025-03-01', '2025-03-02', layout) -|- snowflake_range('2025-03-02', '2025-03-03', layout)
       AS adjacent FROM snowflake_layouts;
-- open at one end or both
SELECT snowflake_range('-infinity', '2025-03-01', 'twitter'), snowflake_range('2025-03-01', 'infinity', 'twitter'),
       snowflake_range('-infinity', 'infinity', 'twitter');
-- a range of no time has no IDs, and neither has one between two units
SELECT snowflake_range('2025-03-01', '2025-03-01', 'twitter'), snowflake_range('infinity', 'infinity', 'twitter'),
       snowflake_range('-infinity', '-infinity', 'twitter'),
       snowflake_range('2025-03-01 00:00:00.001', '2025-03-01 00:00:00.009', 'sonyflake');

-- a range does not end before it starts
SELECT snowflake_range('2025-03-02', '2025-03-01', 'twitter');
\echo SQLSTATE :SQLSTATE
SELECT snowflake_range('infinity', '-infinity');
SELECT snowflake_range('2000-01-01', '2025-03-01', 'twitter');
SELECT snowflake_range('2025-03-01', '2100-01-01');

-- NULL in, NULL out
SELECT snowflake_encode(NULL, 1, 1) IS NULL, snowflake_encode(now(), NULL, 1) IS NULL,
       snowflake_encode(now(), 1, NULL) IS NULL, snowflake_encode(now(), 1, 1, NULL) IS NULL;
SELECT snowflake_min_id(NULL) IS NULL, snowflake_min_id(NULL, 'twitter') IS NULL, snowflake_min_id(now(), NULL) IS NULL;
SELECT snowflake_max_id(NULL) IS NULL, snowflake_max_id(NULL, 'twitter') IS NULL, snowflake_max_id(now(), NULL) IS NULL;
SELECT snowflake_range(NULL, now()) IS NULL, snowflake_range(now(), NULL) IS NULL, snowflake_range(now(), now(), NULL) IS NULL;
