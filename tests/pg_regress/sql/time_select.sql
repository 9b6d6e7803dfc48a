-- Which of several clocks to believe: all values that more than half of all clocks cover.
SET intervalstyle = 'postgres';

-- two that agree and a liar
SELECT * FROM ntp_select(ARRAY['1 ms', '-1 ms', '250 ms']::interval[], ARRAY['5 ms', '5 ms', '5 ms']::interval[]);
-- one alone decides; two have to agree
SELECT * FROM ntp_select('{3 s}', '{1 ms}');
SELECT * FROM ntp_select('{0, 10 ms}', '{5 ms, 5 ms}');
SELECT * FROM ntp_select('{0, 11 ms}', '{5 ms, 5 ms}');
-- the hull of all points that two of three cover, though no point is covered by all
SELECT * FROM ntp_select('{0, 9 ms, 18 ms}', '{5 ms, 5 ms, 5 ms}');
-- those that are silent count: a liar is no majority when the others do not answer
SELECT * FROM ntp_select('{NULL, 250 ms, NULL}', '{NULL, 5 ms, NULL}');
SELECT * FROM ntp_select('{0, NULL, 1 ms}', '{5 ms, 5 ms, 5 ms}');
SELECT * FROM ntp_select('{0, 0, 1 ms}', '{5 ms, NULL, 5 ms}');
-- two camps
SELECT * FROM ntp_select('{0, 1 ms, 500 ms, 501 ms}', '{5 ms, 5 ms, 5 ms, 5 ms}');
-- no distance at all, days and months, no clocks
SELECT * FROM ntp_select('{1 s, 1 s}', '{0, 0}');
SELECT * FROM ntp_select('{1 mon, 30 days}', '{1 day, 24:00:00}');
SELECT * FROM ntp_select('{}', '{}');
SELECT * FROM ntp_select('{{1 s, 2 s}, {1 s, 3 s}}', '{{1 s, 1 s}, {0, 2 s}}');
-- many clocks, a third of them wrong
SELECT low, high, agreeing, cardinality(truechimers) AS clocks, cardinality(array_positions(truechimers, false)) AS falsetickers
    FROM ntp_select((SELECT array_agg(CASE WHEN n % 3 = 0 THEN '1 h' ELSE '0' END::interval) FROM generate_series(1, 3000) n),
                    (SELECT array_agg('1 ms'::interval) FROM generate_series(1, 3000)));

-- exact to the microsecond, however far
SELECT ntp_offset(t, t + '1000 years 1 us', t + '1000 years 1 us', t) FROM (VALUES (timestamptz '2026-11-24Z')) AS v (t);
SELECT high FROM ntp_select('{9223372036854.775806 s}', '{1 us}');

SELECT * FROM ntp_select('{0, 0}', '{1 ms}');
\echo SQLSTATE :SQLSTATE
SELECT * FROM ntp_select('{0, 0}', '{1 ms, -1 us}');
SELECT * FROM ntp_select('{0, 178000000 years}', '{1 ms, 1 ms}');
\echo SQLSTATE :SQLSTATE
SELECT ntp_select(NULL, '{}'), ntp_select('{}', NULL);
